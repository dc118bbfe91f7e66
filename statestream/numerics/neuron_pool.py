"""One frame of a neuron-pool.

    S = combined contributions + noise        A = act(g · norm(S) + b)        s' = zoneout(dropout(A))

Contributions are added; a `binary` pool takes them for probabilities of independent causes (noisy or, Pearl 1988):
S ← S + p (1 - S) from 0 on, in the order of its synapse-pools.

Every tensor is [agents, F, X, Y]. What an interface feeds into the pool is added afterwards, by the runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from statestream.numerics.expressions import activate, require
from statestream.numerics.noise import Distribution, add_noise, base_distribution
from statestream.numerics.shapes import is_set, parameter_shapes

if TYPE_CHECKING:
    from statestream.graph import Network

Tensor = Any

# The axes over which statistics are taken.
_BATCH_AXES = {"full": (0, 1, 2, 3), "spatial": (0, 2, 3), "feature": (0, 1), "scalar": (0,)}
_LAYER_AXES = {"full": (1, 2, 3), "spatial": (2, 3), "feature": (1,)}
_EPSILON = 1e-6


class NeuronPool:
    """The update of one pool.

    shape: of its state. parameters: names of those it reads. draws: purpose -> distribution. Raises UnsupportedError
    for what cannot be computed.
    """

    def __init__(self, network: Network, name: str) -> None:
        item = network.neuron_pools[name]
        self.name = name
        self.item = item
        self.shape = (network.agents, *network.shape(name))
        self.parameters = tuple(parameter_shapes(network, name))
        self._unshared = frozenset(item.get("unshare") or ())
        require(item.get("act"), {"$": self.shape}, self.shape, (name, "act"))
        self.draws: dict[str, Distribution] = {}
        if is_set(item.get("noise")):
            self.draws["noise"] = base_distribution(item.get("noise"))
        self.draws |= {purpose: "uniform" for purpose in ("dropout", "zoneout") if purpose in self.parameters}

    @property
    def keeps_state(self) -> bool:
        """Whether the next state depends on the present one without any synapse-pool (zoneout)."""
        return "zoneout" in self.parameters

    def update(
        self,
        ops: Any,
        contributions: Sequence[Tensor],
        state: Tensor | None,
        parameters: Mapping[str, Tensor],
        drawn: Callable[[str], Tensor],
        learning: Tensor | None,
    ) -> Tensor:
        """The next state.

        contributions: what its synapse-pools deliver. state: the present state, for zoneout. drawn: the random numbers
        of a purpose. learning: [agents, 1, 1, 1], 1 for agents that learn; only they drop out.
        """
        item = self.item
        total = self._combined(ops, contributions)
        if "noise" in self.draws:
            total = add_noise(ops, item.get("noise"), total, drawn("noise"), parameters)
        total = self._normalised(ops, total)
        if "g" in parameters:
            total = total * self._spread(ops, parameters["g"], "g", "gain_shape")
        if "b" in parameters:
            total = total + self._spread(ops, parameters["b"], "b", "bias_shape")
        result = activate(ops, item.get("act"), total, (self.name, "act"))
        if "dropout" in parameters:
            result = _dropout(ops, result, parameters["dropout"], drawn("dropout"), learning)
        if self.keeps_state:
            result = ops.where(ops.less(drawn("zoneout"), parameters["zoneout"]), state, result)
        return result

    def _combined(self, ops: Any, contributions: Sequence[Tensor]) -> Tensor:
        if not contributions:
            return ops.broadcast_to(ops.constant(0.0), self.shape)
        total = contributions[0]
        for contribution in contributions[1:]:
            total = total + (contribution * (1.0 - total) if self.item.get("binary") else contribution)
        return total

    def _normalised(self, ops: Any, x: Tensor) -> Tensor:
        for kind, axes in (("batchnorm", _BATCH_AXES), ("layernorm", _LAYER_AXES)):
            mean, std = (self.item.get(f"{kind}_{statistic}") for statistic in ("mean", "std"))
            if is_set(mean):
                x = x - ops.mean(x, axis=axes[mean], keepdims=True)
            if is_set(std):
                x = x / ops.sqrt(ops.var(x, axis=axes[std], keepdims=True) + _EPSILON)
        return x

    def _spread(self, ops: Any, value: Tensor, name: str, key: str) -> Tensor:
        """A bias or gain with axes [agents or 1, F or 1, X or 1, Y or 1]."""
        return spread_over_state(ops, value, self.item.get(key), name in self._unshared)


def spread_over_state(ops: Any, value: Tensor, shape: str, unshared: bool) -> Tensor:
    """A 'full', 'feature', 'spatial' or 'scalar' array with four axes, to be broadcast over a state."""
    lengths = ops.shape(value)
    agents = lengths[0] if unshared else 1
    own = lengths[1:] if unshared else lengths
    axes = {"full": own, "feature": (*own, 1, 1), "spatial": (1, *own), "scalar": (1, 1, 1)}[shape]
    return ops.reshape(value, (agents, *axes))


def _dropout(ops: Any, x: Tensor, rate: Tensor, uniform: Tensor, learning: Tensor) -> Tensor:
    """Each element of a learning agent is 0 with probability rate, else x / (1 - rate); the mean stays the same."""
    rate = ops.stop_gradient(rate)
    kept = ops.greater_equal(uniform, rate) / ops.maximum(1.0 - rate, 1e-6)
    return x * ops.where(learning, kept, 1.0)
