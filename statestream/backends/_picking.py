"""`Operations.pick` over numpy arrays, for the engines that compute with numpy."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def _places(index: Array, length: int) -> Array:
    """The numbers that an index of floats means: beyond an end that end, 0 for NaN."""
    return np.clip(np.where(np.isnan(index), 0, index), 0, length - 1).astype(np.intp)


def taken(x: Array, index: Array) -> Array:
    """x [B, C, N] at index [B, M] -> [B, C, M]."""
    return np.take_along_axis(x, _places(index, x.shape[2])[:, None], 2)


def given_back(g: Array, index: Array, length: int) -> Array:
    """The adjoint, [B, C, M] -> [B, C, length], float64: sums in the order of the index."""
    agents, features = g.shape[:2]
    rows = np.arange(agents * features).reshape(agents, features, 1) * length
    flat = rows + _places(index, length)[:, None]
    return np.bincount(flat.ravel(), g.ravel(), agents * features * length).reshape(agents, features, length)
