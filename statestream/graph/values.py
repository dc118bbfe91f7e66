"""Single values against their declaration: what is allowed, and the value as the network holds it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from statestream.graph import expressions
from statestream.graph.catalogue import Catalogue, Parameter
from statestream.graph.expressions import Call, ExpressionError
from statestream.graph.findings import listing, nearest, shorten
from statestream.graph.tree import BROKEN, Node, freeze, plain, shown
from statestream.graph.vocabulary import NOUNS

GREATEST_INT = 2**31 - 1
GREATEST_FLOAT = 3.4028234663852886e38
DEVICE = re.compile(r"cpu|(cpu|gpu):(0|[1-9][0-9]{0,3})")
_PLAIN_NAME = re.compile(r"[^\W\d]\w*")


class Wrong(Exception):
    """A value is not allowed; the message says what was found and what is allowed. None: it was reported before."""

    def __init__(self, message: str | None, node: Node) -> None:
        super().__init__(message)
        self.message, self.node = message, node


@dataclass(frozen=True)
class Context:
    """What values may name. names: kind ("np", ...) -> the names of its items; models: external models."""

    catalogue: Catalogue
    names: Mapping[str, Iterable[str]]
    models: Iterable[str] = ()


def value_of(parameter: Parameter, node: Node, context: Context) -> Any:
    """The value, frozen; raises Wrong. Absent (null or `None`) is None, where the declaration has no default."""
    if node.value is BROKEN:
        raise Wrong(None, node)
    if not parameter.required and parameter.default is None and not parameter.layout and is_none(node.value):
        return None
    return _READERS[parameter.type](parameter, node, context)


def is_none(value: Any) -> bool:
    """Whether a value is a spelling of 'nothing': null, or the text None, which is no null in YAML 1.2."""
    return value is None or value == "None"


def _int(parameter: Parameter, node: Node, context: Context) -> int:
    value = node.value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not _in_range(parameter, value, GREATEST_INT):
        raise Wrong(f"found {shown(node)}; allowed: a whole number{_range(parameter)}", node)
    return value


def _float(parameter: Parameter, node: Node, context: Context) -> int | float:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(_clamped(value)):
        raise Wrong(f"found {shown(node)}; allowed: a number{_range(parameter)}", node)
    if not _in_range(parameter, value, GREATEST_FLOAT):
        bits = " (of 32 bits)" if abs(value) > GREATEST_FLOAT else ""
        raise Wrong(f"found {shown(node)}; allowed: a number{_range(parameter)}{bits}", node)
    return value


def _clamped(value: int | float) -> float:
    return value if isinstance(value, float) else 0.0


def _in_range(parameter: Parameter, value: int | float, greatest: float) -> bool:
    least = -greatest if parameter.minimum is None else parameter.minimum
    return least <= value <= (greatest if parameter.maximum is None else parameter.maximum)


def _range(parameter: Parameter) -> str:
    low, high = parameter.minimum, parameter.maximum
    if low is not None and high is not None:
        return f" from {low:.15g} to {high:.15g}"
    if low is not None:
        return f" of at least {low:.15g}"
    return f" of at most {high:.15g}" if high is not None else ""


def _bool(parameter: Parameter, node: Node, context: Context) -> Any:
    if not isinstance(node.value, bool) and node.value not in (0, 1):
        raise Wrong(f"found {shown(node)}; allowed: true, false", node)
    return bool(node.value)


def _text(parameter: Parameter, node: Node, context: Context) -> str:
    if not isinstance(node.value, str):
        raise Wrong(f"found {shown(node)}; allowed: a text", node)
    return node.value


def _choice(parameter: Parameter, node: Node, context: Context) -> Any:
    value = node.value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    for allowed in parameter.allowed:
        if type(allowed) is type(value) and allowed == value:
            return allowed
    if None in parameter.allowed and is_none(value):
        return None
    words = ["None" if each is None else shown_choice(each) for each in parameter.allowed]
    hint = nearest(value, words) if isinstance(value, str) else ""
    hint = hint if "did you mean" in hint else ""
    raise Wrong(f"found {shown(node)}; allowed: {listing(words)}{hint}", node)


def shown_choice(value: Any) -> str:
    """An allowed value as one writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _name_of(kind: str) -> Callable[[Parameter, Node, Context], str]:
    def read(parameter: Parameter, node: Node, context: Context) -> str:
        kinds = ("np", "sp", "plast", "if") if kind == "item" else (kind,)
        noun = NOUNS.get(kind, "item")
        if not isinstance(node.value, str):
            raise Wrong(f"found {shown(node)}; allowed: the name of a {noun}", node)
        known = [name for each in kinds for name in context.names[each]] if kind == "item" else context.names[kind]
        if node.value not in known:
            raise Wrong(f"the {noun} '{shorten(node.value)}' does not exist{nearest(node.value, known)}", node)
        return node.value

    return read


