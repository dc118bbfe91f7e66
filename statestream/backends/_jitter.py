"""A tape whose operations err at random, as rounding errs: repeated, it shows how far a result can be trusted.

Monte Carlo arithmetic (Parker 1997): where the results of several runs differ by far more than the errors put in, their
digits are noise, or a step (a sign, a comparison, the position of a largest value) fell to the one side or the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from statestream.backends._tape import Array, Primitive, Tape, Tensor

ROUNDING = frozenset({
    "add", "subtract", "multiply", "divide", "power", "exp", "log", "tanh", "sigmoid", "softplus", "sqrt", "erf",
    "sum", "prod", "softmax", "log_softmax", "matmul",
})  # fmt: skip
"""The primitives that round; all others choose, compare or move, and are exact."""


class JitteryTape(Tape):
    """A tape on which each result of an operation that rounds, and each gradient through it, is off by up to `jitter`
    of itself, differently in each call."""

    def __init__(self, dtype: type[np.floating[Any]], jitter: float) -> None:
        super().__init__(dtype)
        self.jitter = jitter
        self._random = np.random.Generator(np.random.Philox(key=0))

    def record(self, primitive: Primitive, sources: tuple[Tensor, ...], settings: Mapping[str, Any]) -> Tensor:
        """See Tape."""
        if primitive.name in ROUNDING:
            pulls = [pull and self._erring(pull) for pull in primitive.pulls]
            primitive = Primitive(primitive.name, self._erring(primitive.forward), pulls)
        return super().record(primitive, sources, settings)

    def _erring(self, function: Callable[..., Any]) -> Callable[..., Array]:
        def call(*values: Array, **settings: Any) -> Array:
            exact = np.asarray(function(*values, **settings), self.dtype)
            errors = self.jitter * self._random.uniform(-1.0, 1.0, exact.shape)
            return np.asarray(exact * (1.0 + errors), self.dtype)

        return call
