"""Writes the tables of docs/numerics.md that follow from declarations; the text around them is written by hand.

    python tools/make_numerics.py             (or: make docs)
    python tools/make_numerics.py --check     exit status 1 if a table is not current

A table stands between the lines `<!-- generated: NAME -->` and `<!-- /generated -->`.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from make_reference import table

from statestream.numerics.activations import ACTIVATIONS
from statestream.numerics.declarations import INITIALISERS
from statestream.numerics.losses import LOSSES
from statestream.numerics.optimizers import OPTIMIZERS

TARGET = Path(__file__).resolve().parent.parent / "docs" / "numerics.md"
PLACE = re.compile(r"<!-- generated: (\w+) -->\n.*?<!-- /generated -->", re.DOTALL)


def activations() -> list[str]:
    """Names, arguments with their defaults, formulas."""
    rows = []
    for one in ACTIVATIONS.values():
        arguments = ", ".join(f"{name}={default:g}" for name, default in one.keywords.items())
        rows.append((f"`{one.name}`", f"`{arguments}`" if arguments else "", f"`{one.help}`"))
    return table(("name", "arguments", "formula"), rows)


def losses() -> list[str]:
    """Names and errors."""
    rows = ((f"`{one.name}`", "x, y" if one.needs_target else "x", one.help) for one in LOSSES.values())
    return table(("name", "of", "e, element by element"), rows)


def optimizers() -> list[str]:
    """Names, formulas (from the step's description), parameters with their defaults, and the memory's variables."""
    rows = []
    for one in OPTIMIZERS.values():
        formula, *source = (inspect.getdoc(one.step) or "").split("\n\n")
        parameters = ", ".join(f"`{each.name}` {each.default:g}" for each in one.parameters)
        memory = ", ".join(f"`{name}`" for name in (*one.counters, *one.moments))
        text = f"`{formula.strip().rstrip('.')}`" + (f" {source[0].strip()}" if source else "")
        rows.append((f"`{one.name}`", text, parameters, memory))
    return table(("name", "increment", "parameters", "memory"), rows)


def initialisers() -> list[str]:
    """Names and meanings."""
    rows = ((f"`{one.name}`", one.help, "weights only" if one.kernel else "") for one in INITIALISERS.values())
    return table(("name", "meaning", ""), rows)


TABLES = {function.__name__: function for function in (activations, losses, optimizers, initialisers)}


def filled(text: str, tables: Mapping[str, str]) -> str:
    """The page with all tables in their places. Raises KeyError for an unknown one."""
    return PLACE.sub(lambda found: f"<!-- generated: {found[1]} -->\n{tables[found[1]]}<!-- /generated -->", text)


def main(arguments: list[str]) -> int:
    """Write the page, or say that it is not current. Returns the exit status."""
    text = TARGET.read_text(encoding="utf-8")
    written = filled(text, {name: "\n" + "\n".join(function()) + "\n" for name, function in TABLES.items()})
    if arguments != ["--check"]:
        TARGET.write_text(written, encoding="utf-8")
        return 0
    missing = [name for name in TABLES if f"<!-- generated: {name} -->" not in text]
    if missing or written != text:
        print("docs/numerics.md is not current: run `make docs`", *missing)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
