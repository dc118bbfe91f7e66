"""The participants' processes, as the core sees them: start, messages, death, end."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from statestream.runtime import launch
from statestream.runtime.plan import Participant

_LAST_WORDS = 1.0
"""Seconds that a dying child's report, and then its end, may take to arrive."""
_MODULES = {True: "statestream.runtime.worker", False: "statestream.runtime.interface_process"}


@dataclass
class Child:
    """One participant's process and what it has reported."""

    participant: Participant
    process: subprocess.Popen[bytes]
    pipe: int
    ready: bool = False
    items: dict[str, str] = field(default_factory=dict)
    """Item -> waiting, compiling or ready."""
    failure: dict[str, Any] | None = None
    received: bytes = b""
    closed: bool = False
    """Its pipe is closed: it has ended, or is about to."""
    reading: threading.Lock = field(default_factory=threading.Lock)

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid


class Children:
    """All participants' processes. `read` may be called from any thread when a child's pipe has something."""

    def __init__(self, notify: Callable[[dict[str, Any]], None]) -> None:
        self._notify = notify
        self.all: list[Child] = []

    def start(self, participants: Sequence[Participant], segment: str, log: IO[bytes]) -> None:
        """Start one process for each participant; from the main thread, see processes.die_with_parent."""
        for participant in participants:
            reading, writing = os.pipe()
            arguments = ["--parent", str(os.getpid()), "--segment", segment]
            arguments += ["--index", str(participant.index), "--report", str(writing)]
            module = _MODULES[bool(participant.backend)]
            try:
                process = launch.start(module, arguments, log, [writing])
            finally:
                os.close(writing)
            os.set_blocking(reading, False)
            self.all.append(Child(participant, process, reading, items=dict.fromkeys(participant.items, "waiting")))

    @property
    def remaining(self) -> int:
        """Items that are not ready yet."""
        return sum(state != "ready" for child in self.all for state in child.items.values())

    @property
    def ready(self) -> bool:
        """Whether every participant may be released."""
        return all(child.ready for child in self.all)

    def dead(self) -> list[Child]:
        """Children that ended or reported a failure."""
        # The pipe closes a moment before the process can be waited for, and its closing is what wakes the core.
        return [
            child for child in self.all if child.failure is not None or child.closed or child.process.poll() is not None
        ]

    def read(self, child: Child) -> bool:
        """Take in what a child has reported; False when its pipe is closed."""
        with child.reading:
            try:
                data = os.read(child.pipe, 1 << 16)
            except BlockingIOError:
                return True
            child.received += data
            *lines, child.received = child.received.split(b"\n")
            for line in lines:
                self._take(child, json.loads(line))
            child.closed = not data
            return bool(data)

    def _take(self, child: Child, message: dict[str, Any]) -> None:
        if "item" in message:
            child.items[message["item"]] = message["state"]
            self._notify({"event": "progress", "remaining": self.remaining, **message})
        elif "ready" in message:
            child.ready = True
        elif "notice" in message:
            self._notify({"event": "notice", "text": message["notice"]})
        elif "failure" in message:
            child.failure = message

    def explain(self, child: Child) -> str:
        """Why a dead child is dead: which process, which items, the traceback if it could still say."""
        self._drain(child)
        items = ", ".join(child.participant.items)
        if child.failure is not None:
            failure = child.failure
            return f"{child.participant.title} failed: {failure['failure']} (items: {items})\n{failure['traceback']}"
        try:
            code = child.process.wait(_LAST_WORDS)
        except subprocess.TimeoutExpired:
            return f"{child.participant.title} (process {child.pid}) does not report any more (items: {items})"
        how = f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
        return f"{child.participant.title} (process {child.pid}) {how} (items: {items})"

    def _drain(self, child: Child) -> None:
        # A child that raised reports it just before it ends; its words may still be on the way.
        deadline = time.monotonic() + _LAST_WORDS
        with selectors.DefaultSelector() as selector:
            selector.register(child.pipe, selectors.EVENT_READ)
            while child.failure is None and time.monotonic() < deadline:
                if selector.select(deadline - time.monotonic()) and not self.read(child):
                    return

    def end(self, patience: float = 2.0) -> None:
        """Wait for all children to end by themselves, then kill those that do not."""
        deadline = time.monotonic() + patience
        for child in self.all:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
