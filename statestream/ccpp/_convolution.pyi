"""Convolution's two hot loops over float32 memory; the geometry is
(B, C, X, Y, kx, ky, sx, sy, dx, dy, bx, by, ox, oy), the order 0 [B, C, kx, ky, ox, oy] or 1 [B, ox, oy, C, kx, ky]."""

from typing import Any

def unfold(source: Any, unfolded: Any, geometry: tuple[int, ...], order: int, /) -> None:
    """Write what each output sees of a source [B, C, X, Y]."""

def fold(source: Any, unfolded: Any, geometry: tuple[int, ...], order: int, /) -> None:
    """Add to each pixel of the source what its copies hold."""
