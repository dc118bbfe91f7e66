"""The bare graph of pools and synapse-pools: paths, distances and orders (streaming theory: one hop is one frame)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Synapse:
    """A synapse-pool: the distinct pools it reads, and the pool it writes."""

    name: str
    sources: tuple[str, ...]
    target: str


@dataclass(frozen=True)
class Structure:
    """Pools and the synapse-pools between them, both in file order."""

    pools: tuple[str, ...]
    synapses: Mapping[str, Synapse]

    @cached_property
    def incoming(self) -> Mapping[str, tuple[str, ...]]:
        """Pool -> the synapse-pools that write it."""
        found: dict[str, list[str]] = {pool: [] for pool in self.pools}
        for synapse in self.synapses.values():
            found.setdefault(synapse.target, []).append(synapse.name)
        return {pool: tuple(names) for pool, names in found.items()}

    @cached_property
    def successors(self) -> Mapping[str, tuple[str, ...]]:
        """Pool -> the distinct pools that it reaches in one frame."""
        found: dict[str, dict[str, None]] = {pool: {} for pool in self.pools}
        for synapse in self.synapses.values():
            for source in synapse.sources:
                found.setdefault(source, {})[synapse.target] = None
        return {pool: tuple(targets) for pool, targets in found.items()}

    @cached_property
    def predecessors(self) -> Mapping[str, tuple[str, ...]]:
        """Pool -> the distinct pools that reach it in one frame."""
        found: dict[str, dict[str, None]] = {pool: {} for pool in self.pools}
        for synapse in self.synapses.values():
            found.setdefault(synapse.target, {}).update(dict.fromkeys(synapse.sources))
        return {pool: tuple(sources) for pool, sources in found.items()}

    @cached_property
    def last_steps(self) -> Mapping[str, int]:
        """Pool -> the last step of a rollout at which it can be computed; pools that always can be are left out.

        At step 0 all pools have their present states; a synapse-pool takes part in step d if all its sources can be
        computed at step d - 1. So a pool that nothing leads to ends with step 0, and only loops go on for ever.
        """
        readers: dict[str, list[Synapse]] = {}
        for synapse in self.synapses.values():
            for source in synapse.sources:
                readers.setdefault(source, []).append(synapse)
        left = {pool: len(self.incoming[pool]) for pool in self.pools}
        found: dict[str, int] = {}
        ended: set[str] = set()
        ending, step = [pool for pool in self.pools if not left[pool]], 0
        while ending:
            following = []
            for pool in ending:
                found[pool] = step
                for synapse in readers.get(pool, ()):
                    if synapse.name not in ended:
                        ended.add(synapse.name)
                        left[synapse.target] -= 1
                        if not left[synapse.target]:
                            following.append(synapse.target)
            ending, step = following, step + 1
        return found

    def between(self, source: str, target: str) -> tuple[str, ...]:
        """The synapse-pools from one pool straight to another."""
        return tuple(name for name in self.incoming.get(target, ()) if source in self.synapses[name].sources)

    def distances_from(self, source: str) -> dict[str, int]:
        """Pool -> least number of hops (at least 1) from the source; pools out of reach are left out."""
        found: dict[str, int] = {}
        queue = deque([(source, 0)])
        while queue:
            pool, hops = queue.popleft()
            for following in self.successors.get(pool, ()):
                if following not in found:
                    found[following] = hops + 1
                    queue.append((following, hops + 1))
        return found

    def distance(self, source: str, target: str) -> int | None:
        """Least number of hops, at least 1: to itself, the shortest cycle. None if out of reach."""
        return self.distances_from(source).get(target)

    def distance_matrix(self) -> dict[tuple[str, str], int | None]:
        """(from, to) -> distance, for all pairs of pools."""
        rows = {pool: self.distances_from(pool) for pool in self.pools}
        return {(a, b): rows[a].get(b) for a in self.pools for b in self.pools}

    def shortest_path(self, source: str, target: str) -> list[str]:
        """Pools of a shortest path, listed from the target back to the source; [] if there is none.

        At least one hop: a pool's path to itself is its shortest cycle.
        """
        came: dict[str, str] = {}
        queue = deque([target])
        while queue:
            pool = queue.popleft()
            for before in self.predecessors.get(pool, ()):
                if before not in came:
                    came[before] = pool
                    queue.append(before)
                if before == source:
                    return _walked(came, source, target)
        return []

    def farthest_source(self) -> str | None:
        """The pool from which the greatest finite distance begins: a guess of the network's input."""
        best: tuple[int, str] | None = None
        for pool in self.pools:
            reach = max(self.distances_from(pool).values(), default=0)
            if reach and (best is None or reach > best[0]):
                best = (reach, pool)
        return best and best[1]

    def clever_sort(self, source: str) -> list[str]:
        """All pools by signed distance to the source: upstream ones, itself, downstream ones, then the unconnected."""
        down = self.distances_from(source)
        up = self._distances_to(source)
        signed = {source: 0}
        for pool in self.pools:
            if pool == source:
                continue
            if pool in down and down[pool] <= up.get(pool, down[pool]):
                signed[pool] = down[pool]
            elif pool in up:
                signed[pool] = -up[pool]
        return sorted(self.pools, key=lambda pool: (pool not in signed, signed.get(pool, 0)))

    def _distances_to(self, target: str) -> dict[str, int]:
        turned = Structure(self.pools, {})
        turned.__dict__["successors"] = self.predecessors
        return turned.distances_from(target)


def _walked(came: Mapping[str, str], source: str, target: str) -> list[str]:
    """The path of a search that began at the target, reversed."""
    path = [source]
    pool = came[source]
    while pool != target:
        path.append(pool)
        pool = came[pool]
    path.append(target)
    return path[::-1]


def filter_items(tags: Mapping[str, Iterable[str]], items: Iterable[str], filters: Iterable[str]) -> list[str]:
    """Items that the filters leave: `#t` keeps only those with tag t, `!t` removes those; a trailing `!` is ignored."""
    left = list(items)
    for text in filters:
        kind, tag = text[:1], text[1:].removesuffix("!")
        having = set(tags.get(tag, ()))
        if kind == "#":
            left = [item for item in left if item in having]
        elif kind == "!":
            left = [item for item in left if item not in having]
    return left
