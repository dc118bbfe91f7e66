"""How the program ends early: by a signal, or because nobody reads its output any more."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import TextIO

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
OUTPUT_CLOSED = 128 + signal.SIGPIPE
"""Exit status when nobody reads our output: that of a program which SIGPIPE ended."""


class Ending(BaseException):
    """The program shall end with this status. Not an Exception: nothing on the way may take it for a mistake."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def end_by_signals() -> None:
    """From now on a signal that asks for the end raises Ending in the main thread; further ones are ignored.

    A signal that is ignored already (nohup, a shell's background job) stays ignored.
    """
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> None:
    # The session is given back now, which takes a moment and must not be torn.
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise Ending(128 + number)


def discard(stream: TextIO | None) -> None:
    """Let what is still written to a broken stream go nowhere, so that Python does not complain when it ends."""
    if stream is None:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def tidy_streams() -> None:
    """Whatever the locale: no text that we read or print may raise an error about its encoding."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
