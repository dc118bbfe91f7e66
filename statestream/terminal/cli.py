"""The program's start: options, the graph, then a prompt or a script."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from statestream.terminal.batch import run_script, start
from statestream.terminal.endings import Ending, end_by_signals, tidy_streams
from statestream.terminal.graphs import WRONG, exit_status, load
from statestream.terminal.options import Options, parse, usage
from statestream.terminal.reports import complain, list_findings
from statestream.terminal.subcommands import SUBCOMMANDS


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

        return run(network, lambda listener: start(network, options, listener))
    return run_script(network, options, None if options.script is None else options.script.split("\n"))


def _at_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
