"""The activation functions, element-wise on tensors of any shape (softmax: over axis 1, the features).

Each is written over the operations of a backend, `function(ops, x, **keywords)`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Tensor = Any


@dataclass(frozen=True, slots=True)
class Activation:
    """A named activation. keywords: its optional arguments with their defaults."""

    name: str
    function: Callable[..., Tensor]
    keywords: Mapping[str, float]
    help: str


ACTIVATIONS: dict[str, Activation] = {}


def _activation(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    name = function.__name__.rstrip("_")
    optional = list(inspect.signature(function).parameters.values())[2:]
    keywords = {parameter.name: parameter.default for parameter in optional}
    ACTIVATIONS[name] = Activation(name, function, keywords, (function.__doc__ or "").rstrip("."))
    return function


@_activation
def Id(ops: Any, x: Tensor) -> Tensor:
    """x."""
    return x


@_activation
def tanh(ops: Any, x: Tensor) -> Tensor:
    """tanh(x)."""
    return ops.tanh(x)


@_activation
def sigmoid(ops: Any, x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return ops.sigmoid(x)


@_activation
def exp(ops: Any, x: Tensor) -> Tensor:
    """exp(x)."""
    return ops.exp(x)


@_activation
def mexp(ops: Any, x: Tensor) -> Tensor:
    """-exp(x)."""
    return -ops.exp(x)


@_activation
def square(ops: Any, x: Tensor) -> Tensor:
    """x squared."""
    return ops.square(x)


@_activation
def msquare(ops: Any, x: Tensor) -> Tensor:
    """-(x squared)."""
    return -ops.square(x)


@_activation
def sqrt(ops: Any, x: Tensor) -> Tensor:
    """sqrt(max(x, 0))."""
    return ops.sqrt(ops.maximum(x, 0.0))


@_activation
def relu(ops: Any, x: Tensor, thresh: float = 0.0) -> Tensor:
    """max(x - thresh, 0)."""
    return ops.maximum(x - thresh if thresh else x, 0.0)


@_activation
def leakyrelu(ops: Any, x: Tensor, leak: float = 0.1) -> Tensor:
    """max(x, leak x)."""
    return ops.maximum(x, leak * x)


@_activation
def elu(ops: Any, x: Tensor, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else alpha (exp(x) - 1)."""
    return ops.where(ops.greater(x, 0.0), x, alpha * (ops.exp(ops.minimum(x, 0.0)) - 1.0))


@_activation
def selu(ops: Any, x: Tensor, scale: float = 1.0507, alpha: float = 1.6733) -> Tensor:
    """scale times elu(x, alpha)."""
    return scale * elu(ops, x, alpha)


@_activation
def softplus(ops: Any, x: Tensor) -> Tensor:
    """ln(1 + exp(x))."""
    return ops.softplus(x)


@_activation
def gaussian(ops: Any, x: Tensor) -> Tensor:
    """exp(-x squared)."""
    return ops.exp(-ops.square(x))


@_activation
def softmax(ops: Any, x: Tensor) -> Tensor:
    """exp(x) normalised over the features, for each pixel by itself."""
    return ops.softmax(x, axis=1)


@_activation
def log(ops: Any, x: Tensor, eps: float = 1e-6) -> Tensor:
    """ln(max(x, eps))."""
    return ops.log(ops.maximum(x, eps))


@_activation
def neglog(ops: Any, x: Tensor, eps: float = 1e-6) -> Tensor:
    """-ln(max(x, eps))."""
    return -ops.log(ops.maximum(x, eps))


@_activation
def abs_(ops: Any, x: Tensor) -> Tensor:
    """|x|."""
    return ops.abs(x)


@_activation
def sign(ops: Any, x: Tensor, thresh: float = 0.0) -> Tensor:
    """-1, 0 or 1: the sign of x - thresh."""
    return ops.sign(x - thresh)


@_activation
def spiky(ops: Any, x: Tensor, threshold: float = 1.0, saturation: float = 2.0) -> Tensor:
    """0 for x < 0; x up to threshold; 2 saturation between threshold and saturation; 0 from saturation on."""
    silent = ops.maximum(ops.less(x, 0.0), ops.greater_equal(x, saturation))
    fired = ops.where(ops.greater(x, threshold), 2.0 * saturation, x)
    return ops.where(silent, 0.0, fired)


@_activation
def switchsign(ops: Any, x: Tensor, threshold: float = 1.0) -> Tensor:
    """-x where x > threshold, else x."""
    return ops.where(ops.greater(x, threshold), -x, x)


@_activation
def erf(ops: Any, x: Tensor) -> Tensor:
    """The error function."""
    return ops.erf(x)


@_activation
def step(ops: Any, x: Tensor, at: float = 0.0, left: float = -1.0, right: float = 1.0) -> Tensor:
    """left where x < at, else right."""
    return right + (left - right) * ops.less(x, at)


@_activation
def rectangular(
    ops: Any, x: Tensor, x_min: float = 0.0, x_max: float = 1.0, y_level: float = 0.0, y_height: float = 1.0
) -> Tensor:
    """y_height where x_min < x < x_max, else y_level."""
    return y_level + (y_height - y_level) * ops.greater(x, x_min) * ops.less(x, x_max)


@_activation
def bilinear(
    ops: Any, x: Tensor, peak_loc: float = 0.0, peak_width: float = 1.0, peak_val: float = 1.0, level: float = 0.0
) -> Tensor:
    """A tent: peak_val at peak_loc, falling linearly to level at the distance peak_width."""
    slope = (peak_val - level) / peak_width
    return ops.clip(peak_val - ops.abs(x - peak_loc) * slope, level, peak_val)


@_activation
def softround(ops: Any, x: Tensor, p: float = 2.0) -> Tensor:
    """0.5 + 0.5 (tanh(p z) + z/p) / (tanh(p/2) + 1/(2p)) with z = x - 0.5."""
    z = x - 0.5
    return 0.5 + (0.5 / (math.tanh(p / 2.0) + 0.5 / p)) * (ops.tanh(p * z) + z / p)


@_activation
def linround(ops: Any, x: Tensor, s: float = 0.5, b: float = 0.5) -> Tensor:
    """Rounding between 0 and 1 in three linear parts: slope s outside, 1/s between b/(s+1) and (s+b)/(s+1)."""
    middle = x / s + b * (1.0 - 1.0 / s)
    upper = ops.where(ops.greater(x, (s + b) / (s + 1.0)), s * x + (1.0 - s), middle)
    return ops.where(ops.less(x, b / (s + 1.0)), s * x, upper)


@_activation
def linroundint(ops: Any, x: Tensor, s: float = 0.5, b: float = 0.5) -> Tensor:
    """floor(x) + linround(x - floor(x)): linear rounding to the integers."""
    whole = ops.floor(x)
    return whole + linround(ops, x - whole, s, b)


@_activation
def linroundpow2(ops: Any, x: Tensor, s: float = 0.5, b: float = 0.5, n: int = 8) -> Tensor:
    """Linear rounding to 0, 1, 2, 4 ... 2^(n-1): linround scaled to each interval between two of them."""
    result = linround(ops, x, s, b)
    for exponent in range(int(n) - 1):
        low = 2.0**exponent
        result = ops.where(ops.less(x, low), result, low + low * linround(ops, (x - low) / low, s, b))
    return result
