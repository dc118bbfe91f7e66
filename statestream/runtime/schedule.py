"""Which items run in a frame: period, offset, pause flag and first frame of each, kept in the arena.

The core changes them between frames only, so core and participants compute the same due set for a frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from statestream.arrays import ArrayKey, ArraySpec
from statestream.graph import Network

SCHEDULE: ArrayKey = ("", "session", "schedule")
_LONGEST_CYCLE = 4096


class Column(IntEnum):
    """Columns of the schedule: an item is due in frame n if PAUSE is 0, n mod PERIOD == OFFSET and n >= FIRST."""

    PERIOD = 0
    OFFSET = 1
    PAUSE = 2
    FIRST = 3


def clocked_items(network: Network) -> tuple[str, ...]:
    """Items with a period of their own, in the order of the schedule's rows."""
    return (*network.neuron_pools, *network.plasticities, *network.interfaces)


def schedule_spec(items: Sequence[str]) -> ArraySpec:
    """The schedule as an array of the session, [items, columns]; float32 holds every integer up to 2**24."""
    return ArraySpec(SCHEDULE, (len(items), len(Column)), 0, 2**24, internal=True)


def initial_schedule(network: Network) -> np.ndarray:
    """The schedule as the graph says: keys `period`, `period offset`, `at start`, and `startframe` of plasticities."""
    rows = []
    for name in clocked_items(network):
        item = network.items[name]
        # A plasticity computes only in frames n > startframe.
        first = item.get("startframe") + 1 if item.kind == "plast" else 0
        rows.append([item.get("period"), item.get("period offset"), item.get("at start"), first])
    return np.array(rows, np.float32).reshape(len(rows), len(Column))


class Schedule:
    """Due sets of successive frames, remembered as long as the schedule stays as it is."""

    def __init__(self, items: Sequence[str], table: np.ndarray) -> None:
        self._items = tuple(items)
        self._table = table
        self._seen = b""
        self._cycle = 1
        self._settled = 0
        self._known: dict[int, frozenset[str]] = {}

    def due(self, frame: int) -> frozenset[str]:
        """Names of the items that run in this frame."""
        now = self._table.tobytes()
        if now != self._seen:
            self._seen = now
            self._known.clear()
            periods = [max(1, int(period)) for period in self._table[:, Column.PERIOD]]
            self._cycle = math.lcm(*periods) if periods else 1
            self._settled = int(self._table[:, Column.FIRST].max(initial=0))
        if frame < self._settled or self._cycle > _LONGEST_CYCLE:
            return self._compute(frame)
        phase = frame % self._cycle
        if phase not in self._known:
            self._known[phase] = self._compute(frame)
        return self._known[phase]

    def due_sets(self) -> list[frozenset[str]]:
        """The different due sets of a cycle once every item has begun, largest first (of its first 16 phases)."""
        start = int(self._table[:, Column.FIRST].max(initial=0))
        self.due(start)
        found = {self._compute(start + phase) for phase in range(min(self._cycle, 16))}
        return sorted(found, key=len, reverse=True)

    def _compute(self, frame: int) -> frozenset[str]:
        table = self._table
        phase_fits = np.mod(frame, np.maximum(table[:, Column.PERIOD], 1)) == table[:, Column.OFFSET]
        chosen = phase_fits & (table[:, Column.PAUSE] == 0) & (frame >= table[:, Column.FIRST])
        return frozenset(item for item, is_due in zip(self._items, chosen, strict=True) if is_due)
