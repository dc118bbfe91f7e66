"""The expression language: `B.tanh($) * 0.5`, and the arithmetic of globals. Parsed here, never by Python.

    expression = term { ("+" | "-") term }          term = sign { ("*" | "/" | "//" | "%") sign }
    sign = ("+" | "-") sign | power                 power = atom [ "**" sign ]
    atom = number | True | False | None | 'text' | "$" digits | call | "(" expression ")" | "(" list ")" | "[" list "]"
    call = ["B."] name "(" [ argument { "," argument } ] ")"      argument = [ name "=" ] expression

A bare name, `relu`, means `B.relu($)`. Values may be anything with Python's operators: numbers, tensors.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MAXIMAL_LENGTH = 2000
"""Longest text of an expression."""

MAXIMAL_DEPTH = 40
"""Deepest nesting of parentheses and signs."""

MAXIMAL_TREE = 100
"""Deepest tree; `a + b + c` is two levels deep. Whatever walks a tree may recurse."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])|(?P<name>[^\W\d]\w*)|(?P<hole>\$\d*)"
    r"|(?P<text>'[^'\\\n]*'|\"[^\"\\\n]*\")|(?P<sign>\*\*|//|[-+*/%(),=.\[\]]))"
)
_SPACE = re.compile(r"\s*")


class ExpressionError(ValueError):
    """The text is no expression. The message says what was found, and at which character (counted from 1)."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, text, True, False or None."""

    value: Any


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`$`, `$00`, ..."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A sign (one operand) or an operator (two)."""

    sign: str
    operands: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A tuple or list of values, such as the axes of a sum."""

    elements: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function call."""

    function: str
    arguments: tuple[Tree, ...]
    keywords: tuple[tuple[str, Tree], ...]


Tree = Constant | Placeholder | Operation | Group | Call

OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
_SIGNS: dict[str, Callable[..., Any]] = {"+": operator.pos, "-": operator.neg}


