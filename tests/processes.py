"""Looking at a session's processes and shared memory from outside."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
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
    """Shared memory of sessions whose core is gone, under ids that sessions of this test run had.

    What other programs' cores left under other ids is theirs.
    """
    logs = Path(os.environ["STATESTREAM_HOME"], "log").glob("session-*.log")
    had = {int(log.stem.removeprefix("session-")) for log in logs}
    found = []
    for name in segment.names(registry.segment_name(0)[:-1]):
        # It may be removed while we look.
        with suppress(SegmentError):
            mine = int(name.split(".")[2]) in had
            if mine and not lives(Arena.attach(name).control.get(Word.CORE_PID)):
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
    """No process of the session lives, its memory, socket and lock are gone. processes: the core's id and more.

    What has the session's id may be another's: ids are given again at once, and other programs start sessions.
    """
    with undisturbed():
        if any(map(lives, processes)):
            return False
        lock = registry.socket_path(session).with_suffix(".lock")
        if lock.exists() and _locked(lock):
            return True
        files = [registry.socket_path(session), lock]
        memory = [registry.segment_name(session), registry.draft_name(session)]
        return not any(map(os.path.exists, files)) and not any(name in segment.names(name) for name in memory)


def left_by(session: int, core: int) -> bool:
    """Whether memory that this core made is there under the session's id. Nobody removes it while `undisturbed`."""
    try:
        return Arena.attach(registry.segment_name(session)).control.get(Word.CORE_PID) == core
    except SegmentError:
        return False


def undisturbed() -> AbstractContextManager[None]:
    """While this is entered, no program of this user begins or ends a session, or removes what one left."""
    return registry._registry_lock()


def _locked(path: Path) -> bool:
    """Whether a living core holds that lock."""
    with path.open("r+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
