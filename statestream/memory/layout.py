"""Where each array of a session lies in its segment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from statestream.arrays import ArrayKey, ArraySpec

ALIGNMENT = 64
"""Bytes. Engines that borrow memory ask for as much."""
ITEM_SIZE = 4
"""Bytes of a float32."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One array's place: its specification and the byte offset of each of its copies (two if frames change it)."""

    index: int
    spec: ArraySpec
    offsets: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """All slots in order of their index, and the byte range [begin, end) that they and the copy tables take.

    tables: byte offsets of the two copy tables; byte i of a table tells which copy of array i is the committed one.
    """

    slots: tuple[Slot, ...]
    tables: tuple[int, int]
    begin: int
    end: int

    @cached_property
    def by_key(self) -> Mapping[ArrayKey, Slot]:
        """Slots by the keys of their arrays."""
        return {slot.spec.key: slot for slot in self.slots}

    @staticmethod
    def plan(specs: Iterable[ArraySpec], changing: set[ArrayKey], begin: int) -> Layout:
        """Lay out the arrays from byte `begin` on; those in `changing` get two copies."""
        listed = list(specs)
        position = _aligned(begin)
        tables = (position, _aligned(position + len(listed)))
        position = _aligned(tables[1] + len(listed))
        slots = []
        for index, spec in enumerate(listed):
            offsets = []
            for _ in range(2 if spec.key in changing else 1):
                offsets.append(position)
                position = _aligned(position + spec.size * ITEM_SIZE)
            slots.append(Slot(index, spec, tuple(offsets)))
        return Layout(tuple(slots), tables, begin, position)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the session's description."""
        rows = [
            [
                *slot.spec.key,
                list(slot.spec.shape),
                slot.spec.minimum,
                slot.spec.maximum,
                slot.spec.internal,
                *slot.offsets,
            ]
            for slot in self.slots
        ]
        return {"slots": rows, "tables": list(self.tables), "begin": self.begin, "end": self.end}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Layout:
        """The layout that `to_dict` described."""
        slots = []
        for index, (item, kind, name, shape, minimum, maximum, internal, *offsets) in enumerate(data["slots"]):
            spec = ArraySpec((item, kind, name), tuple(shape), minimum, maximum, internal)
            slots.append(Slot(index, spec, tuple(offsets)))
        first, second = data["tables"]
        return Layout(tuple(slots), (first, second), data["begin"], data["end"])


def _aligned(position: int) -> int:
    return -(-position // ALIGNMENT) * ALIGNMENT
