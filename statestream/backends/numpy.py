"""The reference engine: plain numpy with a reverse-mode tape of its own.

Nothing is compiled: the function runs once, on zeros, and each call repeats the operations that it asked for. Results
depend on the function and the inputs only: not on what else is computed beside, where arrays lie in memory, or how many
threads there are, since it always uses one.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from statestream.backends._jitter import JitteryTape
from statestream.backends._picking import given_back, taken
from statestream.backends._shapes import axes_of, pick_shape, resolved_shape
from statestream.backends._tape import ARITHMETIC, NOTHING, Array, Primitive, Tape, Tensor, total
from statestream.backends._threads import limit_blas
from statestream.backends.base import Axis, Backend, BackendError, Compiled, Operations, Pair, Span, StepFunction


def _sigmoid(x: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * x))


def _error_function(x: Array) -> Array:
    from scipy.special import erf  # type: ignore[import-untyped]  # slow to import, and hardly ever used

    return np.asarray(erf(x), x.dtype)


def _spread(g: Array, x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    """A reduced array with its reduced axes put back as length 1."""
    return g if keepdims else np.expand_dims(g, axis)


def _max_pull(g: Array, y: Array, x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    hit = (x == _spread(y, x, axis, keepdims)).astype(x.dtype)
    return _spread(g, x, axis, keepdims) * hit / hit.sum(axis=axis, keepdims=True)


def _product_pull(g: Array, y: Array, x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    """Each element's gradient is the product of all others, formed without division: there may be zeros."""
    kept = [one for one in range(x.ndim) if one not in axis]
    order = [*kept, *axis]
    moved = x.transpose(order)
    flat = moved.reshape(*(x.shape[one] for one in kept), -1)
    before, after = np.ones_like(flat), np.ones_like(flat)
    before[..., 1:] = np.cumprod(flat[..., :-1], axis=-1)
    after[..., :-1] = np.cumprod(flat[..., :0:-1], axis=-1)[..., ::-1]
    others = (before * after).reshape(moved.shape).transpose(np.argsort(order))
    return _spread(g, x, axis, keepdims) * others


def _softmax(x: Array, axis: int) -> Array:
    raised = np.exp(x - x.max(axis=axis, keepdims=True))
    return raised / total(raised, (axis,), True)


def _log_softmax(x: Array, axis: int) -> Array:
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(total(np.exp(shifted), (axis,), True))


def _pad_pull(g: Array, y: Array, x: Array, widths: tuple[Pair, ...]) -> Array:
    return g[tuple(slice(low, low + length) for (low, _), length in zip(widths, x.shape, strict=True))]


def _patches(x: Array, across: Span, along: Span) -> Array:
    """See Operations.patches: one strided view of the padded source, copied once."""
    edges = [(span.before, max(span.after, 0)) for span in (across, along)]
    padded = np.pad(x, [(0, 0), (0, 0), *edges])
    agent, feature, right, down = padded.strides
    shape = (*x.shape[:2], across.kernel, along.kernel, across.out, along.out)
    steps = (right * across.dilation, down * along.dilation, right * across.stride, down * along.stride)
    windows = as_strided(padded, shape, (agent, feature, *steps), writeable=False)
    return windows.reshape(x.shape[0], -1, across.out * along.out)


def _patches_pull(g: Array, y: Array, x: Array, across: Span, along: Span) -> Array:
    sizes = [span.before + span.size + max(span.after, 0) for span in (across, along)]
    padded = np.zeros((*x.shape[:2], *sizes), x.dtype)
    taps = g.reshape(*x.shape[:2], across.kernel, along.kernel, across.out, along.out)
    for i in range(across.kernel):
        for j in range(along.kernel):
            padded[:, :, across.taps(i), along.taps(j)] += taps[:, :, i, j]
    return padded[:, :, across.before : across.before + x.shape[2], along.before : along.before + x.shape[3]]


def _flip(x: Array) -> Array:
    return x.swapaxes(-1, -2)


