"""The table of the sub-commands: `statestream check FILE` and its like. A new one is one entry here."""

from __future__ import annotations

import argparse

from statestream.terminal.arguments import (
    Subcommand,
    above_zero,
    add_backend,
    add_graph,
    add_running,
    natural,
    positive,
)


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a network's .st_graph")
    add_backend(parser)
    add_graph(parser)


def _add_verify(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", metavar="FILE", help="a network's .st_graph")
    add("--backends", metavar="NAMES", type=_names,
        help="the engines to verify, separated by commas; all that are installed if left out")  # fmt: skip
    add("--frames", metavar="N", type=positive,
        help="how many frames; if left out, 10 or as many as it takes until each item has run")  # fmt: skip
    add_graph(parser)
    add_running(parser)
    add("--tolerance", metavar="X", type=above_zero,
        help="of states, relative to an array's largest magnitude; 1e-5 if left out. Losses and gradients may be off "
        "by ten times as much")  # fmt: skip
    add("--random-states", action="store_true", help="let every frame begin with random states")
    add("--split", metavar="N", type=natural, default=0, help="agents with a number below do not learn")
    add("--json", action="store_true", help="print the report as one JSON object")
    parser.set_defaults(backend=None)


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"found {text!r}, needed are names separated by commas")
    return names


_ALL = (
    Subcommand(
        "check",
        "[options] FILE",
        "Check a graph: all mistakes at once, with file and line.",
        _add_check,
        "statestream.terminal.check:run",
    ),
    Subcommand(
        "verify",
        "[options] FILE",
        "Compare what the engines compute for a network with plain numpy, item by item.",
        _add_verify,
        "statestream.terminal.verify:run",
    ),
)

SUBCOMMANDS = {one.name: one for one in _ALL}
"""By name, in the order of `--help`."""
