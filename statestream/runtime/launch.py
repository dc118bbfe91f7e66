"""Starting Python processes of our own: fresh interpreters, never forks of a process that loaded an engine."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import statestream

_PR_SET_PDEATHSIG = 1


def start(module: str, arguments: Sequence[str], log: IO[bytes], pass_fds: Sequence[int]) -> subprocess.Popen[bytes]:
    """Run `python -m module arguments` with its output in `log`, in a process group of its own.

    A group of its own keeps the terminal's Ctrl-C from it: what that means is for the session's client to say. `-P`
    keeps the user's folder off the module path, so that a `random.py` lying there cannot take the place of Python's.
    """
    root = str(Path(statestream.__file__).resolve().parent.parent)
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=pass_fds,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; ends at once if the parent is gone already.

    The parent must start children from its main thread: the signal comes when the starting *thread* ends.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit("the process that started this one is gone")
