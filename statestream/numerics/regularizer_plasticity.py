"""The regularizer: keeps parameters small.

    loss = Σ (L1 Σ|w| + L2 Σ w²)        g = L1 sign(w) + 2 L2 w

The outer sum runs over the trained parameters, the inner ones over all elements (no mean, no factor 1/2): lasso and
ridge, Hastie et al. 2009, section 3.4. Of no concern to it are the states, and so the split.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from statestream.arrays import ArrayKey
from statestream.numerics.frame import Frame, Pools
from statestream.numerics.plasticity import Plasticity

Tensor = Any


class RegularizerPlasticity(Plasticity):
    """One plasticity of type `L_regularizer`."""

    type = "L_regularizer"

    def inputs(self, pools: Pools) -> Iterator[ArrayKey]:
        """The trained parameters, both weights, and what the learner reads."""
        yield from self.learner.owners()
        yield self._parameter("L1")
        yield self._parameter("L2")
        yield from self.learner.inputs()

    def compute(self, frame: Frame) -> dict[Hashable, Tensor]:
        """All outputs, by their array keys."""
        ops = frame.ops
        l1, l2 = (frame.symbols[self._parameter(name)] for name in ("L1", "L2"))
        values = [frame.symbols[key] for key in self.learner.owners()]
        losses = [l1 * ops.sum(ops.abs(value)) + l2 * ops.sum(ops.square(value)) for value in values]
        gradients = [l1 * ops.sign(value) + (2.0 * l2) * value for value in values]
        return {self._variable("loss"): sum(losses[1:], losses[0]), **self.learner.learn(frame, gradients)}
