"""The loop that every participant of a frame runs: wait to be released, work, arrive; tell the core what happens."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from statestream.memory import Arena, Arrival, Record, RunState, Word
from statestream.processes import die_with_parent
from statestream.runtime.increments import NotFinite
from statestream.runtime.spin import SPIN_NS

_LOOK_UP_NS = 500_000_000
"""How long a participant sleeps at most before it looks whether the core still lives."""


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


def serve(arena: Arena, index: int, work: Callable[[int], None], reporter: Reporter) -> None:
    """Take part in frames until the session ends. `work(frame)` computes; NotFinite keeps the frame uncommitted."""
    control, parent = arena.control, os.getppid()
    held = 0
    while control.get(Word.RUN_STATE) != RunState.ENDED:
        number = control.wait_release(index, held, SPIN_NS, _LOOK_UP_NS)
        if number == held:
            if os.getppid() != parent:
                return
            continue
        held = number
        if control.get(Word.RUN_STATE) == RunState.ENDED:
            return
        begin = time.perf_counter_ns()
        frame = control.frame
        status, detail = _attempt(work, frame, reporter)
        control.arrive(index, status, frame, time.perf_counter_ns() - begin, detail)
        if status == Arrival.FAILED:
            return


def _attempt(work: Callable[[int], None], frame: int, reporter: Reporter) -> tuple[Arrival, int]:
    try:
        work(frame)
    except NotFinite as found:
        return Arrival.NOT_FINITE, found.slot
    except Exception as error:
        reporter.failure(error)
        return Arrival.FAILED, 0
    return Arrival.DONE, 0


def main(run: Callable[[Arena, int, Reporter], None]) -> None:
    """Entry of a participant's process: `python -m ... --parent PID --segment NAME --index I --report FD`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--segment", required=True)
    parser.add_argument("--index", type=int, required=True)
    parser.add_argument("--report", type=int, required=True)
    options = parser.parse_args()
    die_with_parent(options.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reporter = Reporter(options.report)
    try:
        arena = Arena.attach(options.segment)
        arena.control.set_record(options.index, Record.PID, os.getpid())
        run(arena, options.index, reporter)
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
