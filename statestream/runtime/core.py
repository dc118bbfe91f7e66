"""The core process: owns a session from its first byte of shared memory to its last.

Started by a client (`runtime/client.py`) with one end of a socket pair. The first message on it says what to run;
when it closes, the session ends. Nothing here imports an engine, so a core starts at once and survives its workers.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
import traceback
from typing import Any

from statestream import interfaces, settings
from statestream.graph import Network
from statestream.memory import Arena, Layout, SegmentError, Word, head_size
from statestream.numerics.errors import UnsupportedError
from statestream.numerics.initialisation import initial_value
from statestream.numerics.step import Step
from statestream.runtime.children import Children
from statestream.runtime.plan import SCHEDULE, SPLIT, Plan
from statestream.runtime.protocol import Connection
from statestream.runtime.registry import Registration, RegistryError, register
from statestream.runtime.schedule import initial_schedule
from statestream.runtime.server import Server, listen
from statestream.runtime.session_core import SessionCore


class Interruption:
    """Remembers that a signal asked this process to end."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._asked.set())

    def __call__(self) -> bool:
        """Whether that has happened."""
        return self._asked.is_set()


def create_arena(registration: Registration, plan: Plan, start: dict[str, Any]) -> Arena:
    """The session's arena with everything at its initial value."""
    participants = len(plan.participants)
    layout = Layout.plan(plan.specs.values(), plan.changing, head_size(participants))
    description = {key: start[key] for key in ("network", "seed", "threads")}
    arena = Arena.create(registration.segment_name, layout, description, participants)
    arena.control.set(Word.CORE_PID, os.getpid())
    network, seed = plan.network, start["seed"]
    for key in plan.specs:
        if key == SCHEDULE:
            value = initial_schedule(network)
        elif key == SPLIT or key[1] in ("update", "variable"):
            continue
        elif key[0] in network.interfaces:
            value = interfaces.load(network.interfaces[key[0]]["type"])(network, key[0], seed).initial(key)
        else:
            value = initial_value(network, key, seed)
        for copy in arena.copies(key):
            copy[...] = value
    return arena


def run(owner: socket.socket) -> None:
    """The core's life. Trouble before the session exists is told to the client, and only then."""
    interrupted = Interruption()
    connection = Connection(owner)
    start = connection.receive()
    if start is None:
        return
    registration = None
    try:
        plan = Plan(Network.from_json(start["network"]))
        for participant in plan.participants:
            Step(plan.network, participant.items)  # what cannot be computed is said before anything starts
        registration = register()
        arena = create_arena(registration, plan, start)
    except (
        SegmentError,
        RegistryError,
        UnsupportedError,
        interfaces.InterfaceError,
        settings.SettingsError,
    ) as error:
        connection.send({"event": "refused", "text": str(error)})
        _release(registration)
        return
    except Exception as error:
        connection.send(
            {"event": "refused", "text": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        )
        _release(registration)
        return
    try:
        _session(owner, connection, registration, plan, arena, interrupted)
    finally:
        registration.release()


def _session(
    owner: socket.socket,
    connection: Connection,
    registration: Registration,
    plan: Plan,
    arena: Arena,
    interrupted: Interruption,
) -> None:
    connection.send({"event": "opened", "session": registration.session, "segment": registration.segment_name})
    server = Server(listen(registration.socket_path), owner)
    children = Children(server.broadcast)
    try:
        folder = settings.home() / "log"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"session-{registration.session}.log").open("wb") as log:
            children.start(plan.participants, registration.segment_name, log, {})
        server.watch(children)
        server.start()
        for name, client in plan.network.core_clients.items():
            text = f"core client {name} of type {client['type']} is not built yet: the session runs without it"
            server.broadcast({"event": "notice", "text": text})
        core = SessionCore(registration.session, plan, arena, children, server, interrupted)
        core.run()
        server.broadcast({"event": "ended"})
    finally:
        children.end()
        server.close()


def _release(registration: Registration | None) -> None:
    if registration is not None:
        registration.release()


def main() -> None:
    """Entry of the process: `python -m statestream.runtime.core --owner FD`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--owner", type=int, required=True)
    options = parser.parse_args()
    run(socket.socket(fileno=options.owner))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
