"""Opening the HDF5 file of a capture, also one that is being written or was cut off; refusing what is none."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np

from statestream.captures import layout
from statestream.captures.errors import CaptureError, one_line


def open_file(path: Path) -> h5py.File:
    """The open file; CaptureError if it cannot be opened."""
    try:
        with path.open("rb") as probe:
            probe.read(1)
    except OSError as error:
        raise CaptureError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        return h5py.File(path, "r", locking="best-effort")
    except OSError as error:
        trouble = error
    if "already open" in str(trouble):
        # Marked as being written: its core still runs, or was killed. Only readers of this kind may come in then.
        with suppress(OSError, ValueError):
            return h5py.File(path, "r", libver="latest", swmr=True, locking="best-effort")
    raise CaptureError(f"{path}: no HDF5 file, or a damaged one: {one_line(trouble)}") from None


def require_format(path: Path, file: h5py.File) -> None:
    """CaptureError if the file is no capture that this program can read."""
    if file.attrs.get("format") != layout.FORMAT:
        raise CaptureError(f"{path}: an HDF5 file, but no capture of statestream")
    version = file.attrs.get("version")
    if not isinstance(version, int | np.integer) or not 1 <= version <= layout.VERSION:
        raise CaptureError(f"{path}: a capture of version {version}; this program reads up to {layout.VERSION}")
