"""A running session inside the core process: its state, its frames, and what requests do to it between them."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from statestream.arrays import ArrayKey, describe
from statestream.graph import Network
from statestream.memory import Arena, RunState, Word
from statestream.runtime import commands, protocol, replacement
from statestream.runtime.children import Children
from statestream.runtime.clock import FrameClock, Stalled
from statestream.runtime.plan import SPLIT, Plan
from statestream.runtime.recorder import Recorder
from statestream.runtime.registry import Registration
from statestream.runtime.requests import RequestError
from statestream.runtime.server import Request, Server
from statestream.runtime.waiting import Waiter, Waiters

_LOOK_UP = 0.25
"""Seconds that a paused core sleeps at most before it looks whether its children live."""
_LONG = 10.0
"""Seconds after which a frame is remarked on, with the names of those who have not finished it."""


class Ending(RuntimeError):
    """The session was asked to end while a frame was being computed."""


class SessionCore:
    """The state machine of a session. Everything here runs in the core's main thread."""

    def __init__(
        self,
        registration: Registration,
        plan: Plan,
        arena: Arena,
        children: Children,
        server: Server,
        interrupted: Callable[[], bool],
        remarks: Sequence[str],
    ) -> None:
        """interrupted: whether a signal asked the core to end. remarks: what the clients should know of the network."""
        self.registration, self.plan, self.arena = registration, plan, arena
        self.children, self.server = children, server
        self.recorder = Recorder(arena, plan, server)
        self.trouble = ""
        """Why the session is broken."""
        self.ended = False
        self._interrupted, self._remarks = interrupted, remarks
        self._clock = FrameClock(arena, plan, self._check)
        self._state = RunState.INITIALIZING
        self._stop_at: int | None = 0
        self._waiters = Waiters()
        self._slow = (-1, 0.0)
        """The last frame that was waited for at a look-up, and since when."""
        self._requests: dict[str, Callable[[Request], None]] = {
            "ready": self._ready,
            "command": self._command,
            "advance": self._advance,
            "read": self._read,
            "write": self._write,
            "replace": self._replace,
        }

    @property
    def session(self) -> int:
        """The session's id."""
        return self.registration.session

    @property
    def network(self) -> Network:
        """The network that runs."""
        return self.plan.network

    @property
    def frame(self) -> int:
        """Completed frames."""
        return self.arena.control.frame

    @property
    def state(self) -> RunState:
        """What the session is doing."""
        return self._state

    @property
    def streaming(self) -> bool:
        """Whether frames shall be computed (as soon as all items are ready)."""
        return self._stop_at is None or self._stop_at > self.frame

    def run(self) -> None:
        """Serve requests and compute frames until the session ends."""
        self._remark(self._remarks)
        try:
            while not self._leaving():
                if self.server.stirred.is_set() or self.server.urgent or self._state != RunState.STREAMING:
                    self.server.stirred.clear()
                    self._serve()
                    self._look_after_children()
                if self._leaving():
                    break
                self.recorder.observe()
                if self._state == RunState.STREAMING and not self.recorder.congested:
                    self._one_frame()
                else:
                    self.server.stirred.wait(_LOOK_UP)
        finally:
            self._leave_network(RunState.ENDED)
        self._waiters.fail("session", "the session was ended")

    def _leaving(self) -> bool:
        return self.ended or self.server.owner_gone or self._interrupted()

    def stream(self, frames: int | None = None) -> int | None:
        """Compute that many more frames, None for no end; returns the frame at which it will stop."""
        self.require_working()
        self._stop_at = None if frames is None else self.frame + frames
        self._set_state()
        return self._stop_at

    def pause(self) -> None:
        """Compute no further frame."""
        self._stop_at = self.frame
        self._set_state()

    def end(self) -> None:
        """End the session after this request."""
        self.ended = True

    def busy(self) -> list[int]:
        """Indices of the participants that are in the middle of a frame, which broke down without them."""
        return self._clock.missing() if self.arena.control.get(Word.STARTED) > self.frame else []

    def adopt(self, plan: Plan, arena: Arena, remarks: Sequence[str]) -> None:
        """From now on this is the session's network: at its first frame, paused."""
        self._leave_network(RunState.REPLACED)
        self.plan, self.arena = plan, arena
        self.recorder = Recorder(arena, plan, self.server)
        self._clock = FrameClock(arena, plan, self._check)
        self._state, self._stop_at, self._slow = RunState.INITIALIZING, 0, (-1, 0.0)
        self.trouble = ""
        text = f"the network was replaced, by {self.network.name}, before this was done"
        self._waiters.fail("command", text, but_ready=True)
        self.server.broadcast({"event": "network", "name": self.network.name})
        self._remark(remarks)

    def _leave_network(self, state: RunState) -> None:
        """No further frame of the present network: all that take part in it are told so."""
        self.arena.control.set(Word.RUN_STATE, state)
        self._clock.release_all()
        self.recorder.stop()

    def _remark(self, remarks: Sequence[str]) -> None:
        for text in remarks:
            self.server.broadcast({"event": "notice", "text": text})

    def require_working(self) -> None:
        """Raise Stalled if the session is broken."""
        if self.trouble:
            raise Stalled(self.trouble)

    def values(self, key: ArrayKey) -> np.ndarray:
        """The committed values of one array (no copy); aliases of shared parameters lead to their owner's array."""
        return self.arena.committed(self.resolve(key))

    def resolve(self, key: ArrayKey) -> ArrayKey:
        """The key under which the arena holds an array; RequestError names what exists."""
        item, kind, name = key
        if kind == "parameter" and item in self.network.items:
            item, name = self.network.parameter_owner(item, name)
        resolved = (item, kind, name)
        if resolved not in self.arena.layout.by_key:
            names = [k[2] for k in self.arena.layout.by_key if k[:2] == (item, kind)]
            raise RequestError(f"{item} has no {kind} {key[2]!r}; it has: {', '.join(filter(None, names)) or 'none'}")
        return resolved

    def set_values(self, key: ArrayKey, value: np.ndarray | float) -> None:
        """Overwrite committed values, between two frames; RequestError if shape or bounds do not fit."""
        resolved = self.resolve(key)
        spec = self.plan.specs[resolved]
        array = np.asarray(value, np.float32)
        if array.shape != spec.shape and array.size != 1:
            raise RequestError(f"{describe(key)} has shape {list(spec.shape)}, the given values {list(array.shape)}")
        if not np.isfinite(array).all():
            raise RequestError(f"{describe(key)}: the given values are not all finite")
        low, high = spec.minimum, spec.maximum
        if (low is not None and array.min() < low) or (high is not None and array.max() > high):
            allowed = f"from {'-inf' if low is None else f'{low:g}'} to {'inf' if high is None else f'{high:g}'}"
            found = f"{array.min():g}" if array.size == 1 else f"values from {array.min():g} to {array.max():g}"
            raise RequestError(f"{describe(key)}: found {found}, allowed is {allowed}")
        with self.arena.writing():
            target = self.arena.committed(resolved)
            target[...] = array.reshape(()) if array.size == 1 else array

    def set_split(self, split: int) -> None:
        """Agents with an index below are kept out of learning."""
        if not 0 <= split <= self.network.agents:
            raise RequestError(f"split is {split}, allowed is 0 to {self.network.agents} (the number of agents)")
        self.set_values(SPLIT, float(split))

    def _serve(self) -> None:
        # Not more than were there at the beginning: a client that never stops asking must not stop the network.
        for _ in range(len(self.server.inbox)):
            self._do(self.server.inbox.popleft())
            if self.ended:
                return
        if self.server.inbox:
            self.server.stirred.set()

    def _serve_lookers(self) -> None:
        """In the middle of a long frame: what only looks need not wait for its end."""
        while self.server.inbox and self._only_looks(self.server.inbox[0]):
            self._do(self.server.inbox.popleft())

    def _only_looks(self, request: Request) -> bool:
        operation, text = request.message.get("op"), str(request.message.get("text", ""))
        return operation == "read" or (operation == "command" and commands.only_looks(text))

    def _do(self, request: Request) -> None:
        try:
            operation = self._requests.get(str(request.message.get("op")))
            if operation is None:
                raise RequestError(f"unknown operation {request.message.get('op')!r}")
            operation(request)
        except (RequestError, protocol.ProtocolError) as error:
            request.refuse("command", str(error))
        except Stalled as error:
            request.refuse("session", str(error))
        except Exception as error:
            # A defect of ours in one request must not cost the user the session.
            traceback.print_exc()
            request.refuse("command", f"internal error: {type(error).__name__}: {error}")

    def _one_frame(self) -> None:
        try:
            trouble = self._clock.advance()
        except Stalled as error:
            self._break(str(error))
            return
        except Ending:
            return
        if trouble:
            self._waiters.fail("command", f"paused: {trouble}")
            self.pause()
            self.server.broadcast({"event": "notice", "text": f"paused: {trouble}"})
        elif not self.streaming:
            self._set_state()
        self._waiters.answer(self.frame)

    def _check(self, failed: int | None) -> None:
        """What the clock asks now and then while it waits for a frame, see there."""
        if self.server.urgent or self._interrupted():
            raise Ending
        dead = self.children.dead() if failed is None else [self.children.all[failed]]
        if dead:
            raise Stalled("\n".join(self.children.explain(child) for child in dead))
        self._serve_lookers()
        self._remark_on_slowness()

    def _remark_on_slowness(self) -> None:
        frame, since = self._slow
        if frame != self.frame:
            self._slow = (self.frame, time.monotonic())
        elif time.monotonic() - since > _LONG:
            self._slow = (frame, float("inf"))
            names = ", ".join(self.plan.participants[index].title for index in self._clock.missing())
            text = f"frame {frame} has taken {_LONG:g} s so far; not done yet: {names}"
            self.server.broadcast({"event": "notice", "text": text})

    def _look_after_children(self) -> None:
        self.children.tend()
        if self.trouble:
            return
        dead = self.children.dead()
        if dead:
            self._break("\n".join(self.children.explain(child) for child in dead))
        else:
            self._set_state()

    def _set_state(self) -> None:
        control = self.arena.control
        control.set(Word.REMAINING, self.children.remaining)
        if self.trouble:
            state = RunState.BROKEN
        elif not self.children.ready:
            state = RunState.INITIALIZING
        else:
            state = RunState.STREAMING if self.streaming else RunState.PAUSED
        if state == self._state:
            return
        self._state = state
        control.set(Word.RUN_STATE, state)
        if state != RunState.STREAMING:
            self._clock.rest()
        self.server.broadcast({"event": "state", "state": state.name.lower()})
        if state in (RunState.PAUSED, RunState.STREAMING):
            self._waiters.answer(self.frame)
        if state == RunState.PAUSED:
            self._waiters.fail("command", f"paused at frame {self.frame} before the asked frames were done")

    def _break(self, trouble: str) -> None:
        self.trouble = f"{trouble}\nThe session stands at frame {self.frame}; its values can still be read."
        self._set_state()
        self._waiters.fail("session", self.trouble)
        self.server.broadcast({"event": "broken", "text": self.trouble})

    def wait_for(self, request: Request, target: int, text: str = "", data: Any = None) -> None:
        """Answer the request when that frame is complete."""
        if target <= self.frame:
            request.answer(text, data)
        else:
            self._waiters.add(Waiter(request, target, text, data))

    def _ready(self, request: Request) -> None:
        self.require_working()
        if self.state == RunState.INITIALIZING:
            self._waiters.add(Waiter(request, self.frame, ready=True))
        else:
            request.answer()

    def _replace(self, request: Request) -> None:
        before = self.network.name
        run = replacement.replace(self, request.message)
        text = f"{self.network.name} has taken the place of {before}"
        data = {"network": self.network.name, "frame": self.frame, "run": run}
        if request.message.get("wait"):
            self._waiters.add(Waiter(request, self.frame, text, data))
        else:
            request.answer(text, data)

    def _command(self, request: Request) -> None:
        result = commands.execute(self, str(request.message.get("text", "")))
        if result.until is not None and request.message.get("wait"):
            self.wait_for(request, result.until, result.text, result.data)
        else:
            request.answer(result.text, result.data)

    def _advance(self, request: Request) -> None:
        self.require_working()
        frames = request.message.get("frames")
        if not isinstance(frames, int) or frames < 0:
            raise RequestError(f"the number of frames is {frames!r}, it must be an integer of at least 0")
        target = self.frame + frames
        if self._stop_at is not None:
            self._stop_at = max(self._stop_at, target)
        self._set_state()
        self.wait_for(request, target)

    def _read(self, request: Request) -> None:
        given = request.message.get("keys")
        if not isinstance(given, list):
            raise RequestError(f"{given!r} is no list of keys")
        keys = [_key(key) for key in given]
        arrays = [protocol.encode_array(self.values(key)) for key in keys]
        request.answer(data={"frame": self.frame, "arrays": arrays})

    def _write(self, request: Request) -> None:
        key = _key(request.message.get("key"))
        if key[1] not in ("state", "parameter", "variable"):
            raise RequestError(f"{describe(key)} cannot be written; states, parameters and variables can")
        self.set_values(key, protocol.decode_array(request.message.get("array")))
        request.answer()


def _key(data: Any) -> ArrayKey:
    if not isinstance(data, Sequence) or len(data) != 3 or not all(isinstance(part, str) for part in data):
        raise RequestError(f"{data!r} is not the key of an array: [item, kind, name]")
    item, kind, name = data
    return item, kind, name
