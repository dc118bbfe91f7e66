"""Which sessions this user runs: small integer ids, their control sockets, and the removal of what dead cores left.

Each session holds an exclusive lock on `<folder>/<id>.lock` for as long as its core lives. The kernel drops the lock
with the process, however that ends; so a lock that can be taken belongs to a dead session.
"""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from statestream.memory import segment
from statestream.memory.control import Control, Word

HIGHEST_ID = 1023
_DRAFT = ".next"
_PATIENCE = 10.0
"""Seconds to wait for another process that looks through the sessions; it takes milliseconds."""


class RegistryError(RuntimeError):
    """The folder of session locks and sockets cannot be used, or there is no such session."""


class Registration:
    """A session id that this process holds until `release` or its end."""

    def __init__(self, session: int, lock: IO[str]) -> None:
        self.session = session
        self._lock = lock

    @property
    def segment_name(self) -> str:
        """Name of the session's shared-memory segment."""
        return segment_name(self.session)

    @property
    def draft_name(self) -> str:
        """Name of the segment of a network that is about to take the session over."""
        return draft_name(self.session)

    @property
    def socket_path(self) -> Path:
        """Path of the session's control socket."""
        return socket_path(self.session)

    def release(self) -> None:
        """Remove everything that the session left under its id, and give the id back."""
        with _registry_lock():
            _remove(self.session)
            self._lock.close()


def register() -> Registration:
    """Take the lowest free session id; what dead sessions left is removed first."""
    with _registry_lock():
        _reap_all()
        taken = _sessions_with_segment()
        for session in range(HIGHEST_ID + 1):
            lock = _try_lock(session) if session not in taken else None
            if lock is not None:
                return Registration(session, lock)
    raise RegistryError(f"all session ids from 0 to {HIGHEST_ID} are in use")


def reap() -> list[int]:
    """Remove sockets and shared memory of sessions whose core is dead; returns their ids."""
    with _registry_lock():
        return _reap_all()


def running() -> list[int]:
    """Ids of the sessions whose core lives, ascending."""
    with _registry_lock():
        _reap_all()
        return sorted(_sessions_with_lock() | _sessions_with_segment())


def segment_name(session: int) -> str:
    """Name of a session's shared-memory segment."""
    return _segment_prefix() + str(session)


def draft_name(session: int) -> str:
    """Name of the segment of a network that is about to take a session over; then it gets the session's name."""
    return segment_name(session) + _DRAFT


def socket_path(session: int) -> Path:
    """Path of a session's control socket."""
    return _folder() / f"{session}.sock"


def _segment_prefix() -> str:
    return f"statestream.{os.getuid()}."


def _folder() -> Path:
    # One folder per user, the same whatever the TMPDIR, and short: a socket's path has at most 107 bytes.
    folder = Path("/tmp") / f"statestream-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise RegistryError(f"cannot use the folder {folder}: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise RegistryError(f"{folder} must be a folder that only you can enter (mode 0700)")
    return folder


@contextmanager
def _registry_lock() -> Iterator[None]:
    path = _folder() / "registry"
    try:
        with path.open("w") as handle:
            _lock_within(handle, _PATIENCE)
            yield
    except OSError as error:
        raise RegistryError(f"cannot use {path.parent}: {error}") from error


def _lock_within(handle: IO[str], seconds: float) -> None:
    # flock knows no deadline; so a thread waits for it, which keeps the lock from being taken late by closing the file.
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    except BlockingIOError:
        waiting = threading.Thread(target=fcntl.flock, args=(handle, fcntl.LOCK_EX), daemon=True)
    waiting.start()
    waiting.join(seconds)
    if waiting.is_alive():
        raise RegistryError(f"{handle.name} has been locked by another process for {seconds:g} s; is it stopped?")


def _try_lock(session: int, create: bool = True) -> IO[str] | None:
    # A file that is gone is no sign of a dead session: somebody may have removed it from under a living one.
    try:
        handle = (_folder() / f"{session}.lock").open("w" if create else "r+")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    return handle


def _reap_all() -> list[int]:
    locked = _sessions_with_lock()
    reaped = []
    for session in sorted(locked):
        lock = _try_lock(session, create=False)
        if lock is not None:
            _remove(session)
            lock.close()
            reaped.append(session)
    # A segment without a lock file: somebody cleaned the folder, perhaps while the session runs.
    for session in sorted(_sessions_with_segment() - locked):
        if not _core_lives(session):
            _remove(session)
            reaped.append(session)
    return reaped


def _sessions_with_lock() -> set[int]:
    return {int(path.stem) for path in _folder().glob("*.lock") if path.stem.isdecimal()}


def _sessions_with_segment() -> set[int]:
    prefix = _segment_prefix()
    found = (name[len(prefix) :].removesuffix(_DRAFT) for name in segment.names(prefix))
    return {int(session) for session in found if session.isdecimal()}


def _core_lives(session: int) -> bool:
    try:
        pid = Control(segment.attach(segment_name(session))).get(Word.CORE_PID)
    except (segment.SegmentError, ValueError):
        return False
    return pid > 0 and Path(f"/proc/{pid}").exists()


def _remove(session: int) -> None:
    segment.remove(draft_name(session))
    segment.remove(segment_name(session))
    socket_path(session).unlink(missing_ok=True)
    (_folder() / f"{session}.lock").unlink(missing_ok=True)
