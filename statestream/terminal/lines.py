"""Lines of standard input as they arrive, with a way to stop waiting for more."""

from __future__ import annotations

import codecs
import os
import select
from collections.abc import Iterator
from contextlib import suppress


class Lines:
    """Iterates over the lines that a file descriptor brings, each as soon as it is complete."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waking, self._wake = os.pipe()

    def stop(self) -> None:
        """End the iteration, also while it waits; from any thread."""
        with suppress(OSError):
            os.write(self._wake, b"\0")

    def __iter__(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        parts: list[str] = []
        while (data := self._read()) is not None:
            *lines, rest = decoder.decode(data, not data).split("\n")
            for line in lines:
                yield "".join([*parts, line])
                parts.clear()
            parts.append(rest)
            if not data:
                yield "".join(parts)
                return

    def _read(self) -> bytes | None:
        """What has come, b"" at the end of the input, None when stopped. Waits until there is something."""
        ready, _, _ = select.select([self._descriptor, self._waking], [], [])
        if self._waking in ready:
            return None
        try:
            return os.read(self._descriptor, 1 << 16)
        except OSError:
            return b""
