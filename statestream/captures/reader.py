"""Reading a capture: items and their arrays by name, frames by number; also while it grows, and after a crash."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from statestream.arrays import ArrayKey
from statestream.captures import layout
from statestream.captures.errors import CaptureError, one_line
from statestream.captures.opening import open_file, require_format
from statestream.captures.recorded import Recorded, RecordedItem
from statestream.numerics.step import Step
from statestream.streams import fill_draw

if TYPE_CHECKING:
    from statestream.graph import Network

_KINDS = ("state", "parameter", "variable", "update")


class Capture(Mapping[str, RecordedItem]):
    """The items of a capture by name. Close it, or use it as a context."""

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file
        self.frames = self._read_numbers(layout.FRAMES)
        """Numbers of the recorded frames, int64, ascending."""
        self.ended = bool(self._scalar(layout.ENDED))
        """Whether the capture was stopped; if not, it still runs, or its core was killed."""
        self.manifest: Mapping[str, Any] = self._json(layout.MANIFEST)
        """Seed, backend, threads, partition, versions, chosen items."""
        if (np.diff(self.frames) <= 0).any():
            raise CaptureError(f"{path}: the frames' numbers do not ascend: the file is damaged")
        self._kinds = {name: str(group.attrs.get("kind", "")) for name, group in self._groups().items()}

    @cached_property
    def network_text(self) -> str:
        """The network as JSON of the expanded graph."""
        return json.dumps(self._json(layout.NETWORK))

    @cached_property
    def network(self) -> Network:
        """The network that ran; CaptureError if it cannot be loaded here."""
        from statestream.catalogue import default_catalogue
        from statestream.graph import GraphError, load_graph

        try:
            return load_graph(dict(self._json(layout.NETWORK)), catalogue=default_catalogue())
        except GraphError as error:
            raise CaptureError(f"{self.path}: its network is none that can be loaded: {error}") from error

    @cached_property
    def arrays(self) -> Mapping[ArrayKey, Recorded]:
        """All arrays of the file, each under its owner's key (item, kind, name)."""
        keys: list[ArrayKey] = []
        for item, group in self._groups().items():
            for kind in _KINDS:
                link = group.get(kind, getlink=True) if kind in group else None
                if isinstance(link, h5py.HardLink):
                    keys += self._own_arrays(item, kind, group[kind])
        session = self._file.get(layout.SESSION)
        if isinstance(session, h5py.Group):
            keys += [("", layout.SESSION, name) for name in session]
        return {key: self.array(key) for key in keys}

    def _own_arrays(self, item: str, kind: str, place: Any) -> list[ArrayKey]:
        if isinstance(place, h5py.Dataset):
            return [(item, kind, "")]
        return [(item, kind, name) for name in place if isinstance(place.get(name, getlink=True), h5py.HardLink)]

    def draws(self, item: str, frame: int) -> dict[tuple[str, str], np.ndarray]:
        """The random numbers of (pool, purpose) from which a pool or plasticity computed frame + 1 in frame `frame`.

        They are no arrays of the file, but a function of the seed (`statestream.streams`). A pool's purposes are
        `noise`, `dropout` and `zoneout`; those of a plasticity's rollout have the step before them.
        """
        numbers: dict[tuple[str, str], np.ndarray] = {}
        for draw in Step(self.network, [item]).draws:
            _, pool, purpose = draw.key
            numbers[pool, purpose] = np.empty(draw.shape, np.float32)
            fill_draw(int(self.manifest["seed"]), pool, purpose, frame, draw.distribution, numbers[pool, purpose])
        return numbers

    def row(self, frame: int) -> int:
        """The row of a frame; KeyError if it is not there."""
        row = int(np.searchsorted(self.frames, frame))
        if row == len(self.frames) or self.frames[row] != frame:
            held = f"{self.frames[0]} to {self.frames[-1]}" if len(self.frames) else "none"
            raise KeyError(f"frame {frame} was not recorded; recorded are: {held}")
        return row

    def array(self, key: ArrayKey) -> Recorded:
        """One array; KeyError if it was not recorded, CaptureError if it is damaged."""
        path = layout.path_of(key)
        values = self._file.get(path)
        if values is None:
            raise KeyError(f"{layout.link_name(key)} was not recorded")
        if not isinstance(values, h5py.Dataset) or values.dtype != np.float32 or values.ndim < 1:
            raise CaptureError(f"{self.path}: {path} is no array of a capture")
        since = self._read_numbers(layout.since_path(key)) if layout.since_path(key) in self._file else None
        self._check(path, len(values), since)
        self._require_bytes(values, len(self.frames) if since is None else len(since))
        return Recorded(self, key, values, since)

    def _check(self, path: str, length: int, since: np.ndarray | None) -> None:
        count = len(self.frames)
        if since is None:
            complete = length >= count
        else:
            complete = length >= len(since) and (count == 0 or (len(since) > 0 and since[0] == 0))
            complete = complete and bool((np.diff(since) > 0).all())
        if not complete:
            raise CaptureError(f"{self.path}: {path} lacks frames: the file is damaged")

    def linked(self, place: h5py.Group, name: str) -> Recorded:
        """The array under a name of a group, which may be a link."""
        link = place.get(name, getlink=True)
        path = link.path if isinstance(link, h5py.SoftLink) else f"{place.name}/{name}"
        key = layout.key_of(path.strip("/"))
        if key is None:
            raise CaptureError(f"{self.path}: {place.name}/{name} leads to {path}, which is no array of a capture")
        return self.array(key)

    def __getitem__(self, name: str) -> RecordedItem:
        if name not in self._kinds:
            raise KeyError(f"no item {name!r} was recorded; there are: {', '.join(self._kinds)}")
        return RecordedItem(self, name, self._kinds[name], self._file[layout.ITEMS][name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    def __repr__(self) -> str:
        return f"<capture {self.path}: {len(self)} items, {len(self.frames)} frames>"

    def close(self) -> None:
        """Close the file; arrays that were not read yet cannot be read any more."""
        self._file.close()

    def __enter__(self) -> Capture:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _groups(self) -> dict[str, h5py.Group]:
        items = self._file.get(layout.ITEMS)
        found = dict(items.items()) if isinstance(items, h5py.Group) else {}
        return {name: group for name, group in found.items() if isinstance(group, h5py.Group)}

    def _dataset(self, path: str) -> h5py.Dataset:
        found = self._file.get(path)
        if not isinstance(found, h5py.Dataset):
            raise CaptureError(f"{self.path}: there is no {path!r} in it: the file is damaged")
        return found

    def _read_numbers(self, path: str) -> np.ndarray:
        found = self._dataset(path)
        if found.ndim != 1 or found.dtype != np.int64:
            raise CaptureError(f"{self.path}: {path!r} is no list of whole numbers: the file is damaged")
        self._require_bytes(found, len(found))
        return np.asarray(found[:])

    def _require_bytes(self, values: h5py.Dataset, rows: int) -> None:
        """Behind the end of a file that was not closed HDF5 reads zeros: it does not know how long it must be."""
        if not self._file.swmr_mode or values.chunks is None:
            return
        chunks, end = 0, 0

        def note(chunk: Any) -> None:
            nonlocal chunks, end
            if chunk.chunk_offset[0] < rows:
                chunks, end = chunks + 1, max(end, chunk.byte_offset + chunk.size)

        values.id.chunk_iter(note)
        if chunks < -(-rows // values.chunks[0]) or end > self.path.stat().st_size:
            raise CaptureError(f"{self.path}: {values.name} lacks bytes: the file was cut off")

    def _scalar(self, path: str) -> Any:
        found = self._dataset(path)
        if found.shape != ():
            raise CaptureError(f"{self.path}: {path!r} is no single value: the file is damaged")
        return found[()]

    def _json(self, path: str) -> Mapping[str, Any]:
        text = self._scalar(path)
        try:
            found = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise CaptureError(f"{self.path}: {path!r} is no JSON: the file is damaged") from error
        if not isinstance(found, dict):
            raise CaptureError(f"{self.path}: {path!r} is no JSON object: the file is damaged")
        return found


def open_capture(path: str | Path) -> Capture:
    """Open a capture to read, also one that is still being recorded or whose core was killed.

    What was recorded later than this call is not seen. CaptureError if the file is none, is damaged, or newer than this
    program.
    """
    place = Path(path)
    file = open_file(place)
    try:
        require_format(place, file)
        return Capture(place, file)
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError) as error:
        file.close()
        if isinstance(error, CaptureError):
            raise
        raise CaptureError(f"{place}: the file is damaged: {one_line(error)}") from error
