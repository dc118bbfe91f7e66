"""safetensors files: a header (JSON) with names, types and shapes, then plain numbers. PyTorch's layout."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from statestream.external.errors import UnfitError
from statestream.external.layout import Form, Place, torch
from statestream.external.model import Array, Found, Model, floats
from statestream.graph.findings import nearest, shorten

LONGEST = 1 << 24
"""Bytes that the header may have: parsed, it needs some twenty times as much."""
_TYPES = {"F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8"}


@contextmanager
def open_model(path: Path) -> Iterator[Model]:
    """A safetensors file. Raises UnfitError if it is none, is cut off, or names an array twice."""
    try:
        # The package checks that types, shapes and places agree with the file's length; values are read by us, since it
        # has no numpy type for bfloat16.
        with safe_open(path, framework="numpy"):
            pass
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > LONGEST:
                raise UnfitError(f"its header is longer than {LONGEST} bytes")
            header = json.loads(stream.read(length), object_pairs_hook=_once)
    except UnfitError:
        raise
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise UnfitError(f"no safetensors file: {error}") from error
    header.pop("__metadata__", None)
    yield Tensors(path, header, 8 + length)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise UnfitError("a name stands twice in its header")
    return entries


class Tensors(Model):
    """Arrays by names such as `encoder.conv1.weight`."""

    def __init__(self, path: Path, header: dict[str, Any], start: int) -> None:
        self._path, self._header, self._start = path, header, start

    def forms(self, place: Place) -> list[Form]:
        """Channels first."""
        return torch(place)

    def find(self, layer: str, parameter: str) -> Found:
        """The array `<layer>.<parameter>`, or just `<parameter>` where the layer is ""."""
        name = f"{layer}.{parameter}" if layer else parameter
        if name not in self._header:
            raise UnfitError(f"there is no array '{shorten(name)}'{nearest(name, self._header)}")
        entry = self._header[name]
        shape = tuple(entry["shape"])
        if entry["dtype"] not in _TYPES:
            raise UnfitError(f"{name} holds {entry['dtype']}; floats ({', '.join(_TYPES)}) are needed")
        return Found(name, shape, lambda: self._values(name, entry).reshape(shape))

    def _values(self, name: str, entry: dict[str, Any]) -> Array:
        begin, end = entry["data_offsets"]
        with self._path.open("rb") as stream:
            stream.seek(self._start + begin)
            values = np.frombuffer(stream.read(end - begin), _TYPES[entry["dtype"]])
        if entry["dtype"] == "BF16":  # the upper half of a float32
            values = (values.astype("<u4") << 16).view("<f4")
        return floats(values, name)
