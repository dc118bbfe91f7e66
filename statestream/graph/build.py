"""From an expanded tree to a network, or to all that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from statestream.graph.catalogue import Catalogue
from statestream.graph.check_header import Header, check_header
from statestream.graph.check_interfaces import check_interface, check_timing, check_type
from statestream.graph.check_kinds import check_binary
from statestream.graph.check_network import (
    Arrays,
    Circle,
    Place,
    check_arrays,
    check_circles,
    check_group,
    check_hebbian,
    check_rollout,
    check_sharing,
    check_trained,
)
from statestream.graph.check_plasticities import check_plasticity, needs_target
from statestream.graph.check_synapses import check_synapse_pool
from statestream.graph.draft import SETTINGS, Draft, examine
from statestream.graph.findings import Collector, Finding, Mark, TooManyFindings, nearest, shorten
from statestream.graph.item import Item
from statestream.graph.network import Network, Trait
from statestream.graph.reader import read_text, read_value, scalar
from statestream.graph.schema import Schemas
from statestream.graph.structure import Structure, Synapse
from statestream.graph.tree import BROKEN, Node, shown
from statestream.graph.values import Context
from statestream.graph.vocabulary import CLIENTS, ITEM_SECTIONS, KINDS, NOUNS, SECTIONS

MAXIMAL_WORK = 50_000_000
"""Most steps times synapse-pools over all rollouts: a bound for the time that the checks take."""

_NAME = re.compile(r"\w+")


@dataclass(frozen=True)
class Origin:
    """What a network was made of, so that it can be made again with other settings.

    root: the expanded tree, None if there is none. found: errors and warnings of reading and expanding it.
    """

    root: Node | None
    path: str | None
    text: str
    catalogue: Catalogue
    strict: bool
    default_backend: str
    found: tuple[tuple[Finding, ...], tuple[Finding, ...]]

    def network(
        self, agents: int | None = None, backend: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> Network:
        """The network with these overrides. Raises GraphError."""
        findings = Collector(list(self.found[0]), list(self.found[1]))
        root = self.root
        if root is not None and isinstance(root.value, dict):
            try:
                root = _override(root, {"agents": agents, "backend": backend}, settings or {}, findings)
                return _Builder(replace(self, root=root), root, findings).network()
            except TooManyFindings:
                findings.check()
        elif root is not None and root.value is not BROKEN:
            message = f"found {shown(root)}; a graph is a mapping (dictionary) with name, agents, {', '.join(SECTIONS)}"
            findings.error(root.mark, "", "", message)
        findings.check(self.strict)
        raise AssertionError("a graph without a root has a finding")


def _override(root: Node, top: Mapping[str, Any], settings: Mapping[str, Any], findings: Collector) -> Node:
    """The tree with overriding values; their place is `settings`."""
    entries = dict(root.entries)
    place = Mark(SETTINGS)
    for key, value in top.items():
        if value is not None:
            entries[key] = _value(value, findings)
    owners = {
        name: section
        for section in reversed(ITEM_SECTIONS)
        if section in entries
        for name, item in entries[section].entries.items()
        if isinstance(item.value, dict)
    }
    for setting, value in settings.items():
        name, dot, key = str(setting).partition(".")
        if not dot or not key:
            findings.error(place, "", str(setting), "a setting is called ITEM.PARAMETER")
        elif name not in owners:
            findings.error(place, name, key, f"the item '{shorten(name)}' does not exist{nearest(name, owners)}")
        else:
            section = entries[owners[name]]
            item = section.entries[name]
            node = _value(value, findings)
            # At the end: of several spellings that were set one after the other, the last one counts.
            others = {other: each for other, each in item.entries.items() if other != key}
            changed = Node({**others, key: node}, item.mark, item.key)
            entries[owners[name]] = Node({**section.entries, name: changed}, section.mark, section.key)
    return Node(entries, root.mark, root.key)


def _value(value: Any, findings: Collector) -> Node:
    """A setting's value; a text, as from a command line, is read as YAML: `1e-3` is a number, `[4, 1, 1]` a list."""
    node = None
    if isinstance(value, str) and value.strip() and scalar(value.strip()) is None:
        node = Node(None, Mark(SETTINGS))
    elif isinstance(value, str) and value.strip():
        attempt = Collector()
        node = read_text(value, SETTINGS, attempt)
        node = None if attempt.errors else node
    node = node or read_value(value, SETTINGS, findings)
    return _placeless(node)


