"""The process that writes a capture's file: rows come over a socket, what became of them goes back.

A process of its own, because HDF5 may crash after a write that failed (a full disk), and because it then slows down no
frame. When the core is gone, the socket ends: the file is completed with what came, and closed.

    core: one line, the contents        answer: {"rows": 0}, or {"error": why}
    core: {"rows": [[frame, [places of lasting arrays]], ...]} and the rows' values, or {"close": true}
    answer: {"rows": how many can be read}, or {"error": why}; nothing follows an error
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from statestream.captures.contents import Contents, Row
from statestream.captures.errors import CaptureError
from statestream.captures.writer import CaptureFile, reason
from statestream.processes import hear_of_parents_end
from statestream.runtime.capture_protocol import Channel

_LONGEST_UNSEEN = 0.5
"""Seconds after which what was written is made readable."""
_FAREWELL = 10
"""Seconds that remain after the core's end."""


class Writer:
    """The file, and the socket it is fed by."""

    def __init__(self, channel: Channel, contents: Contents, path: Path) -> None:
        self._channel, self._contents = channel, contents
        self._size = sum(spec.size for spec in contents.growing)
        self._file = CaptureFile(path, contents)
        self._unseen_since: float | None = None

    def serve(self) -> None:
        """Write what comes until the capture is closed or the core is gone."""
        while True:
            self._answer()
            message = self._channel.receive()
            if message is not None and message.get("close"):
                self._file.close()
                self._answer()
                return
            rows = None if message is None else self._rows(message["rows"])
            if rows is None:
                break
            self._append(rows)
        signal.alarm(_FAREWELL)
        self._file.close(ended=False)

    def _append(self, rows: list[Row]) -> None:
        now = time.monotonic()
        if rows:
            self._file.append(rows)
            self._unseen_since = self._unseen_since or now
        if self._unseen_since is not None and now - self._unseen_since >= _LONGEST_UNSEEN:
            self._file.flush()
            self._unseen_since = None

    def _rows(self, listed: list[Any]) -> list[Row] | None:
        """The rows whose values follow; None if the core ended on the way."""
        rows = []
        for frame, places in listed:
            growing = self._channel.receive_values(self._size)
            lasting = {place: self._channel.receive_values(self._contents.lasting[place].size) for place in places}
            if growing is None or any(value is None for value in lasting.values()):
                return None
            rows.append(Row(frame, growing, {place: value for place, value in lasting.items() if value is not None}))
        return rows

    def _answer(self) -> None:
        """Say how much can be read."""
        with suppress(OSError):  # the core is gone; what it had sent is written all the same
            self._channel.send({"rows": self._file.rows})


def main() -> None:
    """Entry of the process: `python -m statestream.runtime.capture_process --socket FD --file PATH`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--file", type=Path, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hear_of_parents_end(signal.SIGCONT)  # if we are stopped then, to write what has come, and end
    channel = Channel(socket.socket(fileno=options.socket))
    try:
        contents = channel.receive()
        if contents is not None:
            Writer(channel, Contents.from_data(contents), options.file).serve()
    except Exception as error:
        text = str(error) if isinstance(error, CaptureError) else reason(error)
        try:
            channel.send({"error": text})
        finally:
            os._exit(1)  # without any farewell of HDF5's, see CaptureFile


if __name__ == "__main__":
    main()
