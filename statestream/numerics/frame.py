"""One evaluation of the formulation over one engine: the symbols it is given, and what has been computed from them.

A pool's output computed from the same tensors is computed once: the first step of a rollout is the real next state
wherever no random numbers are involved, and two plasticities with a common path share it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from statestream.arrays import ArrayKey
from statestream.numerics.errors import naming
from statestream.numerics.neuron_pool import NeuronPool
from statestream.numerics.noise import Draw, DrawKey
from statestream.numerics.synapse_pools import SynapsePool, synapse_pool

if TYPE_CHECKING:
    from statestream.graph import Network

Tensor = Any

SPLIT: ArrayKey = ("", "session", "split")
"""Input of shape (): the session's split; agents below it do not learn."""


class Pools:
    """The neuron-pools and synapse-pools of a network, each prepared at its first use."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._neuron: dict[str, NeuronPool] = {}
        self._synapse: dict[str, SynapsePool] = {}

    def neuron(self, name: str) -> NeuronPool:
        """A neuron-pool."""
        if name not in self._neuron:
            self._neuron[name] = NeuronPool(self.network, name)
        return self._neuron[name]

    def synapse(self, name: str) -> SynapsePool:
        """A synapse-pool."""
        if name not in self._synapse:
            self._synapse[name] = synapse_pool(self.network, name)
        return self._synapse[name]

    def parameter_keys(self, pool: NeuronPool | SynapsePool) -> dict[str, ArrayKey]:
        """The array of each parameter of a pool: its own, or the one it shares."""
        keys: dict[str, ArrayKey] = {}
        for name in pool.parameters:
            item, parameter = self.network.parameter_owner(pool.name, name)
            keys[name] = (item, "parameter", parameter)
        return keys


def draws_of(pool: NeuronPool | SynapsePool, prefix: str) -> Iterable[Draw]:
    """What a pool draws; the prefix tells the real network ("") and each step of each rollout apart."""
    for purpose, distribution in pool.draws.items():
        yield Draw(("draw", pool.name, prefix + purpose), pool.shape, distribution)


class Frame:
    """See the module. symbols: tensors of all inputs and draws of a Step."""

    def __init__(self, pools: Pools, ops: Any, symbols: Mapping[Hashable, Tensor]) -> None:
        self.pools = pools
        self.ops = ops
        self.symbols = symbols
        # With each result the tensors it was made of: their identities must not be used again while this lives.
        self._known: dict[Hashable, tuple[Tensor, Sequence[Tensor]]] = {}

    @cached_property
    def learning(self) -> Tensor:
        """[agents, 1, 1, 1]: 1 for the agents that learn, those from the split on."""
        agents = self.pools.network.agents
        numbers = self.ops.constant([float(agent) for agent in range(agents)])
        return self.ops.reshape(self.ops.greater_equal(numbers, self.symbols[SPLIT]), (agents, 1, 1, 1))

    @cached_property
    def states(self) -> dict[str, Tensor]:
        """The present states."""
        return {key[0]: tensor for key, tensor in self.symbols.items() if isinstance(key, tuple) and key[1] == "state"}

    def next_state(
        self, name: str, synapse_pools: Sequence[str], states: Mapping[str, Tensor], own: Tensor | None, prefix: str
    ) -> Tensor:
        """The next state of a neuron-pool, from these synapse-pools, with the draws of that prefix.

        states: of the synapse-pools' sources. own: the pool's state, which it keeps in part if it has zoneout.
        """
        pool = self.pools.neuron(name)
        contributions = [self._output(synapse_pool, states, prefix) for synapse_pool in synapse_pools]
        state = own if pool.keeps_state else None
        made_of = contributions if state is None else [*contributions, state]

        def compute() -> Tensor:
            learning = self.learning if "dropout" in pool.draws else None
            drawn = partial(self._drawn, name, prefix)
            return pool.update(self.ops, contributions, state, self._parameters(pool), drawn, learning)

        return self._once(pool, prefix, made_of, compute)

    def _output(self, name: str, states: Mapping[str, Tensor], prefix: str) -> Tensor:
        pool = self.pools.synapse(name)

        def compute() -> Tensor:
            return pool.output(self.ops, states, self._parameters(pool), partial(self._drawn, name, prefix))

        return self._once(pool, prefix, [states[source] for source in pool.sources], compute)

    def _once(self, pool: NeuronPool | SynapsePool, prefix: str, made_of: Sequence[Tensor], compute: Any) -> Tensor:
        key = (pool.name, prefix if pool.draws else "", *map(id, made_of))
        if key not in self._known:
            with naming(pool.name):
                self._known[key] = (compute(), made_of)
        return self._known[key][0]

    def _parameters(self, pool: NeuronPool | SynapsePool) -> dict[str, Tensor]:
        return {name: self.symbols[key] for name, key in self.pools.parameter_keys(pool).items()}

    def _drawn(self, item: str, prefix: str, purpose: str) -> Tensor:
        key: DrawKey = ("draw", item, prefix + purpose)
        return self.symbols[key]
