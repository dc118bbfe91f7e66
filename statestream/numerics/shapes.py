"""Shapes of parameters, and the geometry of every input of a synapse-pool. Pure Python.

B agents, F features, X and Y space. C: features inside a synapse-pool, before avgout, maxout and M.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from statestream.graph.synapse_kinds import kind_of
from statestream.numerics.declarations import NEURON_POOL, PLASTICITIES, SYNAPSE_POOL
from statestream.numerics.optimizers import OPTIMIZERS

if TYPE_CHECKING:
    from statestream.graph import Item, Network
    from statestream.graph.catalogue import Parameter

Shape = tuple[int, ...]


def is_set(value: Any) -> bool:
    """Whether an optional choice (`gain_shape`, an entry of `bias_shapes`, ...) names something."""
    return value not in (None, False, "None", "False")


def per_factor(item: Item, key: str) -> tuple[Any, ...]:
    """A value laid out as the factors of a synapse-pool; one value stands for all of them."""
    value = item.get(key)
    if isinstance(value, (list, tuple)):
        return tuple(value)
    return (value,) * len(item["source"])


def per_input(item: Item, key: str) -> tuple[tuple[Any, ...], ...]:
    """A value laid out as `source`, factor by factor; one value stands for all inputs."""
    value = item.get(key)
    if isinstance(value, (list, tuple)):
        return tuple(tuple(row) for row in value)
    return tuple((value,) * len(row) for row in item["source"])


def _declared(item: Item) -> tuple[Parameter, ...]:
    if item.kind == "plast":
        return (*OPTIMIZERS[item.get("optimizer")].parameters, *PLASTICITIES[item["type"]].parameters)
    return {"np": NEURON_POOL, "sp": SYNAPSE_POOL}.get(item.kind, ())


def scalars(item: Item) -> tuple[Parameter, ...]:
    """The scalar parameters that a neuron-pool, synapse-pool or plasticity has, as declared.

    One without a meaning beside the item's other keys does not exist (`noise_std` without normal noise), nor does one
    that has no default and is not given (`dropout`). Of a loss, smoothing and penalty exist only where they are given:
    all other losses are formed without them.
    """

    def exists(parameter: Parameter) -> bool:
        if parameter.when is not None and item.get(parameter.when[0]) not in parameter.when[1]:
            return False
        given = parameter.name in item
        return given or (parameter.default is not None and parameter.name not in _ONLY_GIVEN)

    return tuple(parameter for parameter in _declared(item) if parameter.array and exists(parameter))


_ONLY_GIVEN = ("confidence_penalty", "label_smoothing")


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a synapse-pool: how source features reach the target.

    source: the neuron-pool; source_shape, target_space: (F, X, Y) of the source, (X, Y) of the target.
    reach: 'full', 'feature', 'spatial' or 'scalar', the part of the target it addresses (`target_shapes`).
    kernel: (kx, ky). dense: the kernel covers the source. channels: (C_t, C_s), features that the weight connects.
    projected: features of the pre-projection, 0 for none. weight: name of its weight parameter.
    """

    source: str
    source_shape: tuple[int, int, int]
    target_space: tuple[int, int]
    reach: str
    kernel: tuple[int, int]
    dense: bool
    dilation: int
    channels: tuple[int, int]
    projected: int
    weight: str
    weight_shape: str
    weight_function: str

    @property
    def projection(self) -> str:
        """Name of its projection parameter."""
        return "P" + self.weight[1:]

    @property
    def working_shape(self) -> Shape:
        """[C_t, C_s, kx, ky], the weight that is applied."""
        return (*self.channels, *self.kernel)

    @property
    def stored_shape(self) -> Shape:
        """The weight that is stored: the working shape, with 1 where `weight_shapes` lets entries share a value."""
        kept = _STORED[self.weight_shape]
        return tuple(length if keep else 1 for length, keep in zip(self.working_shape, kept, strict=True))

    @property
    def stride(self) -> tuple[int, int]:
        """Source size over target size; (1, 1) when the target is larger."""
        return tuple(max(s // t, 1) for s, t in self._space())  # type: ignore[return-value]

    @property
    def upsampling(self) -> tuple[int, int]:
        """Target size over source size; (1, 1) when the target is smaller."""
        return tuple(max(t // s, 1) for s, t in self._space())  # type: ignore[return-value]

    def _space(self) -> zip[tuple[int, int]]:
        return zip(self.source_shape[1:], self.target_space, strict=True)


# Which of (target channel, source channel, x and y) a stored weight distinguishes.
_STORED: dict[str, tuple[bool, bool, bool, bool]] = {
    "full": (True, True, True, True),
    "feature": (True, True, False, False),
    "spatial": (False, False, True, True),
    "scalar": (False, False, False, False),
    "src_feature": (False, True, False, False),
    "tgt_feature": (True, False, False, False),
    "src_spatial": (False, True, True, True),
    "tgt_spatial": (True, False, True, True),
}


def hidden_features(network: Network, item: Item) -> int:
    """C: features of the factors of a synapse-pool."""
    mixing = item.get("M")
    if mixing:
        return int(mixing[0])
    return network.shape(item["target"])[0] * int(item.get("avgout") or 1) * int(item.get("maxout") or 1)


def inputs(network: Network, item: Item) -> tuple[tuple[Input, ...], ...]:
    """The inputs of a synapse-pool, one tuple per factor."""
    layout = {key: per_input(item, key) for key in ("rf", "dilation", "ppp", "weight_shapes", "weight_fnc")}
    factor_shapes = per_factor(item, "factor_shapes")
    target_shapes = per_input(item, "target_shapes")
    features = hidden_features(network, item)
    space = network.shape(item["target"])[1:]

    def one(f: int, i: int, source: str) -> Input:
        shape = network.shape(source)
        reach = target_shapes[f][i] or factor_shapes[f] or "full"
        rf = int(layout["rf"][f][i] or 0)
        projected = int(layout["ppp"][f][i] or 0)
        return Input(
            source=source,
            source_shape=shape,
            target_space=space,
            reach=reach,
            kernel=(rf, 1 if shape[2] == 1 else rf) if rf else shape[1:],
            # A single pixel is covered by a receptive field of 1: the same numbers, and the result reaches all targets.
            dense=not rf or (shape[1:] == (1, 1) and rf == 1),
            dilation=int(layout["dilation"][f][i] or 1),
            channels=(features if reach in ("full", "feature") else 1, projected or shape[0]),
            projected=projected,
            weight=f"W_{f}_{i}",
            weight_shape=layout["weight_shapes"][f][i] or "full",
            weight_function=layout["weight_fnc"][f][i] or "Id",
        )

    return tuple(tuple(one(f, i, name) for i, name in enumerate(row)) for f, row in enumerate(item["source"]))


def spread(shape: str, features: int, space: tuple[int, int]) -> Shape:
    """Shape of a bias or gain called 'full', 'feature', 'spatial' or 'scalar'."""
    return {"full": (features, *space), "feature": (features,), "spatial": space, "scalar": (1,)}[shape]


def _neuron_pool(network: Network, item: Item) -> dict[str, Shape]:
    features, *space = network.shape(item.name)
    result: dict[str, Shape] = {}
    for name, key in (("b", "bias_shape"), ("g", "gain_shape")):
        if is_set(item.get(key)):
            result[name] = spread(item.get(key), features, (space[0], space[1]))
    return result


def is_parameter_free(item: Item) -> bool:
    """Whether a synapse-pool is computed without weights and biases; its noise may have scalars all the same."""
    return kind_of(item) != "weighted"


def _synapse_pool(network: Network, item: Item) -> dict[str, Shape]:
    if is_parameter_free(item):
        return {}
    result: dict[str, Shape] = {}
    features = hidden_features(network, item)
    biases = per_factor(item, "bias_shapes")
    for f, row in enumerate(inputs(network, item)):
        for entry in row:
            if entry.projected:
                result[entry.projection] = (entry.projected, entry.source_shape[0], 1, 1)
            result[entry.weight] = entry.stored_shape
        if is_set(biases[f]):
            result[f"b_{f}"] = spread(biases[f], features, network.shape(item["target"])[1:])
    mixing = item.get("M")
    if mixing:
        # The mixing comes last: it reads what avgout and maxout leave.
        left = features // (int(item.get("avgout") or 1) * int(item.get("maxout") or 1))
        result["M"] = (network.shape(item["target"])[0], left, int(mixing[1]), int(mixing[1]))
    return result


def parameter_shapes(network: Network, name: str) -> dict[str, Shape]:
    """Shapes of all parameters of a neuron-pool, synapse-pool or plasticity; scalars have (). Own and shared alike.

    A parameter named in `unshare` has one copy per agent, along a first axis.
    """
    item = network.items[name]
    shapes: dict[str, Shape] = {}
    if item.kind in ("np", "sp"):
        shapes = (_neuron_pool if item.kind == "np" else _synapse_pool)(network, item)
        for parameter in item.get("unshare") or ():
            if parameter in shapes:
                shapes[parameter] = (network.agents, *shapes[parameter])
        if item.kind == "sp" and kind_of(item) == "functional":
            return {}  # not even noise
    return shapes | {parameter.name: () for parameter in scalars(item)}
