"""Rollouts: which pools and synapse-pools a plasticity computes, step by step, from the states of the present frame.

A signal counts only if it comes from step 0 in exactly as many hops as there are steps: what begins later is pruned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from statestream.graph.structure import Structure


@dataclass(frozen=True)
class Rollout:
    """neuron_pools[d]: pools whose virtual state at step d is needed; step 0 are the states of the frame.

    synapse_pools[d]: what is evaluated to get step d from step d - 1 (for a rollout without steps, depth 0: the
    synapse-pools that are looked at). Both in file order.
    """

    depth: int
    neuron_pools: tuple[tuple[str, ...], ...]
    synapse_pools: tuple[tuple[str, ...], ...]

    @property
    def steps(self) -> range:
        """The steps that are computed: 1 to depth."""
        return range(1, self.depth + 1)


def unroll(structure: Structure, depth: int, seeds: Mapping[int, Iterable[str]]) -> Rollout:
    """The rollout in which the pools seeds[d] are needed at step d."""
    pools: list[set[str]] = [set(seeds.get(d, ())) for d in range(depth + 1)]
    synapses: list[set[str]] = [set() for _ in range(depth + 1)]
    for d in range(depth, 0, -1):
        for pool in pools[d]:
            for name in structure.incoming.get(pool, ()):
                synapses[d].add(name)
                pools[d - 1].update(structure.synapses[name].sources)
    for d in range(1, depth):
        fed = {structure.synapses[name].target for name in synapses[d]}
        lost = pools[d] - fed
        pools[d] &= fed
        if lost:
            synapses[d + 1] = {name for name in synapses[d + 1] if lost.isdisjoint(structure.synapses[name].sources)}
    return _ordered(structure, depth, pools, synapses)


def neighbourhood(structure: Structure, synapses: Iterable[str], pools: Iterable[str] = ()) -> Rollout:
    """The rollout without steps: the synapse-pools with their sources and targets, and further pools."""
    chosen = {name for name in synapses if name in structure.synapses}
    found = set(pools)
    for name in chosen:
        found |= {*structure.synapses[name].sources, structure.synapses[name].target}
    return _ordered(structure, 0, [found], [chosen])


def _ordered(structure: Structure, depth: int, pools: list[set[str]], synapses: list[set[str]]) -> Rollout:
    place = {name: i for i, name in enumerate((*structure.pools, *structure.synapses))}
    return Rollout(
        depth,
        tuple(tuple(sorted(each, key=place.__getitem__)) for each in pools),
        tuple(tuple(sorted(each, key=place.__getitem__)) for each in synapses),
    )
