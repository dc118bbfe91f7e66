"""Courses: which pools are computed, from which synapse-pools, step after step, starting at the present states.

The real network takes one step with everything; a plasticity looks several steps ahead along the paths of its rollout
with random draws of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from statestream.arrays import ArrayKey
from statestream.numerics.frame import SPLIT, Frame, Pools, draws_of
from statestream.numerics.noise import Draw

if TYPE_CHECKING:
    from statestream.graph import Network

Tensor = Any


@dataclass(frozen=True, slots=True)
class Course:
    """steps[d - 1] tells how step d follows from step d - 1: the synapse-pools of each neuron-pool computed.

    prefixes: of the purposes of the draws, one per step.
    """

    steps: tuple[dict[str, tuple[str, ...]], ...]
    prefixes: tuple[str, ...]

    @classmethod
    def real(cls, network: Network, names: tuple[str, ...]) -> Course:
        """The next state of some neuron-pools."""
        return cls(({name: network.incoming(name) for name in names},), ("",))

    @classmethod
    def rollout(cls, network: Network, plasticity: str, needed: Iterable[tuple[str, int]]) -> Course:
        """The rollout of a plasticity, as far as some (pool, step) depend on it.

        A synapse-pool that its step does not list is left out of the sum.
        """
        plan = network.rollout(plasticity)
        wanted: list[set[str]] = [set() for _ in range(plan.depth + 1)]
        for pool, depth in needed:
            wanted[depth].add(pool)
        steps: list[dict[str, tuple[str, ...]]] = []
        for depth in range(plan.depth, 0, -1):
            listed = plan.synapse_pools[depth]
            step = {
                pool: tuple(synapse_pool for synapse_pool in network.incoming(pool) if synapse_pool in listed)
                for pool in plan.neuron_pools[depth]
                if pool in wanted[depth]
            }
            wanted[depth - 1].update(*(network.sources(one) for pools in step.values() for one in pools))
            steps.insert(0, step)
        return cls(tuple(steps), tuple(f"rollout/{plasticity}/{depth}/" for depth in range(1, plan.depth + 1)))

    def draws(self, pools: Pools) -> Iterator[Draw]:
        """All random numbers that the course needs."""
        for step, prefix in zip(self.steps, self.prefixes, strict=True):
            for name, synapse_pools in step.items():
                yield from draws_of(pools.neuron(name), prefix)
                for synapse_pool in synapse_pools:
                    yield from draws_of(pools.synapse(synapse_pool), prefix)

    def inputs(self, pools: Pools) -> Iterator[ArrayKey]:
        """All arrays that the course reads; some more than once."""
        for depth, step in enumerate(self.steps):
            for name, synapse_pools in step.items():
                pool = pools.neuron(name)
                if pool.keeps_state:
                    yield (name, "state", "")
                if "dropout" in pool.draws:
                    yield SPLIT
                yield from pools.parameter_keys(pool).values()
                for synapse_pool in map(pools.synapse, synapse_pools):
                    if depth == 0:
                        yield from ((source, "state", "") for source in synapse_pool.sources)
                    yield from pools.parameter_keys(synapse_pool).values()

    def run(self, frame: Frame) -> list[dict[str, Tensor]]:
        """The states at step 0 (the present ones), 1, 2, ...; each holds the pools of that step only."""
        states = [frame.states]
        # What a zoneout pool keeps where its rollout does not compute it at every step: its last known state.
        latest = dict(frame.states)
        for step, prefix in zip(self.steps, self.prefixes, strict=True):
            following = {
                name: frame.next_state(name, pools, states[-1], latest.get(name), prefix)
                for name, pools in step.items()
            }
            latest |= following
            states.append(following)
        return states
