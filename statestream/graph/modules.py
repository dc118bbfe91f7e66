"""`modules`: makes items of module bodies, one set for each instance.

A generated item is called <instance>_<local name>; an item of that name in the graph itself replaces it completely.
Texts that begin with `_` are variables of the instance, at any depth; names of the module's own items get the
instance's name in front: `source`, `target`, `mask`, trained parameters, `share params`, `remap`, and texts of clients.
"""

from __future__ import annotations

from collections.abc import Iterable

from statestream.graph.findings import Collector, Mark, nearest, shorten
from statestream.graph.tree import BROKEN, MAXIMAL_VALUES, Node, shown, size
from statestream.graph.vocabulary import CLIENTS, ITEM_SECTIONS, KIND_SECTIONS, SECTIONS, TOP_LEVEL

ORDER = (CLIENTS, *SECTIONS)
"""In which order the sections of a module are generated."""


class _TooLargeError(Exception):
    """The modules make more values than a graph may have."""


def expand_modules(root: Node, findings: Collector) -> Node:
    """The graph with the items of all module instances."""
    modules = root.entries.get("modules")
    if modules is None:
        return root
    if not isinstance(modules.value, dict):
        findings.error(modules.place, "", "modules", f"found {shown(modules)}; allowed: a mapping of modules")
        return root
    result = dict(root.entries)
    count = [0]
    for name, body in modules.entries.items():
        if not isinstance(body.value, dict):
            findings.error(body.place, "", f"modules.{name}", f"found {shown(body)}; a module is a mapping")
        elif name in TOP_LEVEL:
            message = f"'{shorten(name)}' is a key of the language and cannot name a module"
            findings.error(body.place, "", f"modules.{name}", message)
        elif name in root.entries and not _instances(result, name, body, findings, count):
            break
    return Node(result, root.mark, root.key)


def _instances(result: dict[str, Node], name: str, body: Node, findings: Collector, count: list[int]) -> bool:
    """Add the items of all instances of one module; False if they are too many."""
    instances = result[name]
    if not isinstance(instances.value, dict):
        findings.error(instances.place, "", name, f"found {shown(instances)}; allowed: a mapping of instances")
        return True
    for key, section in body.entries.items():
        if key not in ITEM_SECTIONS:
            message = f"unknown key of a module{nearest(key, ITEM_SECTIONS)}"
            findings.warn(section.place, "", f"modules.{name}.{key}", message)
        elif not isinstance(section.value, dict):
            message = f"found {shown(section)}; allowed: a mapping of items"
            findings.error(section.place, "", f"modules.{name}.{key}", message)
    for instance, variables in instances.entries.items():
        if variables.value is not None and not isinstance(variables.value, dict):
            message = f"found {shown(variables)}; allowed: a mapping of the module's variables"
            findings.error(variables.place, "", f"{name}.{instance}", message)
            continue
        try:
            _Instance(name, instance, variables, body, findings, count).add_to(result)
        except _TooLargeError:
            message = f"the modules make more than {MAXIMAL_VALUES} values"
            findings.error(variables.place, "", f"{name}.{instance}", message)
            return False
    return True


