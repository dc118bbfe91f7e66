"""What a synapse-pool delivers to its target.

    factor f:  a_f = act_f( Σ_i  conv(pact(x_i) · P, weight_fnc(W))  + b_f )
    output:    ACT( M · maxout(avgout( Π_f a_f )) ) + noise

All tensors are [agents, features, X, Y]; an axis of length 1 stands for all features or all of the space.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from statestream.numerics.activations import ACTIVATIONS
from statestream.numerics.errors import UnsupportedError
from statestream.numerics.expressions import activate, evaluate, require
from statestream.numerics.neuron_pool import spread_over_state
from statestream.numerics.noise import Distribution, add_noise, base_distribution
from statestream.numerics.shapes import Input, Shape, hidden_features, inputs, is_set, parameter_shapes, per_factor

if TYPE_CHECKING:
    from statestream.graph import Network

Tensor = Any
Tensors = Mapping[str, Tensor]


class SynapsePool:
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
        if "TRANSFORMER" in (item.get("tags") or ()):
            raise UnsupportedError(name, "tags", "spatial transformer pools are not supported yet")
        if is_set(item.get("func")):
            shapes: dict[Hashable, Shape] = {
                hole: (network.agents, *network.shape(source)) for hole, source in self._holes()
            }
            require(item.get("func"), shapes, self.shape, (name, "func"))
            return
        if is_set(item.get("noise")):
            self.draws["noise"] = base_distribution(item.get("noise"))
        self._unshared = frozenset(item.get("unshare") or ())
        self._inputs = inputs(network, item)
        self._features = hidden_features(network, item)
        self._reaches = tuple(shape or "full" for shape in per_factor(item, "factor_shapes"))
        self._activations = tuple(name or "Id" for name in per_factor(item, "act"))
        self._biases = per_factor(item, "bias_shapes")
        self._require_expressions()

    def _require_expressions(self) -> None:
        for row, reach, activation in zip(self._inputs, self._reaches, self._activations, strict=True):
            for entry in row:
                source = (self.shape[0], *entry.source_shape)
                require(entry.activation, {"$": source}, source, (self.name, "pact"))
            factor = self._reached(reach)
            require(activation, {"$": factor}, factor, (self.name, "act"))
        require(self.item.get("ACT"), {"$": self.shape}, self.shape, (self.name, "ACT"))

    @property
    def _avgout(self) -> int:
        return int(self.item.get("avgout") or 1)

    @property
    def _maxout(self) -> int:
        return int(self.item.get("maxout") or 1)

    def _reached(self, reach: str) -> Shape:
        """Shape of a 'full', 'feature', 'spatial' or 'scalar' factor or input."""
        agents, _, *space = self.shape
        return (
            agents,
            self._features if reach in ("full", "feature") else 1,
            *(space if reach in ("full", "spatial") else (1, 1)),
        )

    def output(self, ops: Any, states: Tensors, parameters: Tensors, drawn: Callable[[str], Tensor]) -> Tensor:
        """The pool's contribution, of its target's shape.

        states: of its sources. parameters: by name. drawn: the random numbers of a purpose.
        """
        if is_set(self.item.get("func")):
            return self._functional(ops, states)
        result = self._factor(ops, 0, states, parameters)
        for f in range(1, len(self._inputs)):
            result = result * self._factor(ops, f, states, parameters)
        result = _filling(ops, result, self._reached("full"))
        for size, statistic in ((self._avgout, ops.mean), (self._maxout, ops.max)):
            if size > 1:
                agents, features, *space = ops.shape(result)
                result = statistic(ops.reshape(result, (agents, features // size, size, *space)), axis=2)
        if "M" in parameters:
            result = ops.conv2d(result, parameters["M"])
        result = activate(ops, self.item.get("ACT"), result, (self.name, "ACT"))
        if "noise" in self.draws:
            result = add_noise(ops, self.item.get("noise"), result, drawn("noise"), parameters)
        return result

    def _functional(self, ops: Any, states: Tensors) -> Tensor:
        values = {hole: states[source] for hole, source in self._holes()}
        return evaluate(ops, self.item.get("func"), values, self.shape, (self.name, "func"))

    def _holes(self) -> Iterator[tuple[str, str]]:
        """The placeholders of a functional pool, each with its source: $<factor><input>."""
        for f, row in enumerate(self.item["source"]):
            yield from ((f"${f}{i}", source) for i, source in enumerate(row))

    def _factor(self, ops: Any, f: int, states: Tensors, parameters: Tensors) -> Tensor:
        """Factor f, of the shape that `factor_shapes` says, or smaller where everything broadcasts."""
        total = None
        for entry in self._inputs[f]:
            part = self._input(ops, entry, states[entry.source], parameters)
            total = part if total is None else total + part
        if is_set(self._biases[f]):
            total = total + spread_over_state(ops, parameters[f"b_{f}"], self._biases[f], f"b_{f}" in self._unshared)
        # Only now: an activation such as softmax must see every feature of the factor.
        total = _filling(ops, total, self._reached(self._reaches[f]))
        return activate(ops, self._activations[f], total, (self.name, "act"))

    def _input(self, ops: Any, entry: Input, x: Tensor, parameters: Tensors) -> Tensor:
        """One source through its weights: [agents, C_t, X_t, Y_t], or [agents, C_t, 1, 1] if dense."""
        x = activate(ops, entry.activation, x, (self.name, "pact"))
        if entry.projected:
            x = ops.conv2d(x, parameters[entry.projection])
        weight = ACTIVATIONS[entry.weight_function].function(ops, parameters[entry.weight])
        agents = ops.shape(weight)[:1] if entry.weight in self._unshared else ()
        weight = _filling(ops, weight, (*agents, *entry.working_shape))
        if entry.dense:
            return ops.dense(x, weight)
        if prod(entry.upsampling) > 1:
            x = ops.upsample(x, entry.upsampling)
        return ops.conv2d(x, weight, stride=entry.stride, dilation=(entry.dilation, entry.dilation))


def _filling(ops: Any, x: Tensor, shape: Shape) -> Tensor:
    return x if ops.shape(x) == shape else ops.broadcast_to(x, shape)
