"""Activation strings and functional synapse-pools, evaluated on tensors: what `B.name(...)` calls, and with what.

The language itself is parsed in `graph.expressions`; its functions are declared in `numerics.declarations.FUNCTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from math import prod
from typing import Any

from statestream.backends import BackendError
from statestream.graph import expressions
from statestream.numerics.activations import ACTIVATIONS
from statestream.numerics.errors import UnsupportedError
from statestream.numerics.shapes import Shape

Tensor = Any


def _reduction(name: str, ops: Any, x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    return getattr(ops, name)(x, axis=axis, keepdims=bool(keepdims))


def _any(ops: Any, x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    return _reduction("max", ops, ops.greater(ops.abs(x), 0.0), axis, keepdims)


def _position(name: str, ops: Any, x: Tensor, axis: int | None = None) -> Tensor:
    """Without an axis: the position among all elements."""
    if axis is None:
        return getattr(ops, name)(_flatten(ops, x), axis=0)
    return getattr(ops, name)(x, axis=axis)


def _flatten(ops: Any, x: Tensor) -> Tensor:
    return ops.reshape(x, (prod(ops.shape(x)),))


def _repeat(ops: Any, x: Tensor, times: int, axis: int | None = None) -> Tensor:
    return ops.repeat(_flatten(ops, x), int(times), 0) if axis is None else ops.repeat(x, int(times), axis)


def _dimshuffle(ops: Any, x: Tensor, axes: Sequence[int | str]) -> Tensor:
    """Axes in a new order; "x" is a new axis of length 1, and an axis of length 1 may be left out."""
    shape = ops.shape(x)
    kept = [int(axis) for axis in axes if axis != "x"]
    dropped = [axis for axis in range(len(shape)) if axis not in kept]
    moved = ops.transpose(x, (*kept, *dropped))
    lengths = iter(shape[axis] for axis in kept)
    return ops.reshape(moved, tuple(1 if axis == "x" else next(lengths) for axis in axes))


def _dot(ops: Any, a: Tensor, b: Tensor) -> Tensor:
    """numpy.dot: the last axis of a with the last but one of b (or its only one)."""
    rank = len(ops.shape(b))
    return ops.tensordot(a, b, ((len(ops.shape(a)) - 1,), (max(rank - 2, 0),)))


def _tensordot(ops: Any, a: Tensor, b: Tensor, axes: Any = 2) -> Tensor:
    if isinstance(axes, (int, float)):
        count, rank = int(axes), len(ops.shape(a))
        axes = (range(rank - count, rank), range(count))
    first, second = (pair if isinstance(pair, (tuple, range)) else [pair] for pair in axes)
    return ops.tensordot(a, b, (tuple(first), tuple(second)))


def _filled(value: float, ops: Any, shape: Sequence[int]) -> Tensor:
    return ops.broadcast_to(ops.constant(value), tuple(int(length) for length in shape))


FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    **{name: partial(_reduction, name) for name in ("sum", "mean", "max", "min", "prod", "var", "std")},
    **{name: partial(_position, name) for name in ("argmax", "argmin")},
    "any": _any,
    "clip": lambda ops, x, low, high: ops.clip(x, low, high),
    "maximum": lambda ops, a, b: ops.maximum(a, b),
    "minimum": lambda ops, a, b: ops.minimum(a, b),
    "floor": lambda ops, x: ops.floor(x),
    "reshape": lambda ops, x, shape: ops.reshape(x, tuple(int(length) for length in shape)),
    "repeat": _repeat,
    "dimshuffle": _dimshuffle,
    "flatten": _flatten,
    "cast": lambda ops, x, kind: x,  # there is one type only
    "dot": _dot,
    "tensordot": _tensordot,
    "concatenate": lambda ops, tensors, axis=0: ops.concatenate(tensors, axis),
    "zeros": partial(_filled, 0.0),
    "ones": partial(_filled, 1.0),
    "conv2d": lambda ops, x, kernel: ops.conv2d(x, kernel),
}
"""`function(ops, ...)` for everything that an expression can call besides the activations."""


def bound(ops: Any) -> dict[str, Callable[..., Tensor]]:
    """All functions and activations with the operations filled in: `bound(ops)["relu"](x, thresh=0.5)`."""
    named = {name: activation.function for name, activation in ACTIVATIONS.items()}
    return {name: partial(function, ops) for name, function in {**FUNCTIONS, **named}.items()}


def _operators(ops: Any) -> dict[str, Callable[..., Any]]:
    """The language's operators; tensors lack whole division and remainder of their own."""

    def whole(a: Any, b: Any) -> Any:
        return a // b if _are_numbers(a, b) else ops.floor(a / b)

    def remainder(a: Any, b: Any) -> Any:
        return a % b if _are_numbers(a, b) else a - b * ops.floor(a / b)

    return {**expressions.OPERATORS, "//": whole, "%": remainder}


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, (int, float)) for value in values)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> expressions.Expression:
    return expressions.parse(text)


def evaluate(ops: Any, text: str, values: dict[str, Tensor], shape: Shape, origin: tuple[str, str]) -> Tensor:
    """An expression's value, repeated to fill a shape where it is smaller (such as a sum over features, or a number).

    origin: (item, parameter) that holds the expression, for the UnsupportedError raised where it cannot be computed.
    """
    try:
        result = expressions.evaluate_tree(_parsed(text).tree, values, bound(ops), _operators(ops))
        if _are_numbers(result):
            result = ops.constant(float(result))
        return result if ops.shape(result) == shape else ops.broadcast_to(result, shape)
    except (ArithmeticError, BackendError, LookupError, TypeError, ValueError) as problem:
        raise UnsupportedError(*origin, f"{text!r} cannot be computed: {problem}") from problem


def activate(ops: Any, text: str, x: Tensor, origin: tuple[str, str]) -> Tensor:
    """An activation by its name, or an expression over `$`, applied to x; the result has x's shape."""
    if text in ACTIVATIONS:
        return ACTIVATIONS[text].function(ops, x)
    return evaluate(ops, text, {"$": x}, ops.shape(x), origin)
