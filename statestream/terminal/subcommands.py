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
    tolerance,
)


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
