"""The participants' processes, as the core sees them: start, orders, messages, death, end.

A network gets its processes in two steps: `recruit` finds or starts one for each participant, which may fail and
changes nothing; `assign` makes them the session's processes and dismisses those that are not needed any more.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import IO, Any

from statestream.runtime import launch
from statestream.runtime.participant import Order
from statestream.runtime.plan import Participant

_LAST_WORDS = 1.0
"""Seconds that a dying child's report, and then its end, may take to arrive."""
_NOTICE = 1.5
"""Seconds that a process which the next network does not need may take to end before it is killed."""
_MODULES = {True: "statestream.runtime.worker", False: "statestream.runtime.interface_process"}

Engine = tuple[str, str, int]
"""(backend, device, threads): what a worker loads once. The backend of an interface process is empty."""
Crew = Sequence[tuple[Participant, "Child"]]
"""The participants of a network, in order, and a process for each."""


@dataclass(eq=False)
class Child:
    """One participant's process and what it has reported."""

    participant: Participant
    process: subprocess.Popen[bytes]
    pipe: int
    """Where its reports arrive."""
    orders: int = -1
    """Where its orders go; -1 once it was dismissed."""
    engine: Engine = ("", "", 0)
    ready: bool = False
    items: dict[str, str] = field(default_factory=dict)
    """Item -> waiting, compiling or ready."""
    failure: dict[str, Any] | None = None
    received: bytes = b""
    closed: bool = False
    """Its pipe is closed: it has ended, or is about to."""
    told: threading.Event = field(default_factory=threading.Event)
    """Set when there is nothing more to hear of it: it has failed or ended."""

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    @property
    def dead(self) -> bool:
        """Whether it ended or reported a failure."""
        # The pipe closes a moment before the process can be waited for, and its closing is what wakes the core.
        return self.failure is not None or self.closed or self.process.poll() is not None


