"""What one device group computes in one frame, as a pure function of states, parameters, variables and draws.

    s' = F(s, θ)        Δ = optimizer(∂loss(s, θ))

Free of frame numbers and of any engine: the runtime decides what is due, adds the interfaces' outputs to the states and
the increments to the parameters; a backend compiles `function`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from statestream.arrays import ArrayKey
from statestream.numerics.arrays import item_arrays
from statestream.numerics.course import Course
from statestream.numerics.errors import naming
from statestream.numerics.frame import SPLIT, Frame, Pools
from statestream.numerics.noise import Draw, DrawKey
from statestream.numerics.plasticities import PLASTICITIES
from statestream.numerics.plasticity import Plasticity
from statestream.numerics.shapes import Shape

if TYPE_CHECKING:
    from statestream.graph import Network

Tensor = Any


class Step:
    """The computation of some items. items: neuron-pools and plasticities; synapse-pools come with their targets.

    inputs: arrays it reads, among them SPLIT (a scalar) where needed. draws: random numbers it needs, fresh each frame.
    outputs: next states (without the interfaces' share), updates, variables. shapes: of all inputs and draws.

    Raises UnsupportedError for mathematics that is not there, and KeyError for an unknown item.
    """

    inputs: tuple[ArrayKey, ...]
    draws: tuple[Draw, ...]
    outputs: tuple[ArrayKey, ...]
    shapes: dict[ArrayKey | DrawKey, Shape]

    def __init__(self, network: Network, items: Iterable[str]) -> None:
        self._pools = Pools(network)
        kinds = {name: network.items[name].kind for name in items}
        names = tuple(name for name, kind in kinds.items() if kind == "np")
        self._course = Course.real(network, names)
        self._plasticities = [
            PLASTICITIES[network.plasticities[name]["type"]](network, name)
            for name, kind in kinds.items()
            if kind == "plast"
        ]
        parts: list[Course | Plasticity] = [self._course, *self._plasticities]
        self.inputs = tuple(dict.fromkeys(key for part in parts for key in part.inputs(self._pools)))
        self.draws = tuple(draw for part in parts for draw in part.draws(self._pools))
        states: list[ArrayKey] = [(name, "state", "") for name in names]
        self.outputs = (*states, *(key for plasticity in self._plasticities for key in plasticity.outputs()))
        self.shapes = self._shapes(network)

    def _shapes(self, network: Network) -> dict[ArrayKey | DrawKey, Shape]:
        known: dict[ArrayKey | DrawKey, Shape] = {SPLIT: ()}
        for item in dict.fromkeys(key[0] for key in self.inputs if key != SPLIT):
            known |= {spec.key: spec.shape for spec in item_arrays(network, item)}
        return {key: known[key] for key in self.inputs} | {draw.key: draw.shape for draw in self.draws}

    def function(self, ops: Any, symbols: Mapping[Hashable, Tensor]) -> dict[Hashable, Tensor]:
        """The formulation: a tensor for each of `outputs`, from a tensor for each input and draw."""
        frame = Frame(self._pools, ops, symbols)
        following = self._course.run(frame)[1]
        results: dict[Hashable, Tensor] = {(name, "state", ""): state for name, state in following.items()}
        for plasticity in self._plasticities:
            with naming(plasticity.name):
                results |= plasticity.compute(frame)
        return results
