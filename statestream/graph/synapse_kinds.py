"""The kinds of synapse-pools, as their keys tell them apart, and the geometry of pooling. Pure Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

Kind = Literal["weighted", "functional", "pooling", "transformer"]


class Keys(Protocol):
    """What has the keys of a synapse-pool: an item, or its draft."""

    def get(self, key: str, /) -> Any:
        """The value of a key, or its default."""


def claimed_kinds(keys: Keys) -> dict[str, Kind]:
    """Key -> kind, for every key that makes a synapse-pool one of a special kind; more than one are too many."""
    found: dict[str, Kind] = {}
    if keys.get("func") not in (None, False):
        found["func"] = "functional"
    if keys.get("pool"):
        found["pool"] = "pooling"
    if "TRANSFORMER" in (keys.get("tags") or ()):
        found["tags"] = "transformer"
    return found


def kind_of(keys: Keys) -> Kind:
    """The kind of a synapse-pool."""
    return next(iter(claimed_kinds(keys).values()), "weighted")


@dataclass(frozen=True, slots=True)
class Windows:
    """How pooling meets one spatial axis: output i sees the pixels from i * stride - before on, `size` of them.

    length: of the source.
    """

    length: int
    size: int
    stride: int
    same: bool

    @property
    def out(self) -> int:
        """Number of outputs, as TensorFlow has it; below 1 if a 'valid' window is larger than the source."""
        if self.same:
            return -(-self.length // self.stride)
        return (self.length - self.size) // self.stride + 1

    @property
    def before(self) -> int:
        """How far the first window begins in front of the source: the smaller half of what is missing."""
        return max((self.out - 1) * self.stride + self.size - self.length, 0) // 2 if self.same else 0

    @property
    def offsets(self) -> range:
        """Steps from an output's place, i * stride, to the pixels it sees, without those that no output finds."""
        low, high = -self.before, self.size - self.before
        return range(max(low, -(self.out - 1) * self.stride), min(high, self.length))

    def seen(self, offset: int) -> list[bool]:
        """For each output whether there is a pixel at an offset."""
        return [0 <= i * self.stride + offset < self.length for i in range(self.out)]


@dataclass(frozen=True, slots=True)
class Pooling:
    """The value of `pool`: [max or avg, size, stride, same or valid]."""

    statistic: str
    size: int
    stride: int
    padding: str

    def windows(self, space: tuple[int, int]) -> tuple[Windows, Windows]:
        """The windows along X and Y of a source; where Y is 1 they have no extent along it."""
        same = self.padding == "same"
        across = Windows(space[0], self.size, self.stride, same)
        return across, Windows(1, 1, 1, same) if space[1] == 1 else Windows(space[1], self.size, self.stride, same)