class Children:
    """All participants' processes.

    notify: takes events for the clients. watch(descriptor, read): has `read` called, from another thread, whenever the
    descriptor has something, until it returns False, and then closes it. log: what processes print goes there.
    """

    def __init__(
        self,
        notify: Callable[[dict[str, Any]], None],
        watch: Callable[[int, Callable[[], bool]], None],
        log: IO[bytes],
    ) -> None:
        self._notify, self._watch, self._log = notify, watch, log
        self.all: list[Child] = []
        """In the order of the participants."""
        self._outstanding: list[tuple[Child, Order]] = []
        self._leaving: list[tuple[Child, float]] = []
        """Dismissed ones, and when their patience ends (time.monotonic)."""

    def recruit(self, participants: Iterable[Participant], threads: int, busy: Collection[int] = ()) -> Crew:
        """A process for each participant: an idle one with the engine it needs, else a new one.

        busy: indices of those that are in the middle of a frame. Call it from the main thread, see
        launch.die_with_parent. OSError if processes cannot be started; those that could are dismissed again.
        """
        free = [child for child in self.all if child.ready and not child.dead and child.engine[0]]
        idle = {child.engine: child for child in free if child.participant.index not in busy}
        crew: list[tuple[Participant, Child]] = []
        try:
            for participant in participants:
                engine = (participant.backend, participant.device, threads if participant.backend else 0)
                # An interface's data is its own process's: closed for certain when that ends.
                child = idle.pop(engine, None) or self._start(participant, engine)
                crew.append((participant, child))
        except OSError:
            self.dismiss(crew)
            raise
        return crew

    def _start(self, participant: Participant, engine: Engine) -> Child:
        with ExitStack() as ours, ExitStack() as its:
            reading, writing = _pipe(ours, its)
            taking, giving = _pipe(its, ours)
            arguments = ["--parent", str(os.getpid()), "--orders", str(taking), "--report", str(writing)]
            process = launch.start(_MODULES[bool(engine[0])], arguments, self._log, [taking, writing])
            ours.pop_all()
        os.set_blocking(reading, False)
        child = Child(participant, process, reading, giving, engine)
        self._watch(reading, lambda: self.read(child))
        return child

    def assign(self, crew: Crew, segment: str, run: int) -> None:
        """Have this crew, and nobody else, take part in a network; its arena's name and run number."""
        previous, self.all = self.all, [child for _, child in crew]
        for participant, child in crew:
            child.participant = participant
            child.ready, child.items = False, dict.fromkeys(participant.items, "waiting")
        self._outstanding = [(child, Order(segment, run, participant.index)) for participant, child in crew]
        self.dismiss((child.participant, child) for child in previous if child not in self.all)
        self.tend()

    def dismiss(self, crew: Iterable[tuple[Participant, Child]]) -> None:
        """No further order for those of them that are not the session's processes; `tend` sees them off."""
        for _, child in crew:
            if child not in self.all:
                os.close(child.orders)
                child.orders = -1
                self._leaving.append((child, time.monotonic() + _NOTICE))

    def tend(self) -> None:
        """See off those that leave; give the orders that can be given."""
        staying = []
        for child, deadline in self._leaving:
            if child.closed or time.monotonic() > deadline or child.process.poll() is not None:
                _finish(child, _LAST_WORDS if child.closed else 0.0)
            else:
                staying.append((child, deadline))
        self._leaving = staying
        held_back = []
        for child, order in self._outstanding:
            # An interface may want the device or the file that one which is leaving still holds.
            if self._leaving and not child.engine[0]:
                held_back.append((child, order))
                continue
            with suppress(BrokenPipeError):  # it is dead, which is seen elsewhere
                os.write(child.orders, order.encode())
        self._outstanding = held_back

    @property
    def remaining(self) -> int:
        """Items that are not ready yet."""
        return sum(state != "ready" for child in self.all for state in child.items.values())

    @property
    def ready(self) -> bool:
        """Whether every participant may be released, and of those before them none is left."""
        return all(child.ready for child in self.all) and not self._leaving

    def dead(self) -> list[Child]:
        """Children that ended or reported a failure."""
        return [child for child in self.all if child.dead]

    def read(self, child: Child) -> bool:
        """Take in what a child has reported; False when its pipe is closed."""
        try:
            data = os.read(child.pipe, 1 << 16)
        except BlockingIOError:
            return True
        child.received += data
        *lines, child.received = child.received.split(b"\n")
        for line in lines:
            self._take(child, json.loads(line))
        child.closed = not data
        if child.closed or child.failure is not None:
            child.told.set()
        return bool(data)

    def _take(self, child: Child, message: dict[str, Any]) -> None:
        if "failure" in message:
            child.failure = message
        elif "notice" in message:
            self._notify({"event": "notice", "text": message["notice"]})
        elif child.orders < 0:
            return  # what it was doing, nobody waits for any more
        elif "item" in message:
            child.items[message["item"]] = message["state"]
            self._notify({"event": "progress", "remaining": self.remaining, **message})
        elif "ready" in message:
            child.ready = True

    def explain(self, child: Child) -> str:
        """Why a dead child is dead: which process, which items, the traceback if it could still say."""
        # A child that raised reports it just before it ends; its words may still be on the way.
        child.told.wait(_LAST_WORDS)
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

    def end(self, patience: float = 2.0) -> None:
        """Wait for all children to end by themselves, then kill those that do not."""
        crew, self.all = self.all, []
        self.dismiss((child.participant, child) for child in crew)
        deadline = time.monotonic() + patience
        for child, _ in self._leaving:
            _finish(child, max(0.0, deadline - time.monotonic()))
        self._leaving.clear()


def _pipe(reader: ExitStack, writer: ExitStack) -> tuple[int, int]:
    """A pipe whose ends close with those who hold them."""
    reading, writing = os.pipe()
    reader.callback(os.close, reading)
    writer.callback(os.close, writing)
    return reading, writing


def _finish(child: Child, patience: float) -> None:
    """Wait so many seconds for its end, then make it end."""
    try:
        child.process.wait(patience)
    except subprocess.TimeoutExpired:
        child.process.kill()
        child.process.wait()
