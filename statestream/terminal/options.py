"""The command line that runs a network: options, usage, and one clear line about what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from statestream.terminal.arguments import Parser, add_backend, add_graph, add_running
from statestream.terminal.subcommands import SUBCOMMANDS
from statestream.version import VERSION

_DESCRIPTION = "Run a streaming neural network: a prompt in a terminal, else a script of the same commands."
_EXAMPLES = """\
examples:
  statestream demo.st_graph                                  a prompt; type 'stream', '?' lists the commands
  statestream demo.st_graph -c "stream 500; show hidden1"    a script; or one command per line on standard input
  statestream demo.st_graph --set hidden_loss.lr=1e-3        another value of a parameter
  statestream check demo.st_graph                            only look for mistakes
  statestream capture demo.st_graph run.h5 --frames 20       record 20 frames; 'statestream compare' shows differences

exit status: 0 all went well, 1 a command failed or the session broke, 2 a wrong graph or wrong options
"""


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    file: str | None = None
    seed: int | None = None
    backend: str | None = None
    agents: int | None = None
    threads: int | None = None
    overrides: list[tuple[str, Any]] = field(default_factory=list)
    """Values of item keys by "item.parameter"."""
    strict: bool = False
    script: str | None = None
    """The commands of `-c`."""
    stop_at_failure: bool = False
    json: bool = False


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line; ends the process with status 2 and one line if it is wrong, with 0 after --help."""
    return Options(**vars(_parser().parse_args(arguments)))


def usage() -> str:
    """The text of `--help`."""
    return _parser().format_help()


def _parser() -> Parser:
    ways = ["statestream [options] FILE", *(f"statestream {one.name} {one.usage}" for one in SUBCOMMANDS.values())]
    width = max(map(len, SUBCOMMANDS))
    listed = "".join(f"  {one.name:{width}}  {one.help}\n" for one in SUBCOMMANDS.values())
    heading = "sub-commands ('statestream NAME --help'; a file of that name is opened as ./NAME):"
    parser = Parser("statestream", "\n       ".join(ways), _DESCRIPTION, f"{heading}\n{listed}\n{_EXAMPLES}")
    add = parser.add_argument
    add("file", metavar="FILE", nargs="?", help="a network's .st_graph")
    add_backend(parser)
    add_graph(parser)
    add_running(parser)
    add("-c", metavar="COMMANDS", dest="script", help="do these commands, separated by ';', and end")
    add("-e", dest="stop_at_failure", action="store_true", help="a script ends at its first command that fails")
    add("--json", action="store_true", help="a script prints one JSON object per command")
    add("--version", action="version", version=f"statestream {VERSION}")
    return parser
