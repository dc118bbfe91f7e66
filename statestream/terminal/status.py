"""The status line: time, frame, speed, what the session is doing, loss."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from statestream.runtime.client import SessionError

if TYPE_CHECKING:
    from statestream.session import Handle, Status

Fragments = list[tuple[str, str]]

_COLOURS = {"streaming": "class:streaming", "broken": "class:broken", "ended": "class:broken"}
_NARROW = 80
"""Columns below which the date is left out."""


def status_line(status: Status, loss: str, now: datetime, columns: int = _NARROW) -> Fragments:
    """The line as prompt_toolkit's formatted text. loss: as `Loss.read` gives it."""
    parts = [
        ("", f"{now:%a, %d %b %Y %H:%M:%S}" if columns >= _NARROW else f"{now:%H:%M:%S}"),
        ("", f"frame {status.frame:08d}"),
    ]
    if status.state == "streaming":
        parts.append(("", f"{status.rate:.1f} frames/s"))
    state = f"initializing ({status.remaining} remaining)" if status.state == "initializing" else status.state
    parts.append((_COLOURS.get(status.state, "class:state"), state))
    if loss:
        parts.append(("", loss))
    line: Fragments = []
    for style, text in parts:
        line += [("", " | " if line else " "), (style, text)]
    return line


class Loss:
    """The loss that the status line shows: that of the first plasticity which has one."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        names = [name for name in handle.network.plasticities if "loss1" in handle.names(name, "variable")]
        self._name = names[0] if names else ""
        self._label = self._name if len(names) > 1 else "loss"

    def read(self) -> str:
        """`loss 0.123`, or nothing where there is none yet; does not hold up the network."""
        if not self._name or self._handle.status.frame == 0:
            return ""
        try:
            return f"{self._label} {self._handle[self._name].variable['loss1']:.4g}"
        except SessionError:
            return ""
