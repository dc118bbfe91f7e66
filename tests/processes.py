"""Looking at a session's processes and shared memory from outside."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from statestream.memory import Arena, Record, SegmentError, Word, segment
from statestream.runtime import registry


def pids(session: int) -> tuple[int, list[int]]:
    """Process ids of a session's core and of its participants."""
    control = Arena.attach(registry.segment_name(session)).control
    count = control.get(Word.PARTICIPANTS)
    return control.get(Word.CORE_PID), [control.record(index, Record.PID) for index in range(count)]


def lives(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] != "Z"


def ours() -> set[int]:
    """Processes below this one that work for its sessions: those with its own $STATESTREAM_HOME."""
    mark = f"STATESTREAM_HOME={os.environ['STATESTREAM_HOME']}".encode()
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            # It may end while we look.
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0") and lives(int(folder.name)):
                    found.add(int(folder.name))
    return found


def orphans() -> list[str]:
    """Shared memory of sessions whose core is gone. (Other people's sessions may come and go while tests run.)"""
    found = []
    for name in segment.names(registry.segment_name(0)[:-1]):
        # It may be removed while we look.
        with suppress(SegmentError):
            if not lives(Arena.attach(name).control.get(Word.CORE_PID)):
                found.append(name)
    return found


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether the condition comes true in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def nothing_left(session: int, processes: list[int]) -> bool:
    """No process of the session lives, its memory, socket and lock are gone."""
    try:
        Arena.attach(registry.segment_name(session))
        return False
    except SegmentError:
        pass
    files = [registry.socket_path(session), registry.socket_path(session).with_suffix(".lock")]
    return not any(map(lives, processes)) and not any(map(os.path.exists, files))