EXP = Primitive("exp", np.exp, (lambda g, y, x: g * y,))
LOG = Primitive("log", np.log, (lambda g, y, x: g / x,))
TANH = Primitive("tanh", np.tanh, (lambda g, y, x: g * (1 - y * y),))
SIGMOID = Primitive("sigmoid", _sigmoid, (lambda g, y, x: g * y * (1 - y),))
SOFTPLUS = Primitive("softplus", lambda x: np.logaddexp(0, x), (lambda g, y, x: g * _sigmoid(x),))
SQRT = Primitive("sqrt", np.sqrt, (lambda g, y, x: np.where(y == 0, 0, 0.5 * g / y),))
ABS = Primitive("abs", np.abs, (lambda g, y, x: g * np.sign(x),))
SIGN = Primitive("sign", np.sign, (None,))
FLOOR = Primitive("floor", np.floor, (None,))
ERF = Primitive("erf", _error_function, (lambda g, y, x: g * np.exp(-x * x) * (2 / math.sqrt(math.pi)),))
MAXIMUM = Primitive("maximum", np.maximum, (lambda g, y, a, b: g * (a > b), lambda g, y, a, b: g * (a <= b)))
MINIMUM = Primitive("minimum", np.minimum, (lambda g, y, a, b: g * (a < b), lambda g, y, a, b: g * (a >= b)))
GREATER = Primitive("greater", np.greater, (None, None))
GREATER_EQUAL = Primitive("greater_equal", np.greater_equal, (None, None))
WHERE = Primitive(
    "where",
    lambda c, a, b: np.where(c != 0, a, b),
    (None, lambda g, y, c, a, b: np.where(c != 0, g, 0), lambda g, y, c, a, b: np.where(c != 0, 0, g)),
)
SUM = Primitive(
    "sum", total, (lambda g, y, x, axis, keepdims: np.broadcast_to(_spread(g, x, axis, keepdims), x.shape),)
)
PRODUCT = Primitive("prod", np.prod, (_product_pull,))
MAX = Primitive("max", np.max, (_max_pull,))
ARGMAX = Primitive("argmax", np.argmax, (None,))
SOFTMAX = Primitive("softmax", _softmax, (lambda g, y, x, axis: y * (g - total(g * y, (axis,), True)),))
LOG_SOFTMAX = Primitive("log_softmax", _log_softmax, (lambda g, y, x, axis: g - np.exp(y) * total(g, (axis,), True),))
RESHAPE = Primitive("reshape", np.reshape, (lambda g, y, x, shape: g.reshape(x.shape),))
TRANSPOSE = Primitive("transpose", np.transpose, (lambda g, y, x, axes: g.transpose(np.argsort(axes)),))
BROADCAST = Primitive("broadcast_to", np.broadcast_to, (lambda g, y, x, shape: g,))
PAD = Primitive("pad", lambda x, widths: np.pad(x, widths), (_pad_pull,))
MATMUL = Primitive(
    "matmul",
    np.matmul,
    (lambda g, y, a, b: np.matmul(g, _flip(b)), lambda g, y, a, b: np.matmul(_flip(a), g)),
)
PICK = Primitive("pick", taken, (lambda g, y, x, index: given_back(g, index, x.shape[2]).astype(x.dtype), None))
PATCHES = Primitive("patches", _patches, (_patches_pull,))
STOP = Primitive("stop_gradient", lambda x: x, (None,))


def _concatenation(axis: int, lengths: tuple[int, ...]) -> Primitive:
    """Concatenation of tensors with these lengths along the axis; each gets its part of the gradient."""
    ends = np.cumsum(lengths)

    def pull_of(end: int, length: int) -> Any:
        return lambda g, y, *values, axis: g[(slice(None),) * axis + (slice(end - length, end),)]

    pulls = [pull_of(int(end), length) for end, length in zip(ends, lengths, strict=True)]
    return Primitive("concatenate", lambda *values, axis: np.concatenate(values, axis), pulls)


