"""`statestream verify`: compare what the engines compute for a network with plain numpy."""

from __future__ import annotations

import argparse
import os
import sys

from statestream.terminal.graphs import WRONG, load
from statestream.terminal.reports import complain, list_findings, tell
from statestream.terminal.text import json_line, safe


def run(options: argparse.Namespace) -> int:
    """Verify the network and print the report; returns 0 if all is within the tolerances, else 1."""
    from statestream.verification import TOLERANCE, VerificationError, WrongOption, verify

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    network = load(options)
    list_findings(network.warnings, "warning: ")
    if sys.stderr is not None and sys.stderr.isatty():
        complain(f"verifying {', '.join(options.backends or ['all backends'])}; compiling may take a minute ...")
    try:
        report = verify(
            network,
            options.backends,
            options.frames,
            seed=options.seed,
            threads=options.threads,
            tolerance=options.tolerance or TOLERANCE,
            random_states=options.random_states,
            split=options.split,
        )
    except VerificationError as error:
        complain(f"statestream: {error}")
        return WRONG if isinstance(error, WrongOption) else 1
    tell(json_line(report.data()) if options.json else safe(report.text))
    return 0 if report.passed else 1
