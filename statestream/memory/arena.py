"""The arena: every array of a session in one segment, two copies of what changes, read whole frames at a time.

A frame reads the committed copies and writes the others; `commit` turns the table that tells which is which. So the
committed values of frame n stay untouched while n+1 is computed, and are overwritten only while n+2 is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from statestream.arrays import ArrayKey
from statestream.memory import segment
from statestream.memory.control import MAGIC, VERSION, Control, Word, head_size
from statestream.memory.layout import ALIGNMENT, Layout


class Torn(RuntimeError):
    """Frames went by faster than their values could be copied."""


class Arena:
    """A session's segment, seen through its layout and its description.

    description: plain JSON data about the session (network, seed, participants...), set once by the core.
    """

    def __init__(self, name: str, memory: np.ndarray, layout: Layout, description: Mapping[str, Any]) -> None:
        self.name = name
        self.layout = layout
        self.description = description
        self.control = Control(memory)
        self._views = [[_view(memory, offset, slot.spec.shape) for offset in slot.offsets] for slot in layout.slots]
        count = len(layout.slots)
        self._tables = [memory[offset : offset + count] for offset in layout.tables]

    @staticmethod
    def private(layout: Layout) -> Arena:
        """An arena in this process's own memory, which nobody can attach to; all arrays zero."""
        memory = np.zeros(layout.end + ALIGNMENT, np.uint8)
        begin = -memory.ctypes.data % ALIGNMENT
        return Arena("", memory[begin : begin + layout.end], layout, {})

    @staticmethod
    def create(name: str, layout: Layout, description: Mapping[str, Any], participants: int) -> Arena:
        """Allocate the segment, all arrays zero. The description grows by the layout."""
        if layout.begin < head_size(participants):
            raise ValueError(
                f"the layout begins at byte {layout.begin}, inside the head of {head_size(participants)} bytes"
            )
        text = json.dumps({**description, "layout": layout.to_dict()}).encode()
        memory = segment.create(name, layout.end + len(text))
        memory[layout.end :] = np.frombuffer(text, np.uint8)
        control = Control(memory)
        control.set(Word.VERSION, VERSION)
        control.set(Word.SIZE, memory.size)
        control.set(Word.DESCRIPTION_OFFSET, layout.end)
        control.set(Word.DESCRIPTION_SIZE, len(text))
        control.set(Word.PARTICIPANTS, participants)
        control.set(Word.MAGIC, MAGIC)
        return Arena(name, memory, layout, description)

    @staticmethod
    def attach(name: str) -> Arena:
        """The arena of a running session."""
        memory = segment.attach(name)
        control = Control(memory)
        if memory.size < head_size(0) or control.get(Word.MAGIC) != MAGIC:
            raise segment.SegmentError(f"the segment {name!r} is no statestream session, or is still being created")
        if control.get(Word.VERSION) != VERSION:
            raise segment.SegmentError(
                f"session {name!r} has arena version {control.get(Word.VERSION)}, this program reads version {VERSION}"
            )
        begin = control.get(Word.DESCRIPTION_OFFSET)
        text = memory[begin : begin + control.get(Word.DESCRIPTION_SIZE)].tobytes()
        description = json.loads(text)
        return Arena(name, memory, Layout.from_dict(description.pop("layout")), description)

    def rename(self, name: str) -> None:
        """Take a name, in place of the arena that has it (whose memory stays for those who hold it)."""
        segment.rename(self.name, name)
        self.name = name

    def remove(self) -> None:
        """Remove the segment's name; its memory goes with the last who holds it."""
        segment.remove(self.name)

    def committed(self, key: ArrayKey) -> np.ndarray:
        """The committed copy itself (no copy is made): for participants during a frame, and the core between two."""
        index = self.layout.by_key[key].index
        return self._views[index][self.table()[index]]

    def copies(self, key: ArrayKey) -> list[np.ndarray]:
        """All copies of one array, in the order that the copy tables mean."""
        return self._views[self.layout.by_key[key].index]

    def table(self) -> np.ndarray:
        """The valid copy table (uint8: which copy of each slot is the committed one), not to be written."""
        return self._tables[self.control.get(Word.COMMITTED) & 1]

    def commit(self, written: np.ndarray) -> None:
        """Core: a frame is complete; arrays with a 1 in `written` (uint8, per slot) turn to their other copy."""
        committed = self.control.get(Word.COMMITTED)
        turn = committed & 1
        np.bitwise_xor(self._tables[turn], written, out=self._tables[1 - turn])
        self.control.set(Word.COMMITTED, ((committed >> 1) + 1) * 2 + 1 - turn)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Core, between two frames: committed values are about to be overwritten; readers will try again."""
        generation = self.control.get(Word.GENERATION)
        self.control.set(Word.GENERATION, generation + 1)
        try:
            yield
        finally:
            self.control.set(Word.GENERATION, generation + 2)

    def read(self, keys: Iterable[ArrayKey], attempts: int = 8) -> tuple[int, list[np.ndarray]]:
        """Copies of the arrays, all of one completed frame, and that frame; Torn if frames are too fast."""
        slots = [self.layout.by_key[key].index for key in keys]
        for _ in range(attempts):
            generation = self.control.get(Word.GENERATION)
            committed = self.control.get(Word.COMMITTED)
            frame, table = committed >> 1, self._tables[committed & 1]
            copies = [self._views[index][table[index]].copy() for index in slots]
            if generation % 2 == 0 and self._untouched(generation, frame):
                return frame, copies
        raise Torn(f"{attempts} attempts to copy {len(slots)} arrays of one frame failed: frames are too fast for it")

    def _untouched(self, generation: int, frame: int) -> bool:
        # The copies of frame n are overwritten by the frame after the next commit, which is the (n + 2)th to be begun.
        return self.control.get(Word.STARTED) <= frame + 1 and self.control.get(Word.GENERATION) == generation


def _view(memory: np.ndarray, offset: int, shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(shape, dtype=np.int64)) * 4
    return memory[offset : offset + size].view(np.float32).reshape(shape)
