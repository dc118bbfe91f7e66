"""What every type of plasticity states: what it reads and draws, and what it computes from that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from statestream.arrays import ArrayKey
from statestream.numerics.declarations import PLASTICITIES
from statestream.numerics.frame import Frame, Pools
from statestream.numerics.learning import Learner
from statestream.numerics.noise import Draw

if TYPE_CHECKING:
    from statestream.graph import Network

Tensor = Any


class Plasticity(ABC):
    """One plasticity. It makes a gradient for each parameter that it trains; `learner` turns them into increments.

    type: the name of its type in a graph, whose parameters and variables are in `declarations`.
    """

    type: ClassVar[str]

    def __init__(self, network: Network, name: str) -> None:
        self.name = name
        self.item = network.plasticities[name]
        self.learner = Learner(network, name)
        self._variables = tuple(self._variable(each.name) for each in PLASTICITIES[self.type].variables)

    @abstractmethod
    def inputs(self, pools: Pools) -> Iterator[ArrayKey]:
        """All arrays that it reads, those of the learner included; some more than once."""

    def draws(self, pools: Pools) -> Iterable[Draw]:
        """The random numbers that it needs."""
        return ()

    def outputs(self) -> Iterator[ArrayKey]:
        """All arrays that it writes: the variables of its type, updates, gradients, and the optimizer's memory."""
        yield from self._variables
        yield from self.learner.outputs()

    @abstractmethod
    def compute(self, frame: Frame) -> dict[Hashable, Tensor]:
        """All outputs, by their array keys."""

    def _variable(self, name: str) -> ArrayKey:
        return (self.name, "variable", name)

    def _parameter(self, name: str) -> ArrayKey:
        return (self.name, "parameter", name)
