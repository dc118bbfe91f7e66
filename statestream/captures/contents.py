"""What a capture will hold, and its rows: plain data, which a core can hand to the process that writes the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from statestream.arrays import ArrayKey, ArraySpec


@dataclass(frozen=True)
class Contents:
    """What a capture will hold.

    growing: arrays that frames change, a value per row. lasting: arrays that only people change, a value per change.
    links: per item and group (`inputs`, `trained`) the arrays that stand there under their full names. aliases: per
    shared parameter the array it shares. kinds: every item of the file and its kind.
    """

    growing: tuple[ArraySpec, ...]
    lasting: tuple[ArraySpec, ...]
    links: Mapping[tuple[str, str], tuple[ArrayKey, ...]]
    aliases: Mapping[ArrayKey, ArrayKey]
    kinds: Mapping[str, str]
    network: str
    manifest: Mapping[str, Any]

    def to_data(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "growing": [[*spec.key, spec.shape] for spec in self.growing],
            "lasting": [[*spec.key, spec.shape] for spec in self.lasting],
            "links": [[*place, keys] for place, keys in self.links.items()],
            "aliases": list(self.aliases.items()),
            "kinds": dict(self.kinds),
            "network": self.network,
            "manifest": dict(self.manifest),
        }

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Contents:
        """The contents that `to_data` gave."""
        return Contents(
            growing=tuple(map(_spec, data["growing"])),
            lasting=tuple(map(_spec, data["lasting"])),
            links={(item, group): tuple(map(_key, keys)) for item, group, keys in data["links"]},
            aliases={_key(key): _key(owner) for key, owner in data["aliases"]},
            kinds=data["kinds"],
            network=data["network"],
            manifest=data["manifest"],
        )


@dataclass(frozen=True)
class Row:
    """One frame. growing: all values in the order of the contents, one flat float32 vector. lasting: by its place in
    the contents, flat, what differs from the row before."""

    frame: int
    growing: np.ndarray
    lasting: Mapping[int, np.ndarray]

    @property
    def size(self) -> int:
        """Bytes."""
        return self.growing.nbytes + sum(array.nbytes for array in self.lasting.values())


def _spec(data: list[Any]) -> ArraySpec:
    return ArraySpec(_key(data[:3]), tuple(data[3]))


def _key(data: list[str]) -> ArrayKey:
    item, kind, name = data
    return item, kind, name
