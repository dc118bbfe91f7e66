"""Running a network for the command line: the session that its options ask for, and a script in it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from statestream.terminal.options import Options
from statestream.terminal.reports import complain

if TYPE_CHECKING:
    from statestream.graph import Network
    from statestream.session import Session


def start(
    network: Network, options: Options | argparse.Namespace, listener: Callable[[dict[str, Any]], None]
) -> Session:
    """A session with the seed and threads of the options; it may not be ready yet."""
    from statestream.session import Session

    return Session(network, seed=options.seed, threads=options.threads, listener=listener, wait=False)


def run_script(network: Network, options: Options | argparse.Namespace, lines: Iterable[str] | None) -> int:
    """Run the lines of commands, or those of standard input, in a session; returns the exit status.

    options: beside those of `start`, `json` and `stop_at_failure`.
    """
    from statestream.runtime.client import SessionError
    from statestream.terminal.lines import Lines
    from statestream.terminal.script import Script, ScriptEvents

    events = ScriptEvents()
    with start(network, options, events) as session:
        script = Script(session, events, json=options.json, stop_at_failure=options.stop_at_failure)
        try:
            session.wait_ready()
        except SessionError as error:
            if events.troubles.news(str(error)):
                complain(f"statestream: {error}")
            return 1
        if lines is not None:
            script.run(lines)
        elif sys.stdin is not None:
            typed = Lines(sys.stdin.fileno())
            events.on_closed = typed.stop
            if not events.closed:
                script.run(typed)
        if events.closed and not script.left:
            complain("statestream: the session has ended before the script")
            return 1
    return script.status
