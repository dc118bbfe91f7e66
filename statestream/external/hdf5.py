"""Arrays and texts in HDF5 files, as far as they are plain: a file can lead neither elsewhere nor to unbounded memory.

Links to other places and files are not followed; arrays that are compressed, or lie outside of the file, are refused
(Keras writes neither).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import IO, Any

import h5py

from statestream.external.errors import UnfitError
from statestream.external.model import Array, Found, floats

MAGIC = b"\x89HDF\r\n\x1a\n"
_TROUBLE = (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError)
"""What h5py raises for files that are damaged, or made to do damage."""


@contextmanager
def guarded(what: str) -> Iterator[None]:
    """Turns what h5py raises into UnfitError, which begins with these words."""
    try:
        yield
    except UnfitError:
        raise
    except _TROUBLE as error:
        said = (str(error).strip("\"'") or type(error).__name__).splitlines()[0]
        raise UnfitError(f"{what}: {said}") from error


@contextmanager
def opened(stream: IO[bytes]) -> Iterator[h5py.File]:
    """The HDF5 file in a stream. Raises UnfitError if it is damaged."""
    with guarded("damaged HDF5 file"):
        file = h5py.File(stream, "r")
    with file:
        yield file


def arrays(group: h5py.Group) -> list[str]:
    """Paths of all arrays below a group, in the order of their names. Links are left out."""
    names: list[str] = []

    def visit(name: Any, member: Any) -> None:
        if isinstance(member, h5py.Dataset) and isinstance(name, str):  # bytes: what is no UTF-8
            names.append(name)

    group.visititems(visit)
    return names


def text(owner: h5py.Group, name: str) -> str:
    """A text that a group has as attribute; "" if there is none."""
    if name not in owner.attrs or owner.attrs.get_id(name).shape != ():
        return ""
    value = owner.attrs[name]
    return value.decode("utf-8") if isinstance(value, bytes) else value if isinstance(value, str) else ""


def found(group: h5py.Group, path: str, name: str) -> Found:
    """The array at a path, as `name`. Raises UnfitError if it is not plain."""
    with guarded(f"{name} is damaged"):
        dataset = group[path]
        shape = tuple(dataset.shape or ())
        _require_plain(dataset, name)

    def read() -> Array:
        with guarded(f"{name} is damaged"):
            values = dataset[()]
        return floats(values, name)

    return Found(name, shape, read)


def _require_plain(dataset: h5py.Dataset, name: str) -> None:
    if dataset.dtype.kind != "f" or dataset.shape is None:
        raise UnfitError(f"{name} holds {'nothing' if dataset.shape is None else dataset.dtype}; floats are needed")
    if dataset.is_virtual or dataset.external:
        raise UnfitError(f"{name} lies outside of the file")
    # What a filter makes of a few bytes has no bound.
    if dataset.id.get_create_plist().get_nfilters() or prod(dataset.chunks or ()) > max(dataset.size, 1 << 16):
        raise UnfitError(f"{name} is compressed; only plain arrays are read, as Keras writes them")
