"""What makes a frame's results final: increments added to parameters, and nothing that is not finite."""

from __future__ import annotations

import math

import numpy as np

from statestream.memory import Arena
from statestream.numerics.apply import apply_updates
from statestream.runtime.plan import Training


class NotFinite(RuntimeError):
    """A computed array has a NaN or Inf: the frame must not be committed."""

    def __init__(self, slot: int) -> None:
        super().__init__(f"array {slot} is not finite")
        self.slot = slot


def apply_training(arena: Arena, training: Training, due: frozenset[str], table: np.ndarray) -> None:
    """Add the increments of the due plasticities to one parameter, in their order, and clip: its following copy."""
    increments = []
    for key in training.increments:
        if key[0] in due:
            slot = arena.layout.by_key[key].index
            increments.append(arena.copies(key)[1 - table[slot]])
    if increments:
        slot = arena.layout.by_key[training.parameter].index
        copies = arena.copies(training.parameter)
        target = copies[1 - table[slot]]
        apply_updates(copies[table[slot]], increments, training.minimum, training.maximum, target)
        require_finite(target, slot)


def require_finite(array: np.ndarray, slot: int) -> None:
    """NotFinite if the (contiguous) array holds a NaN or Inf.

    The product with itself tells in one pass at the speed of memory; it may overflow, so if it is odd, look closely.
    """
    flat = array.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        square = np.dot(flat, flat)
    if not math.isfinite(square) and not np.isfinite(flat).all():
        raise NotFinite(slot)
