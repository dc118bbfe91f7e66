"""The status line: time, frame, speed, what the session is doing, loss."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from statestream.runtime.client import SessionError

if TYPE_CHECKING:
    from statestream.graph import Network
    from statestream.session import Handle, Status

Fragments = list[tuple[str, str]]

_COLOURS = {"streaming": "class:streaming", "broken": "class:broken", "ended": "class:broken"}
_BETWEEN = " | "
_LEFT_OUT = (
    {"time"},
    {"date"},
    {"date", "time"},
    {"date", "time", "rate"},
    {"date", "time", "rate", "loss"},
    {"date", "time", "rate", "loss", "frame"},
)
"""Parts that are left out, in the order in which a line that is too long for the terminal loses them."""


def status_line(status: Status, loss: str, now: datetime, columns: int = 80) -> Fragments:
    """The line as prompt_toolkit's formatted text. loss: as `Loss.read` gives it; what has no room is left out."""
    state = f"initializing ({status.remaining} remaining)" if status.state == "initializing" else status.state
    shown = {
        "date": f"{now:%a, %d %b %Y %H:%M:%S}",
        "time": f"{now:%H:%M:%S}",
        "frame": f"frame {status.frame:08d}",
        "rate": f"{status.rate:.1f} frames/s" if status.state == "streaming" else "",
        "state": state,
        "loss": loss,
    }
    for without in _LEFT_OUT:
        parts = [name for name, text in shown.items() if text and name not in without]
        if sum(len(shown[name]) + len(_BETWEEN) for name in parts) <= columns:
            break
    line: Fragments = []
    for name in parts:
        style = _COLOURS.get(status.state, "class:state") if name == "state" else ""
        line += [("", _BETWEEN if line else " "), (style, shown[name])]
    return line


class Loss:
    """The loss that the status line shows: that of the first plasticity which has one."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._network: Network | None = None
        self._name = self._label = ""

    def read(self) -> str:
        """`loss 0.123`, or nothing where there is none yet; does not hold up the network."""
        handle = self._handle
        try:
            if self._network is not handle.network:
                self._choose()
            if not self._name or handle.status.frame == 0:
                return ""
            return f"{self._label} {handle[self._name].variable['loss1']:.4g}"
        except (SessionError, KeyError):  # KeyError: the network was replaced this very moment
            return ""

    def _choose(self) -> None:
        self._network = self._handle.network
        names = [name for name in self._network.plasticities if "loss1" in self._handle.names(name, "variable")]
        self._name = names[0] if names else ""
        self._label = self._name if len(names) > 1 else "loss"
