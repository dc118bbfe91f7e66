"""First values of all arrays: states, variables and updates 0, parameters by their `init` key.

Random values come from a stream of their own for each parameter, keyed by (seed, item, "init <parameter>").
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from statestream.arrays import ArrayKey
from statestream.numerics.arrays import item_arrays
from statestream.numerics.declarations import INITIALISERS
from statestream.numerics.shapes import Shape
from statestream.streams import stream

if TYPE_CHECKING:
    from statestream.graph import Item, Network

Array = NDArray[np.floating[Any]]
Filling = Callable[[Shape, tuple[float, ...], np.random.Generator], Array]

__all__ = ["INITIALISERS", "fill", "initial_value", "parse", "start_value"]


def _xavier(shape: Shape, arguments: tuple[float, ...], generator: np.random.Generator) -> Array:
    """U(-k b, k b) with b = sqrt(6 / (fan in + fan out)): Glorot & Bengio 2010, formula 16."""
    field = prod(shape[2:])
    bound = (arguments[0] if arguments else 1.0) * sqrt(6.0 / ((shape[0] + shape[1]) * field))
    return generator.uniform(-1.0, 1.0, shape) * bound


def _normal(shape: Shape, arguments: tuple[float, ...], generator: np.random.Generator) -> Array:
    mean, std = arguments or (0.0, 1.0)
    return mean + std * generator.standard_normal(shape)


def _uniform(shape: Shape, arguments: tuple[float, ...], generator: np.random.Generator) -> Array:
    low, high = arguments or (0.0, 1.0)
    return low + (high - low) * generator.random(shape)


def _centre_tap(matrix: Array, shape: Shape) -> Array:
    """A kernel that connects the features by a matrix [targets, sources], at its central pixel."""
    kernel = np.zeros(shape)
    kernel[:, :, shape[2] // 2, shape[3] // 2] = matrix
    return kernel


def _identity(neighbours: bool, factor: float = 1.0) -> Filling:
    """The identity for as many targets as sources, else copies (more targets) or sums (more sources).

    neighbours: adjacent features belong together (kron(I, ones)), otherwise every n-th does (kron(ones, I)).
    """

    def fill_identity(shape: Shape, arguments: tuple[float, ...], _: np.random.Generator) -> Array:
        targets, sources = shape[:2]
        if arguments:
            _require_square(shape)
        small, large = sorted((targets, sources))
        if large % small:
            raise ValueError(f"one of {targets} targets and {sources} sources must be a multiple of the other")
        ones = np.ones((targets // small, sources // small))
        matrix = np.kron(np.eye(small), ones) if neighbours else np.kron(ones, np.eye(small))
        return _centre_tap((arguments[0] if arguments else factor) * matrix, shape)

    return fill_identity


def _require_square(shape: Shape) -> None:
    if shape[0] != shape[1]:
        raise ValueError(f"as many targets as sources are needed, not {shape[0]} and {shape[1]}")


def _local_inhibition(shape: Shape, _: tuple[float, ...], __: np.random.Generator) -> Array:
    """-1 / (fan in) for all, 0.5 for a feature's own central pixel."""
    kernel = np.full(shape, -1.0 / prod(shape[1:]))
    own = np.arange(shape[0])
    kernel[own, own, shape[2] // 2, shape[3] // 2] = 0.5
    return kernel


def _bilinear(shape: Shape, _: tuple[float, ...], __: np.random.Generator) -> Array:
    """On the diagonal 1 at the centre, 1 / (2 (|i| + |j|)) at the offset (i, j)."""
    across, along = (np.abs(np.arange(length) - length // 2) for length in shape[2:])
    offsets = across[:, None] + along
    field = np.where(offsets == 0, 1.0, 0.5 / np.maximum(offsets, 1))
    return np.eye(shape[0])[:, :, None, None] * field


_KERNELS: dict[str, Filling] = {
    "xavier": _xavier,
    "id": _identity(neighbours=True),
    "Id": _identity(neighbours=False),
    "-id": _identity(neighbours=True, factor=-1.0),
    "-Id": _identity(neighbours=False, factor=-1.0),
    "loc_inh": _local_inhibition,
    "bilin": _bilinear,
}
"""Start values of arrays [targets, sources, kx, ky] only."""

_ANY_SHAPE: dict[str, Filling] = {
    "normal": _normal,
    "uniform": _uniform,
    "zero": lambda shape, *_: np.zeros(shape),
    "one": lambda shape, *_: np.ones(shape),
}


def parse(text: str) -> tuple[str, tuple[float, ...]]:
    """`xavier_2.0` -> ("xavier", (2.0,)). Raises ValueError for what INITIALISERS do not allow."""
    # Names may hold an underscore themselves (loc_inh): the longest that fits is meant.
    name = max((known for known in INITIALISERS if f"{text}_".startswith(f"{known}_")), key=len, default="")
    if not name:
        raise ValueError(f"unknown start value {text!r}; there are {', '.join(INITIALISERS)}")
    try:
        arguments = tuple(float(part) for part in text[len(name) :].split("_")[1:])
    except ValueError:
        raise ValueError(f"start value {text!r}: what follows {name}_ must be numbers") from None
    if len(arguments) not in INITIALISERS[name].arguments:
        allowed = " or ".join(map(str, INITIALISERS[name].arguments))
        raise ValueError(f"start value {text!r}: {name} takes {allowed} numbers, not {len(arguments)}")
    return name, arguments


def fill(init: float | str, shape: Shape, generator: np.random.Generator) -> NDArray[np.float32]:
    """An array of a shape by a number or a named start value. Raises ValueError where they do not fit together."""
    if not isinstance(init, str):
        return np.full(shape, init, np.float32)
    name, arguments = parse(init)
    try:
        if name in _ANY_SHAPE:
            return _ANY_SHAPE[name](shape, arguments, generator).astype(np.float32)
        if len(shape) != 4:
            raise ValueError(f"only weights [targets, sources, x, y] can start with it, not an array {list(shape)}")
        if INITIALISERS[name].square:
            _require_square(shape)
        return _KERNELS[name](shape, arguments, generator).astype(np.float32)
    except ValueError as problem:
        raise ValueError(f"start value {init!r}: {problem}") from None


def start_value(item: Item, parameter: str) -> float | str:
    """What an array parameter of a pool starts with: its `init`, or else 0 (b), 1 (g) or xavier (weights).

    One that an external model overwrites (`statestream.external`) starts as if it had no `init`.
    """
    init = item.get(f"init {parameter}")
    if init is not None and not isinstance(init, (list, tuple)):
        return cast(float | str, init)
    return {"b": 0.0, "g": 1.0}.get(parameter[0], "xavier")


def _initial_parameter(item: Item, name: str, shape: Shape, seed: int) -> NDArray[np.float32]:
    if shape == ():
        return np.asarray(item.get(name), np.float32)
    init = start_value(item, name)
    generator = stream(seed, item.name, f"init {name}")
    try:
        if name not in (item.get("unshare") or ()):
            return fill(init, shape, generator)
        return np.stack([fill(init, shape[1:], generator) for _ in range(shape[0])])
    except ValueError as problem:
        raise ValueError(f"{item.name}.init {name}: {problem}") from None


def initial_value(network: Network, key: ArrayKey, seed: int) -> NDArray[np.float32]:
    """The first value of an array of the table: a parameter by its `init`, within its bounds; anything else 0.

    Of an `init` that names an external model, this is what the model then overwrites: `statestream.external` has both.
    Raises KeyError for an unknown array, ValueError for an `init` that does not fit the parameter's shape.
    """
    item, kind, name = key
    spec = {spec.key: spec for spec in item_arrays(network, item)}[key]
    if kind != "parameter":
        return np.zeros(spec.shape, np.float32)
    value = _initial_parameter(network.items[item], name, spec.shape, seed)
    if spec.minimum is None and spec.maximum is None:
        return value
    return np.asarray(np.clip(value, spec.minimum, spec.maximum), np.float32)
