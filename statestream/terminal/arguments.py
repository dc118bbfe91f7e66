"""What the command lines of the program and of its sub-commands have in common: how they complain, and their values."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

from statestream.terminal.text import one_line


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong, and ends the process with status 2. Options are written out."""

    def __init__(self, prog: str, usage: str, description: str, epilog: str | None = None) -> None:
        form = argparse.RawDescriptionHelpFormatter
        super().__init__(prog, usage, description, epilog, formatter_class=form, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        self.exit(2, f"statestream: {one_line(message)} ('{self.prog} --help' lists the options)\n")


@dataclass(frozen=True)
class Subcommand:
    """One way to use the program beside running a network: `statestream NAME ...`.

    usage: what follows the name. help: one line. add: declares its arguments. home: "module:function", loaded only when
    it is called; the function gets the parsed arguments and returns the exit status. It may raise what
    `graphs.exit_status` knows.
    """

    name: str
    usage: str
    help: str
    add: Callable[[argparse.ArgumentParser], None]
    home: str

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """Its arguments; ends the process if they are wrong, or after --help."""
        prog = f"statestream {self.name}"
        parser = Parser(prog, f"{prog} {self.usage}", self.help)
        self.add(parser)
        return parser.parse_args(arguments)

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it; returns the exit status."""
        module, _, function = self.home.partition(":")
        status: int = getattr(import_module(module), function)(arguments)
        return status


def add_graph(parser: argparse.ArgumentParser) -> None:
    """The options about a graph and how it is read; `graphs.load` reads it so."""
    add = parser.add_argument
    add("--agents", metavar="N", type=positive, help="batch size, in place of the graph's own")
    add("--set", metavar="ITEM.PARAMETER=VALUE", dest="overrides", action="append", type=_override, default=[],
        help="another value of an item's parameter; may be given several times")  # fmt: skip
    add("--strict", action="store_true", help="treat warnings about the graph as mistakes")


def add_backend(parser: argparse.ArgumentParser) -> None:
    """The engine in place of the graph's own."""
    parser.add_argument(
        "--backend", metavar="NAME", help="engine, in place of the graph's own: numpy, tensorflow or theano"
    )


def add_running(parser: argparse.ArgumentParser) -> None:
    """What a run depends on beside its graph."""
    add = parser.add_argument
    add("--seed", metavar="N", type=natural, help="seed of all random numbers: equal seeds, equal runs")
    add("--threads", metavar="N", type=natural,
        help="threads of each worker's engine; 0 shares the cores among the workers")  # fmt: skip


def natural(text: str) -> int:
    """A whole number of at least 0."""
    return _number(text, 0)


def positive(text: str) -> int:
    """A whole number of at least 1."""
    return _number(text, 1)


def tolerance(text: str) -> float:
    """A finite number of at least 0."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not (number >= 0 and math.isfinite(number)):
        raise argparse.ArgumentTypeError(f"found {text!r}, a number of at least 0 is needed")
    return number


def _number(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"found {text!r}, a whole number of at least {least} is needed")
    return number


def _override(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    item, dot, parameter = name.partition(".")
    if not (sign and dot and item.strip() and parameter.strip()):
        raise argparse.ArgumentTypeError(f"found {text!r}, needed is ITEM.PARAMETER=VALUE")
    return f"{item.strip()}.{parameter.strip()}", _value(value)


def _value(text: str) -> Any:
    """A value as it would be read from a graph file."""
    from statestream.graph.findings import Collector
    from statestream.graph.reader import read_text
    from statestream.graph.tree import plain

    findings = Collector()
    node = read_text(f"value: {text}", "--set", findings)
    found = None if node is None or findings.errors else plain(node)
    if not isinstance(found, dict) or list(found) != ["value"]:
        reason = findings.errors[0].message if findings.errors else "this is more than one value"
        raise argparse.ArgumentTypeError(f"{text!r}: {reason}")
    return found["value"]
