"""Activation strings and functional synapse-pools, evaluated on tensors: what `B.name(...)` calls, and with what.

The language itself is parsed in `graph.expressions`; its functions are declared in `numerics.declarations.FUNCTIONS`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache, partial
from math import prod
from typing import Any

from statestream import backends
from statestream.backends import BackendError, UnsupportedOperation
from statestream.graph import expressions
from statestream.numerics.activations import ACTIVATIONS
from statestream.numerics.errors import UnsupportedError
from statestream.numerics.shapes import Shape

Tensor = Any
MAXIMAL_SIZE = 2**28
"""Most elements that an expression may make out of nothing: one GiB."""
TRIED_SIZE = 2**24
"""Most elements of an expression's values for which it is tried out when a Step is built."""
_PROBLEMS = (ArithmeticError, BackendError, LookupError, TypeError, ValueError)


def _shown(value: Any) -> str:
    if isinstance(value, (tuple, range)):
        return "a list"
    return repr(value) if value is None or isinstance(value, (str, int, float)) else "a tensor"


def _whole(value: Any, what: str) -> int:
    if not isinstance(value, (int, float)) or value % 1:
        raise ValueError(f"{what} must be a whole number, not {_shown(value)}")
    return int(value)


def _lengths(value: Any, what: str = "shape") -> tuple[int, ...]:
    """A list of whole numbers, or one."""
    result = tuple(_whole(one, what) for one in (value if isinstance(value, tuple) else (value,)))
    if prod(map(abs, result)) > MAXIMAL_SIZE:
        raise ValueError(f"{what} {list(result)} is too large")
    return result


def _axes(value: Any) -> Any:
    """None, a whole number or several."""
    if value is None:
        return None
    return _lengths(value, "axis") if isinstance(value, tuple) else _whole(value, "axis")


def _reduction(name: str, ops: Any, x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    return getattr(ops, name)(x, axis=_axes(axis), keepdims=bool(_whole(keepdims, "keepdims")))


def _any(ops: Any, x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    return _reduction("max", ops, ops.greater(ops.abs(x), 0.0), axis, keepdims)


def _position(name: str, ops: Any, x: Tensor, axis: int | None = None) -> Tensor:
    """Without an axis: the position among all elements."""
    if axis is None:
        return getattr(ops, name)(_flatten(ops, x), axis=0)
    return getattr(ops, name)(x, axis=_axis(ops, x, axis))


def _axis(ops: Any, x: Tensor, axis: Any) -> int:
    """One axis of x, counted from 0."""
    rank = len(ops.shape(x))
    number = _whole(axis, "axis")
    if not -rank <= number < rank:
        raise ValueError(f"axis {number} is out of range for {rank} axes")
    return number % rank


def _flatten(ops: Any, x: Tensor) -> Tensor:
    return ops.reshape(x, (prod(ops.shape(x)),))


def _repeat(ops: Any, x: Tensor, times: int, axis: int | None = None) -> Tensor:
    (count,) = _lengths((_whole(times, "times"),), "times")
    return ops.repeat(_flatten(ops, x), count, 0) if axis is None else ops.repeat(x, count, _axis(ops, x, axis))


def _dimshuffle(ops: Any, x: Tensor, axes: Sequence[int | str]) -> Tensor:
    """Axes in a new order; "x" is a new axis of length 1, and an axis of length 1 may be left out."""
    if not isinstance(axes, tuple):
        raise ValueError(f"axes must be a list, not {_shown(axes)}")
    shape = ops.shape(x)
    kept = [_axis(ops, x, axis) for axis in axes if axis != "x"]
    dropped = [axis for axis in range(len(shape)) if axis not in kept]
    moved = ops.transpose(x, (*kept, *dropped))
    lengths = iter(shape[axis] for axis in kept)
    return ops.reshape(moved, tuple(1 if axis == "x" else next(lengths) for axis in axes))


def _dot(ops: Any, a: Tensor, b: Tensor) -> Tensor:
    """numpy.dot: the last axis of a with the last but one of b (or its only one)."""
    ranks = [len(ops.shape(one)) for one in (a, b)]
    if 0 in ranks:
        return a * b
    return ops.tensordot(a, b, ((ranks[0] - 1,), (max(ranks[1] - 2, 0),)))


def _tensordot(ops: Any, a: Tensor, b: Tensor, axes: Any = 2) -> Tensor:
    """numpy.tensordot: axes is how many last axes of a meet as many first ones of b, or a list for each of them."""
    ranks = [len(ops.shape(one)) for one in (a, b)]
    if not isinstance(axes, tuple):
        count = _whole(axes, "axes")
        if not 0 <= count <= min(ranks):
            raise ValueError(f"axes {count} is out of range for {ranks[0]} and {ranks[1]} axes")
        return ops.tensordot(a, b, (range(ranks[0] - count, ranks[0]), range(count)))
    if len(axes) != 2:
        raise ValueError("axes must be one list for each of the two")
    pairs = [pair if isinstance(pair, tuple) else (pair,) for pair in axes]
    first, second = ([_axis(ops, x, one) for one in pair] for x, pair in zip((a, b), pairs, strict=True))
    return ops.tensordot(a, b, (first, second))


def _concatenate(ops: Any, tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    if not isinstance(tensors, tuple) or not tensors:
        raise ValueError(f"a list of tensors is needed, not {_shown(tensors)}")
    return ops.concatenate(tensors, _axis(ops, tensors[0], axis))


def _filled(value: float, ops: Any, shape: Sequence[int]) -> Tensor:
    return ops.broadcast_to(ops.constant(value), _lengths(shape))


FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    **{name: partial(_reduction, name) for name in ("sum", "mean", "max", "min", "prod", "var", "std")},
    **{name: partial(_position, name) for name in ("argmax", "argmin")},
    "any": _any,
    "clip": lambda ops, x, low, high: ops.clip(x, low, high),
    "maximum": lambda ops, a, b: ops.maximum(a, b),
    "minimum": lambda ops, a, b: ops.minimum(a, b),
    "floor": lambda ops, x: ops.floor(x),
    "reshape": lambda ops, x, shape: ops.reshape(x, _lengths(shape)),
    "repeat": _repeat,
    "dimshuffle": _dimshuffle,
    "flatten": _flatten,
    "cast": lambda ops, x, type: x,  # there is one type only
    "dot": _dot,
    "tensordot": _tensordot,
    "concatenate": _concatenate,
    "zeros": partial(_filled, 0.0),
    "ones": partial(_filled, 1.0),
    "conv2d": lambda ops, x, kernel: ops.conv2d(x, kernel),
}
"""`function(ops, ...)` for everything that an expression can call besides the activations."""


def bound(ops: Any) -> dict[str, Callable[..., Tensor]]:
    """All functions and activations with the operations filled in: `bound(ops)["relu"](x, thresh=0.5)`.

    They raise ValueError, with the function's name, for arguments that they cannot take.
    """
    named = {name: activation.function for name, activation in ACTIVATIONS.items()}
    return {name: partial(_call, name, function, ops) for name, function in {**FUNCTIONS, **named}.items()}


def _call(name: str, function: Callable[..., Tensor], ops: Any, *arguments: Any, **keywords: Any) -> Tensor:
    try:
        inspect.signature(function).bind(ops, *arguments, **keywords)
        return function(ops, *arguments, **keywords)
    except _PROBLEMS as problem:
        raise ValueError(f"B.{name}: {problem}") from problem


def _operators(ops: Any) -> dict[str, Callable[..., Any]]:
    """The language's operators; tensors lack whole division and remainder of their own."""
    others: dict[str, Callable[..., Any]] = {
        "//": lambda a, b: ops.floor(a / b),
        "%": lambda a, b: a - b * ops.floor(a / b),
    }

    def operate(sign: str, a: Any, b: Any) -> Any:
        for one in (a, b):
            if one is None or isinstance(one, (str, tuple)):
                raise ValueError(f"'{sign}' needs tensors or numbers, not {_shown(one)}")
        if _are_numbers(a, b):
            return _of_numbers(expressions.OPERATORS[sign], a, b)
        return others.get(sign, expressions.OPERATORS[sign])(a, b)

    return {sign: partial(operate, sign) for sign in expressions.OPERATORS}


def _of_numbers(compute: Callable[..., Any], a: float, b: float) -> Any:
    """In double precision, so that 9 ** 9 ** 9 is an error at once; whole where it may be a length or an axis."""
    try:
        result = compute(float(a), float(b))
    except OverflowError:
        raise ValueError("a number is too large") from None
    return int(result) if isinstance(result, float) and result.is_integer() and abs(result) < MAXIMAL_SIZE else result


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, (int, float)) for value in values)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> expressions.Expression:
    return expressions.parse(text)


