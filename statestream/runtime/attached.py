"""One network of a session as a client sees it: its arena, what runs in it, what its arrays are called."""

from __future__ import annotations

from statestream.arrays import ArrayKey
from statestream.graph import Network
from statestream.memory import Arena


class Attached:
    """It never changes: when the session's network is replaced, a new one of these takes its place."""

    def __init__(self, arena: Arena, network: Network | None = None) -> None:
        """network: the very one that runs, if it is at hand."""
        self.arena = arena
        self.network = network or Network.from_json(arena.description["network"])
        self._names: dict[tuple[str, str], list[str]] = {}
        for key, slot in arena.layout.by_key.items():
            if not slot.spec.internal:
                self._names.setdefault((key[0], key[1]), []).append(key[2])
        for name, item in self.network.synapse_pools.items():
            shared = item.get("share params") or {}
            self._names.setdefault((name, "parameter"), []).extend(shared)

    def names(self, item: str, kind: str) -> list[str]:
        """Names of an item's arrays of one kind."""
        return self._names.get((item, kind), [])

    def resolve(self, key: ArrayKey) -> ArrayKey:
        """Where an array really is: a shared parameter leads to its owner's."""
        if key[1] != "parameter" or key in self.arena.layout.by_key:
            return key
        item, name = self.network.parameter_owner(key[0], key[2])
        return item, "parameter", name

    def keys(self, items: set[str]) -> list[ArrayKey]:
        """Of all arrays that these items have or share."""
        shared = {
            self.resolve((item, "parameter", name))[0] for item in items for name in self.names(item, "parameter")
        }
        return [key for key in self.arena.layout.by_key if key[0] in items | shared]
