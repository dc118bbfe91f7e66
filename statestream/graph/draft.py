"""Items on their way to the network: every key checked by itself, and what is wrong remembered."""

from __future__ import annotations

from typing import Any

from statestream.graph.catalogue import Parameter
from statestream.graph.findings import Collector, Mark, listing, nearest, shorten
from statestream.graph.item import Item
from statestream.graph.schema import Schema, Schemas
from statestream.graph.tree import BROKEN, Node, freeze, plain, shown
from statestream.graph.values import Context, Wrong, value_of

SETTINGS = "settings"
"""Stands for the file in findings on overriding settings."""


class Draft:
    """An item under examination. values: declared name -> checked value; wrong: names of parameters that are not."""

    def __init__(self, name: str, kind: str, node: Node, schema: Schema, findings: Collector) -> None:
        self.name, self.kind, self.node, self.schema, self.findings = name, kind, node, schema, findings
        self.values: dict[str, Any] = {}
        self.wrong: set[str] = set()
        self.keys: dict[str, str] = {}  # declared name -> key as written
        self.layout: tuple[int, ...] | None = None  # of a synapse-pool: number of inputs of each factor

    def get(self, name: str) -> Any:
        """The checked value, or the default; only to be asked for what is not wrong."""
        if self.values.get(name) is not None:
            return self.values[name]
        declared = self.schema.parameters.get(name)
        return None if declared is None else declared.default

    def given(self, name: str) -> Node | None:
        """What the graph says of a parameter."""
        return self.node.entries.get(self.keys.get(name, name))

    def ok(self, *names: str) -> bool:
        """Whether nothing is wrong with these parameters; of a required one, that it is there."""
        return self.wrong.isdisjoint(names)

    def error(self, name: str, message: str, node: Node | None = None) -> None:
        """Note that a parameter is wrong, at the node, the parameter or the item."""
        self.wrong.add(name)
        self.findings.error(self.mark(name, node), self.name, self.keys.get(name, name), message)

    def warn(self, name: str, message: str, node: Node | None = None) -> None:
        """Note that a parameter is odd."""
        self.findings.warn(self.mark(name, node), self.name, self.keys.get(name, name), message)

    def mark(self, name: str, node: Node | None = None) -> Mark:
        """Where to point for a finding on a parameter."""
        node = node or self.given(name)
        return node.mark if node is not None else self.node.place

    def item(self) -> Item:
        """The item, without what is wrong."""
        spec = {}
        for key, node in self.node.entries.items():
            name = self.schema.name(key)
            if name not in self.wrong:
                spec[key] = self.values[name] if name in self.values else freeze(plain(node))
        defaults = {name: self._default(each) for name, each in self.schema.parameters.items()}
        return Item(self.name, self.kind, freeze(spec), freeze(defaults), freeze(self.schema.spellings))

    def _default(self, parameter: Parameter) -> Any:
        """The default, laid out as the synapse-pool's factors or inputs."""
        value = parameter.default
        if value is None or not parameter.layout or self.layout is None:
            return value
        return tuple((value,) * count if parameter.layout == "inputs" else value for count in self.layout)


def examine(name: str, kind: str, node: Node, schemas: Schemas, context: Context, findings: Collector) -> Draft:
    """Check every key of an item by itself."""
    schema = schemas.of(kind, node.entries)
    draft = Draft(name, kind, node, schema, findings)
    _spell(draft)
    if kind == "sp":
        _source_layout(draft, context)
    for name_, key in draft.keys.items():
        parameter, _ = schema.find(key)
        value = node.entries[key]
        if parameter is None:
            _unknown(draft, key, value, schemas)
        elif name_ not in draft.wrong and name_ not in draft.values:
            if value.value is BROKEN:
                draft.wrong.add(name_)
            elif parameter.layout and kind == "sp":
                _laid_out(draft, parameter, value, context)
            else:
                _single(draft, name_, parameter, value, context)
    for parameter in schema.parameters.values():
        if parameter.required and parameter.name not in draft.keys:
            draft.error(parameter.name, _missing(parameter))
    _period(draft)
    _order(draft)
    _without_effect(draft)
    return draft


def _missing(parameter: Parameter) -> str:
    return f"'{parameter.name}' is missing" + (f": {parameter.help}" if parameter.help else "")


def _spell(draft: Draft) -> None:
    """Find which key stands for which parameter; two spellings of one are wrong."""
    for key, node in draft.node.entries.items():
        name = draft.schema.name(key)
        if name in draft.keys:
            draft.error(name, f"'{key}' is given a second time, as '{draft.keys[name]}' before", node)
        else:
            draft.keys[name] = key


def _unknown(draft: Draft, key: str, node: Node, schemas: Schemas) -> None:
    if draft.kind == "np" and key == "share params":
        draft.error(key, "neuron-pools cannot share parameters; only synapse-pools can", node)
        return
    if draft.findings.full_of_warnings:
        return
    known = draft.schema.known
    owner = schemas.foreign.get(draft.kind, {}).get(draft.schema.name(key))
    if node.mark.file == SETTINGS:
        draft.findings.error(node.place, draft.name, key, f"unknown parameter '{shorten(key)}'{nearest(key, known)}")
    elif draft.schema.closed and owner is not None:
        draft.findings.warn(node.place, draft.name, key, f"'{key}' has no effect here, it belongs to {owner}")
    elif draft.schema.closed:
        draft.findings.warn(node.place, draft.name, key, f"unknown parameter '{shorten(key)}'{nearest(key, known)}")


def _single(draft: Draft, name: str, parameter: Parameter, node: Node, context: Context) -> None:
    try:
        draft.values[name] = value_of(parameter, node, context)
    except Wrong as wrong:
        _note(draft, name, wrong)