def evaluate(ops: Any, text: str, values: Mapping[Any, Tensor], shape: Shape, origin: tuple[str, str]) -> Tensor:
    """An expression's value, repeated to fill a shape where it is smaller (such as a sum over features, or a number).

    origin: (item, parameter) that holds the expression, for the UnsupportedError raised where it cannot be computed.
    """
    try:
        result = expressions.evaluate_tree(_parsed(text).tree, values, bound(ops), _operators(ops))
        if _are_numbers(result):
            result = ops.constant(float(result))
        own = ops.shape(result)
        if own == shape:
            return result
        # Fewer axes would be taken for the last ones: a mean over features for one over agents, if sizes allow it.
        if own and (len(own) != len(shape) or any(mine not in (1, its) for mine, its in zip(own, shape, strict=True))):
            raise ValueError(f"its shape {list(own)} does not fit {list(shape)}{_hint(own, shape)}")
        return ops.broadcast_to(result, shape)
    except _PROBLEMS as problem:
        raise UnsupportedError(*origin, f"{text!r} cannot be computed: {problem}") from problem


def _hint(own: Shape, shape: Shape) -> str:
    return "; keepdims=True keeps reduced axes" if 0 < len(own) < len(shape) else ""


def activate(ops: Any, text: str, x: Tensor, origin: tuple[str, str]) -> Tensor:
    """An activation by its name, or an expression over `$`, applied to x; the result has x's shape.

    origin: as for `evaluate`.
    """
    if text not in ACTIVATIONS:
        return evaluate(ops, text, {"$": x}, ops.shape(x), origin)
    try:
        return ACTIVATIONS[text].function(ops, x)
    except UnsupportedOperation as problem:
        raise UnsupportedError(*origin, f"{text} cannot be computed: {problem}") from problem


def require(text: str, shapes: Mapping[Hashable, Shape], shape: Shape, origin: tuple[str, str]) -> None:
    """Raise the UnsupportedError of `evaluate` now if it would: the expression is tried out on zeros, with numpy.

    So a mistake in a graph is found before any engine starts. shapes: of the values, by placeholder.
    """
    if text not in ACTIVATIONS and sum(map(prod, shapes.values())) <= TRIED_SIZE:
        _reference().build(lambda ops, values: {"": evaluate(ops, text, values, shape, origin)}, shapes)


@lru_cache(maxsize=1)
def _reference() -> backends.Backend:
    return backends.load("numpy")
