"""Reading external models in a process of its own.

HDF5's library is written in C, and a damaged file can make it crash or go round in circles (measured: one changed byte
is enough). That must cost nobody a session: the reader's process has a deadline and limited memory, and its end is a
message like others.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess

import numpy as np

from statestream import processes
from statestream.arrays import ArrayKey
from statestream.external.errors import ExternalModelError
from statestream.external.start_values import Taken, files
from statestream.graph import Network

PATIENCE = 60
"""Seconds that reading may take, besides those for the files' length."""
_MARGIN = 20
"""Seconds after which the process is ended from here: its own clock begins late, and stands while it is stopped."""
_SLOWEST = 10_000_000
"""Bytes per second of the slowest disk."""
MEMORY = 1 << 32
"""Bytes of memory that reading may take, besides those for the files' length (mapped, and copied)."""


def read_apart(network: Network, patience: int = PATIENCE, memory: int = MEMORY) -> dict[ArrayKey, Taken]:
    """What `start_values.read` reads, by a process of its own. Raises ExternalModelError with all that is wrong.

    patience, memory: seconds and bytes, besides those for the files' length.
    """
    paths = files(network)
    if not paths:
        return {}
    length = sum(os.path.getsize(path) for path in paths if os.path.isfile(path))
    patience += length // _SLOWEST
    limits = [str(os.getpid()), str(patience), str(memory + 8 * length)]
    status, data = _run(limits, network.to_json().encode(), patience + _MARGIN)
    if status != 0:
        ended = f"by signal {-status}" if status < 0 else f"with status {status}"
        ended = f"after {patience} s without a result" if status == -signal.SIGALRM else ended
        named = ", ".join(map(str, paths))
        raise ExternalModelError([f"the process that reads them ended {ended}; the files ({named}) may be damaged"])
    return _received(data)


def _run(limits: list[str], network: bytes, patience: float) -> tuple[int, bytes]:
    """The reader's exit status and output; as if its own clock had ended it, if it is not done in so many seconds."""
    try:
        done = subprocess.run(
            processes.command("statestream.external.reader", *limits),
            input=network,
            stdout=subprocess.PIPE,
            env=processes.environment() | {"OPENBLAS_NUM_THREADS": "1"},  # its threads would take memory
            check=False,
            timeout=patience,
        )
    except subprocess.TimeoutExpired:
        return -signal.SIGALRM, b""
    return done.returncode, done.stdout


def _received(data: bytes) -> dict[ArrayKey, Taken]:
    start = data.index(b"\n") + 1
    answer = json.loads(data[:start])
    if "problems" in answer:
        raise ExternalModelError(answer["problems"])
    taken: dict[ArrayKey, Taken] = {}
    for key, shape, message in answer["taken"]:
        count = int(np.prod(shape))
        value = np.frombuffer(data, np.float32, count, start).reshape(shape)
        taken[key[0], key[1], key[2]] = Taken(value, message)
        start += 4 * count
    return taken
