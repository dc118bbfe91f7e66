"""Values that know where they were written: what the readers make, and the expansion works on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from statestream.graph.findings import Mark, shorten

MAXIMAL_DEPTH = 40
"""Deepest nesting of lists and mappings in a graph; everything that walks a tree may then recurse."""

MAXIMAL_VALUES = 400_000
"""Most values in one file, and most values in one expanded graph."""


class _Broken:
    """Stands for a value that was reported already (an alias, for example): checks pass over it."""

    def __repr__(self) -> str:
        return "BROKEN"


BROKEN = _Broken()

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place. Never changed: the expansion builds new nodes.

    value: a scalar, BROKEN, a tuple of nodes, or a dict from key to node. key: where the key of this value was
    written, if it is an entry of a mapping.
    """

    value: Any
    mark: Mark
    key: Mark | None = None

    @property
    def entries(self) -> dict[str, Node]:
        """The entries of a mapping; of anything else none."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def elements(self) -> tuple[Node, ...]:
        """The elements of a list; of anything else none."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def place(self) -> Mark:
        """Where the entry begins: its key, or else its value."""
        return self.key or self.mark

    def noted(self, note: str) -> Node:
        """The same value with a note at every place in it."""
        key = self.key and self.key.noted(note)
        if isinstance(self.value, dict):
            inner: Any = {name: each.noted(note) for name, each in self.value.items()}
        elif isinstance(self.value, tuple):
            inner = tuple(each.noted(note) for each in self.value)
        else:
            inner = self.value
        return Node(inner, self.mark.noted(note), key)


def plain(node: Node) -> Any:
    """The value as lists, dicts and scalars. BROKEN becomes None."""
    if isinstance(node.value, dict):
        return {key: plain(each) for key, each in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain(each) for each in node.value]
    return None if node.value is BROKEN else node.value


def freeze(value: Any) -> Any:
    """Lists as tuples and dicts as read-only mappings, all the way down."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: freeze(each) for key, each in value.items()})
    return tuple(freeze(each) for each in value) if isinstance(value, list | tuple) else value


def thaw(value: Any) -> Any:
    """The inverse of `freeze`: a fresh copy that may be changed."""
    if isinstance(value, Mapping):
        return {key: thaw(each) for key, each in value.items()}
    return [thaw(each) for each in value] if isinstance(value, list | tuple) else value


def shown(value: Any) -> str:
    """A value for a message: what was found."""
    if isinstance(value, Node):
        value = value.value
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text '{shorten(value, 60)}'" if value else "an empty text"
    if isinstance(value, float):
        return f"the number {value!r}" if math.isfinite(value) else f"{value}"
    if isinstance(value, int):
        return f"the number {shorten(value, 40)}" if value.bit_length() < 4000 else "a huge number"
    if isinstance(value, Mapping):
        return f"a mapping with {len(value)} entries" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return f"a list with {len(value)} entries" if value else "an empty list"
    return f"a value of type {type(value).__name__}"


def size(node: Node) -> int:
    """Number of values in the tree."""
    return 1 + sum(map(size, node.entries.values())) + sum(map(size, node.elements))
