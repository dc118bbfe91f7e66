"""Writing the file of a capture. Everything in it is made at the beginning, so that others can read while it grows.

The file is in HDF5's mode for a single writer and multiple readers (SWMR), whose order of writes keeps it readable at
any time, also when the writer is killed: `frames` grows only after what it counts has been handed to the system.
No compression: of what networks compute it saves a tenth, and it makes writing five times slower.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np

from statestream.arrays import ArraySpec
from statestream.captures import layout
from statestream.captures.contents import Contents, Row
from statestream.captures.errors import CaptureError

_CHUNK = 16384
"""Bytes that a chunk of several frames has at most; an array that is larger has one chunk per frame."""


class CaptureFile:
    """An open file. Its methods raise OSError, RuntimeError or ValueError if the file cannot be written.

    After that HDF5 cannot be trusted any more, not even to close the file: it may crash. End the process.
    """

    def __init__(self, path: Path, contents: Contents) -> None:
        """A new file; CaptureError if it exists, or cannot be made."""
        self._file = _create(path)
        try:
            self._growing = [(_values(self._file, spec), spec) for spec in contents.growing]
            self._lasting = [_Versions(self._file, spec) for spec in contents.lasting]
            self._frames = _numbers(self._file, layout.FRAMES)
            self._ended = self._file.create_dataset(layout.ENDED, data=np.uint8(0))
            _describe(self._file, contents)
            self._file.swmr_mode = True
        except BaseException as error:
            with suppress(OSError, RuntimeError, ValueError):
                self._file.close()
            path.unlink(missing_ok=True)
            if isinstance(error, OSError | RuntimeError | ValueError):
                raise CaptureError(f"{path}: cannot be written: {reason(error)}") from error
            raise
        self._unseen: list[int] = []
        """Frames whose rows are written, but not counted yet."""
        self._last = -1
        self.rows = 0
        """Rows that can be read, whatever becomes of this process."""

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows. One with the frame of the row before it takes that one's place."""
        merged = _merged(rows)
        if merged and merged[0].frame == self._last:
            self._write(self._written - 1, merged[:1])
            merged = merged[1:]
        if merged:
            self._write(self._written, merged)
            self._unseen += [row.frame for row in merged]
            self._last = merged[-1].frame

    @property
    def _written(self) -> int:
        return self.rows + len(self._unseen)

    def _write(self, begin: int, rows: Sequence[Row]) -> None:
        block = np.stack([row.growing for row in rows])
        column = 0
        for dataset, spec in self._growing:
            _put(dataset, begin, block[:, column : column + spec.size].reshape(len(rows), *spec.shape))
            column += spec.size
        for offset, row in enumerate(rows):
            for index, value in row.lasting.items():
                self._lasting[index].put(begin + offset, value)

    def flush(self) -> None:
        """Hand everything to the system, then count it: from now on it can be read."""
        for dataset, _ in self._growing:
            dataset.flush()
        for versions in self._lasting:
            versions.flush()
        if self._unseen:
            _put(self._frames, self.rows, np.array(self._unseen))
            self._frames.flush()
            self.rows, self._unseen = self._written, []

    def close(self, ended: bool = True) -> None:
        """Write everything and close. ended: the capture was stopped; else it was cut off."""
        self.flush()
        if ended:
            self._ended[()] = 1
        self._file.close()


class _Versions:
    """An array that changes now and then: its values, and since which row each is valid."""

    def __init__(self, file: h5py.File, spec: ArraySpec) -> None:
        self._values, self._shape = _values(file, spec), spec.shape
        self._since = _numbers(file, layout.since_path(spec.key))
        self._last = -1
        self._changed = False

    def put(self, row: int, value: np.ndarray) -> None:
        """The value from that row on."""
        count = len(self._since)
        place = count - 1 if row == self._last else count
        _put(self._values, place, value.reshape(1, *self._shape))
        _put(self._since, place, np.array([row]))
        self._last, self._changed = row, True

    def flush(self) -> None:
        """The values first: whoever sees a version's row shall find its values."""
        if self._changed:
            self._values.flush()
            self._since.flush()
            self._changed = False


def reason(error: BaseException) -> str:
    """Why the file system or HDF5 refused, in one line."""
    if isinstance(error, OSError) and error.strerror and "\n" not in error.strerror:
        return error.strerror
    text = str(error)
    # HDF5 writes a paragraph about one failed call of the system; what counts is the call's own message.
    for part in text.replace(")", ",").split(","):
        if "error message = " in part:
            return part.split("'")[1] if "'" in part else part.strip()
    return text.split("\n")[0] or type(error).__name__


def _create(path: Path) -> h5py.File:
    try:
        # Made by us first: HDF5 would say neither in a word that a file is there, nor why one cannot be made.
        with path.open("xb"):
            pass
    except FileExistsError:
        raise CaptureError(f"{path} exists, and a capture overwrites nothing; remove it or name another file") from None
    except OSError as error:
        raise CaptureError(f"{path}: cannot be made: {error.strerror or error}") from None
    try:
        return h5py.File(path, "w", libver="latest", locking="best-effort")
    except (OSError, ValueError) as error:
        path.unlink(missing_ok=True)
        raise CaptureError(f"{path}: cannot be written: {reason(error)}") from error


def _values(file: h5py.File, spec: ArraySpec) -> h5py.Dataset:
    chunk = max(1, min(1024, _CHUNK // max(1, 4 * spec.size)))
    shape, longest = (0, *spec.shape), (None, *spec.shape)
    return file.create_dataset(
        layout.path_of(spec.key), shape, np.float32, chunks=(chunk, *spec.shape), maxshape=longest
    )


def _numbers(file: h5py.File, path: str) -> h5py.Dataset:
    return file.create_dataset(path, (0,), np.int64, chunks=(1024,), maxshape=(None,))


def _describe(file: h5py.File, contents: Contents) -> None:
    file.attrs["format"], file.attrs["version"] = layout.FORMAT, layout.VERSION
    file[layout.NETWORK] = contents.network
    file[layout.MANIFEST] = json.dumps(contents.manifest)
    for item, kind in contents.kinds.items():
        file.require_group(f"{layout.ITEMS}/{item}").attrs["kind"] = kind
    for (item, group), keys in contents.links.items():
        place = file.require_group(f"{layout.ITEMS}/{item}/{group}")
        for key in keys:
            place[layout.link_name(key)] = h5py.SoftLink(f"/{layout.path_of(key)}")
    for key, owner in contents.aliases.items():
        file[layout.path_of(key)] = h5py.SoftLink(f"/{layout.path_of(owner)}")


def _merged(rows: Sequence[Row]) -> list[Row]:
    """Of successive rows of one frame the last, with what lasts of all of them."""
    result: list[Row] = []
    for row in rows:
        if result and result[-1].frame == row.frame:
            row = Row(row.frame, row.growing, {**result.pop().lasting, **row.lasting})
        result.append(row)
    return result


def _put(dataset: h5py.Dataset, begin: int, values: np.ndarray) -> None:
    end = begin + len(values)
    if end > len(dataset):
        dataset.resize(end, axis=0)
    dataset[begin:end] = values
