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
def opened(stream: IO[bytes]) -> Iterator[h5py.File]:
    """The HDF5 file in a stream. Raises UnfitError if it is damaged."""
    try:
        file = h5py.File(stream, "r")
    except _TROUBLE as error:
        raise UnfitError(f"damaged HDF5 file: {_brief(error)}") from error
    with file:
        yield file


def arrays(group: h5py.Group) -> list[str]:
    """Paths of all arrays below a group, in the order of their names. Links are left out."""
    names: list[str] = []

    def visit(name: str, member: Any) -> None:
        if isinstance(member, h5py.Dataset):
            names.append(name)

    try:
        group.visititems(visit)
    except _TROUBLE as error:
        raise UnfitError(f"damaged HDF5 file: {_brief(error)}") from error
    return names


def text(owner: h5py.Group, name: str) -> str:
    """A text that a group has as attribute; "" if there is none."""
    try:
        if name not in owner.attrs or owner.attrs.get_id(name).shape != ():
            return ""
        value = owner.attrs[name]
        return value.decode("utf-8") if isinstance(value, bytes) else value if isinstance(value, str) else ""
    except _TROUBLE as error:
        raise UnfitError(f"damaged HDF5 file: {_brief(error)}") from error


def found(group: h5py.Group, path: str, name: str) -> Found:
    """The array at a path, as `name`. Raises UnfitError if it is not plain."""
    try:
        dataset = group[path]
        shape = tuple(dataset.shape or ())
        _require_plain(dataset, name)
    except UnfitError:
        raise
    except _TROUBLE as error:
        raise UnfitError(f"{name} is damaged: {_brief(error)}") from error

    def read() -> Array:
        try:
            values = dataset[()]
        except _TROUBLE as error:
            raise UnfitError(f"{name} is damaged: {_brief(error)}") from error
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


def _brief(error: BaseException) -> str:
    """The first line of what a library says."""
    return (str(error).strip("\"'") or type(error).__name__).splitlines()[0]