def _note(draft: Draft, name: str, wrong: Wrong) -> None:
    draft.wrong.add(name)
    if wrong.message is not None:
        draft.error(name, wrong.message, wrong.node)


def _source_layout(draft: Draft, context: Context) -> None:
    """Read `source` first: the other parameters are laid out like it."""
    node = draft.node.entries.get("source")
    parameter = draft.schema.parameters.get("source")
    if node is None or parameter is None or node.value is BROKEN:
        return
    if not node.elements or not all(each.elements for each in node.elements):
        draft.error("source", f"found {shown(node)}; allowed: a list of lists of neuron-pools, [[a, b], [c]]", node)
        return
    draft.layout = tuple(len(each.elements) for each in node.elements)
    _laid_out(draft, parameter, node, context)


def _laid_out(draft: Draft, parameter: Parameter, node: Node, context: Context) -> None:
    """A parameter with a value per factor or per input."""
    if parameter.layout == "factors":
        factors = None if draft.layout is None else len(draft.layout)
        draft.values[parameter.name] = _row(draft, parameter, node, context, factors, "factors")
    elif parameter.name == "rf" and not isinstance(node.value, tuple):
        if draft.layout is not None and sum(draft.layout) != 1:
            found = f"found {shown(node)} for {sum(draft.layout)} inputs"
            draft.error("rf", f"{found}; allowed: a list of lists like 'source'{_hint(draft, node)}", node)
        _single(draft, "rf", parameter, node, context)
    else:
        draft.values[parameter.name] = _table(draft, parameter, node, context)


def _table(draft: Draft, parameter: Parameter, node: Node, context: Context) -> tuple[Any, ...]:
    name = parameter.name
    if not isinstance(node.value, tuple):
        draft.error(name, f"found {shown(node)}; allowed: a list of lists like 'source'{_hint(draft, node)}", node)
        return ()
    if draft.layout is not None and len(node.value) != len(draft.layout):
        message = f"the outer list has {len(node.value)} entries; 'source' has {len(draft.layout)} factors"
        draft.error(name, message, node)
    rows = []
    for f, inner in enumerate(node.value):
        wanted = draft.layout[f] if draft.layout is not None and f < len(draft.layout) else None
        rows.append(_row(draft, parameter, inner, context, wanted, f"inputs in factor {f}", "a list of lists"))
    return tuple(rows)


def _hint(draft: Draft, node: Node) -> str:
    """How to write the one value that was given for all inputs."""
    layout = draft.layout or ()
    if isinstance(node.value, bool) or not isinstance(node.value, str | int | float) or not 0 < sum(layout) <= 4:
        return ""
    rows = (", ".join([shorten(node.value, 20)] * count) for count in layout)
    return f", such as [[{'], ['.join(rows)}]]"


def _row(
    draft: Draft,
    parameter: Parameter,
    node: Node,
    context: Context,
    wanted: int | None,
    what: str,
    kind: str = "a list",
) -> tuple[Any, ...]:
    """One list of values; every wrong one is noted."""
    if node.value is BROKEN:
        draft.wrong.add(parameter.name)
        return ()
    if not isinstance(node.value, tuple):
        draft.error(parameter.name, f"found {shown(node)}; allowed: {kind}, one entry for each of the {what}", node)
        return ()
    if wanted is not None and len(node.value) != wanted:
        message = f"found a list with {len(node.value)} entries; allowed: {wanted}, one for each of the {what}"
        draft.error(parameter.name, message, node)
    values = []
    for each in node.value:
        try:
            values.append(value_of(parameter, each, context))
        except Wrong as wrong:
            _note(draft, parameter.name, wrong)
    return tuple(values)


def _period(draft: Draft) -> None:
    """An item whose phase is not below its period would never run."""
    if not draft.ok("period", "period offset") or "period offset" not in draft.values:
        return
    period, offset = draft.get("period") or 1, draft.get("period offset") or 0
    if offset >= period:
        message = f"found {offset} with period {period}: it would never run; allowed: {listing(range(period), 4)}"
        draft.error("period offset", message)


def _order(draft: Draft) -> None:
    """Parameters that must not be below others."""
    for parameter in draft.schema.parameters.values():
        lower, upper = parameter.not_below, parameter.name
        if not lower or not draft.ok(lower, upper) or draft.keys.keys().isdisjoint((lower, upper)):
            continue
        if _idle(draft, parameter):
            continue
        least, greatest = draft.get(lower), draft.get(upper)
        if greatest < least and upper in draft.keys:
            draft.error(upper, f"found {greatest}; allowed: at least '{lower}', {least}")
        elif greatest < least:
            draft.error(lower, f"found {least}; allowed: at most '{upper}', {greatest}")


def _without_effect(draft: Draft) -> None:
    """Parameters that have a meaning only beside others, or are not built yet."""
    for name, key in draft.keys.items():
        parameter, _ = draft.schema.find(key)
        if parameter is None or not draft.ok(name):
            continue
        if parameter.when and draft.ok(parameter.when[0]) and _idle(draft, parameter):
            other, choices = parameter.when
            draft.warn(name, f"'{key}' has no effect without {other}: {listing(choices)}")
        elif parameter.planned and draft.get(name) != parameter.default:
            draft.warn(name, f"'{key}' is not built yet: {parameter.planned}")


def _idle(draft: Draft, parameter: Parameter) -> bool:
    """Whether the value of another parameter leaves this one without a meaning."""
    return parameter.when is not None and draft.get(parameter.when[0]) not in parameter.when[1]
