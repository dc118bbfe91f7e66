"""The plan of a session: who takes part in a frame, which arrays exist, who writes what, who trains what.

It follows from the network alone, so the core and every participant make the same one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from statestream import interfaces
from statestream.arrays import ArrayKey, ArraySpec
from statestream.graph import Network
from statestream.numerics.arrays import array_table, increments, trained
from statestream.numerics.frame import SPLIT
from statestream.runtime.schedule import SCHEDULE, clocked_items, schedule_spec


@dataclass(frozen=True)
class Participant:
    """One process beside the core. backend is empty for an interface process."""

    index: int
    title: str
    items: tuple[str, ...]
    """Items that it advances and that have a period of their own (no synapse-pools)."""
    backend: str = ""
    device: str = ""


@dataclass(frozen=True)
class Training:
    """A parameter that plasticities train: the increments it gets, in the order in which they are added."""

    parameter: ArrayKey
    increments: tuple[ArrayKey, ...]
    minimum: float | None
    maximum: float | None
    owner: int | None
    """The participant that adds them; None: several participants compute increments, so the core adds."""


class Plan:
    """See the module; all mappings are in the network's order."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.participants = _participants(network)
        self.participant_of = {item: p.index for p in self.participants for item in p.items}
        specs = {spec.key: spec for spec in _specs(network)}
        self.trainings = _trainings(network, specs, self.participant_of)
        self.specs: Mapping[ArrayKey, ArraySpec] = specs

    def threads(self, setting: int) -> int:
        """Threads of each worker's engine: as set, for 0 an equal share of the cores that this process may use."""
        workers = sum(bool(participant.backend) for participant in self.participants)
        return setting or max(1, len(os.sched_getaffinity(0)) // max(1, workers))

    @cached_property
    def changing(self) -> set[ArrayKey]:
        """Arrays that a frame may write."""
        return {key for key in self.specs if key[1] in ("state", "variable", "update")} | set(self.trainings)

    @cached_property
    def written_by(self) -> dict[str, tuple[ArrayKey, ...]]:
        """Per item with a period: the arrays it writes in a frame in which it is due (trained parameters left out)."""
        written: dict[str, list[ArrayKey]] = {item: [] for item in self.participant_of}
        for key in self.changing - set(self.trainings):
            written[key[0]].append(key)
        return {item: tuple(keys) for item, keys in written.items()}

    @cached_property
    def trained_by(self) -> dict[str, tuple[ArrayKey, ...]]:
        """Per plasticity: the parameters it trains."""
        trained: dict[str, list[ArrayKey]] = {item: [] for item in self.network.plasticities}
        for parameter, training in self.trainings.items():
            for item in dict.fromkeys(increment[0] for increment in training.increments):
                trained[item].append(parameter)
        return {item: tuple(keys) for item, keys in trained.items()}

    def written_in(self, due: Iterable[str]) -> Iterator[ArrayKey]:
        """The arrays that a frame with these due items turns to their other copies."""
        for item in due:
            yield from self.written_by[item]
            yield from self.trained_by.get(item, ())

    def taking_part(self, due: Iterable[str]) -> list[int]:
        """The participants of a frame with these due items."""
        return sorted({self.participant_of[item] for item in due})

    @cached_property
    def inputs_from_interfaces(self) -> dict[str, tuple[ArrayKey, ...]]:
        """Per neuron-pool: the interface variables that are added to its state."""
        found: dict[str, list[ArrayKey]] = {}
        for name, item in self.network.interfaces.items():
            for topic in item["out"]:
                pool = item.get("remap", {}).get(topic, topic)
                found.setdefault(pool, []).append((name, "variable", topic))
        return {pool: tuple(keys) for pool, keys in found.items()}


def _participants(network: Network) -> tuple[Participant, ...]:
    workers = [
        Participant(
            group.index,
            f"worker {group.index} ({group.backend}, {group.device})",
            tuple(item for item in group.items if item not in network.synapse_pools),
            group.backend,
            group.device,
        )
        for group in network.groups()
    ]
    processes = [
        Participant(len(workers) + position, f"interface {name}", (name,))
        for position, name in enumerate(network.interfaces)
    ]
    return (*workers, *processes)


def _specs(network: Network) -> list[ArraySpec]:
    specs = [ArraySpec(SPLIT, (), 0, network.agents, internal=True), schedule_spec(clocked_items(network))]
    specs += array_table(network)
    for name, item in network.interfaces.items():
        specs += interfaces.load(item["type"]).arrays(network, name)
    return specs


def _trainings(
    network: Network, specs: Mapping[ArrayKey, ArraySpec], participant_of: Mapping[str, int]
) -> dict[ArrayKey, Training]:
    owners = dict.fromkeys(one.owner for name in network.plasticities for one in trained(network, name))
    trainings = {}
    for owner in owners:
        spec = specs[owner[0], "parameter", owner[1]]
        listed = increments(network, *owner)
        groups = {participant_of[update[0]] for update in listed}
        alone = groups.pop() if len(groups) == 1 else None
        trainings[spec.key] = Training(spec.key, listed, spec.minimum, spec.maximum, alone)
    return trainings


__all__ = ["SCHEDULE", "SPLIT", "Participant", "Plan", "Training"]
