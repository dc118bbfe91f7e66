"""The operations over PyTensor symbols. To be imported when PyTensor has been configured (see `theano`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.tensor.special import log_softmax, softmax

from statestream.backends._operators import Operators
from statestream.backends._shapes import Axis, BackendError, Pair, Span, axes_of, resolved_shape
from statestream.backends._theano_ops import Pick, convolve, larger, multiply, root, smaller
from statestream.backends.base import Operations

ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": pt.add,
    "subtract": pt.sub,
    "multiply": pt.mul,
    "divide": pt.true_div,
    "power": pt.pow,
    "negative": pt.neg,
}


class Tensor(Operators):
    """A float32 PyTensor symbol with a static shape."""

    __slots__ = ("shape", "symbol")

    def __init__(self, symbol: Any) -> None:
        self.symbol = symbol if symbol.type.dtype == "float32" else pt.cast(symbol, "float32")
        self.shape: tuple[int, ...] = symbol.type.shape
        if None in self.shape:
            raise BackendError(f"{symbol} has no static shape")

    def combine(self, name: str, *operands: Any) -> Tensor:
        """See Operators."""
        return each(ARITHMETIC[name], *operands)

    def __getitem__(self, index: Any) -> Tensor:
        return Tensor(self.symbol[index])


def lift(x: Any) -> Tensor:
    """x itself if it is a tensor; a constant if it is a number."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, np.ndarray) or not isinstance(x, (int, float, np.number)):
        raise BackendError(f"a tensor or a number is needed, not {type(x).__name__}")
    return Tensor(pt.constant(np.float32(x)))


def step_of(function: Callable[..., Any], *operands: Any) -> Tensor:
    """A function whose derivative is 0 wherever there is one; PyTensor would compute those zeros, and add them."""
    return Tensor(disconnected_grad(each(function, *operands).symbol))


def each(function: Callable[..., Any], *operands: Any) -> Tensor:
    """A function of symbols."""
    return Tensor(function(*(lift(one).symbol for one in operands)))


