"""A tape whose operations err at random, as rounding errs: repeated, it shows how far a result can be trusted.

Monte Carlo arithmetic (Parker 1997): where the results of several runs differ by far more than the errors put in, their
digits are noise, or a step (a sign, a comparison, the position of a largest value) fell to the one side or the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from statestream.backends._tape import Array, Primitive, Tape, Tensor

ARITHMETIC = frozenset({"add", "subtract", "multiply", "divide", "sqrt", "prod"})
"""The primitives that round their results as IEEE 754 says: what float32 holds in full comes out in full."""
APPROXIMATING = frozenset({"power", "exp", "log", "tanh", "sigmoid", "softplus", "erf", "softmax", "log_softmax"})
"""Those that each engine approximates in its own way."""
SUMMING = frozenset({"sum", "matmul"})
"""Those that round once per term, in an order of the engine's own. All others choose or move, and are exact."""


class JitteryTape(Tape):
    """A tape on which results, and gradients, are off by up to `jitter` of themselves, differently in each call.

    Sums are off by as much of the sum of their terms' magnitudes. What is exact stays exact: arithmetic whose results
    float32 holds in full, sums of whole numbers.
    """

    def __init__(self, dtype: type[np.floating[Any]], jitter: float) -> None:
        super().__init__(dtype)
        self.jitter = jitter
        self._random = np.random.Generator(np.random.Philox(key=0))

    def record(self, primitive: Primitive, sources: tuple[Tensor, ...], settings: Mapping[str, Any]) -> Tensor:
        """See Tape."""
        spread = next((spread for names, spread in SPREADS.items() if primitive.name in names), None)
        if spread is not None:
            pulls = [pull and self._erring(pull, spread) for pull in primitive.pulls]
            primitive = Primitive(primitive.name, self._erring(primitive.forward, spread), pulls)
        return super().record(primitive, sources, settings)

    def _erring(self, function: Callable[..., Any], spread: Callable[..., Array]) -> Callable[..., Array]:
        def call(*values: Array, **settings: Any) -> Array:
            found = np.asarray(function(*values, **settings), self.dtype)
            most = self.jitter * spread(partial(function, **settings), found, values)
            return np.asarray(found + most * self._random.uniform(-1.0, 1.0, found.shape), self.dtype)

        return call


def _of_rounded(function: Callable[..., Any], found: Array, values: Sequence[Array]) -> Array:
    """The magnitude of each result; 0 where double precision finds no more digits."""
    precise = function(*[np.asarray(value, np.float64) for value in values])
    return np.where(precise == found, 0.0, _of_results(function, found, values))


def _of_results(function: Callable[..., Any], found: Array, values: Sequence[Array]) -> Array:
    """The magnitude of each result."""
    return np.abs(found, dtype=np.float64)


def _of_terms(function: Callable[..., Any], found: Array, values: Sequence[Array]) -> Array:
    """The sum of the magnitudes of each result's terms; 0 if all are whole."""
    if all(np.array_equal(value, np.rint(value)) for value in values):
        return np.zeros(found.shape)
    return np.asarray(function(*map(np.abs, values)), np.float64)


SPREADS = {ARITHMETIC: _of_rounded, APPROXIMATING: _of_results, SUMMING: _of_terms}
"""What the errors of a primitive are measured by."""
