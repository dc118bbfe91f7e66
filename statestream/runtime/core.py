"""The core process: owns a session from its first byte of shared memory to its last.

Started by a client (`runtime/client.py`) with one end of a socket pair. The first message on it says what to run;
when it closes, the session ends. Nothing here imports an engine, so a core starts at once and survives its workers.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import traceback
from contextlib import ExitStack
from typing import IO, Any

from statestream import interfaces, settings
from statestream.external import ExternalModelError, read_apart
from statestream.memory import SegmentError
from statestream.numerics.errors import UnsupportedError
from statestream.runtime.children import Children
from statestream.runtime.opening import create_arena, plan_of, remarks
from statestream.runtime.protocol import Connection
from statestream.runtime.registry import RegistryError, register
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


def run(owner: socket.socket) -> None:
    """The core's life. Trouble before the session exists is told to the client, and only then."""
    interrupted = Interruption()
    connection = Connection(owner)
    start = connection.receive()
    if start is None:
        return
    with ExitStack() as stack:
        try:
            core = _open(start, owner, interrupted, stack)
        except _REFUSALS as error:
            connection.send({"event": "refused", "text": str(error)})
            return
        except Exception as error:
            traceback.print_exc()
            connection.send({"event": "refused", "text": f"{type(error).__name__}: {error}"})
            return
        connection.send({"event": "opened", "session": core.session, "segment": core.arena.name})
        core.server.start()
        try:
            core.run()
        except Exception:
            text = f"the core of session {core.session} failed\n{traceback.format_exc()}"
            core.server.broadcast({"event": "broken", "text": text})
            raise
        core.server.broadcast({"event": "ended"})


def _open(start: dict[str, Any], owner: socket.socket, interrupted: Interruption, stack: ExitStack) -> SessionCore:
    """A session with all that it needs, its processes started; closing the stack takes everything down again."""
    plan = plan_of(start["network"])
    taken = read_apart(plan.network)
    registration = register()
    stack.callback(registration.release)
    log = stack.enter_context(_log(registration.session))
    arena = create_arena(registration.segment_name, plan, start, 0, taken)
    server = Server(stack.enter_context(listen(registration.socket_path)), owner)
    stack.callback(server.close)
    children = Children(server.broadcast, server.watch, log)
    stack.callback(children.end)
    children.assign(children.recruit(plan.participants, plan.threads(start["threads"])), arena.name, run=0)
    return SessionCore(registration, plan, arena, children, server, interrupted, remarks(plan.network, taken))


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
