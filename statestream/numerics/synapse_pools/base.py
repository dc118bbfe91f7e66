"""What all synapse-pools have in common. Tensors are [agents, features, X, Y]."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from statestream.numerics.expressions import activate, require
from statestream.numerics.noise import Distribution, add_noise, base_distribution
from statestream.numerics.shapes import is_set, parameter_shapes, per_input

if TYPE_CHECKING:
    from statestream.graph import Network

Tensor = Any
Tensors = Mapping[str, Tensor]
Drawn = Callable[[str], Tensor]


class SynapsePool(ABC):
    """The output of one pool.

    sources: pools it reads. shape: of its target's state. parameters: names of those it reads. draws: purpose ->
    distribution. Raises UnsupportedError for what cannot be computed.
    """

    def __init__(self, network: Network, name: str) -> None:
        item = network.synapse_pools[name]
        self.name = name
        self.item = item
        self.target: str = item["target"]
        self.shape = (network.agents, *network.shape(self.target))
        self.sources = tuple(dict.fromkeys(source for row in item["source"] for source in row))
        self.parameters = tuple(parameter_shapes(network, name))
        self.draws: dict[str, Distribution] = {}

    @abstractmethod
    def output(self, ops: Any, states: Tensors, parameters: Tensors, drawn: Drawn) -> Tensor:
        """The pool's contribution, of its target's shape.

        states: of its sources. parameters: by name. drawn: the random numbers of a purpose.
        """


class ActivatedPool(SynapsePool):
    """A pool whose sources go through `pact` first, and whose result goes through `ACT`, then gets its noise.

    output = ACT(combined(pact(sources))) + noise
    """

    def __init__(self, network: Network, name: str) -> None:
        super().__init__(network, name)
        if is_set(self.item.get("noise")):
            self.draws["noise"] = base_distribution(self.item.get("noise"))
        self._pacts = per_input(self.item, "pact")
        for sources, pacts in zip(self.item["source"], self._pacts, strict=True):
            for source, pact in zip(sources, pacts, strict=True):
                shape = (network.agents, *network.shape(source))
                require(pact or "Id", {"$": shape}, shape, (name, "pact"))
        require(self.item.get("ACT"), {"$": self.shape}, self.shape, (name, "ACT"))

    @abstractmethod
    def combined(self, ops: Any, states: Tensors, parameters: Tensors) -> Tensor:
        """The result before `ACT`, of the target's shape."""

    def output(self, ops: Any, states: Tensors, parameters: Tensors, drawn: Drawn) -> Tensor:
        """See SynapsePool."""
        result = activate(ops, self.item.get("ACT"), self.combined(ops, states, parameters), (self.name, "ACT"))
        if "noise" in self.draws:
            result = add_noise(ops, self.item.get("noise"), result, drawn("noise"), parameters)
        return result

    def source(self, ops: Any, states: Tensors, f: int, i: int = 0) -> Tensor:
        """The state of factor f's input i, after its `pact`."""
        state = states[self.item["source"][f][i]]
        return activate(ops, self._pacts[f][i] or "Id", state, (self.name, "pact"))
