"""The table of the sub-commands: `statestream check FILE` and its like. A new one is one entry here."""

from __future__ import annotations

import argparse

from statestream.terminal.arguments import Subcommand, add_backend, add_graph


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a network's .st_graph")
    add_backend(parser)
    add_graph(parser)


_ALL = (
    Subcommand(
        "check",
        "[options] FILE",
        "Check a graph: all mistakes at once, with file and line.",
        _add_check,
        "statestream.terminal.check:run",
    ),
)

SUBCOMMANDS = {one.name: one for one in _ALL}
"""By name, in the order of `--help`."""
