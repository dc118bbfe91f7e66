"""TensorFlow 2: one compiled graph per function. How its tensors lie in memory: `_tensorflow_forms`.

Measured (TensorFlow 2.21 with oneDNN): zero padding is best an operation of its own before a convolution without
padding, since with explicit padding the weight gradient falls back to a kernel several times slower; XLA is five times
slower.

Sums have two terms each: TensorFlow's AddN begins with whichever buffer happens to be free for the result, so that of
three terms and more the last bits change from call to call. It comes from gradients, unless they are added in pairs,
and from the arithmetic optimizer (without it the demo's frame is no slower).
"""

from __future__ import annotations

import math
import platform
import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from statestream.backends._quiet import silenced_log
from statestream.backends._shapes import axes_of, pick_shape, resolved_shape
from statestream.backends._tensorflow_forms import LAST_AXIS, TO_LAST, EagerTensor, Tensor, each, lift, tf
from statestream.backends.base import Axis, Backend, BackendError, Compiled, Operations, Pair, Span, StepFunction

IN_PAIRS = tf.AggregationMethod.EXPERIMENTAL_TREE
NATIVE_DILATION = sys.platform == "linux" and platform.machine() == "x86_64"  # elsewhere there is no oneDNN


@tf.custom_gradient
def _square_root(x: Any) -> tuple[Any, Callable[[Any], Any]]:
    y = tf.sqrt(x)
    return y, lambda g: tf.math.divide_no_nan(0.5 * g, y)


@tf.custom_gradient
def _picked(x: Any, places: Any) -> tuple[Any, Callable[[Any], Any]]:
    """x [B, N, C] at places [B, M] -> [B, M, C].

    The gradient is a sum per segment: TensorFlow's own adds segments in parallel, but each in the order of its terms.
    """
    agents, length, features = x.shape

    def gradient(g: Any) -> tuple[Any, None]:
        segments = tf.reshape(places + length * tf.range(agents)[:, None], [-1])
        total = tf.math.unsorted_segment_sum(tf.reshape(g, (-1, features)), segments, agents * length)
        return tf.reshape(total, (agents, length, features)), None

    return tf.gather(x, places, axis=1, batch_dims=1), gradient


def _dilated(w: Any, span_shape: tuple[int, int], across: Span, along: Span) -> Any:
    """A kernel [kx, ky, C, O] with the zeros that dilation puts between its elements."""
    (kx, ky), (dx, dy) = span_shape, (across.dilation, along.dilation)
    c, o = w.shape[2:]
    spread = tf.pad(tf.reshape(w, (kx, 1, ky, 1, c, o)), [[0, 0], [0, dx - 1], [0, 0], [0, dy - 1], [0, 0], [0, 0]])
    return tf.reshape(spread, (kx * dx, ky * dy, c, o))[: (kx - 1) * dx + 1, : (ky - 1) * dy + 1]


