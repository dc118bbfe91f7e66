"""The command table: each command's name, arguments, help and action; for prompt, scripts, viewers and Python alike."""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from statestream.runtime import actions
from statestream.runtime.requests import RequestError

if TYPE_CHECKING:
    from statestream.runtime.session_core import SessionCore


@dataclass(frozen=True)
class Argument:
    """One argument of a command.

    kind (`count`, `item`, `items`, `parameter`, `number`, `command`, `word`, `file`, `graph`) tells how to complete it:
    `items` are items and `#tag`s, a `word` is one of `words`, `graph` is a graph's file. repeated: the last argument of
    a command may come several times.
    """

    name: str
    kind: str
    optional: bool = False
    repeated: bool = False
    words: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        """As help shows it."""
        name = f"{self.name} ..." if self.repeated else self.name
        return f"[{name}]" if self.optional else name


@dataclass(frozen=True)
class Command:
    """One entry of the table.

    action: None if the client does it, by other requests, since it reads or writes the user's files (session.py).
    looks: it changes nothing, and may be answered in the middle of a frame.
    """

    name: str
    help: str
    action: Callable[..., actions.Result] | None
    arguments: tuple[Argument, ...] = ()
    aliases: tuple[str, ...] = ()
    looks: bool = False

    @property
    def usage(self) -> str:
        """Name and arguments."""
        return " ".join([self.name, *(argument.usage for argument in self.arguments)])

    def argument(self, position: int) -> Argument | None:
        """What its word at this position (from 0) means; None behind the last."""
        if position >= len(self.arguments) and self.arguments and self.arguments[-1].repeated:
            return self.arguments[-1]
        return self.arguments[position] if position < len(self.arguments) else None


_ITEM = Argument("ITEM", "item")

COMMANDS: tuple[Command, ...] = (
    Command("help", "list the commands, or explain one", lambda core, *names: _help(*names),
            (Argument("COMMAND", "command", True),), ("?",), looks=True),
    Command("stream", "compute frames: N of them, or until paused", actions.stream, (Argument("N", "count", True),)),
    Command("pause", "stop after the frame that is being computed", actions.pause),
    Command("step", "compute one frame", actions.step),
    Command("state", "the session: id, frame, speed, agents, split, what it is doing", actions.state, looks=True),
    Command("nps", "list the neuron-pools", actions.neuron_pools, looks=True),
    Command("sps", "list the synapse-pools", actions.synapse_pools, looks=True),
    Command("plasts", "list the plasticities", actions.plasticities, looks=True),
    Command("ifs", "list the interfaces", actions.interfaces, looks=True),
    Command("show", "an item's settings, parameters, variables and statistics of its arrays", actions.show, (_ITEM,),
            looks=True),
    Command("set", "change a parameter of an item while the network runs", actions.set_parameter,
            (_ITEM, Argument("PARAMETER", "parameter"), Argument("VALUE", "number"))),
    Command("split", "agents 0 to N-1 are kept out of learning", actions.split, (Argument("N", "count"),)),
    Command("cstat", "the processes: what each computes, how long it takes", actions.process_table, looks=True),
    Command("loadgraph", "run the network of another graph in place of this one, from frame 0", None,
            (Argument("FILE", "graph"),), ("load",)),
    Command("capture", "record frames in an HDF5 file: begin, end; alone: how far it is", actions.capture,
            (Argument("start|stop", "word", True, words=("start", "stop")), Argument("FILE", "file", True),
             Argument("ITEM|#TAG", "items", True, repeated=True))),
    Command("exit", "end the session", actions.leave),
)  # fmt: skip


def find(name: str) -> Command:
    """The command of that name or alias; RequestError names the nearest."""
    for command in COMMANDS:
        if name == command.name or name in command.aliases:
            return command
    known = [command.name for command in COMMANDS]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else "'help' lists the commands"
    raise RequestError(f"there is no command {name!r}; {hint}")


def named(text: str) -> str:
    """The name of the command that a command line begins with, also if an alias was used; "" if there is none."""
    word = text.split(maxsplit=1)[0] if text.strip() else ""
    return next((command.name for command in COMMANDS if word in (command.name, *command.aliases)), "")


def only_looks(text: str) -> bool:
    """Whether a command line changes nothing."""
    name = named(text)
    return any(each.name == name and each.looks for each in COMMANDS)


def located(text: str) -> str:
    """A command line whose file is an absolute path, since a client's folder need not be the core's; RequestError."""
    command = next((each for each in COMMANDS if each.name == named(text)), None)
    if command is None or all(argument.kind != "file" for argument in command.arguments):
        return text
    name, *given = words(text)
    for position, word in enumerate(given):
        argument = command.argument(position)
        if argument is not None and argument.kind == "file":
            given[position] = str(path_of(word))
    return shlex.join([name, *given])


def path_of(word: str) -> Path:
    """The absolute path that a word means to this process; RequestError if it has no folder any more."""
    try:
        return Path(os.path.expanduser(word)).absolute()  # unlike Path's, it leaves an unknown user's `~` alone
    except OSError as error:
        raise RequestError(f"{word}: the present folder is gone ({error.strerror})") from error


def execute(core: SessionCore, text: str) -> actions.Result:
    """Do what one command line says; RequestError if it cannot be done."""
    name, *given = words(text) or [""]
    if not name:
        return actions.Result("")
    command = find(name)
    least = sum(not argument.optional for argument in command.arguments)
    if len(given) < least or (given and command.argument(len(given) - 1) is None):
        raise RequestError(f"{command.name} was given {len(given)} arguments; usage: {command.usage}")
    if command.action is None:
        raise RequestError(f"{command.name} is done by the client, which has the user's files")
    return command.action(core, *given)


def words(text: str) -> list[str]:
    """The words of a line; quotes keep together what holds blanks."""
    if not any(quote in text for quote in "'\""):
        return text.split()
    try:
        return shlex.split(text)
    except ValueError:
        raise RequestError("a quote that was opened is not closed") from None


def _help(name: str | None = None) -> actions.Result:
    chosen: Iterable[Command] = COMMANDS if name is None else (find(name),)
    rows = [(", ".join([c.usage, *c.aliases]), c.help) for c in chosen]
    width = max(len(usage) for usage, _ in rows)
    data: list[dict[str, Any]] = [{"usage": usage, "help": text} for usage, text in rows]
    return actions.Result("\n".join(f"{usage:<{width}}  {text}" for usage, text in rows), data)
