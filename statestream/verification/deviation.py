"""How far an array is from the one expected, and how far it may be."""

from __future__ import annotations

import numpy as np

from statestream.arrays import ArrayKey

GRADIENT = "grad."
"""How the names of variables begin that hold gradients."""
TOLERANCE = 1e-5
"""Of states, unless another is given (law 6): relative to the largest magnitude of an array."""
FACTORS = {
    "states": 1.0,
    "losses": 10.0,
    "gradients": 10.0,
    "variables": 10.0,
    "memory": 1.0,
    "updates": 1.0,
    "parameters": 1.0,
}
"""What is compared, and its tolerance as a multiple of that of states. memory: an optimizer's."""
LEAST = 1e-30
"""Smaller magnitudes count as this one: engines differ in what they do near the smallest number (1e-38)."""


def aspect(key: ArrayKey) -> str:
    """Which of FACTORS an array belongs to, by its name."""
    _, kind, name = key
    if kind != "variable":
        return f"{kind}s"
    if name.startswith(GRADIENT):
        return "gradients"
    return "losses" if name.startswith("loss") else "variables"


def magnitude(*arrays: np.ndarray) -> float:
    """The largest magnitude in some arrays, of what is finite; at least LEAST."""
    return max(float(np.abs(each[np.isfinite(each)]).max(initial=LEAST)) for each in arrays)


def distances(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """|found - expected| of each element, in double precision; inf where one of the two only is finite."""
    known = np.isfinite(expected)
    with np.errstate(invalid="ignore"):
        distance = np.abs(found.astype(np.float64) - expected)
    return np.where(known == np.isfinite(found), np.where(known, distance, 0.0), np.inf)
