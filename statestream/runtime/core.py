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
import traceback
from collections.abc import Mapping
from contextlib import ExitStack
from typing import IO, Any

from statestream import external, interfaces, settings
from statestream.arrays import ArrayKey
from statestream.external import ExternalModelError, Taken
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

_REFUSALS = (
    SegmentError,
    RegistryError,
    UnsupportedError,
    ExternalModelError,
    interfaces.InterfaceError,
    settings.SettingsError,
)
"""What the user can do something about, said without more words."""


class Interruption:
    """Remembers that a signal asked this process to end."""

    def __init__(self) -> None:
        # Not an Event: a second signal while the first one sets it would wait for its lock without end.
        self._asked = False
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask)

    def __call__(self) -> bool:
        """Whether that has happened."""
        return self._asked

    def _ask(self, *_: object) -> None:
        self._asked = True


def create_arena(
    registration: Registration, plan: Plan, start: dict[str, Any], taken: Mapping[ArrayKey, Taken]
) -> Arena:
    """The session's arena with everything at its initial value."""
    participants = len(plan.participants)
    layout = Layout.plan(plan.specs.values(), plan.changing, head_size(participants))
    description = {key: start[key] for key in ("network", "seed", "threads")}
    arena = Arena.create(registration.segment_name, layout, description, participants)
    arena.control.set(Word.CORE_PID, os.getpid())
    write_initial_values(arena, plan, start["seed"], taken)
    return arena


def write_initial_values(arena: Arena, plan: Plan, seed: int, taken: Mapping[ArrayKey, Taken]) -> None:
    """Every array as it is at frame 0, in all its copies; the interfaces' variables are written by the interfaces.

    taken: start values from external models.
    """
    network = plan.network
    for key in plan.specs:
        if key == SCHEDULE:
            value = initial_schedule(network)
        elif key == SPLIT or key[1] in ("update", "variable"):
            continue
        elif key[0] in network.interfaces:
            value = interfaces.load(network.interfaces[key[0]]["type"])(network, key[0], seed).initial(key)
        else:
            value = taken[key].value if key in taken else initial_value(network, key, seed)
        for copy in arena.copies(key):
            copy[...] = value


def run(owner: socket.socket) -> None:
    """The core's life. Trouble before the session exists is told to the client, and only then."""
    interrupted = Interruption()
    connection = Connection(owner)
    start = connection.receive()
    if start is None:
        return
    with ExitStack() as stack:
        try:
            plan = _plan(start)
            taken = external.read_apart(plan.network)
            core = _open(plan, taken, start, owner, interrupted, stack)
        except _REFUSALS as error:
            connection.send({"event": "refused", "text": str(error)})
            return
        except Exception as error:
            traceback.print_exc()
            connection.send({"event": "refused", "text": f"{type(error).__name__}: {error}"})
            return
        connection.send({"event": "opened", "session": core.session, "segment": core.arena.name})
        core.server.start()
        for each in taken.values():
            core.server.broadcast({"event": "notice", "text": each.message})
        for name, client in core.network.core_clients.items():
            text = f"core client {name} of type {client['type']} is not built yet: the session runs without it"
            core.server.broadcast({"event": "notice", "text": text})
        try:
            core.run()
        except Exception:
            text = f"the core of session {core.session} failed\n{traceback.format_exc()}"
            core.server.broadcast({"event": "broken", "text": text})
            raise
        core.server.broadcast({"event": "ended"})


def _plan(start: dict[str, Any]) -> Plan:
    """The plan of the network; what cannot be computed is said before anything starts."""
    plan = Plan(Network.from_json(start["network"]))
    for participant in plan.participants:
        Step(plan.network, participant.items)
    return plan


def _open(
    plan: Plan,
    taken: Mapping[ArrayKey, Taken],
    start: dict[str, Any],
    owner: socket.socket,
    interrupted: Interruption,
    stack: ExitStack,
) -> SessionCore:
    """A session with all that it needs, its processes started; closing the stack takes everything down again."""
    registration = register()
    stack.callback(registration.release)
    log = stack.enter_context(_log(registration.session))
    arena = create_arena(registration, plan, start, taken)
    server = Server(stack.enter_context(listen(registration.socket_path)), owner)
    stack.callback(server.close)
    children = Children(server.broadcast)
    stack.callback(children.end)
    children.start(plan.participants, arena.name, log)
    server.watch(children)
    return SessionCore(registration.session, plan, arena, children, server, interrupted)


def _log(session: int) -> IO[bytes]:
    folder = settings.home() / "log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / f"session-{session}.log").open("wb")
    except OSError as error:
        raise settings.SettingsError(f"cannot write the session's log: {error}") from error


def main() -> None:
    """Entry of the process: `python -m statestream.runtime.core --owner FD`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--owner", type=int, required=True)
    options = parser.parse_args()
    run(socket.socket(fileno=options.owner))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
