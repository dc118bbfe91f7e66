"""`statestream capture`: a session that records a network frame by frame, by the same commands that a script has."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from statestream.terminal.batch import run_script
from statestream.terminal.graphs import WRONG, load
from statestream.terminal.reports import complain, list_findings


def run(options: argparse.Namespace) -> int:
    """Record the frames; returns the exit status. What is wrong with the options is said before anything starts."""
    from statestream.runtime.captured import choose
    from statestream.runtime.commands import path_of
    from statestream.runtime.requests import RequestError

    network = load(options)
    list_findings(network.warnings, "warning: ")
    words = [word.strip() for listed in options.items for word in listed]
    try:
        choose(network, words)
    except RequestError as error:
        complain(f"statestream: --items: {error}")
        return WRONG
    try:
        path = path_of(options.capture)
        trouble = _trouble(path)
    except (RequestError, OSError) as error:
        trouble = str(error)
    if trouble:
        complain(f"statestream: {trouble}")
        return WRONG
    start = shlex.join(["capture", "start", str(path), *words])
    options.stop_at_failure = True
    return run_script(network, options, [start, f"stream {options.frames}", "capture stop"])


def _trouble(path: Path) -> str:
    if path.exists() or path.is_symlink():
        return f"{path} exists, and a capture overwrites nothing; remove it or name another file"
    if not path.parent.is_dir():
        return f"{path}: there is no folder {path.parent}"
    return ""
