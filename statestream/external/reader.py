"""The process that reads external models for another: `python -m statestream.external.reader PARENT SECONDS BYTES`."""

from __future__ import annotations

import json
import resource
import signal
import sys
from typing import IO

from statestream.external.errors import ExternalModelError
from statestream.external.start_values import read
from statestream.graph import Network
from statestream.processes import die_with_parent


def send(network: Network, stream: IO[bytes]) -> None:
    """Write one line of JSON, with what was taken or with all problems, then the values one after the other."""
    try:
        taken = read(network)
    except ExternalModelError as error:
        stream.write(json.dumps({"problems": error.problems}).encode() + b"\n")
        return
    entries = [[key, each.value.shape, each.message] for key, each in taken.items()]
    stream.write(json.dumps({"taken": entries}).encode() + b"\n")
    for each in taken.values():
        stream.write(each.value.tobytes())


def main() -> None:
    """Read the network from standard input, and answer on standard output.

    Arguments: the parent's process id, the seconds that it may take, the bytes of memory.
    """
    parent, seconds, memory = map(int, sys.argv[1:])
    die_with_parent(parent)
    signal.alarm(seconds)  # unlike anything in Python, it ends a library that never returns
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    send(Network.from_json(sys.stdin.buffer.read().decode()), sys.stdout.buffer)


if __name__ == "__main__":
    main()
