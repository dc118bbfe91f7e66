"""Script mode: commands from `-c` or standard input, results on standard output, failures on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from statestream.runtime.client import CommandError, SessionError
from statestream.terminal.endings import OUTPUT_CLOSED, Ending, discard
from statestream.terminal.reports import Troubles, complain
from statestream.terminal.text import commands, failure, json_line, safe

if TYPE_CHECKING:
    from statestream.session import Handle


class Script:
    """Runs commands one after the other; `status` is the program's exit status.

    json: one JSON object per command instead of text. stop_at_failure: end at the first command that fails.
    """

    def __init__(
        self, handle: Handle, troubles: Troubles, *, json: bool = False, stop_at_failure: bool = False
    ) -> None:
        self._handle, self._troubles = handle, troubles
        self._json, self._stop_at_failure = json, stop_at_failure
        self._failed = False
        self.left = False
        """Whether an `exit` was reached."""

    @property
    def status(self) -> int:
        """0 if every command was done and the session did not break, else 1."""
        return int(self._failed or self._troubles.any)

    def run(self, lines: Iterable[str]) -> None:
        """Do the commands of all lines, up to `exit`, the end of the input or of the session."""
        for line in lines:
            for command in commands(line):
                if not self._do(command):
                    return

    def _do(self, command: str) -> bool:
        """Do one command; whether the script goes on."""
        try:
            answer = self._handle.execute(command)
        except CommandError as error:
            complain(failure(command, str(error)))
            return self._fail(command, str(error))
        except SessionError as error:
            text = str(error)
            complain(f"statestream: {text}" if self._troubles.news(text) else failure(command, text.split("\n")[0]))
            return self._fail(command, text) and self._handle.alive
        if self._json:
            self._print(json_line({"command": command, "ok": True, "text": answer.text, "data": answer.data}))
        elif answer.text:
            self._print(safe(answer.text))
        self.left = command.split()[0] == "exit"
        return not self.left

    def _fail(self, command: str, error: str) -> bool:
        self._failed = True
        if self._json:
            self._print(json_line({"command": command, "ok": False, "error": error}))
        return not self._stop_at_failure

    def _print(self, text: str) -> None:
        try:
            print(text, flush=True)
        except OSError as error:
            discard(sys.stdout)
            if isinstance(error, BrokenPipeError):
                raise Ending(OUTPUT_CLOSED) from None
            complain(f"statestream: the results cannot be written: {error.strerror}")
            raise Ending(1) from None


class ScriptEvents:
    """What a script's user hears of the session's own accord: notices and trouble, on standard error."""

    def __init__(self, troubles: Troubles) -> None:
        self._troubles = troubles
        self._progress = sys.stderr is not None and sys.stderr.isatty()
        self.closed = False
        """The session is gone."""

    def __call__(self, event: dict[str, Any]) -> None:
        """Take one event; called in the connection's thread."""
        kind, text = event["event"], event.get("text", "")
        if kind == "notice":
            complain(text)
        elif kind in ("broken", "closed") and self._troubles.news(text):
            complain(f"statestream: {text}")
        elif kind == "progress" and self._progress:
            self._show_progress(int(event["remaining"]))
        if kind == "closed":
            self.closed = True
            self.on_closed()

    def _show_progress(self, remaining: int) -> None:
        """One line on the user's screen, written over and over, and taken away in the end."""
        text = f"initializing ({remaining} remaining)"
        with suppress(OSError):
            print(f"\r{text} " if remaining else f"\r{' ' * (len(text) + 3)}\r", end="", file=sys.stderr, flush=True)

    def on_closed(self) -> None:
        """Replaced by what shall happen when the session is gone."""
