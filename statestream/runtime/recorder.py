"""The core's side of captures: copies the arrays of each committed frame, and hands them to the recording.

`observe` is called before each frame is begun. It records the frame that stands there, if it is new or was written to
since: what is recorded as frame n is what frame n + 1 is computed from.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from statestream.arrays import ArrayKey
from statestream.captures.contents import Row
from statestream.captures.errors import CaptureError
from statestream.memory import Arena, RunState, Word
from statestream.runtime import captured
from statestream.runtime.recording import Recording
from statestream.runtime.requests import RequestError
from statestream.runtime.server import Server

if TYPE_CHECKING:
    from statestream.runtime.plan import Plan

_FAREWELL = 5.0
"""Seconds that the writing has at the session's end: fewer than a client gives a core to end."""


class Recorder:
    """The capture of an arena: none, one that runs, or one that has ended. For the core's main thread."""

    def __init__(self, arena: Arena, plan: Plan, server: Server) -> None:
        self._arena, self._plan, self._server = arena, plan, server
        self._recording: Recording | None = None
        self._running = False
        self._growing: list[ArrayKey] = []
        self._lasting: list[ArrayKey] = []
        self._known: list[bytes] = []
        """What was recorded last of each lasting array."""
        self._seen = (-1, -1)
        """Frame and generation of what was recorded last."""
        self._held_up, self._held_since = 0.0, 0.0

    @property
    def running(self) -> bool:
        """Whether frames are being recorded."""
        return self._running and self._recording is not None and not self._recording.trouble

    def start(self, path: str, words: list[str]) -> dict[str, Any]:
        """Record from the frame that stands now on; RequestError if that cannot be done. Returns `status`.

        words: items and `#tag`s; none for all items.
        """
        if self._recording is not None and self._recording.open:
            doing = "is running already" if self.running else "is still being written"
            raise RequestError(f"a capture to {self._recording.path} {doing}; 'capture stop' ends it")
        place = Path(path).absolute()
        description = self._arena.description
        chosen = captured.choose(self._plan.network, words)
        contents = captured.contents(self._plan, chosen, description["seed"], description["threads"])
        try:
            self._recording = Recording(place, contents, self._server.stirred.set, _notices(self._server))
        except CaptureError as error:
            raise RequestError(str(error)) from error
        self._growing = [spec.key for spec in contents.growing]
        self._lasting = [spec.key for spec in contents.lasting]
        self._known = [b""] * len(self._lasting)
        self._seen, self._running = (-1, -1), True
        self._held_up = self._held_since = 0.0
        self.observe()
        return self.status()

    def observe(self) -> None:
        """Between two frames: record what stands in the arena, if that has not been done."""
        if not self.running or self._arena.control.get(Word.RUN_STATE) == RunState.INITIALIZING:
            return
        now = (self._arena.control.frame, self._arena.control.get(Word.GENERATION))
        if now == self._seen:
            return
        flat = [self._arena.committed(key).reshape(-1) for key in self._growing]
        growing = np.concatenate(flat) if flat else np.empty(0, np.float32)
        lasting = self._changed() if now[1] != self._seen[1] else {}
        assert self._recording is not None
        self._recording.put(Row(now[0], growing, lasting))
        self._seen = now

    def _changed(self) -> dict[int, np.ndarray]:
        """The lasting arrays, by their place, whose bits differ from those recorded last."""
        changed = {}
        for place, key in enumerate(self._lasting):
            values = self._arena.committed(key).tobytes()
            if values != self._known[place]:
                self._known[place] = values
                changed[place] = np.frombuffer(values, np.float32)
        return changed

    @property
    def congested(self) -> bool:
        """Whether the disk cannot keep up, so that no frame should be computed now."""
        if not self._running and not self._held_since:
            return False
        congested = self.running and self._recording is not None and self._recording.congested
        now = time.monotonic()
        if self._held_since:
            self._held_up += now - self._held_since
        self._held_since = now if congested else 0.0
        return congested

    def finish(self, patience: float = 8.0) -> dict[str, Any]:
        """Record what stands, write all that waits, close the file; returns `status`. Does nothing if none runs.

        patience: seconds to wait for that; after them the writing goes on, and `status` says so.
        """
        self.observe()
        self._running = False
        if self._recording is not None:
            self._recording.close(patience)
        return self.status()

    def stop(self) -> None:
        """The arena's network ends: as `finish`, but what cannot be written within seconds is given up."""
        self.finish(_FAREWELL)
        if self._recording is not None and self._recording.open:
            self._recording.kill()

    def status(self) -> dict[str, Any]:
        """What is captured where, and how far that is."""
        recording = self._recording
        if recording is None:
            return {"capture": "none"}
        self.observe()
        state = "failed" if recording.trouble else "running" if self._running else "ended"
        if state == "ended" and recording.open:
            state = "still being written"
        data = {
            "capture": state,
            "file": str(recording.path),
            "first frame": recording.first,
            "last frame": recording.last,
            "frames on disk": recording.readable,
            "frames waiting": recording.waiting,
        }
        if self._held_up >= 0.1:
            data["network waited for the disk"] = f"{self._held_up:.1f} s"
        if recording.trouble:
            data["trouble"] = recording.trouble
        return data


def _notices(server: Server) -> Callable[[str], None]:
    """What tells the clients a text. It knows no recorder: in a circle of references the arena would outlive both."""
    return lambda text: server.broadcast({"event": "notice", "text": text})
