"""A synapse-pool with weights: convolutions and dense connections, summed within factors, multiplied over them.

    factor f:  a_f = act_f( Σ_i  conv(pact(x_i) · P, weight_fnc(W))  + b_f )
    result:    M · maxout(avgout( Π_f a_f ))

An axis of length 1 stands for all features or all of the space.
"""

from __future__ import annotations

from functools import reduce
from math import prod
from operator import add
from typing import TYPE_CHECKING, Any

from statestream.numerics.activations import ACTIVATIONS
from statestream.numerics.expressions import activate, require
from statestream.numerics.neuron_pool import spread_over_state
from statestream.numerics.shapes import Shape, hidden_features, inputs, is_set, per_factor
from statestream.numerics.synapse_pools.base import ActivatedPool, Tensor, Tensors

if TYPE_CHECKING:
    from statestream.graph import Network


class WeightedPool(ActivatedPool):
    """See the module. inputs: the geometry of every input, factor by factor."""

    def __init__(self, network: Network, name: str) -> None:
        super().__init__(network, name)
        item = self.item
        self.inputs = inputs(network, item)
        self._unshared = frozenset(item.get("unshare") or ())
        self._features = hidden_features(network, item)
        self._reaches = tuple(shape or "full" for shape in per_factor(item, "factor_shapes"))
        self._activations = tuple(name or "Id" for name in per_factor(item, "act"))
        self._biases = per_factor(item, "bias_shapes")
        for f, activation in enumerate(self._activations):
            require(activation, {"$": self.reached(f)}, self.reached(f), (name, "act"))

    def reached(self, f: int) -> Shape:
        """Shape of factor f."""
        return self._shape_of(self._reaches[f])

    def _shape_of(self, reach: str) -> Shape:
        agents, _, *space = self.shape
        return (
            agents,
            self._features if reach in ("full", "feature") else 1,
            *(space if reach in ("full", "spatial") else (1, 1)),
        )

    def combined(self, ops: Any, states: Tensors, parameters: Tensors) -> Tensor:
        """See ActivatedPool."""
        result = self.factor(ops, 0, states, parameters)
        for f in range(1, len(self.inputs)):
            result = result * self.factor(ops, f, states, parameters)
        result = filling(ops, result, self._shape_of("full"))
        for key, statistic in (("avgout", ops.mean), ("maxout", ops.max)):
            size = int(self.item.get(key) or 1)
            if size > 1:
                agents, features, *space = ops.shape(result)
                result = statistic(ops.reshape(result, (agents, features // size, size, *space)), axis=2)
        return ops.conv2d(result, parameters["M"]) if "M" in parameters else result

    def factor(self, ops: Any, f: int, states: Tensors, parameters: Tensors) -> Tensor:
        """Factor f, of the shape that `factor_shapes` says."""
        parts = [
            self.connected(ops, f, i, *self.weighed(ops, f, i, states, parameters)) for i in range(len(self.inputs[f]))
        ]
        total = reduce(add, parts)
        bias = self.bias(ops, f, parameters)
        if bias is not None:
            total = total + bias
        # Only now: an activation such as softmax must see every feature of the factor.
        total = filling(ops, total, self.reached(f))
        return activate(ops, self._activations[f], total, (self.name, "act"))

    def bias(self, ops: Any, f: int, parameters: Tensors) -> Tensor | None:
        """The bias of factor f, to be broadcast over it; None if it has none."""
        if not is_set(self._biases[f]):
            return None
        return spread_over_state(ops, parameters[f"b_{f}"], self._biases[f], f"b_{f}" in self._unshared)

    def weighed(self, ops: Any, f: int, i: int, states: Tensors, parameters: Tensors) -> tuple[Tensor, Tensor]:
        """What meets in an input: its source, projected, and its weight as it is applied."""
        entry = self.inputs[f][i]
        x = self.source(ops, states, f, i)
        if entry.projected:
            x = ops.conv2d(x, parameters[entry.projection])
        weight = parameters[entry.weight]
        agents = ops.shape(weight)[:1] if entry.weight in self._unshared else ()
        # All agents' kernels as those of one: a softmax runs over axis 1, the sources of [targets, sources, kx, ky].
        kernels = ops.reshape(weight, (-1, *entry.stored_shape[1:])) if agents else weight
        kernels = ACTIVATIONS[entry.weight_function].function(ops, kernels)
        weight = ops.reshape(kernels, ops.shape(weight)) if agents else kernels
        return x, filling(ops, weight, (*agents, *entry.working_shape))

    def connected(self, ops: Any, f: int, i: int, x: Tensor, weight: Tensor) -> Tensor:
        """A source through a weight: [agents, C_t, X_t, Y_t], or [agents, C_t, 1, 1] if dense."""
        entry = self.inputs[f][i]
        if entry.dense:
            return ops.dense(x, weight)
        if prod(entry.upsampling) > 1:
            x = ops.upsample(x, entry.upsampling)
        return ops.conv2d(x, weight, stride=entry.stride, dilation=(entry.dilation, entry.dilation))


def filling(ops: Any, x: Tensor, shape: Shape) -> Tensor:
    """A tensor repeated to fill a shape, if it does not yet."""
    return x if ops.shape(x) == shape else ops.broadcast_to(x, shape)
