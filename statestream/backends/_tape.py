"""A reverse-mode tape over numpy arrays: what the numpy backend records, and how gradients are taken from
it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from statestream.backends._operators import Operators
from statestream.backends._shapes import BackendError

Array = np.ndarray
Pull = Callable[..., Array]


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
    """A value on the tape, and how it was computed."""

    __slots__ = ("operands", "primitive", "settings", "tape", "value")

    def __init__(
        self,
        tape: Tape,
        value: Array,
        primitive: Primitive | None,
        operands: tuple[Tensor, ...],
        settings: dict[str, Any],
    ) -> None:
        self.tape, self.value = tape, value
        self.primitive, self.operands, self.settings = primitive, operands, settings

    def combine(self, name: str, *operands: Any) -> Tensor:
        """See Operators."""
        return self.tape.apply(ARITHMETIC[name], *operands)

    def __getitem__(self, index: Any) -> Tensor:
        parts = index if isinstance(index, tuple) else (index,)
        form = tuple((one.start, one.stop, one.step) if isinstance(one, slice) else one for one in parts)
        return self.tape.apply(PART, self, form=form)


class Tape:
    """Records tensors and finds each computed before: the same operation on the same tensors is done once."""

    def __init__(self, dtype: type[np.floating[Any]]) -> None:
        self.dtype = dtype
        self._known: dict[Hashable, Tensor] = {}

    def leaf(self, array: Any) -> Tensor:
        """A tensor that was not computed: an input or a constant."""
        return Tensor(self, np.asarray(array, self.dtype), None, (), {})

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

        def compute() -> Tensor:
            try:
                value = primitive.forward(*(one.value for one in sources), **settings)
            except (ValueError, IndexError) as problem:
                shapes = ", ".join(str(one.value.shape) for one in sources)
                raise BackendError(f"{primitive.name} of {shapes}: {problem}") from problem
            return Tensor(self, np.asarray(value, self.dtype), primitive, sources, settings)

        return self._remembered((primitive.name, *map(id, sources), *sorted(settings.items())), compute)

    def _remembered(self, key: Hashable, compute: Callable[[], Tensor]) -> Tensor:
        tensor = self._known.get(key)
        if tensor is None:
            tensor = self._known[key] = compute()
        return tensor

    def clear(self) -> None:
        """Forget everything, so that the arrays are freed at once (tensors and tape refer to each other)."""
        self._known.clear()

    def gradients(self, loss: Tensor, tensors: Sequence[Tensor]) -> list[Tensor]:
        """See Operations.gradients. The order of all sums depends on how the loss was computed only, not on
        what else is on the tape: a partition of the network does not change bits."""
        if loss.value.shape != ():
            raise BackendError(f"gradients: the loss must have shape (), not {loss.value.shape}")
        order = _ancestors(loss)
        wanted = {id(one) for one in tensors}
        needed = set(wanted)
        for node in order:
            if any(id(one) in needed for one in node.operands):
                needed.add(id(node))
        found: dict[int, Array] = {id(loss): np.ones((), self.dtype)}
        for node in reversed(order):
            slope = found.get(id(node)) if id(node) in wanted else found.pop(id(node), None)
            if slope is None or node.primitive is None:
                continue
            values = [one.value for one in node.operands]
            for operand, pull in zip(node.operands, node.primitive.pulls, strict=True):
                if pull is None or id(operand) not in needed:
                    continue
                part = summed_to(pull(slope, node.value, *values, **node.settings), operand.value.shape)
                before = found.get(id(operand))
                found[id(operand)] = part if before is None else before + part
        return [self.leaf(found[id(one)] if id(one) in found else np.zeros_like(one.value)) for one in tensors]


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
