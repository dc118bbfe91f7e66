"""Writes docs/reference.md: everything that a graph file can say, from the declarations that graphs are checked by.

    python tools/make_reference.py            (or: make docs)

A test compares the file with what this script would write, so that the reference never lags behind the program.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from statestream.graph.catalogue import Catalogue, Dimension, InterfaceDeclaration, Parameter, Topic, Variable

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "reference.md"

INTRODUCTION = """\
# Reference: what a graph file can say

Written by `make docs` from the declarations that graphs are checked by; do not edit it. The users' guide, with the
structure of a graph file, is [index.md](index.md).
"""

LAYOUTS = {"": "", "factors": ", a list with one per factor", "inputs": ", a list of lists laid out as `source`"}


def cell(text: str) -> str:
    """The text, safe inside a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """A Markdown table, one line per element; nothing if there are no rows."""
    lines = ["| " + " | ".join(map(cell, row)) + " |" for row in rows]
    if not lines:
        return []
    return ["| " + " | ".join(header) + " |", "|" + "---|" * len(header), *lines, ""]


def value(thing: Any) -> str:
    """A value as one would write it in a graph file."""
    if thing is None:
        return ""
    if isinstance(thing, bool):
        return f"`{str(thing).lower()}`"
    if isinstance(thing, list | tuple):
        return "`[" + ", ".join(str(part) for part in thing) + "]`"
    return f"`{thing}`"


def allowed(parameter: Parameter) -> str:
    """What the parameter accepts: its type, choices and bounds."""
    text = " ".join(value(choice) for choice in parameter.allowed) if parameter.allowed else parameter.type
    if parameter.minimum is not None:
        text += f", at least {parameter.minimum:g}"
    if parameter.maximum is not None:
        text += f", at most {parameter.maximum:g}"
    return text + LAYOUTS[parameter.layout]


def remarks(parameter: Parameter) -> str:
    """The parameter's help, and what else one has to know about it."""
    parts = [parameter.help.rstrip(".") + "." if parameter.help else ""]
    if parameter.when:
        key, choices = parameter.when
        parts.append(f"With `{key}` " + " or ".join(value(choice) for choice in choices) + ".")
    if parameter.planned:
        parts.append(f"*Not built yet: {parameter.planned}.*")
    if parameter.array:
        parts.append("Can be changed while the session runs.")
    if parameter.aliases:
        parts.append("Also spelt " + ", ".join(f"`{alias}`" for alias in parameter.aliases) + ".")
    return " ".join(part for part in parts if part)


def parameters(declared: Iterable[Parameter]) -> list[str]:
    """The table of some parameters."""
    return table(
        ("key", "value", "default", "meaning"),
        (
            (
                f"`{item.name} ARRAY`" if item.per_array else f"`{item.name}`",
                allowed(item),
                "required" if item.required else value(item.default),
                remarks(item),
            )
            for item in declared
        ),
    )


def dimension(length: Dimension) -> str:
    """One axis of a topic's shape."""
    if length is None:
        return "any"
    if isinstance(length, tuple):
        return " or ".join(map(str, length))
    return str(length)


def topics(direction: str, declared: Iterable[Topic]) -> Iterable[tuple[str, str, str, str]]:
    """Table rows of an interface's topics."""
    for topic in declared:
        shape = "any" if topic.shape is None else "[" + ", ".join(map(dimension, topic.shape)) + "]"
        if topic.multiple_of > 1:
            shape += f", X and Y multiples of {topic.multiple_of}"
        if topic.space_of:
            shape += f", X and Y as `{topic.space_of}`"
        yield f"`{topic.name}`", direction, shape, topic.help


def variables(declared: Iterable[Variable]) -> list[str]:
    """A table of what a plasticity reports and remembers."""
    rows = [
        (f"`{each.name}`", f"of the state of `{each.shape_of}`" if each.shape_of else "a number", each.help)
        for each in declared
    ]
    return table(("variable", "shape", "meaning"), rows)


def planned(text: str, available: bool) -> list[str]:
    """A description, marked where the thing is declared but not built yet."""
    note = "" if available else "*Declared, so that graphs with it load; not built yet.* "
    return [note + text, ""] if note or text else []


def named(title: str, entries: Mapping[str, Any]) -> list[str]:
    """A table of named things with a help text and, if they have them, keyword arguments."""
    rows = []
    for name, entry in entries.items():
        keywords = getattr(entry, "keywords", ())
        if isinstance(keywords, Mapping):
            arguments = ", ".join(f"{key}={default}" for key, default in keywords.items())
        else:
            arguments = ", ".join(keywords)
        rows.append((f"`{name}`", f"`{arguments}`" if arguments else "", entry.help))
    if not rows:
        return []
    return [f"## {title}", "", *table(("name", "keyword arguments", "meaning"), rows)]


def interface(declaration: InterfaceDeclaration) -> list[str]:
    """The section of one type of interface."""
    rows = [
        *topics("out (into the network)", declaration.outputs),
        *topics("in (from the network)", declaration.inputs),
    ]
    return [
        f"### `type: {declaration.type}`",
        "",
        *planned(declaration.help, declaration.available),
        *table(("topic", "direction", "shape [features, X, Y]", "meaning"), rows),
        *parameters(declaration.parameters),
    ]


def reference(catalogue: Catalogue) -> str:
    """The whole page."""
    lines = [INTRODUCTION]
    lines += ["## Neuron-pools", "", *parameters(catalogue.neuron_pool)]
    lines += ["## Synapse-pools", "", *parameters(catalogue.synapse_pool)]
    lines += ["## Plasticities", "", *parameters(catalogue.plasticity)]
    for plasticity in catalogue.plasticities.values():
        lines += [f"### `type: {plasticity.type}`", "", *planned(plasticity.help, available=True)]
        lines += parameters(plasticity.parameters)
        lines += variables(plasticity.variables)
    lines += ["## Optimizers", ""]
    for optimizer in catalogue.optimizers.values():
        lines += [f"### `optimizer: {optimizer.name}`", "", *planned(optimizer.help, available=True)]
        lines += parameters(optimizer.parameters)
    lines += named("Loss functions", catalogue.losses)
    lines += named("Activations", catalogue.activations)
    lines += named("Further functions of expressions", catalogue.functions)
    lines += named("Initialisers", catalogue.initialisers)
    lines += ["## Interfaces", "", *parameters(catalogue.interface)]
    for declaration in catalogue.interfaces.values():
        lines += interface(declaration)
    lines += ["## Core clients", "", *parameters(catalogue.core_client)]
    for client in catalogue.core_clients.values():
        lines += [f"### `type: {client.type}`", "", *planned(client.help, client.available)]
        lines += parameters(client.parameters)
    lines += ["## Backends", "", ", ".join(f"`{name}`" for name in catalogue.backends), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    from statestream.catalogue import default_catalogue

    TARGET.write_text(reference(default_catalogue()), encoding="utf-8")