@dataclass(frozen=True)
class Expression:
    """A parsed expression. placeholders: their names, with the `$`. calls: all function calls in it."""

    text: str
    tree: Tree
    placeholders: frozenset[str]
    calls: tuple[Call, ...]

    def evaluate(self, values: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> Any:
        """The value, with `values` by placeholder name ("$", "$00") and functions by name.

        Raises KeyError for a placeholder or function that is not there; else what the operators raise.
        """
        return evaluate_tree(self.tree, values, functions, OPERATORS)


def parse(text: str, names: bool = True) -> Expression:
    """Parse an expression. names: whether a bare name stands for its function of `$`. Raises ExpressionError."""
    if len(text) > MAXIMAL_LENGTH:
        raise ExpressionError(f"the expression is longer than {MAXIMAL_LENGTH} characters")
    parser = _Parser(text)
    if names and len(parser.tokens) == 1 and parser.tokens[0][0] == "name":
        tree: Tree = Call(parser.tokens[0][1], (Placeholder("$"),), ())
    else:
        tree = parser.whole()
    found = _walk(tree)
    holes = frozenset(each.name for each in found if isinstance(each, Placeholder))
    return Expression(text, tree, holes, tuple(each for each in found if isinstance(each, Call)))


class _Parser:
    """Recursive descent over the tokens (kind, text, position); the depth is bounded."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        self.at = self.depth = 0
        position = 0
        while (begin := _SPACE.match(text, position).end()) < len(text):  # type: ignore[union-attr]
            token = _TOKEN.match(text, position)
            if token is None or token.lastgroup is None:
                raise ExpressionError(f"found {text[begin]!r} at character {begin + 1}, which means nothing here")
            self.tokens.append((token.lastgroup, token[token.lastgroup], begin))
            position = token.end()

    def whole(self) -> Tree:
        tree = self.expression()
        if self.at < len(self.tokens):
            raise self.unexpected("the end or an operator")
        return tree

    def expression(self) -> Tree:
        self.depth += 1
        if self.depth > MAXIMAL_DEPTH:
            raise ExpressionError(f"the expression is nested deeper than {MAXIMAL_DEPTH} levels")
        tree = self.chain(("+", "-"), lambda: self.chain(("*", "/", "//", "%"), self.sign))
        self.depth -= 1
        return tree

    def chain(self, signs: tuple[str, ...], part: Callable[[], Tree]) -> Tree:
        tree = part()
        while (sign := self.accept(*signs)) is not None:
            tree = Operation(sign, (tree, part()))
        return tree

    def sign(self) -> Tree:
        sign = self.accept("+", "-")
        if sign is None:
            base = self.atom()
            return Operation("**", (base, self.nested_sign())) if self.accept("**") else base
        return Operation(sign, (self.nested_sign(),))

    def nested_sign(self) -> Tree:
        self.depth += 1
        if self.depth > MAXIMAL_DEPTH:
            raise ExpressionError(f"the expression is nested deeper than {MAXIMAL_DEPTH} levels")
        tree = self.sign()
        self.depth -= 1
        return tree

    def atom(self) -> Tree:
        kind, text = self.tokens[self.at][:2] if self.at < len(self.tokens) else ("", "")
        if kind == "number":
            self.at += 1
            return Constant(_number(text))
        if kind == "text":
            self.at += 1
            return Constant(text[1:-1])
        if kind == "hole":
            self.at += 1
            return Placeholder(text)
        if kind == "name":
            self.at += 1
            return self.named(text)
        for begin, end in (("(", ")"), ("[", "]")):
            if self.accept(begin):
                elements, commas = self.elements(end)
                return elements[0] if begin == "(" and len(elements) == 1 and not commas else Group(elements)
        raise self.unexpected("a value")

    def named(self, name: str) -> Tree:
        if name in ("True", "False", "None") and not self.peek("("):
            return Constant({"True": True, "False": False, "None": None}[name])
        if name == "B" and self.accept("."):
            if self.at >= len(self.tokens) or self.tokens[self.at][0] != "name":
                raise self.unexpected("a function's name after 'B.'")
            name = self.tokens[self.at][1]
            self.at += 1
        if not self.accept("("):
            raise ExpressionError(f"found the name '{name}' alone; functions are called, B.{name}(...), values are $")
        arguments: list[Tree] = []
        keywords: dict[str, Tree] = {}
        while not self.accept(")"):
            keyword = self.keyword()
            value = self.expression()
            if keyword is not None and keyword in keywords:
                raise ExpressionError(f"the keyword '{keyword}' is given twice in the call of {name}")
            if keyword is not None:
                keywords[keyword] = value
            elif keywords:
                raise ExpressionError(f"a value follows a keyword in the call of {name}")
            else:
                arguments.append(value)
            if not self.accept(",") and not self.peek(")"):
                raise self.unexpected("',' or ')'")
        return Call(name, tuple(arguments), tuple(keywords.items()))

    def keyword(self) -> str | None:
        following = self.tokens[self.at : self.at + 2]
        if [token[0] for token in following] == ["name", "sign"] and following[1][1] == "=":
            self.at += 2
            return following[0][1]
        return None

    def elements(self, end: str) -> tuple[tuple[Tree, ...], bool]:
        found: list[Tree] = []
        commas = False
        while not self.accept(end):
            found.append(self.expression())
            comma = self.accept(",") is not None
            commas |= comma
            if not comma and not self.peek(end):
                raise self.unexpected(f"',' or '{end}'")
        return tuple(found), commas

    def peek(self, *signs: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at][0] == "sign" and self.tokens[self.at][1] in signs

    def accept(self, *signs: str) -> str | None:
        if not self.peek(*signs):
            return None
        self.at += 1
        return self.tokens[self.at - 1][1]

    def unexpected(self, wanted: str) -> ExpressionError:
        if self.at < len(self.tokens):
            _, text, position = self.tokens[self.at]
            return ExpressionError(f"found '{text}' at character {position + 1} where {wanted} must stand")
        return ExpressionError(f"the expression ends where {wanted} must stand")


def _number(text: str) -> int | float:
    if not text.isascii():
        raise ExpressionError(f"found '{text}', which is no number")
    if len(text) > 100:
        raise ExpressionError("a number has more than 100 digits")
    return int(text) if text.isdigit() else float(text)


def _walk(tree: Tree) -> list[Tree]:
    """All nodes of the tree. Raises ExpressionError for a tree that is too deep to recurse over."""
    found: list[Tree] = []
    level: list[Tree] = [tree]
    for _ in range(MAXIMAL_TREE):
        found += level
        level = [each for node in level for each in _inner(node)]
    if level:
        raise ExpressionError(f"the expression is longer than {MAXIMAL_TREE} operations in a row")
    return found


def _inner(tree: Tree) -> tuple[Tree, ...]:
    if isinstance(tree, Operation):
        return tree.operands
    if isinstance(tree, Group):
        return tree.elements
    return (*tree.arguments, *(value for _, value in tree.keywords)) if isinstance(tree, Call) else ()


def evaluate_tree(
    tree: Tree,
    values: Mapping[str, Any],
    functions: Mapping[str, Callable[..., Any]],
    operators: Mapping[str, Callable[..., Any]],
) -> Any:
    """The value of a tree, with operators by their signs."""

    def value(part: Tree) -> Any:
        return evaluate_tree(part, values, functions, operators)

    if isinstance(tree, Constant):
        return tree.value
    if isinstance(tree, Placeholder):
        return values[tree.name]
    if isinstance(tree, Group):
        return tuple(value(each) for each in tree.elements)
    if isinstance(tree, Call):
        arguments = [value(each) for each in tree.arguments]
        return functions[tree.function](*arguments, **{name: value(each) for name, each in tree.keywords})
    if len(tree.operands) == 1:
        return _SIGNS[tree.sign](value(tree.operands[0]))
    return operators[tree.sign](value(tree.operands[0]), value(tree.operands[1]))
