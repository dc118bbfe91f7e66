"""The network: the checked, fully expanded, immutable description of a graph, which everybody else reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from statestream.graph.findings import Finding
from statestream.graph.item import Item
from statestream.graph.rollout import Rollout, neighbourhood, unroll
from statestream.graph.structure import Structure, Synapse, filter_items
from statestream.graph.tree import thaw
from statestream.graph.vocabulary import CLIENTS, KIND_SECTIONS

if TYPE_CHECKING:
    from statestream.graph.build import Origin

Items = Mapping[str, Item]


def _empty() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Group:
    """A device group: the items that one worker process computes, in file order; a synapse-pool is in its target's."""

    index: int
    backend: str
    device: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Trait:
    """What the catalogue says of a plasticity's type. rollout: see PlasticityDeclaration; target: the loss has one."""

    rollout: str
    target: bool


@dataclass(frozen=True, eq=False)
class Network:
    """A network. All mappings are read-only and in file order; names are the items' own.

    backend: always resolved. random_seed: the graph's own, or None. path: the file, None for a dict. text: its source.
    """

    name: str
    agents: int
    backend: str
    random_seed: int | None = None
    path: str | None = None
    text: str = field(default="", repr=False)
    neuron_pools: Items = field(default_factory=_empty, repr=False)
    synapse_pools: Items = field(default_factory=_empty, repr=False)
    plasticities: Items = field(default_factory=_empty, repr=False)
    interfaces: Items = field(default_factory=_empty, repr=False)
    core_clients: Items = field(default_factory=_empty, repr=False)
    external_models: Mapping[str, Any] = field(default_factory=_empty, repr=False)
    warnings: tuple[Finding, ...] = field(default=(), repr=False)
    traits: Mapping[str, Trait] = field(default_factory=_empty, repr=False)
    top_level: tuple[str, ...] = field(default=(), repr=False)
    """Which of backend, random_seed, external_models, core_clients `expanded()` holds: those that were given."""
    _origin: Origin | None = field(default=None, repr=False)

    # --- items ---

    @cached_property
    def items(self) -> Items:
        """All neuron-pools, synapse-pools, plasticities and interfaces."""
        return MappingProxyType({**self.neuron_pools, **self.synapse_pools, **self.plasticities, **self.interfaces})

    def shape(self, pool: str) -> tuple[int, int, int]:
        """(features, X, Y) of a neuron-pool; its state is [agents, features, X, Y]."""
        features, x, y = self.neuron_pools[pool]["shape"]
        return features, x, y

    def incoming(self, pool: str) -> tuple[str, ...]:
        """The synapse-pools that write a neuron-pool."""
        return self.structure.incoming[self.neuron_pools[pool].name]

    def sources(self, synapse: str) -> tuple[str, ...]:
        """The distinct neuron-pools that a synapse-pool reads."""
        return self.structure.synapses[synapse].sources

    @cached_property
    def tags(self) -> Mapping[str, tuple[str, ...]]:
        """Tag -> items; the device of a pool or plasticity counts as a tag."""
        found: dict[str, dict[str, None]] = {}
        for name, item in self.items.items():
            own = (*(item.get("tags") or ()), *(() if item.kind == "if" else (str(item.get("device", "cpu")),)))
            for tag in own:
                found.setdefault(tag, {})[name] = None
        return MappingProxyType({tag: tuple(names) for tag, names in found.items()})

    def filter(self, filters: Iterable[str], items: Iterable[str] | None = None) -> list[str]:
        """Items that the filters `#tag` (keep) and `!tag` (remove) leave."""
        return filter_items(self.tags, self.items if items is None else items, filters)

    def parameter_owner(self, item: str, parameter: str) -> tuple[str, str]:
        """(item, parameter) of the array that is read and written: the end of `share params`, or itself."""
        seen = set()
        while (item, parameter) not in seen:
            seen.add((item, parameter))
            shared = self.synapse_pools[item].get("share params") if item in self.synapse_pools else None
            if not shared or parameter not in shared:
                break
            item, parameter = shared[parameter]
        return item, parameter

    # --- structure ---

    @cached_property
    def structure(self) -> Structure:
        """Pools and synapse-pools as a bare graph."""
        synapses = {
            name: Synapse(name, tuple(dict.fromkeys(pool for row in item["source"] for pool in row)), item["target"])
            for name, item in self.synapse_pools.items()
        }
        return Structure(tuple(self.neuron_pools), synapses)

    def rollout(self, plasticity: str) -> Rollout:
        """What a plasticity computes, step by step."""
        return self._rollouts[plasticity]

    @cached_property
    def _rollouts(self) -> Mapping[str, Rollout]:
        return {name: rollout_of(self.structure, item, self.traits[name]) for name, item in self.plasticities.items()}

    def distance(self, source: str, target: str) -> int | None:
        """Least number of frames from one pool to another, at least 1; None if there is no way."""
        return self.structure.distance(self.neuron_pools[source].name, self.neuron_pools[target].name)

    def shortest_path(self, source: str, target: str) -> list[str]:
        """Pools of a shortest path, from the target back to the source; [] if there is none."""
        return self.structure.shortest_path(self.neuron_pools[source].name, self.neuron_pools[target].name)

    # --- device groups ---

    def groups(self) -> tuple[Group, ...]:
        """The device groups, numbered in the order of their first items."""
        return self._groups[0]

    def group_of(self, item: str) -> Group:
        """The device group that computes a pool, synapse-pool or plasticity."""
        return self._groups[0][self._groups[1][item]]

    @cached_property
    def _groups(self) -> tuple[tuple[Group, ...], Mapping[str, int]]:
        members: dict[tuple[str, str], list[str]] = {}
        own = {}
        for item in (*self.neuron_pools.values(), *self.plasticities.values()):
            own[item.name] = (str(item.get("backend", self.backend)), str(item.get("device", "cpu")))
        for item in self.synapse_pools.values():
            own[item.name] = own[item["target"]]
        for name in (*self.neuron_pools, *self.synapse_pools, *self.plasticities):
            members.setdefault(own[name], []).append(name)
        groups = tuple(Group(i, *key, tuple(names)) for i, (key, names) in enumerate(members.items()))
        return groups, {name: group.index for group in groups for name in group.items}

    # --- other forms ---

    def expanded(self, defaults: bool = False) -> dict[str, Any]:
        """The explicit graph as a plain dict (a fresh copy): the given keys with every value resolved.

        defaults: also what is not given. Loading the result makes the same network again.
        """
        result: dict[str, Any] = {"name": self.name, "agents": self.agents}
        for key in ("backend", "random_seed", "external_models"):
            value = getattr(self, key)
            if key in self.top_level or (defaults and key == "backend"):
                result[key] = thaw(value)
        for section in KIND_SECTIONS.values():
            if section != CLIENTS or section in self.top_level:
                items: Items = getattr(self, section)
                result[section] = {name: _explicit(item, defaults) for name, item in items.items()}
        return result

    def replace(
        self, agents: int | None = None, backend: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> Network:
        """The network with other agents, backend or item parameters ("item.parameter" -> value), checked anew.

        What was replaced before stays so.
        Raises GraphError if they are wrong, ValueError for a network that came through `from_json`.
        """
        if self._origin is None:
            raise ValueError("this network was transported; change it where it was loaded")
        return self._origin.network(agents, backend, settings)

    def to_json(self) -> str:
        """The network as text, for another process."""
        from statestream.graph.transport import to_json

        return to_json(self)

    @staticmethod
    def from_json(text: str) -> Network:
        """The network that `to_json` wrote; nothing is read or checked again."""
        from statestream.graph.transport import from_json

        return from_json(text)


def rollout_of(structure: Structure, item: Item, trait: Trait) -> Rollout:
    """The rollout of a plasticity."""
    parameters = item["parameter"]
    if trait.rollout == "loss":
        at = item["source_t"]
        end = item["target_t"] if trait.target else at
        seeds: dict[int, set[str]] = {at: {item["source"]}}
        if trait.target:
            seeds.setdefault(end, set()).add(item["target"])
        if item.get("mask"):
            seeds[end].add(item["mask"])
        return unroll(structure, max(at, end), seeds)
    if trait.rollout == "synapse":
        return neighbourhood(structure, [name for kind, name, _ in parameters[:1] if kind == "sp"], ())
    pools = [name for kind, name, _ in parameters if kind == "np"]
    return neighbourhood(structure, [name for kind, name, _ in parameters if kind == "sp"], pools)


def _explicit(item: Item, defaults: bool) -> dict[str, Any]:
    result = thaw(item.spec)
    if defaults:
        result |= {key: thaw(value) for key, value in item.defaults.items() if key not in item and value is not None}
    return dict(result)
