"""The command line: options, usage, and one clear line about what is wrong with them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from statestream.terminal.text import one_line
from statestream.version import VERSION

_DESCRIPTION = "Run a streaming neural network: a prompt in a terminal, else a script of the same commands."
_CHECK = "statestream check [options] FILE"
_EPILOG = """\
examples:
  statestream demo.st_graph                                  a prompt; type 'stream', '?' lists the commands
  statestream demo.st_graph -c "stream 500; show hidden1"    a script; or one command per line on standard input
  statestream demo.st_graph --set hidden_loss.lr=1e-3        another value of a parameter
  statestream check demo.st_graph                            only look for mistakes

exit status: 0 all went well, 1 a command failed or the session broke, 2 a wrong graph or wrong options
"""


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    file: str | None = None
    check: bool = False
    """Only check the graph."""
    seed: int | None = None
    backend: str | None = None
    agents: int | None = None
    threads: int | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    """Values of item keys by "item.parameter"."""
    strict: bool = False
    script: str | None = None
    """The commands of `-c`."""
    stop_at_failure: bool = False
    json: bool = False


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"statestream: {one_line(message)} ('statestream --help' lists the options)\n")


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line; ends the process with status 2 and one line if it is wrong, with 0 after --help."""
    check = bool(arguments) and arguments[0] == "check"
    found = _parser(check).parse_args(arguments[1:] if check else arguments)
    return Options(check=check, **{**vars(found), "overrides": dict(found.overrides)})


def usage() -> str:
    """The text of `--help`."""
    return _parser(False).format_help()


def _parser(check: bool) -> _Parser:
    parser = _Parser(
        prog="statestream check" if check else "statestream",
        usage=_CHECK if check else f"statestream [options] FILE\n       {_CHECK}",
        description="Check a graph: all mistakes at once, with file and line." if check else _DESCRIPTION,
        epilog=None if check else _EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("file", metavar="FILE", nargs=None if check else "?", help="a network's .st_graph")
    add("--backend", metavar="NAME", help="engine, in place of the graph's own: numpy, tensorflow or theano")
    add("--agents", metavar="N", type=_positive, help="batch size, in place of the graph's own")
    add("--set", metavar="ITEM.PARAMETER=VALUE", dest="overrides", action="append", type=_override, default=[],
        help="another value of an item's parameter; may be given several times")  # fmt: skip
    add("--strict", action="store_true", help="treat warnings about the graph as mistakes")
    if not check:
        add("--seed", metavar="N", type=_natural, help="seed of all random numbers: equal seeds, equal runs")
        add("--threads", metavar="N", type=_natural,
            help="threads of each worker's engine; 0 shares the cores among the workers")  # fmt: skip
        add("-c", metavar="COMMANDS", dest="script", help="do these commands, separated by ';', and end")
        add("-e", dest="stop_at_failure", action="store_true", help="a script ends at its first command that fails")
        add("--json", action="store_true", help="a script prints one JSON object per command")
        add("--version", action="version", version=f"statestream {VERSION}")
    return parser


def _natural(text: str) -> int:
    return _number(text, 0)


def _positive(text: str) -> int:
    return _number(text, 1)


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
