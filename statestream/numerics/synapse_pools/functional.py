"""A functional synapse-pool: `func`, an expression over its raw sources $00, $01, ...; nothing else is applied."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

from statestream.numerics.expressions import evaluate, require
from statestream.numerics.shapes import Shape
from statestream.numerics.synapse_pools.base import Drawn, SynapsePool, Tensor, Tensors

if TYPE_CHECKING:
    from statestream.graph import Network


class FunctionalPool(SynapsePool):
    """See the module."""

    def __init__(self, network: Network, name: str) -> None:
        super().__init__(network, name)
        shapes: dict[Hashable, Shape] = {
            hole: (network.agents, *network.shape(source)) for hole, source in self._holes()
        }
        require(self.item.get("func"), shapes, self.shape, (name, "func"))

    def output(self, ops: Any, states: Tensors, parameters: Tensors, drawn: Drawn) -> Tensor:
        """See SynapsePool."""
        values = {hole: states[source] for hole, source in self._holes()}
        return evaluate(ops, self.item.get("func"), values, self.shape, (self.name, "func"))

    def _holes(self) -> Iterator[tuple[str, str]]:
        """The placeholders, each with its source: $<factor><input>."""
        for f, row in enumerate(self.item["source"]):
            yield from ((f"${f}{i}", source) for i, source in enumerate(row))
