"""An optimizer by itself: what numpy's makes of the gradients that an engine found.

Dividing by the root of a mean square, adam and rmsprop turn the noise of a vanishing gradient into increments of full
size. An engine's increments are therefore not compared with the reference's, but with those that the reference's
optimizer makes of that engine's own gradients and the same memory. (1 - decay^t for a decay near 1 is left with few
digits: what rounding explains does not count here, either.)
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from statestream.backends import Backend
from statestream.backends.base import Compiled
from statestream.memory import Arena
from statestream.numerics.frame import Frame, Pools
from statestream.numerics.learning import Learner
from statestream.runtime.plan import Plan
from statestream.verification.deviation import GRADIENT
from statestream.verification.local_run import Outputs
from statestream.verification.rounding import allowed, erring_engine


class Optimizer:
    """The optimizer of one plasticity, on the reference engine. results: increments, and its memory."""

    def __init__(self, plan: Plan, arena: Arena, name: str, reference: Backend) -> None:
        self._arena = arena
        learner = Learner(plan.network, name)
        outputs = list(learner.outputs())
        self._gradients = [key for key in outputs if key[1] == "variable" and key[2].startswith(GRADIENT)]
        self.results = tuple(key for key in outputs if key not in self._gradients)
        self._inputs = [key for key in learner.inputs() if key in plan.specs]
        pools = Pools(plan.network)

        def function(ops: Any, symbols: Mapping[Hashable, Any]) -> Mapping[Hashable, Any]:
            found = learner.learn(Frame(pools, ops, symbols), [symbols[key] for key in self._gradients])
            return {key: found[key] for key in self.results}

        self._erring: Compiled | None = None
        self._function = function
        self._shapes: dict[Hashable, tuple[int, ...]] = {
            key: plan.specs[key].shape for key in (*self._inputs, *self._gradients)
        }
        self._call = reference.compile(function, self._shapes)

    def of(self, outputs: Outputs) -> Outputs:
        """The results that belong to the gradients among these outputs, from the arena's committed values."""
        found = self._call(self._values(outputs))
        return {key: found[key] for key in self.results}

    def allows(self, outputs: Outputs) -> Outputs:
        """How far each element of these results may be off by rounding."""
        if self._erring is None:
            self._erring = erring_engine().compile(self._function, self._shapes)
        return allowed(self._erring, self._values(outputs), self.of(outputs))

    def _values(self, outputs: Outputs) -> dict[Hashable, np.ndarray]:
        values: dict[Hashable, np.ndarray] = {key: self._arena.committed(key) for key in self._inputs}
        return values | {key: outputs[key] for key in self._gradients}
