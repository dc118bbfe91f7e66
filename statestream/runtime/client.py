"""A client's side of a session: starting a core or connecting to one, requests, events."""

from __future__ import annotations

import itertools
import os
import queue
import socket
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from statestream import settings
from statestream.arrays import ArrayKey
from statestream.graph import Network
from statestream.memory import Arena, RunState, SegmentError, Torn, Word
from statestream.runtime import launch, registry
from statestream.runtime.protocol import Connection, ProtocolError, decode_array, encode_array

Listener = Callable[[dict[str, Any]], None]

_ENDING = 10.0
"""Seconds that a core has to take leave, and again to end, before it is killed."""
_EXPLAINING = 2.0
"""Seconds that the end of a core may take to be told from its silence."""


class CommandError(RuntimeError):
    """A command could not be done; the session goes on."""


class SessionError(RuntimeError):
    """The session could not start, has ended, or one of its processes died."""


class Client:
    """A connection to a core. Requests may come from any thread.

    listener: called with every event, from the connection's own thread.
    """

    def __init__(
        self,
        connection: Connection,
        arena: Arena,
        session: int,
        core: subprocess.Popen[bytes] | None,
        listener: Listener | None,
    ) -> None:
        self.session = session
        self._arena, self._following = arena, threading.Lock()
        self._connection, self._core, self._listener = connection, core, listener
        self._ids = itertools.count(1)
        self._pending: dict[int, queue.SimpleQueue[dict[str, Any] | None]] = {}
        self._lock = threading.Lock()
        self._gone = False
        self._trouble = ""
        self._reader = threading.Thread(target=self._read_all, name="statestream client", daemon=True)
        self._reader.start()
        _open_clients.add(self)

    @staticmethod
    def start(network: Network, seed: int, threads: int = 0, listener: Listener | None = None) -> Client:
        """Start a core for the network; it ends when this client closes or its process ends."""
        ours, theirs = socket.socketpair()
        connection, core = Connection(ours), None
        try:
            with theirs:
                core = _start_core(theirs)
            connection.send({"network": network.to_json(), "seed": seed, "threads": threads})
            answer = connection.receive() or {"text": f"the core process ended; see {_log_path()}"}
            if answer.get("event") != "opened":
                raise SessionError(f"the session could not start: {answer.get('text')}")
            return Client(connection, Arena.attach(answer["segment"]), answer["session"], core, listener)
        except BaseException as error:
            connection.close()
            if core is not None:
                _end_core(core)
            if isinstance(error, OSError | ProtocolError | SegmentError):
                raise SessionError(f"the session could not start: {error}") from error
            raise

    @staticmethod
    def connect(session: int, listener: Listener | None = None) -> Client:
        """Connect to a session that another process owns."""
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Not Python's time-out: with that, a crowd of clients at the door would be refused instead of waited for.
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(_ENDING), 0))
        try:
            stream.connect(str(registry.socket_path(session)))
            arena = Arena.attach(registry.segment_name(session))
        except (OSError, SegmentError, registry.RegistryError) as error:
            stream.close()
            raise SessionError(f"there is no session {session} to attach to ({error}){_running()}") from error
        return Client(Connection(stream), arena, session, None, listener)

    @property
    def arena(self) -> Arena:
        """The arena of the network that runs now; of the last one, once the session has ended."""
        if self._arena.control.get(Word.RUN_STATE) == RunState.REPLACED:
            self._follow()
        return self._arena

    def _follow(self) -> None:
        # If there is none any more, the session has ended. Its name may be another session's by now.
        with self._following, suppress(SegmentError):
            arena = Arena.attach(self._arena.name)
            if arena.control.get(Word.CORE_PID) == self._arena.control.get(Word.CORE_PID):
                self._arena = arena

    @property
    def alive(self) -> bool:
        """Whether the session still answers."""
        return not self._gone

    def request(self, operation: str, *, patience: float | None = None, **fields: Any) -> dict[str, Any]:
        """Send a request and wait for its answer; CommandError or SessionError if it failed.

        patience: seconds to wait; None: as long as the core lives, for what may take any time.
        """
        if threading.current_thread() is self._reader:
            raise RuntimeError("a listener cannot wait for its own session: answers come by the thread that calls it")
        number = next(self._ids)
        box: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        with self._lock:
            if self._gone:
                raise SessionError(self._trouble or f"session {self.session} has ended")
            self._pending[number] = box
        try:
            self._connection.send({"id": number, "op": operation, **fields})
        except OSError as error:
            self._pending.pop(number, None)
            # What was sent of it may be half a message: nothing can follow it.
            self._connection.close()
            self._reader.join(2 * _EXPLAINING)  # it finds out why nobody is there
            raise SessionError(self._trouble or f"session {self.session} does not answer: {error}") from error
        # Without patience no deadline is needed: the reader puts None as soon as the core's end of it closes.
        try:
            answer = box.get(timeout=patience)
        except queue.Empty:
            self._pending.pop(number, None)
            raise SessionError(f"session {self.session} did not answer within {patience:g} s") from None
        if answer is None:
            raise SessionError(self._trouble or f"session {self.session} has ended")
        if not answer["ok"]:
            raise (CommandError if answer["kind"] == "command" else SessionError)(answer["error"])
        return answer

    def read(self, keys: Sequence[ArrayKey], arena: Arena | None = None) -> tuple[int, list[np.ndarray]]:
        """Copies of arrays that all belong to one completed frame, and that frame.

        arena: one that `arena` gave, for keys of its network; None for the present one.
        """
        try:
            return (arena or self.arena).read(keys)
        except Torn:
            data = self.request("read", keys=[list(key) for key in keys])["data"]
            return data["frame"], [decode_array(array) for array in data["arrays"]]

    def write(self, key: ArrayKey, value: np.ndarray) -> None:
        """Overwrite an array between two frames; returns when it is in place."""
        self.request("write", key=list(key), array=encode_array(value))

    def close(self) -> None:
        """Let go of the session; the one who started it ends it, and returns when it has ended."""
        from_listener = threading.current_thread() is self._reader
        if self._core is not None and self.alive and not from_listener:
            # If it cannot answer any more, it is ending already.
            with suppress(SessionError, CommandError):
                self.request("command", text="exit", patience=_ENDING)
        self.let_go()
        if self._core is not None:
            _end_core(self._core)
        if not from_listener:
            self._reader.join(5)
        _open_clients.discard(self)

    def let_go(self) -> None:
        """Close the connection and wait for nothing; a session of our own ends by that."""
        self._connection.close()

    def forget(self) -> None:
        """In a forked child: let go of the descriptor, so that the session ends with the parent, not with the child."""
        # They may have been held when the process was forked.
        self._lock, self._following = threading.Lock(), threading.Lock()
        self._gone, self._core = True, None
        self._trouble = f"session {self.session} belongs to the process that this one was forked from"
        self._connection.detach()

    def _read_all(self) -> None:
        try:
            while (message := self._connection.receive()) is not None:
                if "event" in message:
                    self._event(message)
                else:
                    box = self._pending.pop(message.get("id", -1), None)
                    if box is not None:
                        box.put(message)
        except ProtocolError as error:
            self._trouble = f"session {self.session}: {error}"
        finally:
            self._lost()

    def _event(self, message: dict[str, Any]) -> None:
        if message["event"] == "broken":
            self._trouble = message["text"]
        elif message["event"] == "network":
            self._trouble = ""  # that of the network before it
        if self._listener is not None:
            try:
                self._listener(message)
            except Exception:
                # Answers come by this thread too: it must go on.
                _report_from_thread()

    def _lost(self) -> None:
        with self._lock:
            self._gone = True
            waiting = list(self._pending.values())
            self._pending.clear()
        self._connection.close()
        if self._core is not None:
            self._explain_loss(self._core)
        for box in waiting:
            box.put(None)
        self._event({"event": "closed", "text": self._trouble})
        if self._core is not None:
            _end_core(self._core)

    def _explain_loss(self, core: subprocess.Popen[bytes]) -> None:
        try:
            status = core.wait(_EXPLAINING)
        except subprocess.TimeoutExpired:
            return
        if status != 0:
            how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
            self._trouble = self._trouble or f"the core process of session {self.session} {how}; see {_log_path()}"


