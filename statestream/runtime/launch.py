"""Starting Python processes of our own: fresh interpreters, never forks of a process that loaded an engine."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import IO

from statestream import processes


def start(module: str, arguments: Sequence[str], log: IO[bytes], pass_fds: Sequence[int]) -> subprocess.Popen[bytes]:
    """Run `python -m module arguments` with its output in `log`, in a process group of its own.

    A group of its own keeps the terminal's Ctrl-C from it: what that means is for the session's client to say.
    """
    return subprocess.Popen(
        processes.command(module, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=pass_fds,
        start_new_session=True,
        env=processes.environment(),
    )
