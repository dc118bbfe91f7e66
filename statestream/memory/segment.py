"""One named shared-memory segment. The only module that knows which library provides it (SharedArray, POSIX shm).

Segments are private to their user (0600) and fully backed by memory when `create` returns: a file system that fills up
later cannot kill a writer with SIGBUS.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import SharedArray

DIRECTORY = Path("/dev/shm")


class SegmentError(RuntimeError):
    """Shared memory is missing, full, or not what was expected."""


def create(name: str, size: int) -> np.ndarray:
    """A new zero-filled segment of `size` bytes, uint8, page-aligned; SegmentError if it does not fit or exists."""
    free = available()
    if size > free:
        raise SegmentError(
            f"the session needs {_mib(size)} of shared memory, {DIRECTORY} has {_mib(free)} free; "
            "use fewer agents or smaller pools, or free some (a running session holds its memory until it exits)"
        )
    # The library opens with mode 0666. The mask is process-wide; no other thread of a core makes files meanwhile.
    mask = os.umask(0o077)
    try:
        array = SharedArray.create(f"shm://{name}", (size,), np.uint8)
    except OSError as error:
        remove(name)
        raise SegmentError(f"cannot create the shared-memory segment {name!r} of {_mib(size)}: {error}") from error
    finally:
        os.umask(mask)
    try:
        _back(name)
    except OSError as error:
        remove(name)
        raise SegmentError(f"{DIRECTORY} is full: {_mib(size)} could not be reserved ({error.strerror})") from error
    return array


def attach(name: str) -> np.ndarray:
    """The bytes of an existing segment, uint8, writable."""
    try:
        return SharedArray.attach(f"shm://{name}")
    except OSError as error:
        raise SegmentError(f"there is no shared-memory segment {name!r}: {error}") from error


def remove(name: str) -> bool:
    """Remove the segment's name; its memory goes when the last process lets go. False if there was none."""
    try:
        SharedArray.delete(f"shm://{name}")
    except OSError:
        return False
    return True


def rename(name: str, to: str) -> None:
    """Give a segment another name, at once; a segment that had it is removed, as `remove` does."""
    try:
        os.replace(DIRECTORY / name, DIRECTORY / to)
    except OSError as error:
        raise SegmentError(f"cannot rename the shared-memory segment {name!r} to {to!r}: {error.strerror}") from error


def names(prefix: str) -> list[str]:
    """Names of the existing segments that begin with `prefix`."""
    if not DIRECTORY.is_dir():
        return []
    return sorted(entry.name for entry in DIRECTORY.iterdir() if entry.name.startswith(prefix))


def available() -> int:
    """Free bytes for shared memory."""
    try:
        state = os.statvfs(DIRECTORY)
    except OSError as error:
        raise SegmentError(f"there is no usable {DIRECTORY}: {error.strerror}") from error
    return state.f_bavail * state.f_frsize


def _back(name: str) -> None:
    descriptor = os.open(DIRECTORY / name, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.posix_fallocate(descriptor, 0, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