class _NumpyOperations(Operations):
    """The operations of one function, on one tape."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    def constant(self, array: Any) -> Tensor:
        return self.tape.leaf(np.array(array, self.tape.dtype))

    def shape(self, x: Any) -> tuple[int, ...]:
        return self.tape.lift(x).shape

    def stop_gradient(self, x: Any) -> Tensor:
        return self.tape.apply(STOP, x)

    def gradients(self, loss: Tensor, tensors: Sequence[Tensor]) -> list[Tensor]:
        return self.tape.gradients(loss, tensors)

    def exp(self, x: Any) -> Tensor:
        return self.tape.apply(EXP, x)

    def log(self, x: Any) -> Tensor:
        return self.tape.apply(LOG, x)

    def tanh(self, x: Any) -> Tensor:
        return self.tape.apply(TANH, x)

    def sigmoid(self, x: Any) -> Tensor:
        return self.tape.apply(SIGMOID, x)

    def softplus(self, x: Any) -> Tensor:
        return self.tape.apply(SOFTPLUS, x)

    def sqrt(self, x: Any) -> Tensor:
        return self.tape.apply(SQRT, x)

    def abs(self, x: Any) -> Tensor:
        return self.tape.apply(ABS, x)

    def sign(self, x: Any) -> Tensor:
        return self.tape.apply(SIGN, x)

    def floor(self, x: Any) -> Tensor:
        return self.tape.apply(FLOOR, x)

    def erf(self, x: Any) -> Tensor:
        return self.tape.apply(ERF, x)

    def maximum(self, a: Any, b: Any) -> Tensor:
        return self.tape.apply(MAXIMUM, a, b)

    def minimum(self, a: Any, b: Any) -> Tensor:
        return self.tape.apply(MINIMUM, a, b)

    def power(self, a: Any, b: Any) -> Tensor:
        return self.tape.apply(ARITHMETIC["power"], a, b)

    def greater(self, a: Any, b: Any) -> Tensor:
        return self.tape.apply(GREATER, a, b)

    def greater_equal(self, a: Any, b: Any) -> Tensor:
        return self.tape.apply(GREATER_EQUAL, a, b)

    def where(self, condition: Any, a: Any, b: Any) -> Tensor:
        return self.tape.apply(WHERE, condition, a, b)

    def _reduced(self, primitive: Primitive, x: Any, axis: Axis, keepdims: bool) -> Tensor:
        return self.tape.apply(primitive, x, axis=axes_of(axis, len(self.shape(x))), keepdims=keepdims)

    def sum(self, x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return self._reduced(SUM, x, axis, keepdims)

    def prod(self, x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return self._reduced(PRODUCT, x, axis, keepdims)

    def max(self, x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return self._reduced(MAX, x, axis, keepdims)

    def argmax(self, x: Any, axis: int, keepdims: bool = False) -> Tensor:
        return self.tape.apply(ARGMAX, x, axis=axis, keepdims=keepdims)

    def softmax(self, x: Any, axis: int = 1) -> Tensor:
        return self.tape.apply(SOFTMAX, x, axis=axis)

    def log_softmax(self, x: Any, axis: int = 1) -> Tensor:
        return self.tape.apply(LOG_SOFTMAX, x, axis=axis)

    def reshape(self, x: Any, shape: Sequence[int]) -> Tensor:
        return self.tape.apply(RESHAPE, x, shape=resolved_shape(shape, math.prod(self.shape(x))))

    def transpose(self, x: Any, axes: Sequence[int]) -> Tensor:
        return self.tape.apply(TRANSPOSE, x, axes=tuple(axes))

    def broadcast_to(self, x: Any, shape: Sequence[int]) -> Tensor:
        return self.tape.apply(BROADCAST, x, shape=tuple(shape))

    def concatenate(self, tensors: Sequence[Any], axis: int) -> Tensor:
        shapes = [self.shape(one) for one in tensors]
        axis %= len(shapes[0])
        return self.tape.apply(_concatenation(axis, tuple(one[axis] for one in shapes)), *tensors, axis=axis)

    def pad(self, x: Any, widths: Sequence[Pair]) -> Tensor:
        return self.tape.apply(PAD, x, widths=tuple((low, high) for low, high in widths))

    def pick(self, x: Any, index: Any) -> Tensor:
        pick_shape(self.shape(x), self.shape(index))
        return self.tape.apply(PICK, x, index)

    def matmul(self, a: Any, b: Any) -> Tensor:
        return self.tape.apply(MATMUL, a, b)

    def patches(self, x: Any, across: Span, along: Span) -> Tensor:
        return self.tape.apply(PATCHES, x, across=across, along=along)

    def shared_convolution(self, x: Any, w: Any, across: Span, along: Span) -> Tensor:
        features = self.shape(w)[0]
        product = self.matmul(self.reshape(w, (features, -1)), self.patches(x, across, along))
        return self.reshape(product, (self.shape(x)[0], features, across.out, along.out))


class Engine(Backend):
    """Runs functions as they are. dtype: float64 serves tests of gradients.

    jitter: relative size of the random errors that every operation which rounds makes, and so tells what rounding may
    change; 0 for none.
    """

    name = "numpy"
    operations = _NumpyOperations

    def __init__(
        self,
        threads: int | None = None,
        device: str = "cpu",
        cache: Any = None,
        dtype: type[np.floating[Any]] = np.float32,
        jitter: float = 0.0,
    ) -> None:
        if not device.startswith("cpu"):
            raise BackendError(f"backend numpy runs on cpu only, not on {device}")
        self.dtype = dtype
        self.jitter = jitter
        limit_blas(1)  # more would change bits with the number of threads, and hardly help

    def build(self, function: StepFunction, inputs: Mapping[Hashable, tuple[int, ...]]) -> Compiled:
        """Record what it does with zeros, which finds wrong shapes."""
        operations = self.operations(JitteryTape(self.dtype, self.jitter) if self.jitter else Tape(self.dtype))
        tape = operations.tape
        symbols = {key: tape.leaf(np.zeros(shape)) for key, shape in inputs.items()}
        with np.errstate(all="ignore"):  # NaN and Inf are results like others: the session looks for them
            results = {key: tape.lift(x) for key, x in function(operations, dict(symbols)).items()}
        tape.clear()

        def call(arrays: Mapping[Hashable, Array]) -> dict[Hashable, Array]:
            try:
                for key, symbol in symbols.items():
                    symbol.value = arrays[key]
                with np.errstate(all="ignore"):
                    tape.repeat()
                return {key: np.array(one.value, order="C") for key, one in results.items()}
            finally:  # nothing keeps the caller's memory
                tape.clear()
                for symbol in symbols.values():
                    symbol.value = NOTHING

        return call
