"""The line between the core and the process that writes a capture; `capture_process` says what is spoken. No HDF5."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from typing import Any

import numpy as np

from statestream.captures.contents import Row


class Channel:
    """One end of a socket: lines of JSON, and values behind them. Sending raises OSError if nobody is there."""

    def __init__(self, stream: socket.socket) -> None:
        self._socket = stream
        self._in, self._out = stream.makefile("rb"), stream.makefile("wb")

    def send(self, message: dict[str, Any]) -> None:
        """One line."""
        self._out.write(json.dumps(message).encode() + b"\n")
        self._out.flush()

    def send_rows(self, rows: list[Row]) -> None:
        """A line about rows, and their values."""
        self._out.write(json.dumps({"rows": [[row.frame, list(row.lasting)] for row in rows]}).encode() + b"\n")
        for row in rows:
            for values in (row.growing, *row.lasting.values()):
                self._out.write(values.data.cast("B"))
        self._out.flush()

    def receive(self) -> dict[str, Any] | None:
        """The next line; None if the other end is gone."""
        try:
            line = self._in.readline()
        except ConnectionError:  # it went with something unread
            return None
        return json.loads(line) if line.endswith(b"\n") else None

    def receive_values(self, size: int) -> np.ndarray | None:
        """That many float32, flat; None if the other end is gone."""
        try:
            data = self._in.read(4 * size)
        except ConnectionError:  # as above
            return None
        return np.frombuffer(data, np.float32) if len(data) == 4 * size else None

    def close(self) -> None:
        """Let go of it; what was not sent is lost. A thread that waits for the other end waits no longer."""
        with suppress(OSError):  # it fails if the other end was quicker
            self._socket.shutdown(socket.SHUT_RDWR)
        for part in (self._out, self._in, self._socket):
            with suppress(OSError):
                part.close()
