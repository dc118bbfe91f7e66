"""What synapse-pools deliver to their targets: one module per kind.

A further kind is a further module with a subclass of `SynapsePool`, and an entry here; what tells it apart stands in
`graph.synapse_kinds`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from statestream.graph.synapse_kinds import kind_of
from statestream.numerics.synapse_pools.base import SynapsePool
from statestream.numerics.synapse_pools.functional import FunctionalPool
from statestream.numerics.synapse_pools.pooling import PoolingPool
from statestream.numerics.synapse_pools.probable import ProbablePool
from statestream.numerics.synapse_pools.transformer import TransformerPool
from statestream.numerics.synapse_pools.weighted import WeightedPool

if TYPE_CHECKING:
    from statestream.graph import Network

__all__ = ["SynapsePool", "synapse_pool"]

KINDS: dict[str, type[SynapsePool]] = {
    "weighted": WeightedPool,
    "probable": ProbablePool,
    "functional": FunctionalPool,
    "pooling": PoolingPool,
    "transformer": TransformerPool,
}


def synapse_pool(network: Network, name: str) -> SynapsePool:
    """The synapse-pool of a network, prepared. Raises UnsupportedError for what cannot be computed."""
    item = network.synapse_pools[name]
    kind: str = kind_of(item)
    if kind == "weighted" and network.neuron_pools[item["target"]].get("binary"):
        kind = "probable"
    return KINDS[kind](network, name)
