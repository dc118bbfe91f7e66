"""From gradients to increments: the part that every plasticity has in common.

All parameters of a plasticity go through its optimizer as one flat vector: a few large kernels instead of many small
ones. In the arena every parameter keeps variables of its own.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from statestream.arrays import ArrayKey
from statestream.numerics.arrays import Trained, trained
from statestream.numerics.frame import Frame
from statestream.numerics.optimizers import OPTIMIZERS

if TYPE_CHECKING:
    from statestream.graph import Network

Tensor = Any


class Learner:
    """The optimizer of one plasticity, with the parameters it trains."""

    def __init__(self, network: Network, name: str) -> None:
        self.name = name
        self.trained: tuple[Trained, ...] = trained(network, name)
        self.optimizer = OPTIMIZERS[network.plasticities[name].get("optimizer")]

    def inputs(self) -> Iterator[ArrayKey]:
        """The optimizer's parameters and its memory."""
        yield from (self._parameter(parameter.name) for parameter in self.optimizer.parameters)
        yield from self._memory()

    def outputs(self) -> Iterator[ArrayKey]:
        """Updates, gradients, and the optimizer's memory."""
        for one in self.trained:
            yield (self.name, "update", one.name)
            yield self._variable(f"grad.{one.full_name}")
        yield from self._memory()

    def owners(self) -> tuple[ArrayKey, ...]:
        """The arrays of the trained parameters."""
        return tuple((item, "parameter", parameter) for item, parameter in (one.owner for one in self.trained))

    def learn(self, frame: Frame, gradients: Sequence[Tensor]) -> dict[Hashable, Tensor]:
        """All outputs by their array keys, from one gradient for each trained parameter."""
        optimizer = self.optimizer
        variables = {name: frame.symbols[self._variable(name)] for name in optimizer.counters}
        for moment in optimizer.moments:
            parts = [frame.symbols[self._variable(f"{moment}.{one.full_name}")] for one in self.trained]
            variables[moment] = _flat(frame.ops, parts)
        parameters = {each.name: frame.symbols[self._parameter(each.name)] for each in optimizer.parameters}
        increment, variables = optimizer.step(frame.ops, _flat(frame.ops, gradients), variables, parameters)

        result: dict[Hashable, Tensor] = {self._variable(name): variables[name] for name in optimizer.counters}
        for one, gradient in zip(self.trained, gradients, strict=True):
            result[self._variable(f"grad.{one.full_name}")] = gradient
        for one, part in zip(self.trained, self._parts(frame.ops, increment), strict=True):
            result[(self.name, "update", one.name)] = part
        for moment in optimizer.moments:
            for one, part in zip(self.trained, self._parts(frame.ops, variables[moment]), strict=True):
                result[self._variable(f"{moment}.{one.full_name}")] = part
        return result

    def _parts(self, ops: Any, vector: Tensor) -> Iterator[Tensor]:
        """The flat vector cut into pieces of the trained parameters' shapes."""
        begin = 0
        for one in self.trained:
            end = begin + prod(one.shape)
            yield ops.reshape(vector[begin:end], one.shape)
            begin = end

    def _memory(self) -> Iterator[ArrayKey]:
        yield from (self._variable(name) for name in self.optimizer.counters)
        for one in self.trained:
            yield from (self._variable(name) for name in self.optimizer.variables(one.full_name))

    def _variable(self, name: str) -> ArrayKey:
        return (self.name, "variable", name)

    def _parameter(self, name: str) -> ArrayKey:
        return (self.name, "parameter", name)


def _flat(ops: Any, parts: Sequence[Tensor]) -> Tensor:
    vectors = [ops.reshape(part, (prod(ops.shape(part)),)) for part in parts]
    return vectors[0] if len(vectors) == 1 else ops.concatenate(vectors, 0)
