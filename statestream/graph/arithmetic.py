"""The arithmetic of globals: numbers, + - * / // % **, parentheses, int float round abs min max. Never names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from statestream.graph import expressions
from statestream.graph.expressions import ExpressionError

MAXIMAL_BITS = 2048
"""Whole numbers with more bits are refused: 9 ** 9 ** 9 must not keep anybody waiting."""


def arithmetic(text: str) -> int | float:
    """The number that a text means. Raises ExpressionError if it is none."""
    if len(text) > 400:
        raise ExpressionError("longer than 400 characters")
    expression = expressions.parse(text, names=False)
    try:
        value = expressions.evaluate_tree(expression.tree, {}, _FUNCTIONS, _BOUNDED)
    except (ArithmeticError, TypeError, KeyError, ValueError) as error:
        raise ExpressionError(f"{text!r} cannot be computed: {error}") from None
    return _bounded(value)


def _bounded(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpressionError("not a number")
    if isinstance(value, int) and value.bit_length() > MAXIMAL_BITS:
        raise ExpressionError("a number is too large")
    return value


def _guard(compute: Callable[..., Any]) -> Callable[..., int | float]:
    """The operation on numbers only, with a bounded result."""

    def bounded(*operands: Any) -> int | float:
        return _bounded(compute(*(_bounded(operand) for operand in operands)))

    return bounded


def _power(base: int | float, exponent: int | float) -> Any:
    whole = isinstance(base, int) and isinstance(exponent, int) and exponent > 0
    if whole and base.bit_length() * exponent > MAXIMAL_BITS:  # type: ignore[union-attr]
        raise ExpressionError("a power is too large")
    return base**exponent


_BOUNDED = {sign: _guard(compute) for sign, compute in expressions.OPERATORS.items()} | {"**": _guard(_power)}
_FUNCTIONS = {each.__name__: _guard(each) for each in (int, float, round, abs, min, max)}
