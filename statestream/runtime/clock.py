"""The frame clock: releases the participants of a frame, waits for them, commits.

The core runs it between commands. It never waits without a deadline: every wait ends after a tenth of a second at the
latest, to see whether somebody died.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from statestream.arrays import describe
from statestream.memory import Arena, Arrival, Record, Word
from statestream.runtime.increments import NotFinite, apply_training
from statestream.runtime.plan import SCHEDULE, Plan
from statestream.runtime.schedule import Schedule, clocked_items
from statestream.runtime.spin import SPIN_NS

_LOOK_UP_NS = 100_000_000
_RATE_WINDOW_NS = 1_000_000_000


class Stalled(RuntimeError):
    """The frame cannot be completed: a participant died or failed."""


class FrameClock:
    """Advances the arena frame by frame."""

    def __init__(self, arena: Arena, plan: Plan, check: Callable[[int | None], None]) -> None:
        """check: called while the clock waits, or with the index of a participant that failed; raises Stalled if one
        is dead or did fail."""
        self._arena, self._plan, self._check = arena, plan, check
        self._schedule = Schedule(clocked_items(plan.network), arena.committed(SCHEDULE))
        self._number = 0
        self._steps: dict[frozenset[str], tuple[list[int], bytes, np.ndarray]] = {}
        self._shared = [t for t in plan.trainings.values() if t.owner is None]
        self._rate_from = (0, 0)

    def advance(self) -> str:
        """Compute one frame. Returns "" if it was committed, else why it was not (a value that is not finite)."""
        control = self._arena.control
        begin = time.perf_counter_ns()
        frame = control.frame
        due = self._schedule.due(frame)
        indices, gates, written = self._step(due)
        control.set(Word.STARTED, frame + 1)
        self._number = self._number % 0xFFFFFFFF + 1
        missing = control.run_frame(gates, self._number, SPIN_NS, _LOOK_UP_NS)
        while missing:
            self._check(None)
            missing = control.wait_arrivals(SPIN_NS, _LOOK_UP_NS)
        trouble = self._arrivals(indices) or self._combine(due)
        if trouble:
            # STARTED stays, since readers of the frame before the committed one must see that its copies are gone.
            return trouble
        self._arena.commit(written)
        self._measure(frame + 1, begin)
        return ""

    def missing(self) -> list[int]:
        """Indices of the participants that have not finished the frame in work."""
        control, frame = self._arena.control, self._arena.control.frame
        indices = self._step(self._schedule.due(frame))[0]
        return [i for i in indices if control.record(i, Record.FRAME) != frame or not control.record(i, Record.COUNT)]

    def rest(self) -> None:
        """The network stops here for a while: its last rate stays readable, the next frame begins a new one."""
        self._publish_rate(self._arena.control.frame, time.perf_counter_ns())
        self._rate_from = (0, 0)

    def release_all(self) -> None:
        """Wake every participant without a frame, so that it sees the session's end."""
        self._number = self._number % 0xFFFFFFFF + 1
        self._arena.control.wake((p.index for p in self._plan.participants), self._number)

    def _step(self, due: frozenset[str]) -> tuple[list[int], bytes, np.ndarray]:
        if due not in self._steps:
            plan, by_key = self._plan, self._arena.layout.by_key
            written = np.zeros(len(self._arena.layout.slots), np.uint8)
            for key in plan.written_in(due):
                written[by_key[key].index] = 1
            indices = plan.taking_part(due)
            self._steps[due] = (indices, self._arena.control.gates(indices), written)
        return self._steps[due]

    def _arrivals(self, indices: list[int]) -> str:
        control = self._arena.control
        for index in indices:
            status = control.record(index, Record.STATUS)
            if status == Arrival.FAILED:
                self._check(index)
            if status == Arrival.NOT_FINITE:
                return self._not_finite(control.record(index, Record.DETAIL))
        return ""

    def _combine(self, due: frozenset[str]) -> str:
        try:
            for training in self._shared:
                apply_training(self._arena, training, due, self._arena.table())
        except NotFinite as found:
            return self._not_finite(found.slot)
        return ""

    def _not_finite(self, slot: int) -> str:
        name = describe(self._arena.layout.slots[slot].spec.key)
        return f"{name} became NaN or Inf in frame {self._arena.control.frame}; the frame was not committed"

    def _measure(self, frame: int, begin: int) -> None:
        control, now = self._arena.control, time.perf_counter_ns()
        control.set(Word.FRAME_TIME, now - begin)
        if self._rate_from[1] == 0:
            self._rate_from = (frame, now)
        elif now - self._rate_from[1] >= _RATE_WINDOW_NS:
            self._publish_rate(frame, now)
            self._rate_from = (frame, now)

    def _publish_rate(self, frame: int, now: int) -> None:
        first, since = self._rate_from
        if since and frame > first:
            self._arena.control.set(Word.RATE, (frame - first) * 1_000_000_000_000 // (now - since))
