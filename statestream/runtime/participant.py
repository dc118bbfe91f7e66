"""The life of every participant of a frame: take an order, then wait to be released, work, arrive, until it is over.

An order names the network to take part in, and as which participant. After one network the next order may come for
another: so a worker keeps its engine, which takes seconds to load, while the session's network is replaced.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from statestream.memory import Arena, Arrival, Record
from statestream.processes import die_with_parent
from statestream.runtime.increments import NotFinite
from statestream.runtime.spin import SPIN_NS

_LOOK_UP_NS = 500_000_000
"""How long a participant sleeps at most before it looks whether the core still lives."""

Life = Callable[[Arena, int, "Reporter"], bool]
"""What a participant (its index) does from an order to the end of that network; whether it can go on to another."""


@dataclass(frozen=True)
class Order:
    """Take part in a network: its arena's name and run number, and as which participant."""

    segment: str
    run: int
    index: int

    def encode(self) -> bytes:
        """As it goes through the pipe: one line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"


class Orders:
    """The participant's end of the pipe through which the core gives it orders."""

    def __init__(self, descriptor: int, parent: int) -> None:
        self._pipe, self._parent = descriptor, parent
        self._received = b""

    def next(self) -> Order | None:
        """Wait for the next order; None when no more will come."""
        while b"\n" not in self._received:
            ready, _, _ = select.select([self._pipe], [], [], _LOOK_UP_NS / 1e9)
            data = os.read(self._pipe, 1 << 12) if ready else b""
            if (ready and not data) or os.getppid() != self._parent:
                return None
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        return Order(**json.loads(line))


class Reporter:
    """Messages from a participant to the core, JSON lines over a pipe."""

    def __init__(self, descriptor: int) -> None:
        self._pipe = os.fdopen(descriptor, "wb", buffering=0)

    def progress(self, item: str, state: str) -> None:
        """An item is `compiling` or `ready`."""
        self._send({"item": item, "state": state})

    def ready(self) -> None:
        """All items are ready: frames may begin."""
        self._send({"ready": True})

    def notice(self, text: str) -> None:
        """Something the user should read."""
        self._send({"notice": text})

    def failure(self, error: BaseException) -> None:
        """This participant cannot go on."""
        trace = "".join(traceback.format_exception(error))
        self._send({"failure": f"{type(error).__name__}: {error}", "traceback": trace})

    def _send(self, message: dict[str, Any]) -> None:
        self._pipe.write(json.dumps(message).encode() + b"\n")


def serve(arena: Arena, index: int, work: Callable[[int], None], reporter: Reporter) -> bool:
    """Take part in frames until the network's run is over; False if that is because this participant failed.

    `work(frame)` computes; NotFinite keeps the frame uncommitted.
    """
    control, parent = arena.control, os.getppid()
    held = 0
    while True:
        number = control.wait_release(index, held, SPIN_NS, _LOOK_UP_NS)
        if control.is_over():
            return True
        if number == held:
            if os.getppid() != parent:
                return False
            continue
        held = number
        begin = time.perf_counter_ns()
        frame = control.frame
        status, detail = _attempt(work, frame, reporter)
        control.arrive(index, status, frame, time.perf_counter_ns() - begin, detail)
        if status == Arrival.FAILED:
            return False


def _attempt(work: Callable[[int], None], frame: int, reporter: Reporter) -> tuple[Arrival, int]:
    try:
        work(frame)
    except NotFinite as found:
        return Arrival.NOT_FINITE, found.slot
    except Exception as error:
        reporter.failure(error)
        return Arrival.FAILED, 0
    return Arrival.DONE, 0


def _obey(order: Order, life: Life, reporter: Reporter) -> bool:
    """Take part in one network; whether another may follow."""
    arena = Arena.attach(order.segment)
    if arena.description["run"] != order.run:
        return True  # it was replaced before we came to it: what this order meant is gone
    arena.control.set_record(order.index, Record.PID, os.getpid())
    return life(arena, order.index, reporter)


def main(life: Life) -> None:
    """Entry of a participant's process: `python -m ... --parent PID --orders FD --report FD`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--orders", type=int, required=True)
    parser.add_argument("--report", type=int, required=True)
    options = parser.parse_args()
    die_with_parent(options.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reporter = Reporter(options.report)
    try:
        orders = Orders(options.orders, options.parent)
        while (order := orders.next()) is not None and _obey(order, life, reporter):
            # What an engine compiled for a network lies in cycles of references; it may be large.
            gc.collect()
    except BrokenPipeError:
        traceback.print_exc()  # nobody is there to be told
    except BaseException as error:  # SystemExit too: whatever ends a participant is told
        reporter.failure(error)
    finally:
        # Engines' own threads and exit handlers may hang or take seconds; nothing here needs them.
        with suppress(OSError):  # the log's disk may be full
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(0)
