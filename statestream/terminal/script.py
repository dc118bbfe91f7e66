"""Script mode: commands from `-c` or standard input, results on standard output, failures on standard error."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

from statestream.runtime.client import CommandError, SessionError
from statestream.terminal.reports import Troubles, complain, tell
from statestream.terminal.text import commands, failure, json_line, safe

if TYPE_CHECKING:
    from statestream.session import Handle

_MOMENT = 0.2
"""Seconds that a notice waits for a failure that says the same."""


class Script:
    """Runs commands one after the other; `status` is the program's exit status.

    json: one JSON object per command instead of text. stop_at_failure: end at the first command that fails.
    """

    def __init__(
        self, handle: Handle, events: ScriptEvents, *, json: bool = False, stop_at_failure: bool = False
    ) -> None:
        self._handle, self._events = handle, events
        self._json, self._stop_at_failure = json, stop_at_failure
        self._failed = False
        self.left = False
        """Whether an `exit` was reached."""

    @property
    def status(self) -> int:
        """0 if every command was done and the session did not break, else 1."""
        return int(self._failed or self._events.troubles.any)

    def run(self, lines: Iterable[str]) -> None:
        """Do the commands of all lines, up to `exit`, the end of the input or of the session."""
        for command in chain.from_iterable(map(commands, lines)):
            if not self._do(command):
                break
        self._events.release()

    def _do(self, command: str) -> bool:
        """Do one command; whether the script goes on."""
        try:
            answer = self._handle.execute(command)
        except CommandError as error:
            complain(failure(command, str(error)))
            self._events.release(known=str(error))
            return self._fail(command, str(error))
        except SessionError as error:
            text = str(error)
            complain(
                f"statestream: {text}" if self._events.troubles.news(text) else failure(command, text.split("\n")[0])
            )
            return self._fail(command, text) and self._handle.alive
        if self._json:
            tell(json_line({"command": command, "ok": True, "text": answer.text, "data": answer.data}))
        elif answer.text:
            tell(safe(answer.text))
        self.left = command.split()[0] == "exit"
        return not self.left

    def _fail(self, command: str, error: str) -> bool:
        self._failed = True
        if self._json:
            tell(json_line({"command": command, "ok": False, "error": error}))
        return not self._stop_at_failure


class ScriptEvents:
    """What a script's user hears of the session's own accord: notices and trouble, on standard error."""

    def __init__(self) -> None:
        self.troubles = Troubles()
        self.closed = False
        """The session is gone."""
        self.on_closed: Callable[[], None] = lambda: None
        """What shall happen then; called in the connection's thread."""
        self._progress = sys.stderr is not None and sys.stderr.isatty()
        self._lock = threading.Lock()
        self._held: list[str] = []
        self._known = ""

    def __call__(self, event: dict[str, Any]) -> None:
        """Take one event; called in the connection's thread."""
        kind, text = event["event"], event.get("text", "")
        if kind == "notice":
            self._hold(text)
        elif kind in ("broken", "closed") and self.troubles.news(text):
            complain(f"statestream: {text}")
        elif kind == "progress" and self._progress:
            self._show_progress(int(event["remaining"]))
        if kind == "closed":
            self.closed = True
            self.on_closed()

    def release(self, known: str = "") -> None:
        """Print the notices that wait. known: one of which a command's failure has told already."""
        with self._lock:
            self._known = known or self._known
            notices = [text for text in self._held if text != self._known]
            self._held.clear()
        for text in notices:
            complain(text)

    def _hold(self, text: str) -> None:
        """Keep a notice for a moment: the failure of a command may be about to say the same."""
        with self._lock:
            self._held.append(text)
        timer = threading.Timer(_MOMENT, self.release)
        timer.daemon = True
        timer.start()

    def _show_progress(self, remaining: int) -> None:
        """One line on the user's screen, written over and over, and taken away in the end."""
        text = f"initializing ({remaining} remaining)"
        with suppress(OSError):
            print(f"\r{text} " if remaining else f"\r{' ' * (len(text) + 3)}\r", end="", file=sys.stderr, flush=True)
