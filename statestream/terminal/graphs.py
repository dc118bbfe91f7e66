"""Graphs for the command line: read as its options say, and an exit status for what may go wrong with them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from statestream.terminal.options import Options
from statestream.terminal.reports import complain, list_findings

if TYPE_CHECKING:
    from statestream.graph import Network

WRONG = 2
"""Exit status for a wrong graph, wrong options or wrong settings."""


def exit_status(work: Callable[[], int]) -> int:
    """The work's exit status; what is wrong with a graph, the settings or a session is told here."""
    # Only now: numpy and the graph's declarations take a moment, which a mistake in the options need not wait for.
    from statestream.graph import GraphError
    from statestream.runtime.client import SessionError
    from statestream.settings import SettingsError

    try:
        return work()
    except GraphError as error:
        list_findings(error.findings)
        list_findings(error.warnings, "warning: ")
        return WRONG
    except SettingsError as error:
        complain(f"statestream: {error}")
        return WRONG
    except SessionError as error:
        complain(f"statestream: {error}")
        return 1


def load(options: Options | argparse.Namespace) -> Network:
    """The network of the options (of `add_graph` and `add_backend`)."""
    from statestream.session import as_network

    assert options.file is not None
    return as_network(options.file, options.backend, options.agents, dict(options.overrides), options.strict)
