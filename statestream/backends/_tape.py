"""A reverse-mode tape over numpy arrays: what the numpy backend records, how gradients are taken from it, and how the
whole is computed again from other inputs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from statestream.backends._operators import Operators
from statestream.backends._shapes import BackendError

Array = np.ndarray
Pull = Callable[..., Array]
EMPTY: Mapping[str, Any] = MappingProxyType({})
NOTHING = np.empty(0)
"""The value of what is not computed at present."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """One operation with its derivative.

    forward(*values, **settings) -> array. pulls: one per operand, `pull(g, y, *values, **settings)` gives
    the gradient of the operand from the gradient g of the result y, before it is summed over broadcast axes;
    None where there is none.
    """

    name: str
    forward: Callable[..., Any]
    pulls: Sequence[Pull | None]


class Tensor(Operators):
    """An array on the tape, and how it is computed.

    value: the array; NOTHING between two calls, but for constants. shape: never changes.
    primitive, operands, settings: None and empty for inputs, constants and gradients, which no gradient passes.
    """

    __slots__ = ("operands", "primitive", "settings", "shape", "tape", "value")

    def __init__(
        self,
        tape: Tape,
        value: Array,
        primitive: Primitive | None = None,
        operands: tuple[Tensor, ...] = (),
        settings: Mapping[str, Any] = EMPTY,
    ) -> None:
        self.tape, self.value, self.shape = tape, value, value.shape
        self.primitive, self.operands, self.settings = primitive, operands, settings

    def combine(self, name: str, *operands: Any) -> Tensor:
        """See Operators."""
        return self.tape.apply(ARITHMETIC[name], *operands)

    def __getitem__(self, index: Any) -> Tensor:
        parts = index if isinstance(index, tuple) else (index,)
        form = tuple((one.start, one.stop, one.step) if isinstance(one, slice) else one for one in parts)
        return self.tape.apply(PART, self, form=form)


class Tape:
    """Operations in the order in which a function asked for them, done at once and repeated at each call.

    It finds each computed before: the same operation on the same tensors is done once.
    """

    def __init__(self, dtype: type[np.floating[Any]]) -> None:
        self.dtype = dtype
        self._known: dict[Hashable, Tensor] = {}
        self._steps: list[Callable[[], None]] = []
        self._computed: list[Tensor] = []

    def leaf(self, array: Any) -> Tensor:
        """A tensor that is not computed: an input or a constant."""
        return Tensor(self, np.asarray(array, self.dtype))

    def lift(self, x: Any) -> Tensor:
        """x itself if it is a tensor; a constant if it is a number."""
        if isinstance(x, Tensor):
            return x
        if isinstance(x, np.ndarray) or not isinstance(x, (int, float, np.number)):
            raise BackendError(f"a tensor or a number is needed, not {type(x).__name__}")
        return self._remembered(("number", float(x).hex()), lambda: self.leaf(x))

    def apply(self, primitive: Primitive, *operands: Any, **settings: Any) -> Tensor:
        """The result of a primitive. Settings must be hashable."""
        sources = tuple(self.lift(one) for one in operands)
        key = (primitive.name, *map(id, sources), *sorted(settings.items()))
        return self._remembered(key, lambda: self.record(primitive, sources, settings))

    def record(self, primitive: Primitive, sources: tuple[Tensor, ...], settings: Mapping[str, Any]) -> Tensor:
        """The result of a primitive, computed now and in every repetition."""
        forward = partial(primitive.forward, **settings)
        try:
            value = np.asarray(forward(*[one.value for one in sources]), self.dtype)
        except (ValueError, IndexError, MemoryError) as problem:
            shapes = ", ".join(str(one.shape) for one in sources)
            raise BackendError(f"{primitive.name} of {shapes}: {problem}") from problem
        tensor = Tensor(self, value, primitive, sources, settings)

        def step() -> None:
            tensor.value = np.asarray(forward(*[one.value for one in sources]), self.dtype)

        self._steps.append(step)
        self._computed.append(tensor)
        return tensor

    def _remembered(self, key: Hashable, compute: Callable[[], Tensor]) -> Tensor:
        tensor = self._known.get(key)
        if tensor is None:
            tensor = self._known[key] = compute()
        return tensor

    def repeat(self) -> None:
        """Compute everything once more, from the present values of the inputs."""
        for step in self._steps:
            step()

    def clear(self) -> None:
        """Let go of all computed values: they may be views of inputs, and would fill memory between two calls."""
        for tensor in self._computed:
            tensor.value = NOTHING

    def gradients(self, loss: Tensor, tensors: Sequence[Tensor]) -> list[Tensor]:
        """See Operations.gradients. The order of all sums depends on how the loss was computed only, not on
        what else is on the tape: a partition of the network does not change bits."""
        if loss.shape != ():
            raise BackendError(f"gradients: the loss must have shape (), not {loss.shape}")
        order = _ancestors(loss)
        needed = {id(one) for one in tensors}
        for node in order:
            if any(id(one) in needed for one in node.operands):
                needed.add(id(node))
        backwards = [node for node in reversed(order) if id(node) in needed]
        results = [Tensor(self, np.zeros(one.shape, self.dtype)) for one in tensors]

        def step() -> None:
            found = _slopes(loss, backwards, needed, kept={id(one) for one in tensors})
            for result, one in zip(results, tensors, strict=True):
                result.value = found[id(one)] if id(one) in found else np.zeros(one.shape, self.dtype)

        step()
        self._steps.append(step)
        self._computed.extend(results)
        return results


def _slopes(loss: Tensor, backwards: Sequence[Tensor], needed: Set[int], kept: Set[int]) -> dict[int, Array]:
    """d loss / d tensor by the tensor's id, for those in `kept`: the chain rule, from the loss backwards.

    backwards: results before operands. needed: what lies between the loss and a tensor that is kept.
    """
    found: dict[int, Array] = {id(loss): np.ones_like(loss.value)}
    for node in backwards:
        slope = found.get(id(node)) if id(node) in kept else found.pop(id(node), None)
        if slope is None or node.primitive is None:
            continue
        values = [one.value for one in node.operands]
        for operand, pull in zip(node.operands, node.primitive.pulls, strict=True):
            if pull is None or id(operand) not in needed:
                continue
            part = summed_to(pull(slope, node.value, *values, **node.settings), operand.shape)
            before = found.get(id(operand))
            found[id(operand)] = part if before is None else before + part
    return found


def _ancestors(loss: Tensor) -> list[Tensor]:
    """Everything that the loss was computed from, and itself, operands before results."""
    order: list[Tensor] = []
    seen: set[int] = set()
    open_nodes: list[tuple[Tensor, bool]] = [(loss, False)]
    while open_nodes:
        node, done = open_nodes.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            open_nodes.append((node, True))
            open_nodes.extend((one, False) for one in reversed(node.operands))
    return order


def total(x: Array, axis: tuple[int, ...] | None, keepdims: bool = False) -> Array:
    """Sum, added up in double precision: over leading axes numpy would lose digits in float32."""
    return np.asarray(np.sum(x, axis=axis, keepdims=keepdims, dtype=np.float64), x.dtype)


def summed_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """A gradient summed over the axes along which an operand of this shape was broadcast."""
    extra = gradient.ndim - len(shape)
    if extra:
        gradient = total(gradient, tuple(range(extra)))
    spread = tuple(axis for axis, length in enumerate(shape) if length == 1 and gradient.shape[axis] != 1)
    if spread:
        gradient = total(gradient, spread, True)
    return gradient if gradient.shape == shape else np.broadcast_to(gradient, shape)


def index_of(form: Iterable[Any]) -> tuple[Any, ...]:
    """The index that a hashable form stands for: triples are slices."""
    return tuple(slice(*one) if isinstance(one, tuple) else one for one in form)


def _part_pull(g: Array, _: Array, x: Array, form: tuple[Any, ...]) -> Array:
    gradient = np.zeros_like(x)
    gradient[index_of(form)] = g
    return gradient


def _power_base_pull(g: Array, _: Array, a: Array, b: Array) -> Array:
    return g * np.where(b == 0, 0, b * np.power(a, b - 1))


def _power_exponent_pull(g: Array, y: Array, a: Array, b: Array) -> Array:
    return g * y * np.log(np.where(a > 0, a, 1))


ARITHMETIC = {
    one.name: one
    for one in (
        Primitive("add", np.add, (lambda g, y, a, b: g, lambda g, y, a, b: g)),
        Primitive("subtract", np.subtract, (lambda g, y, a, b: g, lambda g, y, a, b: -g)),
        Primitive("multiply", np.multiply, (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)),
        Primitive("divide", np.divide, (lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b)),
        Primitive("negative", np.negative, (lambda g, y, x: -g,)),
        Primitive("power", np.power, (_power_base_pull, _power_exponent_pull)),
    )
}
PART = Primitive("part", lambda x, form: x[index_of(form)], (_part_pull,))
