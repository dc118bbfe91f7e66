"""What a session says of its own accord, put into words: progress of the start, notices, trouble."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from statestream.terminal.reports import Troubles

if TYPE_CHECKING:
    from statestream.session import Status

_TOGETHER = 0.25
"""Seconds that news about single items wait for more of the same kind."""
_NAMES = 8


class News:
    """Events into text. Items report one by one; their reports are gathered into one line."""

    def __init__(self, network: str, began: float) -> None:
        """began: time.monotonic() at the session's start."""
        self._network, self._began = network, began
        self._items: dict[str, list[str]] = {}
        self._initializing = True
        self._troubles = Troubles()

    @property
    def troubled(self) -> bool:
        """Whether the session broke."""
        return self._troubles.any

    @property
    def patience(self) -> float | None:
        """Seconds after which `rest` is due, None if nothing waits."""
        return _TOGETHER if self._items else None

    def take(self, event: dict[str, Any], status: Status) -> str:
        """The text of an event, "" if there is nothing to say (yet). status: of the session, now."""
        kind, text = event["event"], str(event.get("text", ""))
        if kind == "progress":
            self._items.setdefault(str(event["state"]), []).append(str(event["item"]))
            return ""
        said = ""
        if kind == "network":
            self._network, self._began, self._initializing = str(event["name"]), time.monotonic(), True
            self._items.clear()
        elif kind == "state":
            said = self._state(str(event["state"]), status)
        elif kind == "notice":
            said = text
        elif kind in ("broken", "closed") and self._troubles.news(text):
            said = f"the session is broken: {text}"
        return "\n".join(filter(None, [self.rest(), said]))

    def rest(self) -> str:
        """What was gathered about items."""
        lines = []
        for state, names in self._items.items():
            more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
            lines.append(f"{state}: {', '.join(names[:_NAMES])}{more}")
        self._items.clear()
        return "\n".join(lines)

    def _state(self, state: str, status: Status) -> str:
        if state not in ("paused", "streaming"):
            return ""
        if self._initializing:
            self._initializing = False
            said = f"{self._network} is ready after {time.monotonic() - self._began:.1f} s"
            return said if state == "streaming" else f"{said}; type 'stream' to let it run"
        return f"paused at frame {status.frame}" if state == "paused" else ""
