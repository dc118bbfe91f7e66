"""Pooling: the maximum or the mean of a window of pixels, each feature by itself.

    out[i, j] = max or mean of x[i * stride - before + k, j * stride - before + m],  0 <= k, m < size

Geometry: `graph.synapse_kinds.Windows`. Pixels outside the source never count: a maximum ignores them, and a mean
divides by the number of those inside. One axis after the other, so that a window costs 2 size instead of size² steps.
Of several equal pixels one has the whole gradient, as the operation `maximum` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from statestream.graph.synapse_kinds import Pooling, Windows
from statestream.numerics.synapse_pools.base import ActivatedPool, Tensor, Tensors

if TYPE_CHECKING:
    from statestream.graph import Network


class PoolingPool(ActivatedPool):
    """See the module."""

    def __init__(self, network: Network, name: str) -> None:
        super().__init__(network, name)
        pooling = Pooling(*self.item["pool"])
        _, *space = network.shape(self.sources[0])
        self._windows = pooling.windows((space[0], space[1]))
        self._along = {"max": _maximum, "avg": _mean}[pooling.statistic]

    def combined(self, ops: Any, states: Tensors, parameters: Tensors) -> Tensor:
        """See ActivatedPool."""
        x = self.source(ops, states, 0)
        for axis, windows in zip((2, 3), self._windows, strict=True):
            x = self._along(ops, x, axis, windows)
        return x


def _shifted(ops: Any, x: Tensor, axis: int, windows: Windows, edge: bool = False) -> Iterator[Tensor]:
    """For each offset the pixel there of every window; outside the source 0, or the nearest pixel (edge)."""
    offsets, reach = windows.offsets, (windows.out - 1) * windows.stride
    low, high = -offsets[0], max(reach + offsets[-1] + 1 - windows.length, 0)
    if edge:
        first, last = _cut(x, axis, slice(0, 1)), _cut(x, axis, slice(windows.length - 1, windows.length))
        x = ops.concatenate([first] * low + [x] + [last] * high, axis) if low or high else x
    elif low or high:
        x = ops.pad(x, [(low, high) if one == axis else (0, 0) for one in range(4)])
    for offset in offsets:
        yield _cut(x, axis, slice(offset + low, offset + low + reach + 1, windows.stride))


def _cut(x: Tensor, axis: int, part: slice) -> Tensor:
    return x[:, :, part] if axis == 2 else x[:, :, :, part]


def _maximum(ops: Any, x: Tensor, axis: int, windows: Windows) -> Tensor:
    """Outside the source stands the nearest pixel: where a window reaches over an edge, it has that pixel anyway."""
    return reduce(ops.maximum, _shifted(ops, x, axis, windows, edge=True))


def _mean(ops: Any, x: Tensor, axis: int, windows: Windows) -> Tensor:
    total = reduce(add, _shifted(ops, x, axis, windows))
    seen = [windows.seen(offset) for offset in windows.offsets]
    counts = [sum(column) for column in zip(*seen, strict=True)]
    if len(set(counts)) == 1:
        return total * (1.0 / counts[0]) if counts[0] > 1 else total
    return total * _spread(ops, [1.0 / count for count in counts], axis)


def _spread(ops: Any, values: list[Any], axis: int) -> Tensor:
    """One number per output along an axis, to be broadcast over a state."""
    return ops.reshape(ops.constant([float(value) for value in values]), (1, 1, -1, 1) if axis == 2 else (1, 1, 1, -1))
