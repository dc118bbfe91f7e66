"""A client's side of a session: starting a core or connecting to one, requests, events."""

from __future__ import annotations

import itertools
import os
import queue
import socket
import subprocess
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from statestream import settings
from statestream.arrays import ArrayKey
from statestream.graph import Network
from statestream.memory import Arena, SegmentError, Torn
from statestream.runtime import launch, registry
from statestream.runtime.protocol import Connection, ProtocolError, decode_array, encode_array

Listener = Callable[[dict[str, Any]], None]

_ENDING = 10.0
"""Seconds that a core has to take leave, and again to end, before it is killed."""


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
        self.arena, self.session = arena, session
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
        with theirs:
            folder = settings.home() / "log"
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "core.log").open("ab") as log:
                core = launch.start(
                    "statestream.runtime.core", ["--owner", str(theirs.fileno())], log, [theirs.fileno()]
                )
        connection = Connection(ours)
        try:
            connection.send({"network": network.to_json(), "seed": seed, "threads": threads})
            answer = connection.receive()
        except (OSError, ProtocolError):
            answer = None
        if answer is None or answer.get("event") != "opened":
            connection.close()
            core.wait()
            said = (
                answer.get("text")
                if answer
                else f"the core process ended with status {core.returncode}; see {log.name}"
            )
            raise SessionError(f"the session could not start: {said}")
        return Client(connection, Arena.attach(answer["segment"]), answer["session"], core, listener)

    @staticmethod
    def connect(session: int, listener: Listener | None = None) -> Client:
        """Connect to a session that another process owns."""
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            stream.connect(str(registry.socket_path(session)))
            arena = Arena.attach(registry.segment_name(session))
        except (OSError, SegmentError) as error:
            stream.close()
            running = ", ".join(map(str, registry.running())) or "none"
            raise SessionError(f"there is no session {session}; running sessions: {running}") from error
        return Client(Connection(stream), arena, session, None, listener)

    @property
    def alive(self) -> bool:
        """Whether the session still answers."""
        return not self._gone

    def request(self, operation: str, *, patience: float | None = None, **fields: Any) -> dict[str, Any]:
        """Send a request and wait for its answer; CommandError or SessionError if it failed.

        patience: seconds to wait; None: as long as the core lives, for what may take any time.
        """
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
            raise SessionError(f"session {self.session} does not answer: {error}") from error
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

    def read(self, keys: Sequence[ArrayKey]) -> tuple[int, list[np.ndarray]]:
        """Copies of arrays that all belong to one completed frame, and that frame."""
        try:
            return self.arena.read(keys)
        except Torn:
            data = self.request("read", keys=[list(key) for key in keys])["data"]
            return data["frame"], [decode_array(array) for array in data["arrays"]]

    def write(self, key: ArrayKey, value: np.ndarray) -> None:
        """Overwrite an array between two frames; returns when it is in place."""
        self.request("write", key=list(key), array=encode_array(value))

    def close(self) -> None:
        """Let go of the session; the one who started it ends it."""
        if self._core is not None and self.alive:
            # If it cannot answer any more, it is ending already.
            with suppress(SessionError, CommandError):
                self.request("command", text="exit", patience=_ENDING)
        self._connection.close()
        if self._core is not None:
            self._end_core(self._core)
        if threading.current_thread() is not self._reader:
            self._reader.join(5)
        _open_clients.discard(self)

    def forget(self) -> None:
        """In a forked child: let go of the descriptor, so that the session ends with the parent, not with the child."""
        os.close(self._connection.fileno())

    def _end_core(self, core: subprocess.Popen[bytes]) -> None:
        try:
            core.wait(_ENDING)
        except subprocess.TimeoutExpired:
            core.kill()
            core.wait()
        registry.reap()

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
        self._lost()

    def _event(self, message: dict[str, Any]) -> None:
        if message["event"] == "broken":
            self._trouble = message["text"]
        if self._listener is not None:
            self._listener(message)

    def _lost(self) -> None:
        with self._lock:
            self._gone = True
            waiting = list(self._pending.values())
            self._pending.clear()
        if self._core is not None:
            self._explain_loss(self._core)
        for box in waiting:
            box.put(None)
        if self._listener is not None:
            self._listener({"event": "closed", "text": self._trouble})

    def _explain_loss(self, core: subprocess.Popen[bytes]) -> None:
        try:
            status = core.wait(2)
        except subprocess.TimeoutExpired:
            return
        if status != 0:
            how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
            self._trouble = self._trouble or f"the core process of session {self.session} {how}"
            registry.reap()


_open_clients: weakref.WeakSet[Client] = weakref.WeakSet()


def _forget_in_child() -> None:
    for client in list(_open_clients):
        client.forget()


os.register_at_fork(after_in_child=_forget_in_child)
