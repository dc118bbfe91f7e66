"""The operations that numerics is written over. Conventions that all engines share, so that they agree
(`pytest -m conformance` checks all of them, for every module found):

* Everything is float32. States are [B, C, X, Y]: agents, features, two spatial axes. Shapes are static.
* A tensor understands `+ - * / **`, signs and slices (`x[:, 0:1]`) with tensors and Python numbers.
  Comparisons are methods that return 0.0 or 1.0. Where a method takes a tensor, a Python number will do as
  well.
* Gradients where the derivative has a step: `maximum` and `minimum` give it to the first operand where that
  is strictly larger (smaller), else to the second, so relu(0) has gradient 0; `max` and `min` share it
  equally between ties; `abs` has gradient 0 at 0; `sqrt` has gradient 0 where it is 0 (instead of inf, which
  would turn 0 * inf into NaN); comparisons, `floor`, `sign`, `argmax`, `argmin` and the index of `pick`
  have none; `power` has none for the exponent where the base is <= 0.
* `where` never lets a NaN of the branch not taken into the value, but its gradient multiplies that branch's
  derivative by 0: keep the arguments of exp, log and sqrt in range before, not after.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from statestream.backends._shapes import Axis, BackendError, Pair, Span, axes_of, spans

Tensor = Any
"""A tensor of the engine in use; only its operations and operators may be used."""


class Operations(ABC):
    """The operations of one engine. `x`, `a`, `b` are tensors (or Python numbers); every method returns a
    tensor."""

    # -- leaves ------------------------------------------------------------------------------------------------------
    @abstractmethod
    def constant(self, array: Any) -> Tensor:
        """A float32 tensor of an array, nested list or number (copied)."""

    @abstractmethod
    def shape(self, x: Tensor) -> tuple[int, ...]:
        """The static shape."""

    @abstractmethod
    def stop_gradient(self, x: Tensor) -> Tensor:
        """x, as something that gradients do not pass."""

    @abstractmethod
    def gradients(self, loss: Tensor, tensors: Sequence[Tensor]) -> list[Tensor]:
        """d loss / d tensor for each tensor, of its shape; zeros where the loss does not depend on it. loss:
        shape ().

        The results are values: they cannot be differentiated again.
        """

    # -- elementwise -------------------------------------------------------------------------------------------------
    @abstractmethod
    def exp(self, x: Tensor) -> Tensor:
        """e^x."""

    @abstractmethod
    def log(self, x: Tensor) -> Tensor:
        """Natural logarithm."""

    @abstractmethod
    def tanh(self, x: Tensor) -> Tensor:
        """Hyperbolic tangent."""

    @abstractmethod
    def sigmoid(self, x: Tensor) -> Tensor:
        """1 / (1 + e^-x), without overflow."""

    @abstractmethod
    def softplus(self, x: Tensor) -> Tensor:
        """ln(1 + e^x), without overflow; gradient sigmoid(x)."""

    @abstractmethod
    def sqrt(self, x: Tensor) -> Tensor:
        """Square root; gradient 0 where it is 0."""

    @abstractmethod
    def abs(self, x: Tensor) -> Tensor:
        """|x|."""

    @abstractmethod
    def sign(self, x: Tensor) -> Tensor:
        """-1, 0 or 1."""

    @abstractmethod
    def floor(self, x: Tensor) -> Tensor:
        """Largest whole number <= x."""

    @abstractmethod
    def erf(self, x: Tensor) -> Tensor:
        """Error function."""

    def square(self, x: Tensor) -> Tensor:
        """x * x."""
        return x * x

    @abstractmethod
    def maximum(self, a: Tensor, b: Tensor) -> Tensor:
        """The larger of two, with broadcasting."""

    @abstractmethod
    def minimum(self, a: Tensor, b: Tensor) -> Tensor:
        """The smaller of two, with broadcasting."""

    @abstractmethod
    def power(self, a: Tensor, b: Tensor) -> Tensor:
        """a ** b, with broadcasting."""

    @abstractmethod
    def greater(self, a: Tensor, b: Tensor) -> Tensor:
        """1.0 where a > b, else 0.0."""

    @abstractmethod
    def greater_equal(self, a: Tensor, b: Tensor) -> Tensor:
        """1.0 where a >= b, else 0.0."""

    def less(self, a: Tensor, b: Tensor) -> Tensor:
        """1.0 where a < b, else 0.0."""
        return self.greater(b, a)

    @abstractmethod
    def where(self, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """a where condition is not 0, else b, with broadcasting."""

    def clip(self, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """x limited to [low, high]; gradient 1 strictly inside, 0 elsewhere."""
        return self.minimum(self.maximum(x, low), high)

    # -- reductions: axis an int, several ints or None for all -------------------------------------------------------
    @abstractmethod
    def sum(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Sum over axes."""

    @abstractmethod
    def prod(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Product over axes."""

    @abstractmethod
    def max(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Largest value over axes."""

    @abstractmethod
    def argmax(self, x: Tensor, axis: int, keepdims: bool = False) -> Tensor:
        """Position of the (first) largest value along one axis, as float."""

    def min(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Smallest value over axes."""
        return -self.max(-x, axis, keepdims)

    def argmin(self, x: Tensor, axis: int, keepdims: bool = False) -> Tensor:
        """Position of the (first) smallest value along one axis, as float."""
        return self.argmax(-x, axis, keepdims)

    def mean(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Mean over axes."""
        shape = self.shape(x)
        count = math.prod(shape[one] for one in axes_of(axis, len(shape)))
        return self.sum(x, axis, keepdims) / float(count)

    def var(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Population variance over axes."""
        return self.mean(self.square(x - self.mean(x, axis, True)), axis, keepdims)

    def std(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Population standard deviation over axes."""
        return self.sqrt(self.var(x, axis, keepdims))

    @abstractmethod
    def softmax(self, x: Tensor, axis: int = 1) -> Tensor:
        """e^x / sum(e^x) along one axis, without overflow."""

    @abstractmethod
    def log_softmax(self, x: Tensor, axis: int = 1) -> Tensor:
        """Logarithm of softmax, without overflow."""

    # -- form --------------------------------------------------------------------------------------------------------
    @abstractmethod
    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """The same elements in row-major order in another shape; one length may be -1."""

    @abstractmethod
    def transpose(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """Axes in the given order."""

    @abstractmethod
    def broadcast_to(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """x repeated along axes of length 1 and new leading axes."""

    @abstractmethod
    def concatenate(self, tensors: Sequence[Tensor], axis: int) -> Tensor:
        """Tensors one behind the other along an axis."""

    @abstractmethod
    def pad(self, x: Tensor, widths: Sequence[Pair]) -> Tensor:
        """Zeros before and after each axis."""

    @abstractmethod
    def pick(self, x: Tensor, index: Tensor) -> Tensor:
        """Elements by their number along the last axis: x [B, C, N], index [B, M] -> [B, C, M].

        index holds whole numbers from 0 to N - 1 as floats (exact up to 2**24); what lies beyond means the nearest end,
        NaN means 0. Its gradient is none; that of x sums what each element was picked for, in an order that does not
        vary from run to run.
        """

    def repeat(self, x: Tensor, count: int, axis: int) -> Tensor:
        """Each element `count` times along an axis: [a, b] becomes [a, a, b, b]."""
        shape = self.shape(x)
        axis %= len(shape)
        head, tail = shape[: axis + 1], shape[axis + 1 :]
        spread = self.broadcast_to(self.reshape(x, (*head, 1, *tail)), (*head, count, *tail))
        return self.reshape(spread, (*head[:-1], head[-1] * count, *tail))

    def upsample(self, x: Tensor, factors: Pair) -> Tensor:
        """Nearest-neighbour upsampling: [B, C, X, Y] -> [B, C, X * rx, Y * ry]."""
        for axis, factor in zip((2, 3), factors, strict=True):
            if factor != 1:
                x = self.repeat(x, factor, axis)
        return x

    # -- products ----------------------------------------------------------------------------------------------------
    @abstractmethod
    def matmul(self, a: Tensor, b: Tensor) -> Tensor:
        """[..., n, k] x [..., k, m] -> [..., n, m] with equal leading axes."""

    def tensordot(self, a: Tensor, b: Tensor, axes: tuple[Sequence[int], Sequence[int]]) -> Tensor:
        """Sum of products over the paired axes: the free axes of a, then those of b (numpy.tensordot)."""
        a_shape, b_shape = self.shape(a), self.shape(b)
        a_axes = [one % len(a_shape) for one in axes[0]]
        b_axes = [one % len(b_shape) for one in axes[1]]
        if [a_shape[one] for one in a_axes] != [b_shape[one] for one in b_axes]:
            raise BackendError(f"tensordot: {a_shape} and {b_shape} do not fit over axes {axes}")
        a_free = [one for one in range(len(a_shape)) if one not in a_axes]
        b_free = [one for one in range(len(b_shape)) if one not in b_axes]
        inner = math.prod(a_shape[one] for one in a_axes)
        left = self.reshape(self.transpose(a, [*a_free, *a_axes]), (-1, inner))
        right = self.reshape(self.transpose(b, [*b_axes, *b_free]), (inner, -1))
        outer = [*(a_shape[one] for one in a_free), *(b_shape[one] for one in b_free)]
        return self.reshape(self.matmul(left, right), outer)

    def dense(self, x: Tensor, w: Tensor) -> Tensor:
        """Every source neuron to every target feature: x [B, C, X, Y], w [O, C, X, Y] -> [B, O, 1, 1].

        With w [B, O, C, X, Y] each agent has weights of its own. Prefer this to reshape and matmul: an
        engine knows how its states lie in memory.
        """
        x_shape, w_shape = self.shape(x), self.shape(w)
        if len(x_shape) != 4 or w_shape[-3:] != x_shape[1:]:
            raise BackendError(f"dense: source {x_shape} and weights {w_shape} do not fit")
        size = math.prod(x_shape[1:])
        if len(w_shape) == 5:
            product = self.matmul(self.reshape(w, (*w_shape[:2], size)), self.reshape(x, (x_shape[0], size, 1)))
            return self.reshape(product, (*w_shape[:2], 1, 1))
        product = self.matmul(self.reshape(x, (-1, size)), self.transpose(self.reshape(w, (-1, size)), (1, 0)))
        return self.reshape(product, (x_shape[0], w_shape[0], 1, 1))

    @abstractmethod
    def shared_convolution(self, x: Tensor, w: Tensor, across: Span, along: Span) -> Tensor:
        """conv2d for w [O, C, kx, ky]; the spans hold the geometry."""

    def patches(self, x: Tensor, across: Span, along: Span) -> Tensor:
        """What each output of a convolution sees: [B, C, X, Y] -> [B, C * kx * ky, X' * Y'], zero outside
        the source."""
        agents, features = self.shape(x)[:2]
        edges = [(span.before, max(span.after, 0)) for span in (across, along)]
        padded = self.pad(x, [(0, 0), (0, 0), *edges])
        views = [
            self.reshape(padded[:, :, across.taps(i), along.taps(j)], (agents, features, 1, across.out * along.out))
            for i in range(across.kernel)
            for j in range(along.kernel)
        ]
        return self.reshape(self.concatenate(views, 2), (agents, -1, across.out * along.out))

    def conv2d(self, x: Tensor, w: Tensor, stride: Pair = (1, 1), dilation: Pair = (1, 1)) -> Tensor:
        """Cross-correlation with zero padding, x [B, C, X, Y], w [O, C, kx, ky] -> [B, O, ceil(X/sx),
        ceil(Y/sy)].

        `out[i] = sum_k x[i * stride + k * dilation - k_eff // 2] * w[k]` on each spatial axis, see `Span`.
        With w [B, O, C, kx, ky] each agent has a kernel of its own. Even kernels, and kernels larger than
        the source, are allowed.
        """
        w_shape = self.shape(w)
        across, along = spans(self.shape(x), w_shape, stride, dilation)
        if len(w_shape) == 4:
            return self.shared_convolution(x, w, across, along)
        kernel = self.reshape(w, (w_shape[0], w_shape[1], -1))
        product = self.matmul(kernel, self.patches(x, across, along))
        return self.reshape(product, (w_shape[0], w_shape[1], across.out, along.out))


OPERATIONS: frozenset[str] = frozenset(
    name for name, value in vars(Operations).items() if name[0] != "_" and callable(value)
)
"""The names of all operations."""
