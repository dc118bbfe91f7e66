"""The arithmetic of shapes that all engines share, above all how a convolution meets its source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Axis = int | Sequence[int] | None
Pair = tuple[int, int]


class BackendError(Exception):
    """An engine cannot be loaded, or a function cannot be compiled or called."""


@dataclass(frozen=True, slots=True)
class Span:
    """How a convolution meets one spatial axis: `out[i] = sum_k x[i * stride + k * dilation - before] * w[k]`.

    size, kernel: lengths of the source and of the kernel. The kernel's extent is `(kernel - 1) * dilation + 1`;
    extent // 2 zeros stand before the source and as many after it as the last output needs.
    """

    size: int
    kernel: int
    stride: int = 1
    dilation: int = 1

    def __post_init__(self) -> None:
        if min(self.size, self.kernel, self.stride, self.dilation) < 1:
            raise BackendError(f"convolution: all lengths must be >= 1 in {self}")

    @property
    def out(self) -> int:
        """Number of outputs: ceil(size / stride)."""
        return -(-self.size // self.stride)

    @property
    def before(self) -> int:
        """Zeros before the source."""
        return ((self.kernel - 1) * self.dilation + 1) // 2

    @property
    def after(self) -> int:
        """Zeros after the source; negative where its end is never read."""
        return (self.out - 1) * self.stride + (self.kernel - 1) * self.dilation + 1 - self.before - self.size

    def taps(self, k: int) -> slice:
        """The positions of the padded source that kernel element k meets, one per output."""
        first = k * self.dilation
        return slice(first, first + (self.out - 1) * self.stride + 1, self.stride)


def spans(x_shape: Sequence[int], w_shape: Sequence[int], stride: Pair, dilation: Pair) -> tuple[Span, Span]:
    """The two spatial axes of conv2d; x_shape [B, C, X, Y], w_shape [..., C, kx, ky]. Raises BackendError if
    they do not fit."""
    if len(x_shape) != 4 or len(w_shape) not in (4, 5) or x_shape[1] != w_shape[-3]:
        raise BackendError(f"conv2d: source {tuple(x_shape)} and kernel {tuple(w_shape)} do not fit")
    if len(w_shape) == 5 and w_shape[0] != x_shape[0]:
        raise BackendError(f"conv2d: source {tuple(x_shape)} and kernel {tuple(w_shape)} differ in agents")
    return (
        Span(x_shape[2], w_shape[-2], stride[0], dilation[0]),
        Span(x_shape[3], w_shape[-1], stride[1], dilation[1]),
    )


def pick_shape(x_shape: Sequence[int], index_shape: Sequence[int]) -> tuple[int, int, int]:
    """Shape of pick(x, index). Raises BackendError if they do not fit."""
    if len(x_shape) != 3 or len(index_shape) != 2 or x_shape[0] != index_shape[0]:
        raise BackendError(f"pick: {tuple(x_shape)} and index {tuple(index_shape)} do not fit")
    return x_shape[0], x_shape[1], index_shape[1]


def axes_of(axis: Axis, rank: int) -> tuple[int, ...]:
    """The reduced axes as increasing non-negative numbers; None means all."""
    given = range(rank) if axis is None else (axis,) if isinstance(axis, int) else axis
    for one in given:
        if not -rank <= one < rank:
            raise BackendError(f"axis {one} is out of range for {rank} axes")
    return tuple(sorted({one % rank for one in given}))


def resolved_shape(shape: Sequence[int], size: int) -> tuple[int, ...]:
    """A target shape for `size` elements with its one -1, if any, replaced by the length it stands for."""
    known = math.prod(length for length in shape if length != -1)
    full = tuple(size // known if length == -1 and known else length for length in shape)
    if math.prod(full) != size or list(shape).count(-1) > 1:
        raise BackendError(f"reshape: {size} elements do not fill {tuple(shape)}")
    return full