def _placeless(node: Node) -> Node:
    value = node.value
    if isinstance(value, dict):
        value = {key: _placeless(each) for key, each in value.items()}
    elif isinstance(value, tuple):
        value = tuple(_placeless(each) for each in value)
    return Node(value, Mark(SETTINGS), Mark(SETTINGS))


class _Builder:
    """Examines all items, then what holds between them."""

    def __init__(self, origin: Origin, root: Node, findings: Collector) -> None:
        self.origin, self.root, self.findings, self.catalogue = origin, root, findings, origin.catalogue
        self.header: Header = check_header(root, self.catalogue, origin.default_backend, findings)
        self.sections = {section: self._section(section) for section in ITEM_SECTIONS}
        names = {kind: dict.fromkeys(self.sections[section]) for section, kind in KINDS.items()}
        self.context = Context(self.catalogue, names, self.header.models)
        self._check_names()
        self.wires: dict[str, dict[str, str]] = {}  # of each interface: topic -> pool
        schemas = Schemas(self.catalogue)
        self.drafts: dict[str, dict[str, Draft]] = {
            kind: {
                name: examine(name, kind, _spelled(node, schemas, kind), schemas, self.context, findings)
                for name, node in self.sections[section].items()
                if isinstance(node.value, dict)
            }
            for section, kind in KINDS.items()
        }

    def _section(self, section: str) -> dict[str, Node]:
        """The items of a section; 4 to 6 and 39: it is there, a mapping, of mappings."""
        node = self.root.entries.get(section)
        if node is None:
            if section != CLIENTS:
                message = f"'{section}' is missing; it may be empty: {section}: {{}}"
                self.findings.error(self.root.mark, "", section, message)
            return {}
        if not isinstance(node.value, dict):
            if node.value is not BROKEN:
                self.findings.error(node.place, "", section, f"found {shown(node)}; allowed: a mapping of items")
            return {}
        for name, item in node.entries.items():
            if not isinstance(item.value, dict) and item.value is not BROKEN:
                message = "the item is empty" if item.value is None else f"found {shown(item)}"
                message += f"; a {NOUNS[KINDS[section]]} is a mapping of its parameters"
                self.findings.error(item.place, name, "", message)
        return node.entries

    def _check_names(self) -> None:
        """7 and 8: names have letters, digits and `_` only, and are given once."""
        first: dict[str, tuple[str, Mark]] = {}
        for section, items in self.sections.items():
            for name, node in items.items():
                if not _NAME.fullmatch(name):
                    message = f"'{shorten(name)}' is no name of an item; allowed: letters, digits, _"
                    self.findings.error(node.place, name, "", message)
                if section == CLIENTS:
                    continue
                if name in first:
                    other, place = first[name]
                    message = f"the name is given twice: here in {section}, before in {other} ({place})"
                    self.findings.error(node.place, name, "", message)
                first.setdefault(name, (section, node.place))

    def network(self) -> Network:
        """The network. Raises GraphError."""
        self._check_items()
        draft = self._network(())
        self._check_together(draft)
        if not self.findings.errors:
            self._check_computable(draft)
        warnings = self.findings.check(self.origin.strict)
        return self._network(warnings)

    def _check_items(self) -> None:
        shapes = {name: draft.values["shape"] for name, draft in self.drafts["np"].items() if "shape" in draft.values}
        for draft in self.drafts["sp"].values():
            check_synapse_pool(draft, shapes, self.context)
        for draft in self.drafts["plast"].values():
            check_plasticity(draft, self.header.agents, self.catalogue, shapes, self.context)
        for name, draft in self.drafts["if"].items():
            self.wires[name] = check_interface(draft, self.catalogue, shapes, self.context)
        for draft in self.drafts["cc"].values():
            check_type(draft, self.catalogue.core_clients, "core client")

    def _check_together(self, network: Network) -> None:
        every: dict[str, Draft] = {}
        for kind in ("if", "plast", "sp", "np"):
            every |= self.drafts[kind]
        arrays = Arrays(network, every, self.catalogue)
        for draft in (*self.drafts["np"].values(), *self.drafts["sp"].values()):
            check_arrays(draft, arrays)
        for draft in self.drafts["sp"].values():
            check_group(draft, self.drafts["np"])
            check_binary(draft, self.drafts["np"].get(draft.values.get("target", "")))
            check_sharing(draft, self.drafts["sp"], arrays)
        ends: dict[Place, Circle | None] = {}
        for draft in self.drafts["sp"].values():
            check_circles(draft, self.drafts["sp"], ends)
        structure = self._structure()
        work = 0
        for draft in self.drafts["plast"].values():
            check_trained(draft, arrays)
            trait = self._trait(draft)
            if trait is not None and trait.rollout == "synapse":
                check_hebbian(draft, arrays)
            keys = ("type", "loss_function", "source", "source_t", "target", "target_t", "mask")
            if trait is None or structure is None or not draft.ok(*keys):
                continue
            work += len(structure.synapses) * (max(draft.get("source_t") or 0, draft.get("target_t") or 0) + 1)
            if work > MAXIMAL_WORK:
                draft.error("source_t", f"the rollouts have more than {MAXIMAL_WORK} synapse-pools over all steps")
                break
            check_rollout(draft, structure, trait)
        for draft in self.drafts["if"].values():
            declaration = self.catalogue.interfaces.get(draft.values.get("type", ""))
            if structure is not None and declaration is not None and declaration.timing is not None:
                check_timing(draft, declaration.timing, self.wires[draft.name], structure)

    def _check_computable(self, network: Network) -> None:
        """What the rooms that compute cannot do, although every value is allowed by itself."""
        for name, key, message in self.catalogue.refusals(network) if self.catalogue.refusals is not None else ():
            self.drafts[network.items[name].kind][name].error(key, message)

    def _structure(self) -> Structure | None:
        """The bare graph, with what is certain of unsound synapse-pools; None if too little is certain."""
        pools = self.context.names["np"]
        synapses = {}
        for name, draft in self.drafts["sp"].items():
            node, target = draft.given("source"), draft.values.get("target")
            named = [each.value for row in node.elements for each in row.elements] if node is not None else []
            sources = tuple(dict.fromkeys(each for each in named if isinstance(each, str) and each in pools))
            if target is None or not sources:
                return None
            synapses[name] = Synapse(name, sources, target)
        return None if len(synapses) < len(self.sections["synapse_pools"]) else Structure(tuple(pools), synapses)

    def _trait(self, draft: Draft) -> Trait | None:
        declaration = self.catalogue.plasticities.get(draft.values.get("type", ""))
        return None if declaration is None else Trait(declaration.rollout, needs_target(draft, self.catalogue))

    def _network(self, warnings: tuple[Finding, ...]) -> Network:
        """The network of all sound items (all, if nothing is wrong)."""
        pools = self._items("np", ("shape",))
        synapses = {
            name: item
            for name, item in self._items("sp", ("source", "target")).items()
            if item["target"] in pools and all(pool in pools for row in item["source"] for pool in row)
        }
        plasticities = self._items("plast", ("type", "optimizer"))
        traits = {name: trait for name in plasticities if (trait := self._trait(self.drafts["plast"][name]))}
        given = [key for key in ("backend", "external_models", CLIENTS) if key in self.root.entries]
        given += [] if self.header.random_seed is None else ["random_seed"]
        return Network(
            name=self.header.name,
            agents=self.header.agents or 1,
            backend=self.header.backend,
            random_seed=self.header.random_seed,
            path=self.origin.path,
            text=self.origin.text,
            neuron_pools=MappingProxyType(pools),
            synapse_pools=MappingProxyType(synapses),
            plasticities=MappingProxyType(plasticities),
            interfaces=MappingProxyType(self._items("if", ("type",))),
            core_clients=MappingProxyType(self._items("cc", ("type",))),
            external_models=self.header.models,
            warnings=warnings,
            traits=MappingProxyType(traits),
            top_level=tuple(given),
            _origin=self.origin,
        )

    def _items(self, kind: str, needed: tuple[str, ...]) -> dict[str, Item]:
        return {name: draft.item() for name, draft in self.drafts[kind].items() if draft.ok(*needed)}


def _spelled(node: Node, schemas: Schemas, kind: str) -> Node:
    """The item without the other spellings of parameters that a setting overrides."""
    schema = schemas.of(kind, node.entries)
    overridden = {schema.name(key): each for key, each in node.entries.items() if each.place.file == SETTINGS}
    if not overridden:
        return node
    entries = {}
    for key, each in node.entries.items():
        if schema.name(key) not in overridden:
            entries[key] = each
        elif schema.name(key) not in {schema.name(other) for other in entries}:
            entries[key] = overridden[schema.name(key)]
    return Node(entries, node.mark, node.key)
