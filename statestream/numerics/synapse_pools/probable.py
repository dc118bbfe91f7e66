"""A weighted synapse-pool whose target is binary: each factor is a probability.

    factor f:  Φ(m / sqrt(v + 1e-16)),   m = Σ_i conv(x_i, W) - b_f,   v = Σ_i max(conv(x_i, W) - conv(x_i², W²), 0)

Φ is the normal distribution's cumulative function. For independent inputs that are 1 with probability x, and weights
that pass them on with probability W, m is the mean of their number and v its variance; v is kept from being negative,
which it could be for inputs or weights outside 0 to 1. The factor's `act` has no effect.
"""

from __future__ import annotations

from functools import reduce
from math import sqrt
from operator import add
from typing import Any

from statestream.numerics.synapse_pools.base import Tensor, Tensors
from statestream.numerics.synapse_pools.weighted import WeightedPool, filling

LEAST_VARIANCE = 1e-16


class ProbablePool(WeightedPool):
    """See the module."""

    def factor(self, ops: Any, f: int, states: Tensors, parameters: Tensors) -> Tensor:
        """See WeightedPool."""
        means, variances = [], []
        for i in range(len(self.inputs[f])):
            x, weight = self.weighed(ops, f, i, states, parameters)
            means.append(self.connected(ops, f, i, x, weight))
            squares = self.connected(ops, f, i, ops.square(x), ops.square(weight))
            variances.append(ops.maximum(means[-1] - squares, 0.0))
        mean, variance, bias = reduce(add, means), reduce(add, variances), self.bias(ops, f, parameters)
        if bias is not None:
            mean = mean - bias
        score = mean / ops.sqrt(variance + LEAST_VARIANCE)
        return filling(ops, 0.5 + 0.5 * ops.erf(score * sqrt(0.5)), self.reached(f))
