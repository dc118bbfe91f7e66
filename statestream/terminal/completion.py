"""Completion of commands, item names and parameters, from the command table and the network."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from statestream.runtime.commands import COMMANDS, Argument, Command

if TYPE_CHECKING:
    from statestream.session import Handle

_KINDS = {"np": "neuron-pool", "sp": "synapse-pool", "plast": "plasticity", "if": "interface"}


class CommandCompleter(Completer):
    """Completes the word before the cursor, by the kind of argument that stands there."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """The known words that begin as the one before the cursor does."""
        # Only the command that is being typed counts: the last one of a line, the last line of a paste.
        before = re.split(r"[;\n]", document.text_before_cursor[-4000:])[-1]
        *words, begun = re.split(r"\s+", before.lstrip())
        for text, meaning in self._candidates(words, begun):
            if text.startswith(begun):
                # As in a shell, what takes a further word is followed by a blank.
                more = _argument([*words, text], len(words)) is not None
                yield Completion(f"{text} " if more else text, -len(begun), display=text, display_meta=meaning)

    def _candidates(self, words: list[str], begun: str) -> Iterable[tuple[str, str]]:
        if not words:
            return [(command.name, command.help) for command in COMMANDS]
        argument = _argument(words, len(words) - 1)
        if argument is None:
            return []
        kind, items = argument.kind, self._handle.network.items
        if kind == "word":
            return [(word, "") for word in argument.words]
        if kind == "command":
            return [(each.name, each.help) for each in COMMANDS]
        if kind in ("item", "items"):
            tags = self._handle.network.tags if kind == "items" else ()
            return [*((name, _KINDS[item.kind]) for name, item in items.items()), *((f"#{tag}", "tag") for tag in tags)]
        if kind == "parameter" and words[1] in items:
            return [(name, "") for name in self._handle.names(words[1], "parameter")]
        if kind == "graph":
            return _files(begun, ".st_graph")
        return []


def _files(begun: str, ending: str) -> list[tuple[str, str]]:
    """Files of that ending, and folders, in the folder that the begun path leads to."""
    folder = begun[: begun.rfind("/") + 1]
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
    except (OSError, ValueError):
        return []
    shown = [(name, is_folder) for name, is_folder in found if is_folder or name.endswith(ending)]
    return [(f"{folder}{name}/", "folder") if is_folder else (folder + name, "") for name, is_folder in shown]


def _command(words: Sequence[str]) -> Command | None:
    """The command that these words begin with."""
    return next((one for one in COMMANDS if words and words[0] in (one.name, *one.aliases)), None)


def _argument(words: Sequence[str], position: int) -> Argument | None:
    """What stands at this position (from 0) behind the command that these words begin with."""
    command = _command(words)
    return command.argument(position) if command else None


def incomplete(text: str) -> bool:
    """Whether the command that is being typed still lacks an argument."""
    words = re.split(r"[;\n]", text)[-1].split()
    command = _command(words)
    return command is not None and len(words) <= sum(not argument.optional for argument in command.arguments)
