"""A network that runs in this process: the programs of a session's participants, one after the other.

    with LocalRun(network, seed, engine) as run:
        outputs = run.compute()     # of the frame: next states, increments, variables
        run.commit(outputs)         # interfaces' shares and increments added: the next frame's values

On numpy the values of every frame have the bits that a session's have (law 3: a partition does not change them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from types import TracebackType

import numpy as np

from statestream import external, interfaces
from statestream.arrays import ArrayKey
from statestream.backends import Backend
from statestream.graph import Network
from statestream.memory import Arena, Layout, head_size
from statestream.runtime.increments import apply_training
from statestream.runtime.interface_process import InterfaceProgram
from statestream.runtime.opening import write_initial_values
from statestream.runtime.plan import SCHEDULE, Plan
from statestream.runtime.schedule import Schedule, clocked_items
from statestream.runtime.worker import GroupProgram

Outputs = Mapping[ArrayKey, np.ndarray]


class Groups:
    """The programs of all workers of a plan, over the values of an arena.

    engine: the backend for a device. The arena may be that of a run with other device groups, if it is only read.
    """

    def __init__(self, arena: Arena, plan: Plan, seed: int, engine: Callable[[str], Backend]) -> None:
        self._plan = plan
        self._programs: dict[int, GroupProgram] = {}
        for participant in plan.participants:
            if participant.backend:
                program = self._programs[participant.index] = GroupProgram(arena, plan, participant)
                program.prepare(engine(participant.device), seed, _nothing)

    def close(self) -> None:
        """No further frame will come."""
        for program in self._programs.values():
            program.close()

    def compute(self, frame: int, due: Iterable[str]) -> dict[ArrayKey, np.ndarray]:
        """What the due items compute in this frame; the states without the interfaces' share."""
        outputs: dict[ArrayKey, np.ndarray] = {}
        for index in self._plan.taking_part(due):
            if index in self._programs:
                outputs |= self._programs[index].compute(frame)
        return outputs

    def write(self, frame: int, due: Iterable[str], outputs: Outputs) -> None:
        """Write the following copies of this frame. NotFinite."""
        for index in self._plan.taking_part(due):
            if index in self._programs:
                own = {key: value for key, value in outputs.items() if self._plan.participant_of[key[0]] == index}
                self._programs[index].write(frame, own)


class LocalRun:
    """See the module. Raises what a session's start would: UnsupportedError, InterfaceError, BackendError,
    ExternalModelError."""

    def __init__(self, network: Network, seed: int, engine: Backend) -> None:
        self.network, self.seed = network, seed
        self.plan = plan = Plan(network)
        layout = Layout.plan(plan.specs.values(), plan.changing, head_size(len(plan.participants)))
        self.arena = arena = Arena.private(layout)
        write_initial_values(arena, plan, seed, external.read_apart(network))
        self._schedule = Schedule(clocked_items(network), arena.committed(SCHEDULE))
        with ExitStack() as stack:
            self._interfaces = {name: self._open(name, stack) for name in network.interfaces}
            self._groups = Groups(arena, plan, seed, lambda device: engine)
            stack.callback(self._groups.close)
            self._stack = stack.pop_all()

    def _open(self, name: str, stack: ExitStack) -> InterfaceProgram:
        interface = interfaces.load(self.network.interfaces[name]["type"])(self.network, name, self.seed)
        stack.callback(interface.close)
        program = InterfaceProgram(self.arena, interface)
        program.prepare()
        return program

    def __enter__(self) -> LocalRun:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def when_closed(self, close: Callable[[], None]) -> None:
        """Have something that works on this run's values closed with it."""
        self._stack.callback(close)

    @property
    def frame(self) -> int:
        """Completed frames."""
        return self.arena.control.frame

    @property
    def due(self) -> frozenset[str]:
        """The items that the coming frame computes."""
        return self._schedule.due(self.frame)

    def compute(self) -> dict[ArrayKey, np.ndarray]:
        """What the due items compute in the coming frame, without the interfaces' share; nothing is changed."""
        return self._groups.compute(self.frame, self.due)

    def commit(self, outputs: Outputs) -> None:
        """Complete the coming frame. Raises NotFinite, and leaves the committed values as they are, at NaN or Inf."""
        frame, due, arena = self.frame, self.due, self.arena
        self._groups.write(frame, due, outputs)
        for name, program in self._interfaces.items():
            if name in due:
                program.frame(frame)
        for training in self.plan.trainings.values():
            if training.owner is None:
                apply_training(arena, training, due, arena.table())
        written = np.zeros(len(arena.layout.slots), np.uint8)
        for key in self.plan.written_in(due):
            written[arena.layout.by_key[key].index] = 1
        arena.commit(written)


def _nothing(item: str, state: str) -> None:
    """Nobody waits for news about single items."""