class _Instance:
    """One instance of a module."""

    def __init__(
        self, module: str, instance: str, variables: Node, body: Node, findings: Collector, count: list[int]
    ) -> None:
        self.instance, self.body, self.findings, self.count = instance, body, findings, count
        self.note = f"in instance '{shorten(instance)}' of module '{shorten(module)}', {variables.place}"
        note = f"given by instance '{shorten(instance)}' of module '{shorten(module)}'"
        self.variables = {key: each.noted(note) for key, each in variables.entries.items()}
        self.sizes = {key: size(each) for key, each in variables.entries.items()}
        self.local = {section: set(self.items(section)) for section in ITEM_SECTIONS}
        self.subject = ("", "")

    def items(self, section: str) -> dict[str, Node]:
        node = self.body.entries.get(section)
        return node.entries if node is not None else {}

    def add_to(self, result: dict[str, Node]) -> None:
        for section in ORDER:
            items = self.items(section)
            present = result.get(section)
            if not items or (present is not None and not isinstance(present.value, dict)):
                continue
            own = dict(present.entries) if present is not None else {}
            for local, item in items.items():
                name = f"{self.instance}_{local}"
                if name not in own:
                    own[name] = self.item(section, name, item)
            place = present or self.body.entries[section]
            result[section] = Node(own, place.mark, place.key)

    def item(self, section: str, name: str, item: Node) -> Node:
        if not isinstance(item.value, dict):
            return item.noted(self.note)
        entries = {}
        for key, node in item.entries.items():
            self.subject = (name, key)
            entries[key] = self.parameter(section, key, node)
        return Node(entries, item.mark.noted(self.note), item.key and item.key.noted(self.note))

    def parameter(self, section: str, key: str, node: Node) -> Node:
        pools = self.local["neuron_pools"]
        if (section, key) == ("plasticities", "parameter"):
            return self.each(node, self.trained)
        if (section, key) == ("synapse_pools", "share params"):
            return self.each(node, self.shared)
        if section in ("synapse_pools", "plasticities") and key in ("source", "target", "mask"):
            return self.fill(node, pools)
        if (section, key) == ("interfaces", "remap"):
            return self.fill(node, pools)
        if section == CLIENTS and key != "type" and isinstance(node.value, str):
            return self.fill(node, set().union(*(self.local[each] for each in SECTIONS)))
        return self.fill(node)

    def trained(self, entry: Node) -> Node:
        """One [kind, item, parameter] of a plasticity."""
        kind = entry.elements[0].value if entry.elements else None
        section = KIND_SECTIONS.get(kind, "") if isinstance(kind, str) else ""
        return self.second(entry, 1, self.local.get(section, set()))

    def shared(self, entry: Node) -> Node:
        """One [synapse-pool, parameter] of `share params`."""
        return self.second(entry, 0, self.local["synapse_pools"])

    def second(self, entry: Node, position: int, names: Iterable[str]) -> Node:
        """A list whose element at the position may name a local item."""
        if not entry.elements:
            return self.fill(entry)
        filled = (self.fill(each, names if i == position else ()) for i, each in enumerate(entry.elements))
        return Node(tuple(filled), entry.mark.noted(self.note), self.key(entry))

    def each(self, node: Node, one: object) -> Node:
        """A list or mapping with every element made by `one`."""
        assert callable(one)
        if isinstance(node.value, dict):
            value: object = {key: one(entry) for key, entry in node.value.items()}
        elif isinstance(node.value, tuple):
            value = tuple(one(entry) for entry in node.value)
        else:
            return self.fill(node)
        return Node(value, node.mark.noted(self.note), self.key(node))

    def fill(self, node: Node, names: Iterable[str] = ()) -> Node:
        """The value with the instance's variables, and its prefix before local names."""
        self.spend(1)
        mark, value = node.mark.noted(self.note), node.value
        if isinstance(value, dict):
            value = {key: self.fill(each, names) for key, each in value.items()}
        elif isinstance(value, tuple):
            value = tuple(self.fill(each, names) for each in value)
        elif isinstance(value, str) and value.startswith("_"):
            given = self.variables.get(value[1:])
            if given is not None:
                self.spend(self.sizes[value[1:]])
                return Node(given.value, given.mark, self.key(node))
            message = f"the variable '{shorten(value[1:])}' is not given{nearest(value[1:], self.variables)}"
            self.findings.error(mark, *self.subject, message)
            return Node(BROKEN, mark, self.key(node))
        elif isinstance(value, str) and value in names:
            value = f"{self.instance}_{value}"
        return Node(value, mark, self.key(node))

    def key(self, node: Node) -> Mark | None:
        return node.key and node.key.noted(self.note)

    def spend(self, values: int) -> None:
        self.count[0] += values
        if self.count[0] > MAXIMAL_VALUES:
            raise _TooLargeError