class _TheanoOperations(Operations):
    def constant(self, array: Any) -> Tensor:
        return Tensor(pt.constant(np.array(array, np.float32)))

    def shape(self, x: Any) -> tuple[int, ...]:
        return lift(x).shape

    def stop_gradient(self, x: Any) -> Tensor:
        return each(disconnected_grad, x)

    def gradients(self, loss: Any, tensors: Sequence[Any]) -> list[Tensor]:
        if lift(loss).shape != ():
            raise BackendError(f"gradients: the loss must have shape (), not {loss.shape}")
        found = pytensor.grad(
            lift(loss).symbol, [one.symbol for one in tensors], disconnected_inputs="ignore", return_disconnected="zero"
        )
        return [
            Tensor(pt.specify_shape(disconnected_grad(g), one.shape)) for g, one in zip(found, tensors, strict=True)
        ]

    def exp(self, x: Any) -> Tensor:
        return each(pt.exp, x)

    def log(self, x: Any) -> Tensor:
        return each(pt.log, x)

    def tanh(self, x: Any) -> Tensor:
        return each(pt.tanh, x)

    def sigmoid(self, x: Any) -> Tensor:
        return each(pt.sigmoid, x)

    def softplus(self, x: Any) -> Tensor:
        return each(pt.softplus, x)

    def sqrt(self, x: Any) -> Tensor:
        return each(root, x)

    def square(self, x: Any) -> Tensor:
        return each(pt.sqr, x)

    def abs(self, x: Any) -> Tensor:
        return each(pt.abs, x)

    def sign(self, x: Any) -> Tensor:
        return step_of(pt.sign, x)

    def floor(self, x: Any) -> Tensor:
        return step_of(pt.floor, x)

    def erf(self, x: Any) -> Tensor:
        return each(pt.erf, x)

    def maximum(self, a: Any, b: Any) -> Tensor:
        return each(larger, a, b)

    def minimum(self, a: Any, b: Any) -> Tensor:
        return each(smaller, a, b)

    def power(self, a: Any, b: Any) -> Tensor:
        return each(pt.pow, a, b)

    def greater(self, a: Any, b: Any) -> Tensor:
        return step_of(pt.gt, a, b)

    def greater_equal(self, a: Any, b: Any) -> Tensor:
        return step_of(pt.ge, a, b)

    def where(self, condition: Any, a: Any, b: Any) -> Tensor:
        return each(lambda c, x, y: pt.switch(pt.neq(disconnected_grad(c), np.float32(0)), x, y), condition, a, b)

    def _reduced(self, function: Callable[..., Any], x: Any, axis: Axis, keepdims: bool) -> Tensor:
        axes = axes_of(axis, len(self.shape(x)))
        return each(lambda symbol: function(symbol, axis=axes, keepdims=keepdims), x)

    def sum(self, x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return self._reduced(pt.sum, x, axis, keepdims)

    def prod(self, x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return self._reduced(pt.prod, x, axis, keepdims)

    def max(self, x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The value comes from PyTensor's max, the gradient from a mean over the places where it is reached."""
        axes = axes_of(axis, len(self.shape(x)))
        symbol = lift(x).symbol
        largest = pt.max(disconnected_grad(symbol), axis=axes, keepdims=True)
        hit = pt.eq(disconnected_grad(symbol), largest)
        count = pt.sum(pt.cast(hit, "float32"), axis=axes, keepdims=True)
        passed = symbol - disconnected_grad(symbol)  # zero, with the gradient of x
        value = largest + pt.sum(pt.switch(hit, passed, np.float32(0)) / count, axis=axes, keepdims=True)
        kept = [one for one in range(symbol.type.ndim) if one not in axes]
        return Tensor(value if keepdims else value.dimshuffle(*kept))

    def argmax(self, x: Any, axis: int, keepdims: bool = False) -> Tensor:
        return step_of(lambda symbol: pt.argmax(symbol, axis=axis, keepdims=keepdims), x)

    def softmax(self, x: Any, axis: int = 1) -> Tensor:
        return each(lambda symbol: softmax(symbol, axis=axis), x)

    def log_softmax(self, x: Any, axis: int = 1) -> Tensor:
        return each(lambda symbol: log_softmax(symbol, axis=axis), x)

    def reshape(self, x: Any, shape: Sequence[int]) -> Tensor:
        full = resolved_shape(shape, math.prod(self.shape(x)))
        return each(lambda symbol: symbol.reshape(full), x)

    def transpose(self, x: Any, axes: Sequence[int]) -> Tensor:
        return each(lambda symbol: symbol.transpose(*axes), x)

    def broadcast_to(self, x: Any, shape: Sequence[int]) -> Tensor:
        return each(lambda symbol: pt.alloc(symbol, *shape), x)

    def concatenate(self, tensors: Sequence[Any], axis: int) -> Tensor:
        return Tensor(pt.join(axis, *[lift(one).symbol for one in tensors]))

    def pad(self, x: Any, widths: Sequence[Pair]) -> Tensor:
        x = lift(x)
        shape = [low + length + high for (low, high), length in zip(widths, x.shape, strict=True)]
        inner = tuple(slice(low, low + length) for (low, _), length in zip(widths, x.shape, strict=True))
        return Tensor(pt.set_subtensor(pt.zeros(shape, "float32")[inner], x.symbol))

    def pick(self, x: Any, index: Any) -> Tensor:
        return each(Pick(), x, index)

    def matmul(self, a: Any, b: Any) -> Tensor:
        return each(multiply, a, b)

    def shared_convolution(self, x: Any, w: Any, across: Span, along: Span) -> Tensor:
        return each(lambda source, kernel: convolve(source, kernel, across, along), x, w)


def operations() -> Operations:
    """The operations; they keep nothing, so one is as good as another."""
    return _TheanoOperations()
