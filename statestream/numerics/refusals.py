"""What a network asks for and nobody can compute, found without any engine: the checks of a graph ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from statestream.numerics.errors import UnsupportedError
from statestream.numerics.frame import Pools

if TYPE_CHECKING:
    from statestream.graph import Network


def refusals(network: Network) -> Iterator[tuple[str, str, str]]:
    """(item, parameter, what is wrong with it), at most one for each pool: expressions whose shapes do not fit, ..."""
    pools = Pools(network)
    parts: tuple[tuple[Callable[[str], Any], Any], ...] = (
        (pools.neuron, network.neuron_pools),
        (pools.synapse, network.synapse_pools),
    )
    for prepare, names in parts:
        for name in names:
            try:
                prepare(name)
            except UnsupportedError as problem:
                yield problem.item, problem.parameter, problem.message