def _log_path() -> Path:
    return settings.home() / "log" / "core.log"


def _start_core(owner: socket.socket) -> subprocess.Popen[bytes]:
    path = _log_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as log:
        return launch.start("statestream.runtime.core", ["--owner", str(owner.fileno())], log, [owner.fileno()])


def _end_core(core: subprocess.Popen[bytes]) -> None:
    """Wait until a core that was told to end has ended; kill it if it does not, and remove what it left."""
    try:
        core.wait(_ENDING)
    except subprocess.TimeoutExpired:
        core.kill()
        core.wait()
    if core.returncode != 0:
        # If that is not possible now, the next start does it.
        with suppress(registry.RegistryError):
            registry.reap()


def _running() -> str:
    try:
        return f"; running sessions: {', '.join(map(str, registry.running())) or 'none'}"
    except registry.RegistryError:
        return ""


def _report_from_thread() -> None:
    kind, error, trace = sys.exc_info()
    assert kind is not None
    threading.excepthook(threading.ExceptHookArgs((kind, error, trace, threading.current_thread())))


_open_clients: weakref.WeakSet[Client] = weakref.WeakSet()


def _forget_in_child() -> None:
    for client in list(_open_clients):
        client.forget()


os.register_at_fork(after_in_child=_forget_in_child)
