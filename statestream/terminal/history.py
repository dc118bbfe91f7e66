"""The history of typed lines, kept from session to session."""

from __future__ import annotations

import os
from contextlib import suppress

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from statestream import settings

FILE = "history"
_LONGEST = 10_000
"""Characters; longer lines were pasted, and are not kept."""


class LineHistory(FileHistory):
    """Lines in a file that only the user can read. A full disk costs the history, not the session."""

    def store_string(self, string: str) -> None:
        """Append a line."""
        if len(string) <= _LONGEST:
            with suppress(OSError):
                super().store_string(string)


def open_history() -> History:
    """The user's history; one of this session only if its file cannot be used."""
    path = settings.home() / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
    except OSError:
        return InMemoryHistory()
    return LineHistory(str(path))
