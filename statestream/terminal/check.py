"""`statestream check`: look for the mistakes of a graph, and do nothing else."""

from __future__ import annotations

import argparse

from statestream.terminal.graphs import load
from statestream.terminal.reports import list_findings, summary, tell


def run(options: argparse.Namespace) -> int:
    """Check the graph and say what it is; returns the exit status."""
    network = load(options)
    list_findings(network.warnings, "warning: ")
    tell(f"{options.file}: a network of {summary(network)}")
    return 0
