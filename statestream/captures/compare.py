"""Comparing two captures: array by array, over the frames that both have, a few megabytes at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from statestream.captures.errors import CaptureError
from statestream.captures.layout import link_name
from statestream.captures.reader import Capture
from statestream.captures.recorded import Recorded

_BLOCK = 8 << 20
"""Bytes of one array that are compared at once (at least one frame)."""
EQUAL, WITHIN, BEYOND = "equal", "within", "beyond"


@dataclass
class Difference:
    """How one array differs. NaN equals NaN; against anything else it is infinitely far.

    absolute: the largest deviation of an element. relative: the largest in a frame, measured by the largest magnitude
    that the array has in that frame. first: the first frame in which bits differ, None if none do. beyond: the first
    frame in which the deviation is larger than the tolerance.
    """

    name: str
    absolute: float = 0.0
    relative: float = 0.0
    first: int | None = None
    beyond: int | None = None

    @property
    def status(self) -> str:
        """`equal` in all bits, `within` the tolerance, or `beyond` it."""
        return BEYOND if self.beyond is not None else EQUAL if self.first is None else WITHIN


@dataclass
class Comparison:
    """Two captures compared. Arrays that differ come first in `arrays`, the worst first."""

    tolerance: float | None
    frames: tuple[int, int, int]
    """First and last common frame, and how many there are."""
    arrays: list[Difference] = field(default_factory=list)
    only: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))
    """Arrays that one of the captures has alone."""
    shapes: dict[str, tuple[list[int], list[int]]] = field(default_factory=dict)
    """Arrays whose shapes differ."""
    notes: list[str] = field(default_factory=list)
    """What else is not the same; it does not count as a difference."""

    @property
    def same(self) -> bool:
        """Whether both hold the same arrays, and none is beyond the tolerance."""
        return not (any(self.only) or self.shapes or any(one.status == BEYOND for one in self.arrays))

    def count(self, status: str) -> int:
        """Number of arrays with that status."""
        return sum(one.status == status for one in self.arrays)


def compare(one: Capture, other: Capture, tolerance: float | None = None) -> Comparison:
    """Compare the arrays of two captures in the frames that both have.

    tolerance: largest relative deviation that is accepted; None: all bits must be equal. CaptureError if the captures
    have no frame in common, or a file is damaged.
    """
    rows = _common_rows(one, other)
    frames = one.frames[rows[0]]
    result = Comparison(tolerance, (int(frames[0]), int(frames[-1]), len(frames)), notes=_notes(one, other))
    for key in dict.fromkeys((*one.arrays, *other.arrays)):
        name = link_name(key)
        pair = one.arrays.get(key), other.arrays.get(key)
        if pair[0] is None or pair[1] is None:
            result.only[1 if pair[0] is None else 0].append(name)
        elif pair[0].shape != pair[1].shape:
            result.shapes[name] = (list(pair[0].shape), list(pair[1].shape))
        else:
            result.arrays.append(_difference(name, pair[0], pair[1], rows, tolerance))
    result.arrays.sort(key=lambda each: (each.status != BEYOND, -each.relative, each.first is None))
    return result


def _common_rows(one: Capture, other: Capture) -> tuple[np.ndarray, np.ndarray]:
    frames, mine, its = np.intersect1d(one.frames, other.frames, assume_unique=True, return_indices=True)
    if len(frames) == 0:
        raise CaptureError(f"no frame is in both: {one.path} has {_range(one)}, {other.path} has {_range(other)}")
    return mine, its


def _notes(one: Capture, other: Capture) -> list[str]:
    pairs = {"frames": (_range(one), _range(other))}
    for name in ("seed", "backend", "threads", "partition", "versions"):
        pairs[name] = (_short(one.manifest.get(name)), _short(other.manifest.get(name)))
    notes = [f"{name}: {first} / {second}" for name, (first, second) in pairs.items() if first != second]
    if one.network_text != other.network_text:
        notes.append("the networks are not the same")
    return notes + [f"{each.path} was not ended: recording, or cut off" for each in (one, other) if not each.ended]


def _range(capture: Capture) -> str:
    frames = capture.frames
    return f"{frames[0]} to {frames[-1]}" if len(frames) else "none"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    if isinstance(value, list):
        return f"{len(value)} processes"
    return str(value)


def _difference(
    name: str, one: Recorded, other: Recorded, rows: tuple[np.ndarray, np.ndarray], tolerance: float | None
) -> Difference:
    found = Difference(name)
    for mine, its in _blocks(one, other, rows):
        _measure(found, one.frames[mine], one.rows(mine), other.rows(its), tolerance)
    return found


def _blocks(
    one: Recorded, other: Recorded, rows: tuple[np.ndarray, np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The rows to look at, a few megabytes at a time: all, or those in which one of the two may change."""
    mine, its = rows
    look = np.zeros(len(mine), bool)
    look[0] = True
    for recorded, own in ((one, mine), (other, its)):
        # A change in a row that the other has not shows in the next row that both have.
        places = np.searchsorted(own, recorded.changes)
        look[places[places < len(own)]] = True
    chosen = np.flatnonzero(look)
    step = max(1, _BLOCK // max(4, 4 * math.prod(one.shape)))
    for begin in range(0, len(chosen), step):
        part = chosen[begin : begin + step]
        yield mine[part], its[part]


def _measure(
    found: Difference, frames: np.ndarray, one: np.ndarray, other: np.ndarray, tolerance: float | None
) -> None:
    """Take note of how some frames of an array differ."""
    a, b = (array.reshape(len(frames), -1) for array in (one, other))
    differs = (a.view(np.uint32) != b.view(np.uint32)) & ~(np.isnan(a) & np.isnan(b))
    odd = np.flatnonzero(differs.any(axis=1))
    if len(odd) == 0:
        return
    if found.first is None:
        found.first = int(frames[odd[0]])
    a, b, differs = (array[odd] for array in (a, b, differs))
    absolute, relative = _deviations(a.astype(np.float64), b.astype(np.float64))
    found.absolute = max(found.absolute, float(absolute.max()))
    found.relative = max(found.relative, float(relative.max()))
    beyond = odd if tolerance is None else odd[relative > tolerance]
    if len(beyond) and found.beyond is None:
        found.beyond = int(frames[beyond[0]])


def _deviations(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per frame the largest absolute deviation, and the same by the largest magnitude of the frame."""
    with np.errstate(invalid="ignore"):
        deviation = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    deviation[np.isnan(deviation)] = np.inf
    absolute = deviation.max(axis=1)
    finite = np.maximum(*(np.where(np.isfinite(array), np.abs(array), 0.0) for array in (a, b))).max(axis=1)
    relative = np.divide(absolute, finite, out=np.where(absolute > 0, np.inf, 0.0), where=finite > 0)
    return absolute, relative
