"""What rounding alone can change: asked when an engine differs, before it is blamed.

A value that lies right at a step (sign, floor, argmax, a comparison, an activation that jumps) falls to one side or the
other by the last bits of what it was computed from, and where large terms cancel, nothing but rounding errors is left.
There no two correct programs agree. So the reference is repeated with every operation that rounds off by a few units in
the last place, at random: elements that are scattered by that as far as the engine is off are unclear, not wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from statestream.backends.numpy import Engine
from statestream.graph import Network
from statestream.memory import Arena
from statestream.runtime.worker import Variant
from statestream.verification.deviation import distances
from statestream.verification.local_run import Outputs

JITTER = 2.0**-22
"""Relative size of the errors: 4 times that of a float32's own rounding."""
REPEATS = 12
"""A value at a step falls to the same side each time once in 2^12 times."""
MARGIN = 4.0
"""How many times farther an engine may be off than the repeats are: its sums may round more often than numpy's."""

Compute = Callable[[Mapping[Any, np.ndarray]], Mapping[Any, np.ndarray]]


def erring_engine() -> Engine:
    """The reference, with an error in each operation that rounds."""
    return Engine(jitter=JITTER)


def allowed(compute: Compute, values: Mapping[Any, np.ndarray], expected: Outputs) -> Outputs:
    """How far each element may be off by rounding; inf where that may turn a number into NaN or Inf, or back.

    compute: compiled by the erring engine, from these values. expected: what the reference makes of them.
    """
    scatter = {key: np.zeros(value.shape) for key, value in expected.items()}
    for _ in range(REPEATS):
        found = compute(values)
        for key, most in scatter.items():
            np.maximum(most, distances(found[key], expected[key]), out=most)
    return {key: MARGIN * most for key, most in scatter.items()}


class Rounding:
    """What rounding may change in the results of single items, from the values of a run's present frame."""

    def __init__(self, network: Network, arena: Arena, seed: int) -> None:
        self._network, self._arena, self._seed = network, arena, seed
        self._engine = erring_engine()
        self._variants: dict[str, Variant] = {}
        self._known: dict[tuple[str, int], Outputs] = {}

    def allows(self, item: str, frame: int, expected: Outputs) -> Outputs:
        """How far each element of the item's results may be off; expected: what the reference computes in the frame."""
        if (item, frame) not in self._known:
            self._known = {key: found for key, found in self._known.items() if key[1] == frame}
            variant = self._variant(item)
            values = variant.values(self._arena.table(), frame)
            self._known[item, frame] = allowed(variant.compute, values, {key: expected[key] for key in variant.outputs})
        return self._known[item, frame]

    def close(self) -> None:
        """Nothing more will be asked."""
        for variant in self._variants.values():
            variant.draws.close()

    def _variant(self, item: str) -> Variant:
        if item not in self._variants:
            self._variants[item] = Variant(self._network, frozenset({item}), self._engine, self._arena, self._seed)
        return self._variants[item]