class _TensorflowOperations(Operations):
    """Operations on symbols; all of them may be called inside a traced function only."""

    def constant(self, array: Any) -> Tensor:
        return Tensor(tf.constant(np.array(array, np.float32)))

    def shape(self, x: Any) -> tuple[int, ...]:
        return lift(x).shape

    def stop_gradient(self, x: Any) -> Tensor:
        return each(tf.stop_gradient, x)

    def gradients(self, loss: Any, tensors: Sequence[Any]) -> list[Tensor]:
        if lift(loss).shape != ():
            raise BackendError(f"gradients: the loss must have shape (), not {loss.shape}")
        found = tf.gradients(
            lift(loss).rows, [one.origin for one in tensors], unconnected_gradients="zero", aggregation_method=IN_PAIRS
        )
        return [
            Tensor(last=g) if one.born_last else Tensor(g)
            for one, g in zip(tensors, map(tf.stop_gradient, found), strict=True)
        ]

    def exp(self, x: Any) -> Tensor:
        return each(tf.exp, x)

    def log(self, x: Any) -> Tensor:
        return each(tf.math.log, x)

    def tanh(self, x: Any) -> Tensor:
        return each(tf.tanh, x)

    def sigmoid(self, x: Any) -> Tensor:
        return each(tf.sigmoid, x)

    def softplus(self, x: Any) -> Tensor:
        return each(tf.math.softplus, x)

    def sqrt(self, x: Any) -> Tensor:
        return each(_square_root, x)

    def square(self, x: Any) -> Tensor:
        return each(tf.square, x)

    def abs(self, x: Any) -> Tensor:
        return each(tf.abs, x)

    def sign(self, x: Any) -> Tensor:
        return each(lambda y: tf.stop_gradient(tf.sign(y)), x)  # else 0 times what comes before, which may be Inf

    def floor(self, x: Any) -> Tensor:
        return each(tf.floor, x)

    def erf(self, x: Any) -> Tensor:
        return each(tf.math.erf, x)

    def maximum(self, a: Any, b: Any) -> Tensor:
        if isinstance(b, (int, float)) and b == 0:
            return each(tf.nn.relu, a)
        # TensorFlow gives ties to the first: hence the order. Not tf.maximum: TensorFlow's graph optimizer takes
        # maximum(x, 3 x) for a leaky relu, which it is for factors up to 1 only.
        return each(lambda x, y: -tf.minimum(-x, -y), b, a)

    def minimum(self, a: Any, b: Any) -> Tensor:
        return each(tf.minimum, b, a)

    def power(self, a: Any, b: Any) -> Tensor:
        return each(tf.pow, a, b)

    def greater(self, a: Any, b: Any) -> Tensor:
        return each(lambda x, y: tf.cast(tf.greater(x, y), tf.float32), a, b)

    def greater_equal(self, a: Any, b: Any) -> Tensor:
        return each(lambda x, y: tf.cast(tf.greater_equal(x, y), tf.float32), a, b)

    def where(self, condition: Any, a: Any, b: Any) -> Tensor:
        return each(lambda c, x, y: tf.where(tf.not_equal(c, 0.0), x, y), condition, a, b)

    def _reduced(self, function: Callable[..., Any], x: Any, axis: Axis, keepdims: bool) -> Tensor:
        """A reduction, features-last where the result's axes have the same order in both forms."""
        x = lift(x)
        axes = axes_of(axis, len(x.shape))
        if x.is_last and (keepdims or 1 in axes or {2, 3} <= set(axes)):
            result = function(x.last, [LAST_AXIS[one] for one in axes], keepdims)
            return Tensor(last=result) if keepdims else Tensor(result)
        return Tensor(function(x.rows, axes, keepdims))

    def sum(self, x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return self._reduced(tf.reduce_sum, x, axis, keepdims)

    def mean(self, x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return self._reduced(tf.reduce_mean, x, axis, keepdims)

    def prod(self, x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return self._reduced(tf.reduce_prod, x, axis, keepdims)

    def max(self, x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return self._reduced(tf.reduce_max, x, axis, keepdims)

    def min(self, x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return self._reduced(tf.reduce_min, x, axis, keepdims)

    def argmax(self, x: Any, axis: int, keepdims: bool = False) -> Tensor:
        found = tf.cast(tf.argmax(lift(x).rows, axis), tf.float32)
        return Tensor(tf.expand_dims(found, axis) if keepdims else found)

    def _along(self, function: Callable[..., Any], x: Any, axis: int) -> Tensor:
        """A function along one axis; along the features of a state always features-last, which is far quicker."""
        x = lift(x)
        if len(x.shape) == 4 and (x.is_last or axis == 1):
            return Tensor(last=function(x.last, LAST_AXIS[axis]))
        return Tensor(function(x.rows, axis))

    def softmax(self, x: Any, axis: int = 1) -> Tensor:
        return self._along(tf.nn.softmax, x, axis)

    def log_softmax(self, x: Any, axis: int = 1) -> Tensor:
        return self._along(tf.nn.log_softmax, x, axis)

    def reshape(self, x: Any, shape: Sequence[int]) -> Tensor:
        x = lift(x)
        return Tensor(tf.reshape(x.rows, resolved_shape(shape, math.prod(x.shape))))

    def transpose(self, x: Any, axes: Sequence[int]) -> Tensor:
        return Tensor(tf.transpose(lift(x).rows, axes))

    def broadcast_to(self, x: Any, shape: Sequence[int]) -> Tensor:
        x = lift(x)
        if x.is_last and len(shape) == 4:
            return Tensor(last=tf.broadcast_to(x.last, [shape[axis] for axis in TO_LAST]))
        return Tensor(tf.broadcast_to(x.rows, shape))

    def concatenate(self, tensors: Sequence[Any], axis: int) -> Tensor:
        lifted = [lift(one) for one in tensors]
        if any(one.is_last for one in lifted) and all(len(one.shape) == 4 for one in lifted):
            return Tensor(last=tf.concat([one.last for one in lifted], LAST_AXIS[axis]))
        return Tensor(tf.concat([one.rows for one in lifted], axis))

    def pad(self, x: Any, widths: Sequence[Pair]) -> Tensor:
        x = lift(x)
        if x.is_last:
            return Tensor(last=tf.pad(x.last, [widths[axis] for axis in TO_LAST]))
        return Tensor(tf.pad(x.rows, widths))

    def pick(self, x: Any, index: Any) -> Tensor:
        x, numbers = lift(x), lift(index).rows
        pick_shape(x.shape, tuple(numbers.shape))
        known = tf.where(tf.math.is_nan(numbers), 0.0, numbers)
        places = tf.cast(tf.clip_by_value(known, 0.0, float(x.shape[2] - 1)), tf.int32)
        return Tensor(tf.transpose(_picked(tf.transpose(x.rows, (0, 2, 1)), places), (0, 2, 1)))

    def upsample(self, x: Any, factors: Pair) -> Tensor:
        agents, features, across, along = lift(x).shape
        (rx, ry), source = factors, tf.reshape(lift(x).last, (agents, across, 1, along, 1, features))
        spread = tf.broadcast_to(source, (agents, across, rx, along, ry, features))
        return Tensor(last=tf.reshape(spread, (agents, across * rx, along * ry, features)))

    def matmul(self, a: Any, b: Any) -> Tensor:
        return Tensor(tf.matmul(lift(a).rows, lift(b).rows))

    def dense(self, x: Any, w: Any) -> Tensor:
        x, w = lift(x), lift(w)
        if len(w.shape) == 5 or len(x.shape) != 4 or w.shape[1:] != x.shape[1:]:
            return super().dense(x, w)
        if x.is_last and math.prod(w.shape) < math.prod(
            x.shape
        ):  # the smaller of the two is brought to the other's form
            source, weights = x.last, w.last
        else:
            source, weights = x.rows, w.rows
        product = tf.matmul(
            tf.reshape(source, (x.shape[0], -1)), tf.reshape(weights, (w.shape[0], -1)), transpose_b=True
        )
        return Tensor(last=tf.reshape(product, (x.shape[0], 1, 1, w.shape[0])))

    def shared_convolution(self, x: Any, w: Any, across: Span, along: Span) -> Tensor:
        x, kernel = lift(x), lift(w).form("kernel", lambda rows: tf.transpose(rows, (2, 3, 1, 0)))
        edges = [(span.before, max(span.after, 0)) for span in (across, along)]
        source = tf.pad(x.last, [(0, 0), *edges, (0, 0)]) if any(map(any, edges)) else x.last
        dilations = (across.dilation, along.dilation)
        if dilations != (1, 1) and not NATIVE_DILATION:
            kernel, dilations = _dilated(kernel, (across.kernel, along.kernel), across, along), (1, 1)
        strides = (across.stride, along.stride)
        return Tensor(last=tf.nn.conv2d(source, kernel, strides, "VALID", dilations=dilations))


class Engine(Backend):
    """TensorFlow on one device. Its threads are set once per process, before anything is computed."""

    name = "tensorflow"

    def __init__(self, threads: int | None = None, device: str = "cpu", cache: Any = None) -> None:
        kind, _, index = device.partition(":")
        cards = tf.config.list_physical_devices("GPU")
        if kind == "gpu" and int(index or 0) >= len(cards):
            raise BackendError(f"device {device} is not there: tensorflow sees {len(cards)} GPUs")
        tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
        try:
            tf.config.set_visible_devices([cards[int(index or 0)]] if kind == "gpu" else [], "GPU")
            if threads is not None:
                tf.config.threading.set_intra_op_parallelism_threads(threads)
                tf.config.threading.set_inter_op_parallelism_threads(threads)
        except RuntimeError as problem:
            raise BackendError(f"tensorflow is already set up in this process: {problem}") from problem
        self.remote = kind == "gpu"
        self.device = "/GPU:0" if self.remote else "/CPU:0"
        with silenced_log():
            tf.zeros(())  # starts the engine: only now can tensors be made from arrays

    def build(self, function: StepFunction, inputs: Mapping[Hashable, tuple[int, ...]]) -> Compiled:
        """Trace, optimize and warm up."""
        keys = list(inputs)
        names: list[Hashable] = []

        def traced(*symbols: Any) -> list[Any]:
            with tf.device(self.device), np.errstate(over="ignore"):  # constants beyond float32 are Inf
                results = function(
                    _TensorflowOperations(), {key: Tensor(one) for key, one in zip(keys, symbols, strict=True)}
                )
                names[:] = results
                return [lift(results[key]).rows for key in names]

        signature = [tf.TensorSpec(inputs[key], tf.float32) for key in keys]
        try:
            graph = tf.function(traced, input_signature=signature, autograph=False).get_concrete_function()
            run = graph.inference_fn.call_preflattened
            shared = self._warm_up(run, [inputs[key] for key in keys])
        except (ValueError, TypeError, tf.errors.OpError) as problem:
            raise BackendError(str(problem).strip().splitlines()[0]) from problem

        def call(arrays: Mapping[Hashable, np.ndarray]) -> dict[Hashable, np.ndarray]:
            results = run([_borrow(arrays[key]) for key in keys])
            found = {name: self._read(one) for name, one in zip(names, results, strict=True)}
            for place in shared:
                found[names[place]] = found[names[place]].copy()
            return found

        return call

    def _read(self, result: Any) -> np.ndarray:
        """A result as an array: over its own memory, or fetched from another device."""
        return np.asarray(result.numpy() if self.remote else memoryview(result))

    def _warm_up(self, run: Callable[..., Any], shapes: Sequence[tuple[int, ...]]) -> list[int]:
        """Call it twice (the first call optimizes) and tell which results lie in the memory of an input.

        That is fixed when the graph is: TensorFlow reuses memory that nobody else holds, but inputs are held by us.
        """
        arrays = []
        for shape in shapes:
            memory = np.zeros(4 * math.prod(shape) + 64, np.uint8)
            start = -memory.ctypes.data % 64
            arrays.append(memory[start : start + 4 * math.prod(shape)].view(np.float32).reshape(shape))
        shared: list[int] = []
        for _ in range(2):
            results = [self._read(one) for one in run([_borrow(one) for one in arrays])]
            shared = [i for i, one in enumerate(results) if any(np.may_share_memory(one, array) for array in arrays)]
        return shared


def _borrow(array: np.ndarray) -> Any:
    """A tensor over the array's own memory if that is 64-byte aligned (a copy otherwise, made by TensorFlow).

    TensorFlow writes into memory of its own only, and nothing of a call is left when it has returned, except results
    that are views of inputs: those are found by `Engine._warm_up`.
    """
    return EagerTensor(array, "", None)