def _function(parameter: Parameter, node: Node, context: Context) -> str:
    known = context.catalogue.activations
    if not isinstance(node.value, str):
        raise Wrong(f"found {shown(node)}; allowed: the name of a function", node)
    if node.value not in known:
        raise Wrong(f"the function '{shorten(node.value)}' does not exist{nearest(node.value, known)}", node)
    return node.value


def _activation(parameter: Parameter, node: Node, context: Context) -> str:
    text = node.value
    if not isinstance(text, str):
        raise Wrong(f"found {shown(node)}; allowed: an activation's name, or an expression over $", node)
    if _PLAIN_NAME.fullmatch(text):
        known = context.catalogue.activations
        if text not in known:
            raise Wrong(f"the activation '{shorten(text)}' does not exist{nearest(text, known)}", node)
        return text
    if "$" not in text:
        raise Wrong(f"found {shown(node)}; allowed: an activation's name, or an expression with $ for the value", node)
    check_expression(node, context, lambda name: name == "$", "$")
    return text


def _expression(parameter: Parameter, node: Node, context: Context) -> str:
    # Which placeholders exist depends on the synapse-pool's sources: checked there.
    if not isinstance(node.value, str):
        raise Wrong(f"found {shown(node)}; allowed: an expression over $00, $01, ...", node)
    check_expression(node, context, lambda name: True, "")
    return node.value


def check_expression(node: Node, context: Context, exists: Callable[[str], bool], known: str) -> None:
    """Raise Wrong unless the text is an expression with existing placeholders, functions and keywords."""
    try:
        expression = expressions.parse(node.value, names=False)
    except ExpressionError as error:
        raise Wrong(f"'{shorten(node.value)}' is no expression: {error}", node) from None
    for name in sorted(expression.placeholders):
        if not exists(name):
            raise Wrong(f"the placeholder {name} in '{shorten(node.value)}' does not exist; known: {known}", node)
    for call in expression.calls:
        _check_call(call, node, context.catalogue)


def _check_call(call: Call, node: Node, catalogue: Catalogue) -> None:
    name, given = call.function, len(call.arguments)
    activation, function = catalogue.activations.get(name), catalogue.functions.get(name)
    if activation is not None:
        keywords: tuple[str, ...] = tuple(activation.keywords)
        least, most = 1, 1 + len(keywords)
    elif function is not None:
        keywords, (least, most) = function.keywords, function.arguments
    else:
        known = [*catalogue.activations, *catalogue.functions]
        raise Wrong(f"the function '{shorten(name)}' does not exist{nearest(name, known)}", node)
    if not least <= given <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise Wrong(f"{name} is called with {given} values; allowed: {wanted}", node)
    for keyword, _ in call.keywords:
        if keyword not in keywords:
            hint = nearest(keyword, keywords) or "; it has none"
            raise Wrong(f"{name} has no keyword '{shorten(keyword)}'{hint}", node)


def _init(parameter: Parameter, node: Node, context: Context) -> Any:
    value = node.value
    if isinstance(value, tuple):
        return _external(node, context)
    if isinstance(value, str):
        return _initialiser(parameter, node, context)
    return _float(parameter, node, context)


