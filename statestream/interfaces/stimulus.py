"""The course of a stimulus in time: how long it lasts, when the next one starts, how it fades."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def pick(uniform: Floats, least: float, greatest: float) -> NDArray[np.int64]:
    """Whole numbers from `least` to `greatest`, both included, from uniform numbers in [0, 1).

    Where `greatest` is the smaller one (while somebody raises both, one after the other), `least` is taken.
    """
    first = round(least)
    count = max(round(greatest) - first + 1, 1)
    # The product can be rounded up to `count`.
    return first + np.minimum((uniform * count).astype(np.int64), count - 1)


def pick_each(uniform: Floats, greatest: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each element a whole number from 0 to its `greatest`, both included."""
    return np.minimum((uniform * (greatest + 1)).astype(np.int64), greatest)


def fading_factor(elapsed: Floats, duration: Floats, fading: float) -> NDArray[np.float32]:
    """Strength of a stimulus, 0 to 1: it rises as elapsed / fading and falls as (duration - elapsed) / fading.

    elapsed: frames since it began. With fading 0 it is 1 throughout.
    """
    rest = duration - elapsed
    length = max(fading, 1.0)
    factor = np.where(elapsed < fading, elapsed / length, np.where(rest < fading, rest / length, 1.0))
    return factor.astype(np.float32)
