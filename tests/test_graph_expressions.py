"""The expression language and the arithmetic of globals."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest

from statestream.graph import ExpressionError, arithmetic, parse

FUNCTIONS: dict[str, Any] = {
    "tanh": math.tanh,
    "abs": abs,
    "relu": lambda x, thresh=0: max(x - thresh, 0),
    "sum": lambda x, axis=None, keepdims=False: (x, axis, keepdims),
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("relu", 0.5), ("B.relu($)", 0.5), ("relu($)", 0.5), ("B.relu($, thresh=0.25)", 0.25),
        ("B.relu($, 0.25)", 0.25),
        ("B.relu($, thresh=0.5) + 0.1 * B.abs($)", 0.05), ("$", 0.5), ("-$", -0.5), ("1 - $ * 2", 0.0),
        ("(1 - $) * 2", 1.0),
        ("$ ** 2", 0.25), ("-$ ** 2", -0.25), ("2 ** -1", 0.5), ("2 ** 3 ** 2", 512), ("7 // 2 % 2", 1),
        ("8 / 2 / 2", 2.0),
        ("1 - 2 - 3", -4), ("1e-3", 1e-3), (".5", 0.5), ("+ + 3", 3),
        ("B.sum($, axis=(1, 2), keepdims=True)", (0.5, (1, 2), True)),
        ("B.sum($, axis=[1,])", (0.5, (1,), False)), ("B.sum($, None)", (0.5, None, False)), ("B.abs($00 - $10)", 2),
        ("B . tanh ( 0 )", 0.0), ("B.sum('x')", ("x", None, False)),
    ],
)  # fmt: skip
def test_values(text: str, value: object) -> None:
    assert parse(text).evaluate({"$": 0.5, "$00": 1, "$10": 3}, FUNCTIONS) == value


def test_values_may_be_anything_with_operators() -> None:
    assert parse("$ / 3 + 1").evaluate({"$": Fraction(1)}, {}) == Fraction(4, 3)


def test_what_an_expression_names() -> None:
    expression = parse("B.sum(B.abs($00 - $10), axis=1)")
    assert expression.placeholders == {"$00", "$10"}
    assert sorted(call.function for call in expression.calls) == ["abs", "sum"]
    assert parse("tanh").placeholders == {"$"} and parse("tanh").text == "tanh"
    with pytest.raises(KeyError):
        expression.evaluate({}, FUNCTIONS)
    with pytest.raises(KeyError):
        parse("B.nothing($)").evaluate({"$": 1}, FUNCTIONS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the expression ends"), ("$ +", "the expression ends where a value"), ("$ $", "found '.' at character 3"),
        ("B.tanh(", "the expression ends"), ("B.tanh($", "',' or '\\)'"), ("B.(", "a function's name"),
        ("x + 1", "the name 'x' alone"),
        ("B.__class__", "alone"), ("$.real", "found '.'"), ("$[0]", "found '\\['"), ("lambda: 1", "':'"),
        ("a if b else c", "alone"),
        ("B.f(a=1, a=2)", "given twice"), ("B.f(a=1, 2)", "follows a keyword"), ("1 = 2", "found '='"),
        ("$ < 1", "'<'"), ("1..2", "found"),
        ("1x", "found '1'"), ("'a\\n'", "found"), ("٣", "no number"), ("9" * 200, "digits"),
        ("(" * 50 + ")" * 50, "nested deeper"),
        ("-" * 1000 + "1", "nested deeper"), ("+".join("1" * 500), "operations in a row"),
        ("$" * 3000, "longer than"), ("B.f(1 2)", "',' or '\\)'"),
        ("(1 2)", "',' or '\\)'"), (")", "found '\\)'"), ("**", "found '\\*\\*'"),
    ],
)  # fmt: skip
def test_what_is_no_expression(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("2 * 3", 6), ("7 / 2", 3.5), ("int(7 / 2)", 3), ("round(2.567, 2)", 2.57), ("max(1, 2.5)", 2.5), ("-2", -2)],
)
def test_arithmetic(text: str, value: float) -> None:
    assert arithmetic(text) == value and type(arithmetic(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    ["a", "$", "B.abs($)", "True", "True + 1", "'a'", "(1, 2)", "1 / 0", "9**9**9", "9**999*9**999*9**999", "(-8)**0.5",
     "float('1')", "int(1e999)", "min()", "print(1)", "abs(1, 2)", "1 +" * 300 + "1", "None", "10 ** 1000 * 0",
     "1e308 ** 2"],
)  # fmt: skip
def test_what_is_no_arithmetic(text: str) -> None:
    with pytest.raises(ExpressionError):
        arithmetic(text)
