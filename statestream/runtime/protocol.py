"""What goes over a control connection: JSON objects, one a line.

A client sends {"id": k, "op": ...}. The core answers {"id": k, "ok": true, ...}, or {"id": k, "ok": false, "kind": k,
"error": text} with kind "command" or "session". It also sends events without an id: {"event": "progress" | "state" |
"notice" | "network" | "broken" | "ended", ...}.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
from contextlib import suppress
from typing import Any

import numpy as np

LONGEST_LINE = 1 << 32
"""Bytes; more than any array that fits into one message is a broken peer."""


class ProtocolError(RuntimeError):
    """The other side sent something that is no message."""


class Connection:
    """Messages over a stream socket. `send` may be called from any thread; `receive` from one."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._sending = threading.Lock()
        self._received = bytearray()
        self._searched = 0

    def send(self, message: dict[str, Any]) -> None:
        """Send one message; OSError if the other side is gone or does not take it within 30 s."""
        data = json.dumps(message).encode() + b"\n"
        with self._sending:
            self._stream.settimeout(30)
            self._stream.sendall(data)

    def receive(self) -> dict[str, Any] | None:
        """The next message, None when the other side has closed."""
        while True:
            message = self.buffered()
            if message is not None:
                return message
            if not self.fill():
                return None

    def fill(self) -> bool:
        """Read what has come (waits if nothing has); False when the other side has closed."""
        while True:
            try:
                data = self._stream.recv(1 << 20)
            except TimeoutError:
                continue
            except OSError:
                return False
            if len(self._received) > LONGEST_LINE:
                raise ProtocolError("a message without an end")
            self._received += data
            return bool(data)

    def buffered(self) -> dict[str, Any] | None:
        """A complete message among what was read, None if there is none yet."""
        end = self._received.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._received)
            return None
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        self._searched = 0
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"not JSON: {line[:80]!r}") from error
        if not isinstance(message, dict):
            raise ProtocolError(f"not a JSON object: {line[:80]!r}")
        return message

    def close(self) -> None:
        """Close the socket; a `receive` in another thread ends."""
        # It fails if the other side was quicker.
        with suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)
        self._stream.close()

    def detach(self) -> None:
        """Give the descriptor up without a word to the other side: a copy of it lives in another process."""
        with suppress(OSError):
            os.close(self._stream.detach())


def encode_array(array: np.ndarray) -> dict[str, Any]:
    """A float32 array as JSON data."""
    data = np.ascontiguousarray(array, dtype="<f4")
    return {"shape": list(array.shape), "data": base64.b64encode(data.tobytes()).decode()}


def decode_array(message: Any) -> np.ndarray:
    """The array that `encode_array` described; ProtocolError if it is none."""
    try:
        data = base64.b64decode(message["data"], validate=True)
        return np.frombuffer(data, dtype="<f4").reshape(message["shape"]).astype(np.float32)
    except (TypeError, KeyError, ValueError) as error:
        raise ProtocolError(f"not an array: {error}") from error
