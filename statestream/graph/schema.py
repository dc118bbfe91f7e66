"""Which parameters an item may have: the catalogue's declarations, by kind and type, under all their spellings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from statestream.graph.catalogue import Catalogue, Parameter
from statestream.graph.tree import Node
from statestream.graph.vocabulary import KINDS


class Schema:
    """The parameters of one item. closed: whether they are all; else (its type is unknown) other keys may be right."""

    def __init__(self, parameters: Iterable[Parameter], closed: bool = True) -> None:
        every = list(parameters)
        self.parameters = {each.name: each for each in every if not each.per_array}
        self.prefixes = {each.name: each for each in every if each.per_array}
        self.spellings = {alias: each.name for each in self.parameters.values() for alias in each.aliases}
        self.closed = closed

    def name(self, key: str) -> str:
        """The declared name of a key, whatever its spelling."""
        return self.spellings.get(key, key)

    def find(self, key: str) -> tuple[Parameter | None, str]:
        """(declaration, array) of a key; array is `W_0_0` for `init W_0_0`, else "". (None, "") if it is unknown."""
        declared = self.parameters.get(self.name(key))
        if declared is not None:
            return declared, ""
        prefix, _, array = key.partition(" ")
        return (self.prefixes.get(prefix), array) if array else (None, "")

    @cached_property
    def known(self) -> list[str]:
        """All keys, each in one spelling, for messages."""
        return [*self.parameters, *(f"{prefix} W_0_0" for prefix in self.prefixes)]


class Schemas:
    """The schemas of a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._made: dict[tuple[str, ...], Schema] = {}

    def of(self, kind: str, item: Mapping[str, Node]) -> Schema:
        """The schema of an item of that kind, by its `type` and `optimizer`."""
        type_, optimizer = (_text(item.get(key)) for key in ("type", "optimizer"))
        if kind == "plast" and "optimizer" not in item:
            optimizer = next((str(each.default) for each in self.catalogue.plasticity if each.name == "optimizer"), "")
        key = (kind,) if kind in ("np", "sp") else (kind, type_, optimizer if kind == "plast" else "")
        if key not in self._made and len(self._made) < 1000:
            self._made[key] = self._make(kind, type_, optimizer)
        return self._made.get(key) or self._make(kind, type_, optimizer)

    def _make(self, kind: str, type_: str, optimizer: str) -> Schema:
        catalogue = self.catalogue
        common = {
            "np": catalogue.neuron_pool,
            "sp": catalogue.synapse_pool,
            "plast": catalogue.plasticity,
            "if": catalogue.interface,
            "cc": catalogue.core_client,
        }[kind]
        own: list[Parameter] = []
        closed = True
        if kind == "plast":
            closed = type_ in catalogue.plasticities and optimizer in catalogue.optimizers
            own += catalogue.plasticities[type_].parameters if type_ in catalogue.plasticities else ()
            own += catalogue.optimizers[optimizer].parameters if optimizer in catalogue.optimizers else ()
        elif kind in ("if", "cc"):
            types = catalogue.interfaces if kind == "if" else catalogue.core_clients
            closed = type_ in types
            own += types[type_].parameters if type_ in types else ()
        return Schema([*common, *own], closed)

    @cached_property
    def foreign(self) -> Mapping[str, Mapping[str, str]]:
        """Kind -> parameter -> whose it is, for parameters that only other types or optimizers have."""
        catalogue = self.catalogue
        return {
            "plast": {
                parameter.name: owner
                for owner, parameters in (
                    *((f"optimizer {each.name}", each.parameters) for each in catalogue.optimizers.values()),
                    *((f"type {each.type}", each.parameters) for each in catalogue.plasticities.values()),
                )
                for parameter in parameters
            }
        }

    @cached_property
    def _section_spellings(self) -> Mapping[str, Mapping[str, str]]:
        catalogue = self.catalogue
        every = {
            "np": [catalogue.neuron_pool],
            "sp": [catalogue.synapse_pool],
            "plast": [
                catalogue.plasticity,
                *(each.parameters for each in catalogue.plasticities.values()),
                *(each.parameters for each in catalogue.optimizers.values()),
            ],
            "if": [catalogue.interface, *(each.parameters for each in catalogue.interfaces.values())],
            "cc": [catalogue.core_client, *(each.parameters for each in catalogue.core_clients.values())],
        }
        return {
            section: {alias: each.name for part in every[kind] for each in part for alias in each.aliases}
            for section, kind in KINDS.items()
        }

    def same(self, section: str, entries: Mapping[str, Node], key: str) -> bool:
        """Whether an item of a section has a parameter already, in whatever spelling."""
        if key in entries:
            return True
        names = self._section_spellings.get(section, {})
        name = names.get(key, key)
        return name in entries or any(alias in entries for alias, other in names.items() if other == name)


def _text(node: Node | None) -> str:
    return node.value if node is not None and isinstance(node.value, str) else ""
