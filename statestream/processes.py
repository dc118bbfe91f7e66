"""What all processes of our own have in common: where they find this package, and with whom they end."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def command(module: str, *arguments: str) -> list[str]:
    """`python -m module arguments` in a fresh interpreter; start it with `environment`.

    `-P` keeps the user's folder off the module path, so that a `random.py` lying there cannot take the place of
    Python's.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """The environment, with this package on the module path."""
    root = str(Path(__file__).resolve().parent.parent)
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; ends at once if the parent is gone already.

    The parent must start children from its main thread: the signal comes when the starting *thread* ends.
    """
    hear_of_parents_end(signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit("the process that started this one is gone")


def hear_of_parents_end(number: signal.Signals) -> None:
    """Have the kernel send this process a signal when the thread that started it ends (on Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
