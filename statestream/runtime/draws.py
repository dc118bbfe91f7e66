"""Random numbers of a frame, drawn ahead behind the compute of the frame before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from statestream.streams import fill_draw


class Draws:
    """All draws of one step: float32 arrays by draw key, a function of (seed, item, purpose, frame) alone.

    `of(frame)` returns that frame's and begins to draw the next frame's in a thread; two sets of buffers take turns.
    """

    def __init__(self, draws: Sequence[Any], seed: int) -> None:
        self._draws = tuple(draws)
        self._seed = seed
        self._buffers = [{draw.key: _buffer(draw.shape) for draw in self._draws} for _ in range(2)]
        self._pool = ThreadPoolExecutor(1, "draws") if self._draws else None
        self._ahead: tuple[int, Future[None]] | None = None

    def of(self, frame: int) -> Mapping[Any, np.ndarray]:
        """The numbers of this frame, valid until the next call."""
        if self._pool is None:
            return {}
        if self._ahead is not None:
            drawn, future = self._ahead
            future.result()
            if drawn != frame:
                self._fill(frame)
        else:
            self._fill(frame)
        self._ahead = (frame + 1, self._pool.submit(self._fill, frame + 1))
        return self._buffers[frame % 2]

    def close(self) -> None:
        """Draw nothing ahead any more."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _fill(self, frame: int) -> None:
        for draw in self._draws:
            _, item, purpose = draw.key
            fill_draw(self._seed, item, purpose, frame, draw.distribution, self._buffers[frame % 2][draw.key])


def _buffer(shape: tuple[int, ...]) -> np.ndarray:
    # Aligned as the arena's arrays are, since engines borrow the memory.
    size = int(np.prod(shape, dtype=np.int64)) * 4
    raw = np.zeros(size + 64, np.uint8)
    begin = -raw.ctypes.data % 64
    return raw[begin : begin + size].view(np.float32).reshape(shape)
