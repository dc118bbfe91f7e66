"""The table of the sub-commands: `statestream check FILE` and its like. A new one is one entry here."""

from __future__ import annotations

import argparse

from statestream.terminal.arguments import Subcommand, add_backend, add_graph, add_running, natural, tolerance


def _add_capture(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", metavar="NET", help="a network's .st_graph")
    add("capture", metavar="FILE", help="the HDF5 file to make; one that exists is not touched")
    add("--items", metavar="ITEM|#TAG,...", action="append", default=[], type=lambda text: text.split(","),
        help="record these items, and what they are computed from; all if not given")  # fmt: skip
    add("--frames", metavar="N", type=natural, default=100, help="frames to compute, 100 if not given")
    add_backend(parser)
    add_graph(parser)
    add_running(parser)
    add("--json", action="store_true", help="print one JSON object per command")


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a network's .st_graph")
    add_backend(parser)
    add_graph(parser)


def _add_compare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("one", metavar="A", help="a capture")
    add("other", metavar="B", help="another one")
    add("--tolerance", metavar="T", type=tolerance,
        help="accept deviations up to this part of an array's largest magnitude; without it bits count")  # fmt: skip
    add("--json", action="store_true", help="print one JSON object")


_ALL = (
    Subcommand(
        "check",
        "[options] FILE",
        "Check a graph: all mistakes at once, with file and line.",
        _add_check,
        "statestream.terminal.check:run",
    ),
    Subcommand(
        "capture",
        "[options] NET FILE",
        "Run a network and record its items frame by frame in an HDF5 file.",
        _add_capture,
        "statestream.terminal.capture:run",
    ),
    Subcommand(
        "compare",
        "[options] A B",
        "Compare two captures: exit status 0 if they are equal, 1 if they differ, 2 if they cannot be compared.",
        _add_compare,
        "statestream.terminal.compare:run",
    ),
)

SUBCOMMANDS = {one.name: one for one in _ALL}
"""By name, in the order of `--help`."""
