"""The table of all arrays of neuron-pools, synapse-pools and plasticities (interfaces declare their own)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from statestream.arrays import ArrayKey, ArraySpec
from statestream.numerics.declarations import PLASTICITIES
from statestream.numerics.optimizers import OPTIMIZERS
from statestream.numerics.shapes import Shape, parameter_shapes, scalars

if TYPE_CHECKING:
    from statestream.graph import Item, Network
    from statestream.graph.catalogue import Variable


@dataclass(frozen=True, slots=True)
class Trained:
    """One parameter that a plasticity trains. kind ('np' or 'sp'), item and parameter as its graph entry names it.

    owner: (item, parameter) whose array it is; another item's where the parameter is shared.
    """

    kind: str
    item: str
    parameter: str
    owner: tuple[str, str]
    shape: Shape

    @property
    def name(self) -> str:
        """The last part of the names of its update: <item>.<parameter>."""
        return f"{self.item}.{self.parameter}"

    @property
    def full_name(self) -> str:
        """The last part of the names of its variables: <np|sp>.<item>.<parameter>."""
        return f"{self.kind}.{self.item}.{self.parameter}"


def trained(network: Network, plasticity: str) -> tuple[Trained, ...]:
    """What a plasticity trains, in the order of its `parameter` key; the first entry alone if its type trains one only.

    Of several entries that share one array the first stands for all: the gradient of every use flows into it, and
    must be applied once.
    """
    result: dict[tuple[str, str], Trained] = {}
    spec = network.plasticities[plasticity]
    listed = spec["parameter"][:1] if PLASTICITIES[spec["type"]].single else spec["parameter"]
    for kind, item, parameter in listed:
        owner = network.parameter_owner(item, parameter)
        shape = parameter_shapes(network, owner[0])[owner[1]]
        result.setdefault(owner, Trained(kind, item, parameter, owner, shape))
    return tuple(result.values())


def increments(network: Network, item: str, parameter: str) -> tuple[ArrayKey, ...]:
    """The updates that are added to a parameter's array, in the order of the plasticities."""
    return tuple(
        (plasticity, "update", one.name)
        for plasticity in network.plasticities
        for one in trained(network, plasticity)
        if one.owner == (item, parameter)
    )


def _parameters(network: Network, item: Item) -> list[ArraySpec]:
    declared = {parameter.name: (parameter.minimum, parameter.maximum) for parameter in scalars(item)}

    def bounds(name: str) -> tuple[float | None, float | None]:
        return declared.get(name) or (item.get(f"min {name}"), item.get(f"max {name}"))

    return [
        ArraySpec((item.name, "parameter", name), shape, *bounds(name))
        for name, shape in parameter_shapes(network, item.name).items()
        if network.parameter_owner(item.name, name) == (item.name, name)
    ]


def _learning(network: Network, item: Item) -> list[ArraySpec]:
    """Variables and updates of a plasticity: the variables of its type, then its optimizer's memory."""
    optimizer = OPTIMIZERS[item.get("optimizer")]
    memory: dict[str, Shape] = dict.fromkeys(optimizer.counters, ())
    entries = trained(network, item.name)
    for one in entries:
        memory |= dict.fromkeys((f"grad.{one.full_name}", *optimizer.variables(one.full_name)), one.shape)
    return [
        *(_variable(network, item, each) for each in PLASTICITIES[item["type"]].variables),
        *(ArraySpec((item.name, "variable", name), shape) for name, shape in memory.items()),
        *(ArraySpec((item.name, "update", one.name), one.shape) for one in entries),
    ]


def _variable(network: Network, item: Item, declared: Variable) -> ArraySpec:
    shape = (network.agents, *network.shape(item[declared.shape_of])) if declared.shape_of else ()
    return ArraySpec((item.name, "variable", declared.name), shape, help=declared.help)


def item_arrays(network: Network, name: str) -> tuple[ArraySpec, ...]:
    """The arrays of one item: state, own parameters (not those it shares of others), variables, updates."""
    item = network.items[name]
    if item.kind == "np":
        state = ArraySpec((name, "state", ""), (network.agents, *network.shape(name)))
        return (state, *_parameters(network, item))
    if item.kind == "sp":
        return tuple(_parameters(network, item))
    if item.kind == "plast":
        return (*_parameters(network, item), *_learning(network, item))
    return ()


def array_table(network: Network) -> tuple[ArraySpec, ...]:
    """All arrays of neuron-pools, synapse-pools and plasticities, in the graph's order; only parameters are bounded."""
    return tuple(spec for name in network.items for spec in item_arrays(network, name))
