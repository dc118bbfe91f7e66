"""The engines that compute: one module each, found by name.

`load("numpy")` imports the module `statestream.backends.numpy`, and with it the engine, only now. A new
backend is one new file here: a module with a class `Engine`, a subclass of `base.Backend`.
"""

from __future__ import annotations

import importlib
import pkgutil
from os import PathLike

from statestream.backends.base import OPERATIONS, Backend, BackendError, Operations, UnsupportedOperation

__all__ = ["NAMES", "OPERATIONS", "Backend", "BackendError", "Operations", "UnsupportedOperation", "load"]

NAMES: tuple[str, ...] = tuple(
    sorted(found.name for found in pkgutil.iter_modules(__path__) if found.name != "base" and found.name[0] != "_")
)
"""The names of all backends; that their engine is installed is found out by `load`."""


def load(
    name: str, *, threads: int | None = None, device: str = "cpu", cache: str | PathLike[str] | None = None
) -> Backend:
    """The backend of that name, with its engine imported and set up for this process.

    threads: how many threads one compiled call may use; None leaves it to the engine. An engine that fixes
    its threads when it starts can be loaded with one value per process only. device: "cpu", "cpu:k" or
    "gpu:k". cache: folder for what compilation keeps between runs, for engines that do. Raises BackendError
    if the name is unknown, the engine is not installed or the device is not there.
    """
    if name not in NAMES:
        raise BackendError(f"unknown backend {name!r}; there are {', '.join(NAMES)}")
    try:
        module = importlib.import_module(f"statestream.backends.{name}")
    except ImportError as problem:
        raise BackendError(f"backend {name} cannot be loaded: {problem}") from problem
    engine: Backend = module.Engine(threads=threads, device=device, cache=cache)
    return engine
