"""The program's start: options, the graph, then a prompt or a script."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from statestream.terminal.endings import Ending, end_by_signals, tidy_streams
from statestream.terminal.graphs import WRONG, exit_status, load
from statestream.terminal.options import Options, parse, usage
from statestream.terminal.reports import complain, list_findings
from statestream.terminal.subcommands import SUBCOMMANDS

if TYPE_CHECKING:
    from statestream.graph import Network
    from statestream.session import Session


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    tidy_streams()
    end_by_signals()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        subcommand = SUBCOMMANDS.get(given[0]) if given else None
        if subcommand:
            found = subcommand.parse(given[1:])
            return exit_status(lambda: subcommand.run(found))
        options = parse(given)
        return _usage() if options.file is None else exit_status(lambda: _run(options))
    except Ending as ending:
        return ending.status


def _usage() -> int:
    from statestream import settings

    try:
        settings.load()
    except settings.SettingsError as error:
        complain(f"statestream: {error}")
    complain(f"{usage()}\nsettings: {settings.home() / settings.FILE}")
    return WRONG


def _run(options: Options) -> int:
    network = load(options)
    list_findings(network.warnings, "warning: ")
    if options.script is None and not options.json and _at_terminal():
        from statestream.terminal.interactive import run

        return run(network, lambda listener: _start(network, options, listener))
    return _script(network, options)


def _start(network: Network, options: Options, listener: Callable[[dict[str, Any]], None]) -> Session:
    from statestream.session import Session

    return Session(network, seed=options.seed, threads=options.threads, listener=listener, wait=False)


def _at_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def _script(network: Network, options: Options) -> int:
    from statestream.runtime.client import SessionError
    from statestream.terminal.lines import Lines
    from statestream.terminal.script import Script, ScriptEvents

    events = ScriptEvents()
    with _start(network, options, events) as session:
        script = Script(session, events, json=options.json, stop_at_failure=options.stop_at_failure)
        try:
            session.wait_ready()
        except SessionError as error:
            if events.troubles.news(str(error)):
                complain(f"statestream: {error}")
            return 1
        if options.script is not None:
            script.run(options.script.split("\n"))
        elif sys.stdin is not None:
            lines = Lines(sys.stdin.fileno())
            events.on_closed = lines.stop
            if not events.closed:
                script.run(lines)
        if events.closed and not script.left:
            complain("statestream: the session has ended before the script")
            return 1
    return script.status
