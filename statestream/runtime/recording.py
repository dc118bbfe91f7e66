"""One capture: rows of frames that wait, and the thread that writes them to the file.

No row is ever dropped while the file can be written: when too much waits, `congested` says so, and the core computes no
further frame until the thread has caught up.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from statestream.captures.writer import CaptureFile, Contents, Row, reason

_MOST_WAITING = 64 << 20
"""Bytes that may wait to be written. The core must be able to write them in the time it has to end."""
_BATCH = 8 << 20
"""Bytes that are written together: what one write costs is mostly the same for many frames as for one."""
_LONGEST_UNSEEN = 0.5
"""Seconds after which what was written is made readable."""
_LOOK_UP = 0.5
"""Seconds that the thread sleeps at most."""


class Recording:
    """A capture that runs, or has ended. All methods are for the core's thread.

    stirred: called by the writing thread when the core may go on. failed: called by it, once, with a
    sentence about why it gave up.
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
        self._file = CaptureFile(path, contents)
        self._stirred, self._failed = stirred, failed
        self._waiting: deque[Row] = deque()
        self._bytes = 0
        self._condition = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    @property
    def open(self) -> bool:
        """Whether the thread still writes, or waits for more."""
        return self._thread.is_alive()

    @property
    def congested(self) -> bool:
        """Whether so much waits that no frame should be computed."""
        return self._bytes >= _MOST_WAITING and len(self._waiting) > 0 and not self.trouble

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

    def _run(self) -> None:
        try:
            self._write_all()
            self._file.close()
            self.readable = self._file.rows
        except Exception as error:
            # Whatever it is (a full disk raises many things in HDF5), the network goes on without the capture.
            self.trouble = reason(error)
            with self._condition:
                self._waiting.clear()
                self._bytes = 0
            self._failed(f"the capture to {self.path} has ended: {self.trouble}")
            self._file.abandon()
        self._stirred()

    def _write_all(self) -> None:
        unseen_since: float | None = None
        while (batch := self._take()) is not None:
            if batch:
                self._file.append(batch)
                self._done(batch)
                unseen_since = unseen_since or time.monotonic()
            if unseen_since is not None and time.monotonic() - unseen_since >= _LONGEST_UNSEEN:
                self._file.flush()
                self.readable, unseen_since = self._file.rows, None

    def _take(self) -> list[Row] | None:
        """The next rows to write together; none after a while without any; None at the end."""
        with self._condition:
            if not self._waiting and not self._closing:
                self._condition.wait(_LOOK_UP)
            if not self._waiting:
                return None if self._closing else []
            batch, size = [], 0
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