def _initialiser(parameter: Parameter, node: Node, context: Context) -> str:
    known = [name for name in context.catalogue.initialisers if not parameter.allowed or name in parameter.allowed]
    name, arguments = split_initialiser(node.value, known)
    if not name:
        hint = nearest(node.value, known) or "; allowed: a number"
        raise Wrong(f"the start value '{shorten(node.value)}' does not exist{hint}", node)
    counts = context.catalogue.initialisers[name].arguments
    if len(arguments) not in counts:
        wanted = " or ".join(map(str, counts))
        raise Wrong(f"'{shorten(node.value)}' has {len(arguments)} numbers after '{name}'; allowed: {wanted}", node)
    for text in arguments:
        try:
            fine = math.isfinite(float(text)) and text.isascii() and " " not in text
        except ValueError:
            fine = False
        if not fine:
            raise Wrong(f"'{shorten(text)}' in '{shorten(node.value)}' is no number", node)
    return str(node.value)


def split_initialiser(text: str, known: Iterable[str]) -> tuple[str, list[str]]:
    """`normal_0_1` -> ("normal", ["0", "1"]); ("", []) if no name fits. Names may hold a `_` themselves."""
    name = max((each for each in known if f"{text}_".startswith(f"{each}_")), key=len, default="")
    return name, text[len(name) :].split("_")[1:] if name else []


def _external(node: Node, context: Context) -> tuple[Any, ...]:
    parts = [each.value for each in node.elements]
    if len(parts) != 3 or not all(isinstance(each, str) for each in parts):
        raise Wrong(f"found {shown(node)}; allowed: [external model, layer, parameter], three texts", node)
    if parts[0] not in context.models:
        message = f"the external model '{shorten(parts[0])}' does not exist{nearest(parts[0], context.models)}"
        raise Wrong(message, node.elements[0])
    return tuple(parts)


def _shape(parameter: Parameter, node: Node, context: Context) -> tuple[int, ...]:
    if len(node.elements) != 3:
        raise Wrong(f"found {shown(node)}; allowed: [features, X, Y], three whole numbers", node)
    length = Parameter(parameter.name, "int", minimum=1)
    shape = tuple(_int(length, each, context) for each in node.elements)
    if math.prod(shape) > GREATEST_INT:
        raise Wrong(f"found {list(shape)}, which is more than {GREATEST_INT} neurons", node)
    return shape


def _device(parameter: Parameter, node: Node, context: Context) -> str:
    if not isinstance(node.value, str) or not DEVICE.fullmatch(node.value):
        raise Wrong(f"found {shown(node)}; allowed: cpu, cpu:k, gpu:k with a number k, such as gpu:0", node)
    return node.value


def _backend(parameter: Parameter, node: Node, context: Context) -> str:
    known = context.catalogue.backends
    if node.value not in known:
        raise Wrong(f"found {shown(node)}; allowed: {listing(known)}", node)
    return str(node.value)


def _names(parameter: Parameter, node: Node, context: Context) -> tuple[str, ...]:
    if not isinstance(node.value, tuple):
        raise Wrong(f"found {shown(node)}; allowed: a list of texts", node)
    for each in node.elements:
        if each.value is BROKEN:
            raise Wrong(None, each)
        if not isinstance(each.value, str):
            raise Wrong(f"found {shown(each)} in the list; allowed: a text", each)
        if parameter.allowed and each.value not in parameter.allowed:
            raise Wrong(f"found {shown(each)} in the list; allowed: {listing(parameter.allowed)}", each)
    return tuple(each.value for each in node.elements)


def _list(parameter: Parameter, node: Node, context: Context) -> Any:
    if not isinstance(node.value, tuple):
        raise Wrong(f"found {shown(node)}; allowed: a list", node)
    return freeze(plain(node))


def _mapping(parameter: Parameter, node: Node, context: Context) -> Any:
    if not isinstance(node.value, dict):
        raise Wrong(f"found {shown(node)}; allowed: a mapping", node)
    return freeze(plain(node))


def _any(parameter: Parameter, node: Node, context: Context) -> Any:
    return freeze(plain(node))


_READERS: dict[str, Callable[[Parameter, Node, Context], Any]] = {
    "int": _int,
    "float": _float,
    "bool": _bool,
    "text": _text,
    "choice": _choice,
    "pool": _name_of("np"),
    "plasticity": _name_of("plast"),
    "interface": _name_of("if"),
    "item": _name_of("item"),
    "activation": _activation,
    "function": _function,
    "expression": _expression,
    "init": _init,
    "shape": _shape,
    "device": _device,
    "backend": _backend,
    "names": _names,
    "list": _list,
    "mapping": _mapping,
    "any": _any,
}
