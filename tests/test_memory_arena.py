"""The arena: whole frames only (law 2), bounds of the segment, alignment, permissions."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from statestream.arrays import ArraySpec
from statestream.memory import Arena, Layout, SegmentError, Torn, Word, head_size, segment

SPECS = [
    ArraySpec(("a", "state", ""), (3, 5)),
    ArraySpec(("b", "state", ""), (7,)),
    ArraySpec(("c", "parameter", "lr"), ()),
]
CHANGING = {("a", "state", ""), ("b", "state", "")}
A, B, C = (spec.key for spec in SPECS)


@pytest.fixture
def arena() -> Iterator[Arena]:
    name = f"statestream.test.{os.getpid()}"
    layout = Layout.plan(SPECS, CHANGING, head_size(2))
    yield Arena.create(name, layout, {"seed": 3}, 2)
    segment.remove(name)


def next_frame(arena: Arena, value: float, written: tuple[int, ...] = (1, 1, 0)) -> None:
    """What core and participants do: begin, write the following copies, commit."""
    control = arena.control
    control.set(Word.STARTED, control.frame + 1)
    for slot, is_written in zip(arena.layout.slots, written, strict=True):
        if is_written:
            arena.copies(slot.spec.key)[1 - arena.table()[slot.index]][...] = value
    arena.commit(np.array(written, np.uint8))


def test_every_copy_is_aligned_and_apart(arena: Arena) -> None:
    places = [copy for slot in arena.layout.slots for copy in arena.copies(slot.spec.key)]
    assert [len(arena.copies(key)) for key in (A, B, C)] == [2, 2, 1]
    for place in places:
        assert place.ctypes.data % 64 == 0
    for index, place in enumerate(places):
        place[...] = index
    assert [float(np.ravel(place)[0]) for place in places] == list(range(len(places)))


def test_a_private_arena_is_one_that_nobody_else_sees(arena: Arena) -> None:
    private = Arena.private(arena.layout)
    places = [copy for slot in private.layout.slots for copy in private.copies(slot.spec.key)]
    assert all(place.ctypes.data % 64 == 0 and not place.any() for place in places)
    next_frame(private, 4.0)
    frame, (a, c) = private.read([A, C])
    assert (frame, a.min(), float(c)) == (1, 4.0, 0.0)
    assert not arena.committed(A).any()


def test_attach_sees_layout_description_and_values(arena: Arena) -> None:
    next_frame(arena, 4.0)
    other = Arena.attach(arena.name)
    assert other.description == {"seed": 3}
    assert other.layout == arena.layout
    frame, (a, b) = other.read([A, B])
    assert (frame, a.max(), b.min(), a.shape) == (1, 4.0, 4.0, (3, 5))


def test_segment_is_private_and_fully_backed(arena: Arena) -> None:
    found = os.stat(Path("/dev/shm") / arena.name)
    assert found.st_mode & 0o777 == 0o600
    assert found.st_blocks * 512 >= arena.layout.end


def test_items_that_did_not_run_keep_their_committed_copy(arena: Arena) -> None:
    next_frame(arena, 1.0)
    next_frame(arena, 2.0, (1, 0, 0))
    next_frame(arena, 3.0, (1, 0, 0))
    frame, (a, b) = arena.read([A, B])
    assert (frame, a[0, 0], b[0]) == (3, 3.0, 1.0)


def test_read_takes_no_part_of_the_frame_in_work(arena: Arena) -> None:
    next_frame(arena, 1.0)
    arena.control.set(Word.STARTED, 2)
    arena.copies(A)[1 - arena.table()[0]][...] = 9.0
    frame, (a,) = arena.read([A])
    assert frame == 1 and (a == 1.0).all()


def test_read_refuses_a_copy_that_may_have_been_overwritten(arena: Arena) -> None:
    """If the second next frame began while copying, the copy is thrown away."""
    next_frame(arena, 1.0)
    original = arena.control.get

    def late(word: Word) -> int:
        return arena.control.frame + 2 if word == Word.STARTED else original(word)

    arena.control.get = late  # type: ignore[method-assign]
    with pytest.raises(Torn):
        arena.read([A])


def test_read_waits_for_a_write_between_frames(arena: Arena) -> None:
    with arena.writing(), pytest.raises(Torn):
        arena.read([A])
    assert arena.read([A])[0] == 0


def test_a_value_that_was_set_while_reading_makes_the_read_begin_again(arena: Arena) -> None:
    original, seen = arena.control.get, []

    def meanwhile(word: Word) -> int:
        value = original(word)
        if word == Word.COMMITTED:
            seen.append(value)
            if len(seen) == 1:
                with arena.writing():
                    arena.copies(C)[0][...] = 5.0
        return value

    arena.control.get = meanwhile  # type: ignore[method-assign]
    assert arena.read([C]) == (0, [5.0])
    assert len(seen) == 2


def test_concurrent_readers_see_whole_frames_only() -> None:
    """A writer that runs as fast as it can, readers that copy two large arrays: both always of the frame they say."""
    name = f"statestream.test.{os.getpid()}.fast"
    specs = [ArraySpec((item, "state", ""), (4000,)) for item in "ab"]
    arena = Arena.create(name, Layout.plan(specs, {s.key for s in specs}, head_size(1)), {}, 1)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            next_frame(arena, arena.control.frame + 1.0, (1, 1))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        reader, whole = Arena.attach(name), 0
        for _ in range(400):
            try:
                frame, values = reader.read([s.key for s in specs])
            except Torn:
                continue
            whole += 1
            for value in values:
                assert (value == frame).all()
        assert whole > 0
    finally:
        stop.set()
        writer.join()
        segment.remove(name)


def test_a_segment_that_does_not_fit_is_refused_before_anything_is_made() -> None:
    size = segment.available() * 2
    with pytest.raises(SegmentError, match=r"needs .* MiB of shared memory, /dev/shm has .* MiB free"):
        segment.create("statestream.test.huge", size)
    assert segment.names("statestream.test.huge") == []


def test_no_segment_and_a_foreign_segment_are_told() -> None:
    with pytest.raises(SegmentError, match="there is no shared-memory segment"):
        Arena.attach("statestream.test.none")
    name = f"statestream.test.{os.getpid()}.foreign"
    segment.create(name, 8192)
    try:
        with pytest.raises(SegmentError, match="no statestream session"):
            Arena.attach(name)
    finally:
        segment.remove(name)
