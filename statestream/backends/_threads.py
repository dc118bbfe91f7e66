"""Threads for engines that run on numpy: how many its BLAS uses, and a crew that shares large pieces of work.

OpenBLAS's own threads spin while they wait, and lose badly as soon as cores are shared with other processes (measured:
a frame of the demo 72 ms instead of 9 with two busy neighbours). A crew's threads sleep instead.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from pathlib import Path

SETTERS = (
    "scipy_openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "openblas_set_num_threads",
)


def available_threads() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit_blas(threads: int) -> int:
    """Let every OpenBLAS in this process use that many threads; the number of libraries found.

    It is 0 for numpy over another BLAS, which then goes by its own environment variable.
    """
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return 0
    count = 0
    for path in sorted({line.split(maxsplit=5)[-1] for line in lines if "openblas" in line}):
        library = ctypes.CDLL(path)
        for name in SETTERS:
            if hasattr(library, name):
                getattr(library, name)(ctypes.c_int(threads))
                count += 1
                break
    return count


class Crew:
    """Runs one piece of work in equal parts, one of them in the calling thread."""

    def __init__(self) -> None:
        self.threads = 1
        self._pool: ThreadPoolExecutor | None = None
        self._change = threading.Lock()

    def resize(self, count: int) -> None:
        """Use that many threads from now on."""
        with self._change:
            if count != self.threads:
                if self._pool is not None:
                    self._pool.shutdown()
                self._pool = ThreadPoolExecutor(count - 1, "statestream-crew") if count > 1 else None
                self.threads = count

    def share(self, count: int, part: Callable[[slice], object]) -> None:
        """Call part(slice) for slices that cover range(count); done when all are. Which slices: by `threads` alone."""
        pool, parts = self._pool, min(self.threads, count)
        if pool is None or parts < 2:
            part(slice(0, count))
            return
        slices = [slice(count * number // parts, count * (number + 1) // parts) for number in range(parts)]
        # In a copy of the caller's context: numpy keeps there what it does about overflows and the like.
        others: list[Future[object]] = [pool.submit(copy_context().run, part, one) for one in slices[1:]]
        try:
            part(slices[0])
        finally:
            wait(others)  # all of them, before anybody reads or reuses the memory they work on
        for other in others:
            other.result()
