"""A network as JSON text and back, exactly, so that child processes need not read any file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from statestream.graph.findings import Finding
from statestream.graph.item import Item
from statestream.graph.network import Network, Trait
from statestream.graph.tree import freeze, thaw
from statestream.graph.vocabulary import KINDS

_PLAIN = ("name", "agents", "backend", "random_seed", "path", "text")


def to_json(network: Network) -> str:
    """The network as JSON."""
    data: dict[str, Any] = {key: getattr(network, key) for key in _PLAIN}
    data["top_level"] = network.top_level
    data["external_models"] = thaw(network.external_models)
    data["warnings"] = [list(each) for each in network.warnings]
    data["traits"] = {name: [trait.rollout, trait.target] for name, trait in network.traits.items()}
    for section in KINDS:
        items: Mapping[str, Item] = getattr(network, section)
        data[section] = [
            [item.name, thaw(item.spec), thaw(item.defaults), thaw(item.spellings)] for item in items.values()
        ]
    return json.dumps(data)


def from_json(text: str) -> Network:
    """The network that `to_json` wrote."""
    data = json.loads(text)
    fields: dict[str, Any] = {key: data[key] for key in _PLAIN}
    for section, kind in KINDS.items():
        fields[section] = MappingProxyType(
            {
                name: Item(name, kind, freeze(spec), freeze(defaults), freeze(spellings))
                for name, spec, defaults, spellings in data[section]
            }
        )
    return Network(
        **fields,
        top_level=tuple(data["top_level"]),
        external_models=freeze(data["external_models"]),
        warnings=tuple(Finding(*each) for each in data["warnings"]),
        traits=MappingProxyType({name: Trait(*each) for name, each in data["traits"].items()}),
    )
