"""The core's input and output: control connections and participants' pipes, served by one thread.

Requests land in an inbox that the core empties between frames. Answers are queued and written when the other side takes
them, so a slow or stopped client never holds up the network.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import threading
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statestream.runtime.protocol import Connection, ProtocolError

_LONGEST_BACKLOG = 1 << 30
"""Bytes that a client may leave unread before it is dropped."""
_MOST_PEERS = 200
"""Clients at the same time: well below the descriptors that a process may open."""


@dataclass(frozen=True)
class Request:
    """One message of a client."""

    peer: Peer
    message: dict[str, Any]

    def answer(self, text: str = "", data: Any = None) -> None:
        """The request is done."""
        self.peer.post({"id": self.message.get("id"), "ok": True, "text": text, "data": data})

    def refuse(self, kind: str, error: str) -> None:
        """The request failed; kind is `command` (try another) or `session` (the session cannot do it any more)."""
        self.peer.post({"id": self.message.get("id"), "ok": False, "kind": kind, "error": error})


class Peer:
    """A connected client."""

    def __init__(self, stream: socket.socket, server: Server, owner: bool) -> None:
        self.stream, self.owner = stream, owner
        self.connection = Connection(stream)
        self.outgoing = bytearray()
        self._server = server

    def post(self, message: dict[str, Any]) -> None:
        """Queue a message; it is dropped if the client is gone."""
        self._server.queue(self, json.dumps(message).encode() + b"\n")


class Server:
    """See the module. `start` begins the thread; `inbox`, `stirred`, `owner_gone` and `urgent` are the core's side."""

    def __init__(self, listening: socket.socket, owner: socket.socket) -> None:
        self.inbox: deque[Request] = deque()
        self.stirred = threading.Event()
        """Set whenever there may be something new to look at: a request, or news of a child."""
        self.owner_gone = False
        """The client that owns the session has left, or nobody can be served any more."""
        self.urgent = False
        """An end of the session is wanted, even in the middle of a frame."""
        self._listening, self._lock = listening, threading.Lock()
        self._waking, self._wake = os.pipe()
        os.set_blocking(self._waking, False)
        os.set_blocking(self._wake, False)
        self._selector = selectors.DefaultSelector()
        self._peers: list[Peer] = []
        self._unwatched: deque[tuple[int, Callable[[], bool]]] = deque()
        self._closing = False
        self._selector.register(listening, selectors.EVENT_READ, self._accept)
        self._selector.register(self._waking, selectors.EVENT_READ, lambda _: os.read(self._waking, 4096))
        self._add(owner, owner=True)
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def watch(self, descriptor: int, read: Callable[[], bool]) -> None:
        """Call `read` whenever the descriptor has something, until it returns False; then the descriptor is closed."""
        self._unwatched.append((descriptor, read))
        self._poke()

    def broadcast(self, message: dict[str, Any]) -> None:
        """Queue an event for every client."""
        with self._lock:
            peers = list(self._peers)
        for peer in peers:
            peer.post(message)

    def queue(self, peer: Peer, data: bytes) -> None:
        """Queue bytes for a client."""
        with self._lock:
            if peer not in self._peers:
                return
            peer.outgoing += data
        self._poke()

    def close(self, patience: float = 2.0) -> None:
        """Write what is queued, as far as the clients take it in that time, then stop serving."""
        self._closing = True
        self._poke()
        if self._thread.is_alive():
            self._thread.join(patience)
        for peer in list(self._peers):
            peer.connection.close()

    def _poke(self) -> None:
        # A full pipe: it is awake already.
        with suppress(BlockingIOError):
            os.write(self._wake, b"\0")

    def _run(self) -> None:
        try:
            self._serve()
        except Exception:
            # Without this thread nobody could reach the session any more, not even to end it.
            traceback.print_exc()
            self._leave()

    def _serve(self) -> None:
        while True:
            self._interest()
            if self._closing and not any(peer.outgoing for peer in self._peers):
                return
            for key, events in self._selector.select(0.5):
                handle: Callable[[int], Any] = key.data
                handle(events)

    def _interest(self) -> None:
        while self._unwatched:
            descriptor, read = self._unwatched.popleft()
            self._selector.register(descriptor, selectors.EVENT_READ, self._reader(descriptor, read))
        with self._lock:
            for peer in self._peers:
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if peer.outgoing else 0)
                if self._selector.get_key(peer.stream).events != wanted:
                    self._selector.modify(peer.stream, wanted, self._peer_handler(peer))

    def _accept(self, _: int) -> None:
        # It fails if the client has given up meanwhile.
        with suppress(OSError):
            stream, _address = self._listening.accept()
            if len(self._peers) < _MOST_PEERS:
                self._add(stream, owner=False)
                return
            with stream:
                text = f"the session has {_MOST_PEERS} clients already"
                stream.send(json.dumps({"event": "broken", "text": text}).encode() + b"\n", socket.MSG_DONTWAIT)

    def _add(self, stream: socket.socket, owner: bool) -> None:
        peer = Peer(stream, self, owner)
        with self._lock:
            self._peers.append(peer)
        self._selector.register(stream, selectors.EVENT_READ, self._peer_handler(peer))

    def _peer_handler(self, peer: Peer) -> Callable[[int], None]:
        def handle(events: int) -> None:
            try:
                alive = self._write(peer) if events & selectors.EVENT_WRITE else True
                if alive and events & selectors.EVENT_READ:
                    alive = peer.connection.fill()
                    self._requests(peer)
            except BlockingIOError:
                return  # it was ready, but is no longer
            except (OSError, ProtocolError):
                alive = False
            if not alive:
                self._drop(peer)

        return handle

    def _write(self, peer: Peer) -> bool:
        with self._lock:
            sent = peer.stream.send(peer.outgoing[: 1 << 20], socket.MSG_DONTWAIT)
            del peer.outgoing[:sent]
            return len(peer.outgoing) < _LONGEST_BACKLOG

    def _requests(self, peer: Peer) -> None:
        while (message := peer.connection.buffered()) is not None:
            self.inbox.append(Request(peer, message))
            if message.get("op") == "command" and str(message.get("text", "")).strip() == "exit":
                self.urgent = True
            self.stirred.set()

    def _drop(self, peer: Peer) -> None:
        with self._lock:
            if peer not in self._peers:
                return
            self._peers.remove(peer)
        self._selector.unregister(peer.stream)
        peer.connection.close()
        if peer.owner:
            self._leave()

    def _leave(self) -> None:
        self.owner_gone = self.urgent = True
        self.stirred.set()

    def _reader(self, descriptor: int, read: Callable[[], bool]) -> Callable[[int], None]:
        def handle(_: int) -> None:
            if not read():
                self._selector.unregister(descriptor)
                os.close(descriptor)
            self.stirred.set()

        return handle


def listen(path: Path) -> socket.socket:
    """A listening control socket that only this user can connect to (0600)."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path.unlink(missing_ok=True)
    mask = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(mask)
    listening.listen(64)
    return listening
