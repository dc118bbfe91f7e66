"""Worker process of one device group: one compiled call per frame, then everything written to the following copies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from statestream import backends, settings
from statestream.arrays import ArrayKey
from statestream.backends.base import Compiled
from statestream.graph import Network
from statestream.memory import Arena
from statestream.numerics.step import Step
from statestream.runtime.draws import Draws
from statestream.runtime.increments import apply_training, require_finite
from statestream.runtime.participant import Reporter, main, serve
from statestream.runtime.plan import SCHEDULE, Participant, Plan
from statestream.runtime.schedule import Schedule, clocked_items


class Variant:
    """A step of some of the group's items, compiled."""

    def __init__(self, network: Network, items: frozenset[str], backend: Any, arena: Arena, seed: int) -> None:
        step = Step(network, sorted(items, key=list(network.items).index))
        self.items = items
        self.outputs = step.outputs
        self.inputs = [(key, arena.layout.by_key[key].index, arena.copies(key)) for key in step.inputs]
        self.draws = Draws(step.draws, seed)
        self._call: Compiled = backend.compile(step.function, step.shapes)

    def __call__(self, table: np.ndarray, frame: int) -> Mapping[Any, np.ndarray]:
        """The step's outputs from the committed values and this frame's draws."""
        return self.compute(self.values(table, frame))

    def values(self, table: np.ndarray, frame: int) -> dict[Any, np.ndarray]:
        """What the step is computed from: the committed values and this frame's draws."""
        values: dict[Any, np.ndarray] = {key: copies[table[slot]] for key, slot, copies in self.inputs}
        values.update(self.draws.of(frame))
        return values

    def compute(self, values: Mapping[Any, np.ndarray]) -> Mapping[Any, np.ndarray]:
        """The step's outputs from these values."""
        return self._call(values)


class GroupProgram:
    """What the worker does in a frame."""

    def __init__(self, arena: Arena, plan: Plan, participant: Participant) -> None:
        self._arena, self._plan, self._me = arena, plan, participant
        self._schedule = Schedule(clocked_items(plan.network), arena.committed(SCHEDULE))
        self._mine = frozenset(participant.items)
        self._variants: list[Variant] = []
        self._fitting: dict[frozenset[str], tuple[Variant, tuple[ArrayKey, ...]]] = {}
        """By the set of due items."""
        self._owned = [t for t in plan.trainings.values() if t.owner == participant.index]

    def prepare(self, backend: Any, seed: int, progress: Callable[[str, str], None]) -> None:
        """Compile one variant per due set that the schedule brings, smallest last; progress(item, state) for each."""
        for item in self._me.items:
            progress(item, "compiling")
        sets = dict.fromkeys([self._mine, *(due & self._mine for due in self._schedule.due_sets())])
        for items in sets:
            if items:
                self._variants.append(Variant(self._plan.network, items, backend, self._arena, seed))
        # A first call outside any frame: engines finish their work on the graph then.
        for variant in self._variants:
            variant(self._arena.table(), 0)
        for item in self._me.items:
            progress(item, "ready")

    def close(self) -> None:
        """No further frame will come."""
        for variant in self._variants:
            variant.draws.close()

    def frame(self, frame: int) -> None:
        """Compute the group's part of frame `frame` and write the following copies."""
        self.write(frame, self.compute(frame))

    def compute(self, frame: int) -> dict[ArrayKey, np.ndarray]:
        """What the group's due items compute in this frame; the states without the interfaces' share."""
        due = self._schedule.due(frame)
        if due not in self._fitting:
            self._fitting[due] = self._fit(due & self._mine)
        variant, wanted = self._fitting[due]
        outputs = variant(self._arena.table(), frame)
        return {key: outputs[key] for key in wanted}

    def _fit(self, due: frozenset[str]) -> tuple[Variant, tuple[ArrayKey, ...]]:
        """The smallest variant that covers the due items, and their outputs; what else it computes is in vain."""
        variant = min((v for v in self._variants if v.items >= due), key=lambda v: len(v.items))
        return variant, tuple(key for key in variant.outputs if key[0] in due)

    def write(self, frame: int, outputs: Mapping[ArrayKey, np.ndarray]) -> None:
        """Write the following copies of this frame: interfaces' shares and increments added. NotFinite."""
        table = self._arena.table()
        for key, value in outputs.items():
            self._write(key, value, table)
        if self._owned:
            self._train(self._schedule.due(frame) & self._mine, table)

    def _write(self, key: ArrayKey, value: np.ndarray, table: np.ndarray) -> None:
        slot = self._arena.layout.by_key[key].index
        copies = self._arena.copies(key)
        target = copies[1 - table[slot]]
        added = self._plan.inputs_from_interfaces.get(key[0], ()) if key[1] == "state" else ()
        if added:
            self._add(value, added, target, table)
        else:
            np.copyto(target, value)
        require_finite(target, slot)

    def _add(self, value: np.ndarray, added: Iterable[ArrayKey], target: np.ndarray, table: np.ndarray) -> None:
        for key in added:
            slot = self._arena.layout.by_key[key].index
            value = np.add(value, self._arena.copies(key)[table[slot]], out=target)

    def _train(self, due: frozenset[str], table: np.ndarray) -> None:
        for training in self._owned:
            apply_training(self._arena, training, due, table)


class Worker:
    """The worker's life: load the engine, once; for each network compile and take part in frames."""

    def __init__(self) -> None:
        self._engine: backends.Backend | None = None

    def __call__(self, arena: Arena, index: int, reporter: Reporter) -> bool:
        """One network, see participant.Life."""
        description = arena.description
        plan = Plan(Network.from_json(description["network"]))
        participant = plan.participants[index]
        if self._engine is None:
            threads = plan.threads(description["threads"])
            cache = settings.home() / "compiled"
            self._engine = backends.load(participant.backend, threads=threads, device=participant.device, cache=cache)
        program = GroupProgram(arena, plan, participant)
        try:
            program.prepare(self._engine, description["seed"], reporter.progress)
            reporter.ready()
            return serve(arena, index, program.frame, reporter)
        finally:
            program.close()


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main(Worker())
