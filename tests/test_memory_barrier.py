"""The frame barrier: nobody passes early, everybody passes, no wait is longer than its deadline."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from statestream.ccpp import _barrier
from statestream.memory.control import Arrival, Control, Record, head_size

MS = 1_000_000


def control(participants: int) -> Control:
    return Control(np.zeros(head_size(participants), np.uint8))


def test_wait_ends_at_its_deadline_with_the_old_number() -> None:
    begin = time.monotonic()
    assert control(1).wait_release(0, 0, 0, 20 * MS) == 0
    assert time.monotonic() - begin >= 0.02


def test_release_reaches_only_the_named_participant() -> None:
    head = control(2)
    head.wake([1], 5)
    assert head.wait_release(0, 0, 0, MS) == 0
    assert head.wait_release(1, 0, 0, MS) == 5


def test_core_passes_only_when_all_have_arrived() -> None:
    head = control(2)
    assert head.run_frame(head.gates([0, 1]), 1, 0, MS) == 2
    head.arrive(0, Arrival.DONE, 0, 10)
    assert head.wait_arrivals(0, MS) == 1
    head.arrive(1, Arrival.NOT_FINITE, 0, 20, 3)
    assert head.wait_arrivals(0, MS) == 0
    head.arrive(1, Arrival.DONE, 1, 5)
    wanted = {Record.STATUS: Arrival.DONE, Record.FRAME: 1, Record.DURATION: 5, Record.TOTAL: 25, Record.COUNT: 2}
    assert {word: head.record(1, word) for word in wanted} == wanted


@pytest.mark.parametrize("spin", [0, 20_000])
def test_lockstep_of_threads(spin: int) -> None:
    """Three participants, 300 frames: each frame's work is complete when the core passes, and never ahead of it."""
    head, done, frames = control(3), np.zeros(3, np.int64), 300
    gates = head.gates(range(3))

    def participant(index: int) -> None:
        held = 0
        while held < frames:
            number = head.wait_release(index, held, spin, 1000 * MS)
            if number != held:
                held = number
                done[index] += 1
                head.arrive(index, Arrival.DONE, number, 0)

    threads = [threading.Thread(target=participant, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, frames + 1):
        missing = head.run_frame(gates, number, spin, 1000 * MS)
        while missing:
            missing = head.wait_arrivals(spin, 1000 * MS)
        assert done.tolist() == [number] * 3
    for thread in threads:
        thread.join()


def test_a_place_outside_the_buffer_is_refused() -> None:
    memory = np.zeros(64, np.uint8)
    for offset in (-8, 60, 64, 4):
        with pytest.raises(ValueError, match="outside a buffer"):
            _barrier.load(memory, offset)
