"""Process of one interface: reads the states of its inputs, produces its variables of the next frame."""

from __future__ import annotations

import numpy as np

from statestream import interfaces
from statestream.graph import Network
from statestream.memory import Arena
from statestream.runtime.increments import require_finite
from statestream.runtime.participant import Reporter, main, serve
from statestream.runtime.plan import SPLIT, Plan


class InterfaceProgram:
    """What an interface's process does in a frame."""

    def __init__(self, arena: Arena, interface: interfaces.Interface) -> None:
        self._arena, self._interface = arena, interface
        self._inputs = {topic: (pool, "state", "") for topic, pool in interface.inputs.items()}
        specs = [spec for spec in arena.layout.by_key if spec[0] == interface.name]
        self._variables = {key[2]: key for key in specs if key[1] == "variable"}
        self._parameters = {key[2]: key for key in specs if key[1] == "parameter"}

    def prepare(self) -> None:
        """Load data, and write the variables' values of frame 0. No frame runs yet, so the committed copy is ours."""
        self._interface.initialize()
        for key in self._variables.values():
            np.copyto(self._arena.committed(key), self._interface.initial(key))

    def frame(self, frame: int) -> None:
        """One step of the interface."""
        arena, table = self._arena, self._arena.table()
        slots = {name: arena.layout.by_key[key].index for name, key in self._variables.items()}
        previous = {name: arena.copies(key)[table[slots[name]]] for name, key in self._variables.items()}
        following = {name: arena.copies(key)[1 - table[slots[name]]] for name, key in self._variables.items()}
        inputs = {topic: arena.committed(key) for topic, key in self._inputs.items()}
        parameters = {name: float(arena.committed(key)) for name, key in self._parameters.items()}
        split = int(arena.committed(SPLIT))
        self._interface.step(frame, previous, inputs, parameters, split, following)
        for name, values in following.items():
            require_finite(values, slots[name])


def run(arena: Arena, index: int, reporter: Reporter) -> bool:
    """The interface's life: load, take part in frames."""
    network = Network.from_json(arena.description["network"])
    name = Plan(network).participants[index].items[0]
    reporter.progress(name, "compiling")
    interface = interfaces.load(network.interfaces[name]["type"])(network, name, arena.description["seed"])
    program = InterfaceProgram(arena, interface)
    try:
        program.prepare()
        reporter.progress(name, "ready")
        reporter.ready()
        return serve(arena, index, program.frame, reporter)
    finally:
        interface.close()


if __name__ == "__main__":
    main(run)
