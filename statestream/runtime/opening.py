"""A network made ready to run: planned, found computable, its arena allocated and filled. Nothing is started by it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from statestream import interfaces
from statestream.arrays import ArrayKey
from statestream.external import Taken
from statestream.graph import Network
from statestream.memory import Arena, Layout, Word, head_size
from statestream.numerics.initialisation import initial_value
from statestream.numerics.step import Step
from statestream.runtime.plan import SCHEDULE, SPLIT, Plan
from statestream.runtime.schedule import initial_schedule


def plan_of(network: str) -> Plan:
    """The plan of a network (as `Network.to_json` wrote it).

    UnsupportedError or InterfaceError, before anything starts, if it cannot be computed.
    """
    plan = Plan(Network.from_json(network))
    for participant in plan.participants:
        Step(plan.network, participant.items)
    return plan


def create_arena(name: str, plan: Plan, start: Mapping[str, Any], run: int, taken: Mapping[ArrayKey, Taken]) -> Arena:
    """An arena with everything at its initial value; SegmentError if there is no room for it.

    start: `network`, `seed` and `threads` of the session. run: which network of the session it is. taken: start values
    from external models, as `external.read_apart` gives them.
    """
    participants = len(plan.participants)
    layout = Layout.plan(plan.specs.values(), plan.changing, head_size(participants))
    description = {**{key: start[key] for key in ("network", "seed", "threads")}, "run": run}
    arena = Arena.create(name, layout, description, participants)
    try:
        arena.control.set(Word.CORE_PID, os.getpid())
        write_initial_values(arena, plan, start["seed"], taken)
    except BaseException:
        arena.remove()
        raise
    return arena


def write_initial_values(arena: Arena, plan: Plan, seed: int, taken: Mapping[ArrayKey, Taken]) -> None:
    """Every array as it is at frame 0, in all its copies; the interfaces' variables are written by the interfaces.

    taken: start values from external models.
    """
    network = plan.network
    for key in plan.specs:
        if key == SCHEDULE:
            value = initial_schedule(network)
        elif key == SPLIT or key[1] in ("update", "variable"):
            continue
        elif key[0] in network.interfaces:
            value = interfaces.load(network.interfaces[key[0]]["type"])(network, key[0], seed).initial(key)
        else:
            value = taken[key].value if key in taken else initial_value(network, key, seed)
        for copy in arena.copies(key):
            copy[...] = value


def remarks(network: Network, taken: Mapping[ArrayKey, Taken]) -> list[str]:
    """What the user should know of a network that begins to run."""
    return [each.message for each in taken.values()] + [
        f"core client {name} of type {client['type']} is not built yet: the session runs without it"
        for name, client in network.core_clients.items()
    ]
