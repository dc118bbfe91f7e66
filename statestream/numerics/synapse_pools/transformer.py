"""Spatial transformers: a map sampled, bilinearly, at positions that other pools say.

The axes of a position are those of a state, X (axis 2) and Y (axis 3). A position beyond the map is its border's.
Three forms, by the sources:

    [map], [positions [2, X', Y']]     X x, Y y: relative to the map, 0 to 1
    [map], [theta [6, 1, 1]]           affine: theta, 2x3 row by row, times (u, v, 1), as Jaderberg et al. 2015
                                       (Spatial Transformer Networks, section 3.2); u, v and the result are -1 and 1 at
                                       the centres of the corner pixels
    [canvas], [scale], [position]      a window of the target's size, scaled, around a quarter of the canvas's size
                                       times the position [2, 1, 1], from the centre
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from statestream.numerics.shapes import Shape
from statestream.numerics.synapse_pools.base import ActivatedPool, Tensor, Tensors

if TYPE_CHECKING:
    from statestream.graph import Network

Positions = tuple[Tensor, Tensor]
"""In pixels of the map, along X and along Y: each [agents, 1, X', Y']."""


class TransformerPool(ActivatedPool):
    """See the module."""

    def __init__(self, network: Network, name: str) -> None:
        super().__init__(network, name)
        rows = self.item["source"]
        self._place: Callable[..., Positions]
        if len(rows) == 3:
            self._place = _canvas
        else:
            self._place = _grid if network.shape(rows[1][0])[0] == 2 else _affine

    def combined(self, ops: Any, states: Tensors, parameters: Tensors) -> Tensor:
        """See ActivatedPool."""
        source, *controls = (self.source(ops, states, f) for f in range(len(self.item["source"])))
        positions = self._place(ops, ops.shape(source)[2:], self.shape[2:], *controls)
        return sampled(ops, source, positions, self.shape)


def _grid(ops: Any, size: Shape, out: Shape, positions: Tensor) -> Positions:
    return positions[:, 0:1] * float(size[0]), positions[:, 1:2] * float(size[1])


def _affine(ops: Any, size: Shape, out: Shape, theta: Tensor) -> Positions:
    u, v = _lines(ops, out, (1.0, 1.0))

    def along(axis: int) -> Tensor:
        a, b, c = (theta[:, 3 * axis + k : 3 * axis + k + 1] for k in range(3))
        return (u * a + v * b + c + 1.0) * ((size[axis] - 1) / 2.0)

    return along(0), along(1)


def _canvas(ops: Any, size: Shape, out: Shape, scale: Tensor, position: Tensor) -> Positions:
    across, along = _lines(ops, out, (out[0] / 2.0, out[1] / 2.0))
    return (
        across * scale + (position[:, 0:1] * (size[0] / 4.0) + size[0] / 2.0),
        along * scale + (position[:, 1:2] * (size[1] / 4.0) + size[1] / 2.0),
    )


def _lines(ops: Any, out: Shape, ends: tuple[float, float]) -> Positions:
    """The target's coordinates, evenly from -end to end along each axis, 0 for a single pixel: [1, 1, X', 1 or Y']."""
    across, along = (
        [end * (2.0 * i / (length - 1) - 1.0) if length > 1 else 0.0 for i in range(length)]
        for length, end in zip(out, ends, strict=True)
    )
    full = (1, 1, *out)
    return (
        ops.broadcast_to(ops.reshape(ops.constant(across), (1, 1, out[0], 1)), full),
        ops.broadcast_to(ops.reshape(ops.constant(along), (1, 1, 1, out[1])), full),
    )


def sampled(ops: Any, source: Tensor, positions: Positions, shape: Shape) -> Tensor:
    """The map [B, C, X, Y] at positions, bilinearly between the four pixels around each: [B, C, X', Y'], `shape`."""
    agents, features, *size = ops.shape(source)
    points = shape[2] * shape[3]
    corners = []
    for position, length in zip(positions, size, strict=True):
        inside = ops.reshape(ops.clip(position, 0.0, float(length - 1)), (agents, points))
        low = ops.floor(inside)
        part = inside - low
        corners.append(((low, 1.0 - part), (ops.minimum(low + 1.0, float(length - 1)), part)))
    numbers, weights = [], []
    for x, across in corners[0]:
        for y, along in corners[1]:
            numbers.append(x * float(size[1]) + y)
            weights.append(across * along)
    pixels = ops.pick(ops.reshape(source, (agents, features, -1)), ops.concatenate(numbers, 1))
    weighted = pixels * ops.reshape(ops.concatenate(weights, 1), (agents, 1, 4 * points))
    return ops.reshape(ops.sum(ops.reshape(weighted, (agents, features, 4, points)), 2), shape)
