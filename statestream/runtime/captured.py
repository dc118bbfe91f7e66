"""What a capture holds: the chosen items' arrays, and those that their computation reads."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Sequence
from importlib import metadata
from typing import Any

from statestream import interfaces
from statestream.arrays import ArrayKey
from statestream.captures.contents import Contents
from statestream.graph import Network
from statestream.numerics.step import Step
from statestream.runtime.listing import unknown_item
from statestream.runtime.plan import SCHEDULE, SPLIT, Plan
from statestream.runtime.requests import RequestError
from statestream.runtime.schedule import Column, clocked_items
from statestream.version import VERSION

_ENGINES = {"tensorflow": ("tensorflow-cpu", "tensorflow"), "theano": ("pytensor",), "torch": ("torch",)}
"""Distributions that may bring an engine."""


def choose(network: Network, words: Sequence[str]) -> tuple[str, ...]:
    """The items that names and `#tag`s mean together, in the network's order; all if there are none.

    RequestError for a name or tag that nothing has.
    """
    chosen: set[str] = set()
    for word in words:
        if word.startswith("#"):
            if word[1:] not in network.tags:
                raise RequestError(f"no item has the tag {word}; tags: {_listed(f'#{tag}' for tag in network.tags)}")
            chosen.update(network.tags[word[1:]])
        elif word in network.items:
            chosen.add(word)
        else:
            raise RequestError(unknown_item(network, word))
    return tuple(item for item in network.items if item in chosen or not words)


def contents(plan: Plan, chosen: Sequence[str], seed: int, threads: int) -> Contents:
    """What the file holds for these items."""
    network = plan.network
    read = {item: _inputs(plan, item, seed) for item in chosen}
    trained = {item: plan.trained_by[item] for item in chosen if item in network.plasticities}
    wanted = {SPLIT, SCHEDULE, *(key for key in plan.specs if key[0] in chosen)}
    wanted.update(key for keys in (*read.values(), *trained.values()) for key in keys)
    aliases = {
        (item, "parameter", name): (owner[0], "parameter", owner[1])
        for item in chosen
        if item in network.synapse_pools
        for name in network.synapse_pools[item].get("share params") or {}
        if (owner := network.parameter_owner(item, name))
    }
    wanted.update(aliases.values())
    listed = [spec for key, spec in plan.specs.items() if key in wanted]
    items = {key[0] for key in wanted if key[0]} | set(chosen)
    return Contents(
        growing=tuple(spec for spec in listed if spec.key in plan.changing),
        lasting=tuple(spec for spec in listed if spec.key not in plan.changing),
        links={(item, "inputs"): keys for item, keys in read.items()}
        | {(item, "trained"): keys for item, keys in trained.items()},
        aliases=aliases,
        kinds={name: item.kind for name, item in network.items.items() if name in items},
        network=json.dumps(network.expanded()),
        manifest=_manifest(plan, chosen, seed, threads),
    )


def _inputs(plan: Plan, item: str, seed: int) -> tuple[ArrayKey, ...]:
    """What an item's computation of the next frame reads, beside its own variables and the session's schedule."""
    network = plan.network
    if item in network.synapse_pools:
        return tuple((source, "state", "") for source in network.sources(item))
    if item in network.interfaces:
        interface = interfaces.load(network.interfaces[item]["type"])(network, item, seed)
        return (*((pool, "state", "") for pool in dict.fromkeys(interface.inputs.values())), SPLIT)
    return (*Step(network, [item]).inputs, *plan.inputs_from_interfaces.get(item, ()))


def _manifest(plan: Plan, chosen: Sequence[str], seed: int, threads: int) -> dict[str, Any]:
    backends = sorted({participant.backend for participant in plan.participants if participant.backend})
    return {
        "seed": seed,
        "threads": threads,
        "backend": plan.network.backend,
        "partition": [
            {"process": participant.title, "items": list(participant.items)} for participant in plan.participants
        ],
        "versions": {"statestream": VERSION, "python": platform.python_version(), **_versions(backends)},
        "chosen": list(chosen),
        "schedule": {"items": clocked_items(plan.network), "columns": [column.name.lower() for column in Column]},
    }


def _versions(backends: Iterable[str]) -> dict[str, str]:
    names = ["numpy", "h5py", *(name for backend in backends for name in _ENGINES.get(backend, ()))]
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # another distribution brings it, or it has none
    return found


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"
