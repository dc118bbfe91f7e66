"""Pooling: the maximum or the mean of a window of pixels, each feature by itself.

    out[i, j] = max or mean of x[i * stride - before + k, j * stride - before + m],  0 <= k, m < size

Geometry: `graph.synapse_kinds.Windows`. Pixels outside the source never count: a maximum ignores them, and a mean
divides by the number of those inside. One axis after the other, so that a window costs 2 size instead of size² steps.
Of several equal pixels one has the whole gradient, as the operation `maximum` says.
"""

from __future__ import annotations

from collections.abc import Iterator
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


def _shifted(ops: Any, x: Tensor, axis: int, windows: Windows) -> Iterator[tuple[int, Tensor]]:
    """(offset, the pixel at that offset of each window); outside the source 0. First an offset at which all see one."""
    offsets, reach = windows.offsets, (windows.out - 1) * windows.stride
    low, high = -offsets[0], max(reach + offsets[-1] + 1 - windows.length, 0)
    padded = ops.pad(x, [(low, high) if one == axis else (0, 0) for one in range(4)]) if low or high else x
    for offset in sorted(offsets, key=lambda offset: offset != 0):
        first = offset + low
        cut = slice(first, first + reach + 1, windows.stride)
        yield offset, padded[:, :, cut] if axis == 2 else padded[:, :, :, cut]


def _maximum(ops: Any, x: Tensor, axis: int, windows: Windows) -> Tensor:
    result = None
    for offset, pixels in _shifted(ops, x, axis, windows):
        if result is None:
            result = pixels
            continue
        larger, seen = ops.maximum(result, pixels), windows.seen(offset)
        result = larger if all(seen) else ops.where(_spread(ops, seen, axis), larger, result)
    return result


def _mean(ops: Any, x: Tensor, axis: int, windows: Windows) -> Tensor:
    total = None
    for _, pixels in _shifted(ops, x, axis, windows):
        total = pixels if total is None else total + pixels
    seen = [windows.seen(offset) for offset in windows.offsets]
    counts = [sum(column) for column in zip(*seen, strict=True)]
    if len(set(counts)) == 1:
        return total * (1.0 / counts[0]) if counts[0] > 1 else total
    return total * _spread(ops, [1.0 / count for count in counts], axis)


def _spread(ops: Any, values: list[Any], axis: int) -> Tensor:
    """One number per output along an axis, to be broadcast over a state."""
    return ops.reshape(ops.constant([float(value) for value in values]), (1, 1, -1, 1) if axis == 2 else (1, 1, 1, -1))
