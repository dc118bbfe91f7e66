"""What a capture gives: its items, and their arrays over all frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from statestream.arrays import ArrayKey
from statestream.captures import layout
from statestream.captures.errors import CaptureError, one_line

if TYPE_CHECKING:
    from statestream.captures.reader import Capture


class Recorded:
    """One array over all recorded frames; frames are asked for by their numbers.

    `recorded[n]` is the array in frame n, `recorded[a:b]` those of the frames a <= n < b, [frames, *shape], and
    `np.asarray(recorded)` all of them. shape: of one frame. Raises KeyError for a frame that is not there, CaptureError
    for a damaged file.
    """

    def __init__(self, capture: Capture, key: ArrayKey, values: h5py.Dataset, since: np.ndarray | None) -> None:
        self.key = key
        self._capture, self._values, self._since = capture, values, since

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array in one frame."""
        return tuple(self._values.shape[1:])

    @property
    def frames(self) -> np.ndarray:
        """The recorded frames' numbers, int64, ascending."""
        return self._capture.frames

    @property
    def changes(self) -> np.ndarray:
        """The rows whose value may differ from the row before."""
        rows = np.arange(len(self.frames))
        return rows if self._since is None else self._since[self._since < len(rows)]

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, frame: int | slice) -> np.ndarray:
        if isinstance(frame, slice):
            if frame.step not in (None, 1):
                raise ValueError(f"frames are taken as a:b, found a step of {frame.step}")
            begin = 0 if frame.start is None else int(np.searchsorted(self.frames, frame.start))
            end = len(self) if frame.stop is None else int(np.searchsorted(self.frames, frame.stop))
            return self.rows(np.arange(begin, end))
        row = self._capture.row(frame)
        return self.rows(np.array([row]))[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.rows(np.arange(len(self))).astype(dtype or np.float32, copy=False)

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """The array in these rows (ascending positions, not numbers, of frames), [rows, *shape]."""
        if len(rows) == 0:
            return np.empty((0, *self.shape), np.float32)
        wanted = rows if self._since is None else np.searchsorted(self._since, rows, "right") - 1
        first = int(wanted[0])
        try:
            block = self._values[first : int(wanted[-1]) + 1]
        except (OSError, RuntimeError, ValueError) as error:
            raise CaptureError(f"{self._capture.path}: {self._values.name} is damaged: {one_line(error)}") from error
        return np.asarray(block[wanted - first])

    def __repr__(self) -> str:
        return f"<{layout.link_name(self.key)} of {len(self)} frames, {list(self.shape)}>"


class RecordedItem:
    """One item of a capture. kind: `np`, `sp`, `plast` or `if`.

    parameter, variable, update: by name. inputs: what its computation of the next frame reads, by full name
    (`mid.state`, `mid_out.parameter.W_0_0`, `split`). trained: parameters that a plasticity trains, by full name.
    """

    def __init__(self, capture: Capture, name: str, kind: str, group: h5py.Group) -> None:
        self.name, self.kind = name, kind
        self._capture, self._group = capture, group

    @property
    def state(self) -> Recorded:
        """A neuron-pool's state, [agents, features, X, Y] in each frame."""
        if "state" not in self._group:
            raise AttributeError(f"{self.name} has no recorded state")
        return self._capture.array((self.name, "state", ""))

    @property
    def parameter(self) -> Mapping[str, Recorded]:
        """Parameters; a shared one is that of its owner."""
        return self._arrays("parameter")

    @property
    def variable(self) -> Mapping[str, Recorded]:
        """Variables: losses, gradients (`grad....`), memory of the optimizer; an interface's outputs and memory."""
        return self._arrays("variable")

    @property
    def update(self) -> Mapping[str, Recorded]:
        """A plasticity's increments by `<item>.<parameter>`."""
        return self._arrays("update")

    @property
    def inputs(self) -> Mapping[str, Recorded]:
        """What its computation of the next frame reads."""
        return self._arrays(layout.INPUTS)

    @property
    def trained(self) -> Mapping[str, Recorded]:
        """Parameters that a plasticity trains."""
        return self._arrays(layout.TRAINED)

    def _arrays(self, group: str) -> Mapping[str, Recorded]:
        if group not in self._group:
            return {}
        place = self._group[group]
        return {name: self._capture.linked(place, name) for name in place}

    def __repr__(self) -> str:
        return f"<recorded item {self.name}>"
