"""The control words at the head of a session's segment: what each one means, and ordered access to it.

Every word is an int64 of its own, written by one side only (named below) and read by all. Gates (see `ccpp/barrier.c`)
and participants' records lie on cache lines of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import numpy as np

from statestream.ccpp import _barrier

LINE = 64
MAGIC = 0x5354_5354_5245_414D
VERSION = 1


class Word(IntEnum):
    """Session words, all written by the core."""

    MAGIC = 0
    VERSION = 1
    SIZE = 2
    """Bytes of the segment."""
    DESCRIPTION_OFFSET = 3
    DESCRIPTION_SIZE = 4
    PARTICIPANTS = 5
    RUN_STATE = 6
    """A RunState."""
    COMMITTED = 7
    """2 * (completed frames) + (which of the two copy tables is valid): both turn in one write."""
    STARTED = 8
    """Frames that were begun: one more than completed while a frame is being computed and after one that could not be
    committed, else equal."""
    GENERATION = 9
    """Odd while the core writes committed values between two frames; grows with every such write."""
    SPLIT = 10
    CORE_PID = 11
    REMAINING = 12
    """Items that are not ready yet."""
    FRAME_TIME = 13
    """Nanoseconds that the last frame took, from release to commit."""
    RATE = 14
    """Frames per 1000 s, over the last second of streaming; it stays while the network is paused."""


class RunState(IntEnum):
    """What a session is doing."""

    INITIALIZING = 0
    PAUSED = 1
    STREAMING = 2
    BROKEN = 3
    """A participant died or raised: no further frame, the last whole one stays readable."""
    ENDED = 4
    REPLACED = 5
    """Another network runs in this session, in an arena of its own under the same name."""


_OVER = (RunState.ENDED, RunState.REPLACED)


class Record(IntEnum):
    """Words of one participant's record, written by that participant (`arrive` in ccpp/barrier.c knows the order)."""

    PID = 0
    STATUS = 1
    """An Arrival."""
    FRAME = 2
    """The frame it computed last."""
    DURATION = 3
    """Nanoseconds of its last frame's work."""
    DETAIL = 4
    """With NOT_FINITE: index of the array in the layout."""
    TOTAL = 5
    """Nanoseconds of work in all frames."""
    COUNT = 6
    """Frames it took part in."""


class Arrival(IntEnum):
    """How a participant finished a frame."""

    DONE = 0
    NOT_FINITE = 1
    FAILED = 2


_SESSION_GATE = 1024
_PARTICIPANTS = _SESSION_GATE + LINE
_PARTICIPANT_BYTES = 2 * LINE


def head_size(participants: int) -> int:
    """Bytes of the head for that many participants, a multiple of 64."""
    return _PARTICIPANTS + participants * _PARTICIPANT_BYTES


class Control:
    """Typed access to the head of a segment."""

    def __init__(self, segment: np.ndarray) -> None:
        self._bytes = segment

    def get(self, word: Word) -> int:
        """A session word."""
        return _barrier.load(self._bytes, 8 * word)

    def set(self, word: Word, value: int) -> None:
        """Write a session word."""
        _barrier.store(self._bytes, 8 * word, value)

    def is_over(self) -> bool:
        """Whether no frame of this arena will ever be computed again."""
        return self.get(Word.RUN_STATE) in _OVER

    @property
    def frame(self) -> int:
        """Completed frames: the committed values are s[frame]."""
        return self.get(Word.COMMITTED) >> 1

    def record(self, participant: int, word: Record) -> int:
        """A word of a participant's record."""
        return _barrier.load(self._bytes, self._record(participant) + 8 * word)

    def set_record(self, participant: int, word: Record, value: int) -> None:
        """Write a word of a participant's record."""
        _barrier.store(self._bytes, self._record(participant) + 8 * word, value)

    def gates(self, participants: Iterable[int]) -> bytes:
        """Core: the gates of these participants, in the form that `run_frame` takes."""
        return np.array([self._gate(participant) for participant in participants], np.int64).tobytes()

    def run_frame(self, gates: bytes, number: int, spin_ns: int, timeout_ns: int) -> int:
        """Core: open the gates with the next release number (uint32, wraps) and wait for as many arrivals.

        Returns how many are missing: 0, or more after the time-out or a signal.
        """
        return _barrier.release(self._bytes, _SESSION_GATE, gates, number, spin_ns, timeout_ns)

    def wait_arrivals(self, spin_ns: int, timeout_ns: int) -> int:
        """Core: go on waiting, as `run_frame` does."""
        return _barrier.wait(self._bytes, _SESSION_GATE, 0, True, spin_ns, timeout_ns)

    def wait_release(self, participant: int, held: int, spin_ns: int, timeout_ns: int) -> int:
        """Participant: wait until the release number differs from `held`; returns it (`held` on time-out)."""
        return _barrier.wait(self._bytes, self._gate(participant), held, False, spin_ns, timeout_ns)

    def arrive(self, participant: int, status: Arrival, frame: int, duration: int, detail: int = 0) -> None:
        """Participant: this frame's work is done and visible. duration in ns; detail as in Record."""
        _barrier.arrive(self._bytes, _SESSION_GATE, self._record(participant), status, frame, duration, detail)

    def wake(self, participants: Iterable[int], number: int) -> None:
        """Core: open the gates without a frame."""
        for participant in participants:
            _barrier.open(self._bytes, self._gate(participant), number)

    def _gate(self, participant: int) -> int:
        return _PARTICIPANTS + participant * _PARTICIPANT_BYTES

    def _record(self, participant: int) -> int:
        return self._gate(participant) + LINE
