"""One capture: rows of frames that wait, and the thread that hands them to the process that writes the file.

No row is ever dropped while the file can be written: when too much waits, `congested` says so, and the core computes no
further frame until the writer has caught up.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from statestream.captures.contents import Contents, Row
from statestream.captures.errors import CaptureError
from statestream.runtime import launch
from statestream.runtime.capture_protocol import Channel

_MOST_WAITING = 64 << 20
"""Bytes that may wait to be written. The core must be able to write them in the time it has to end."""
_BATCH = 8 << 20
"""Bytes that are written together: what one write costs is mostly the same for many frames as for one."""
_LOOK_UP = 0.5
"""Seconds that the thread sleeps at most; then the writer makes readable what it has."""
_STARTING = 30.0
"""Seconds that the writing process has to create the file."""
_DYING = 1.0
"""Seconds that it has to end when it was killed."""
_DEAD = "the process that writes it has died"


class Recording:
    """A capture that runs, or has ended. Its methods are for the core's thread.

    stirred: called by the recording's thread when the core may go on. failed: called by it, once, with a sentence about
    why it gave up.
    """

    def __init__(
        self, path: Path, contents: Contents, stirred: Callable[[], None], failed: Callable[[str], None]
    ) -> None:
        """Creates the file; CaptureError if that cannot be done."""
        self.path = path
        self.first: int | None = None
        """The first recorded frame, None before there is one; `last` likewise."""
        self.last: int | None = None
        self.readable = 0
        """Rows that can be read whatever happens to the core."""
        self.trouble = ""
        """Why the file could not be written to its end."""
        self._stirred, self._failed = stirred, failed
        self._waiting: deque[Row] = deque()
        self._bytes = 0
        self._condition = threading.Condition()
        self._closing = False
        self._start(contents)
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def _start(self, contents: Contents) -> None:
        mine, its = socket.socketpair()
        self._channel = Channel(mine)
        try:
            with its:
                arguments = ["--socket", str(its.fileno()), "--file", str(self.path)]
                module = "statestream.runtime.capture_process"
                self._process = launch.start(module, arguments, sys.stderr.buffer, [its.fileno()])
        except (OSError, ValueError) as error:  # no process can be started, or no file can have this name
            self._channel.close()
            raise CaptureError(f"{self.path}: cannot be written: {error}") from error
        try:
            mine.settimeout(_STARTING)
            self._channel.send(contents.to_data())
            self._answer()
            mine.settimeout(None)  # from now on the thread waits, and sees the end of the process by that of the socket
        except (OSError, CaptureError) as error:
            self.kill()
            raise error if isinstance(error, CaptureError) else CaptureError(f"{self.path}: {error}") from error

    @property
    def open(self) -> bool:
        """Whether something is, or may still be, written."""
        return self._thread.is_alive()

    @property
    def congested(self) -> bool:
        """Whether so much waits that no frame should be computed."""
        return self._bytes >= _MOST_WAITING

    @property
    def waiting(self) -> int:
        """Rows that are not written yet."""
        return len(self._waiting)

    def put(self, row: Row) -> None:
        """Have a row written. It belongs to the recording from now on."""
        if self.trouble:
            return
        self.first = row.frame if self.first is None else self.first
        self.last = row.frame
        with self._condition:
            self._waiting.append(row)
            self._bytes += row.size
            self._condition.notify()

    def close(self, patience: float) -> bool:
        """No row comes any more: write what waits and close the file; whether that was done within these seconds."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join(patience)
        return not self.open

    def kill(self) -> None:
        """End the writing process at once. What it had made readable stays so."""
        self._process.kill()
        self._channel.close()
        # Within a write to a disk that hangs it cannot be ended: the kernel does it when that returns.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_DYING)

    def _run(self) -> None:
        try:
            while (batch := self._take()) is not None:
                self._channel.send_rows(batch)
                self._answer()
                self._done(batch)
            self._channel.send({"close": True})
            self._answer()
            self._process.wait()
            self._channel.close()
        except (OSError, ValueError, CaptureError) as error:
            self.trouble = _DEAD if isinstance(error, ConnectionError) else str(error)
            with self._condition:
                self._waiting.clear()
                self._bytes = 0
            self._process.kill()
            self._process.wait()
            self._channel.close()
            self._failed(f"the capture to {self.path} has ended: {self.trouble}")
        self._stirred()

    def _answer(self) -> None:
        message = self._channel.receive()
        if message is None:
            raise CaptureError(_DEAD)
        if "error" in message:
            raise CaptureError(message["error"])
        self.readable = message["rows"]

    def _take(self) -> list[Row] | None:
        """The next rows to write together; none after a while without any; None at the end."""
        with self._condition:
            if not self._waiting and not self._closing:
                self._condition.wait(_LOOK_UP)
            if not self._waiting and self._closing:
                return None
            batch: list[Row] = []
            size = 0
            for row in self._waiting:
                batch.append(row)
                size += row.size
                if size >= _BATCH:
                    break
            return batch

    def _done(self, batch: list[Row]) -> None:
        held_up = self.congested
        with self._condition:
            for row in batch:
                self._waiting.popleft()
                self._bytes -= row.size
        if held_up and not self.congested:
            self._stirred()
