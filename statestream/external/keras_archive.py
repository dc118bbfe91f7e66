"""The `.keras` archive: a zip file with `config.json` and `model.weights.h5`, both uncompressed."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from statestream.external.errors import UnfitError
from statestream.external.keras_layers import LONGEST

MAGIC = b"PK\x03\x04"
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_TROUBLE = (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError, struct.error)
_PIECE = 1 << 20
_HEADER = struct.Struct("<26xHH")
"""Of a member: 26 bytes that the directory repeats, then the lengths of its name and of an extra field."""


class _Section(io.RawIOBase):
    """A part of a file as a file of its own, so that HDF5 can be read where it lies, without a copy."""

    def __init__(self, stream: IO[bytes], start: int, length: int) -> None:
        self._stream, self._start, self._length, self._at = stream, start, length, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence])
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = max(0, min(len(buffer), self._length - self._at))
        self._stream.seek(self._start + self._at)
        data = self._stream.read(count)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


@contextmanager
def opened(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    """The configuration, and the weights as a stream. Raises UnfitError if the archive is not as Keras writes it."""
    try:
        with zipfile.ZipFile(stream) as archive:
            members = {name: _member(archive, name) for name in (_CONFIG, _WEIGHTS)}
            if members[_CONFIG].file_size > LONGEST:
                raise UnfitError(f"the archive's {_CONFIG} is longer than {LONGEST} bytes")
            config = archive.read(members[_CONFIG]).decode("utf-8")
            with archive.open(members[_WEIGHTS]) as weights:
                while weights.read(_PIECE):
                    pass  # at its end, zipfile compares the checksum
            section = _section(stream, members[_WEIGHTS])
    except UnfitError:
        raise
    except _TROUBLE as error:
        raise UnfitError(f"damaged archive: {error}") from error
    yield config, io.BufferedReader(section)


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    found = [each for each in archive.infolist() if each.filename == name]
    if len(found) != 1:
        raise UnfitError(f"the archive has {len(found)} members {name}; one is needed")
    member = found[0]
    if stat.S_ISLNK(member.external_attr >> 16):
        raise UnfitError(f"the archive's member {name} is a symbolic link")
    # What a few compressed bytes become has no bound; Keras compresses nothing.
    if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size or member.flag_bits & 1:
        raise UnfitError(f"the archive's member {name} is compressed or encrypted; it must be stored, as by Keras")
    return member


def _section(stream: IO[bytes], member: zipfile.ZipInfo) -> _Section:
    stream.seek(member.header_offset)
    name, extra = _HEADER.unpack(stream.read(_HEADER.size))
    return _Section(stream, member.header_offset + _HEADER.size + name + extra, member.file_size)
