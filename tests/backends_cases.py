"""The operations that every backend is tested with: small arrays, domains where the derivative exists."""

from __future__ import annotations

import zlib
from contextlib import nullcontext

import numpy as np

PLAIN, POSITIVE, APART, WHOLE, TIES, UNIT = "plain", "positive", "apart", "whole", "ties", "unit"


def draw(name, index, shape, domain):
    """A fixed array for one argument of a case, float64."""
    generator = np.random.default_rng(zlib.crc32(f"{name}.{index}".encode()))
    plain = generator.uniform(-2, 2, shape)
    if domain == POSITIVE:
        return np.abs(plain) + 0.3
    if domain == APART:  # no two values closer than the step of a difference, and none near a whole number
        count = int(np.prod(shape))
        return (generator.permutation(count) + 0.37).reshape(shape) / max(count, 1) * 4 - 2.013
    if domain == WHOLE:
        return generator.integers(-2, 3, shape).astype(float)
    if domain == UNIT:
        return generator.uniform(0.05, 0.95, shape)
    return plain


S = (3, 4, 5, 6)
B = (1, 4, 1, 1)

ELEMENTWISE = {
    "add": (lambda o, a, b: a + b, S, B),
    "add_number": (lambda o, a: 2 + a + 0.5, S),
    "positive": (lambda o, a: +a, S),
    "subtract": (lambda o, a, b: a - b, S, (4, 1, 6)),
    "subtract_number": (lambda o, a: (1 - a) - 3, S),
    "multiply": (lambda o, a, b: a * b, S, (3, 1, 5, 6)),
    "multiply_number": (lambda o, a: 3 * a * 0.1, S),
    "divide": (lambda o, a, b: a / b, S, (S, POSITIVE)),
    "divide_number": (lambda o, a: 1 / a / 3, (S, POSITIVE)),
    "power_whole": (lambda o, a: a**2 + a**3, S),
    "power_fraction": (lambda o, a: a**0.5 + 2**a, (S, POSITIVE)),
    "power": (lambda o, a, b: o.power(a, b), (S, POSITIVE), B),
    "negative": (lambda o, a: -a, S),
    "exp": (lambda o, a: o.exp(a), S),
    "log": (lambda o, a: o.log(a), (S, POSITIVE)),
    "tanh": (lambda o, a: o.tanh(a), S),
    "sigmoid": (lambda o, a: o.sigmoid(a), S),
    "sigmoid_far": (lambda o, a: o.sigmoid(a * 100), S),
    "softplus": (lambda o, a: o.softplus(a), S),
    "softplus_far": (lambda o, a: o.softplus(a * 100), S),
    "sqrt": (lambda o, a: o.sqrt(a), (S, POSITIVE)),
    "square": (lambda o, a: o.square(a), S),
    "abs": (lambda o, a: o.abs(a), (S, APART)),
    "sign": (lambda o, a: o.sign(a) * a, (S, APART)),
    "floor": (lambda o, a: o.floor(a) * a, (S, APART)),
    "erf": (lambda o, a: o.erf(a), S),
    "maximum": (lambda o, a, b: o.maximum(a, b), S, S),
    "maximum_number": (lambda o, a: o.maximum(0.5, a) + o.maximum(a, -0.5), (S, APART)),
    "maximum_leak": (lambda o, a: o.maximum(a, 3 * a) + o.maximum(0.1 * a, a), (S, APART)),
    "minimum_leak": (lambda o, a: o.minimum(a, 3 * a) + o.minimum(0.1 * a, a), (S, APART)),
    "relu": (lambda o, a: o.maximum(a, 0), (S, APART)),
    "minimum": (lambda o, a, b: o.minimum(a, b), S, B),
    "greater": (lambda o, a, b: o.greater(a, b) * a, S, S),
    "greater_equal": (lambda o, a, b: o.greater_equal(a, b) * a, S, S),
    "less": (lambda o, a, b: o.less(a, b) * b, S, B),
    "where": (lambda o, c, a, b: o.where(o.greater(c, 0), a, b), (S, APART), S, B),
    "clip": (lambda o, a: o.clip(a, -1, 0.5), (S, APART)),
    "clip_tensor": (lambda o, a, b: o.clip(a, -b, b), (S, APART), ((1, 4, 1, 1), UNIT)),
    "constant": (lambda o, a: a * o.constant(np.arange(6.0)) + o.constant(2), S),
    "stop_gradient": (lambda o, a: o.stop_gradient(a) + a * a, S),
    "scalars": (lambda o, a, b: (a + 1) * b + a / 3, (), ()),
    "scalar_and_state": (lambda o, a, b: a * b - a, S, ()),
}
STEPS = {  # what engines agree in with numpy, but differences do not show: steps, and gradients as values
    "gradient_as_value": (lambda o, a: _inner_gradient(o, a * 2), S),
    "gradient_of_feature_map": (lambda o, a, w: _inner_gradient(o, o.conv2d(a, w)), S, (3, 4, 3, 3)),
    "greater_ties": (lambda o, a, b: o.greater_equal(a, b) * a + o.greater(a, b), (S, WHOLE), (S, WHOLE)),
    "maximum_ties": (lambda o, a, b: o.maximum(a, b), (S, WHOLE), (S, WHOLE)),
    "minimum_ties": (lambda o, a, b: o.minimum(a, b), (S, WHOLE), (S, WHOLE)),
    "relu_ties": (lambda o, a: o.maximum(a, 0) + o.maximum(0, a), (S, WHOLE)),
    "clip_ties": (lambda o, a: o.clip(a, -1, 1), (S, WHOLE)),
    "abs_zero": (lambda o, a: o.abs(a), (S, WHOLE)),
    "sqrt_zero": (lambda o, a: o.sqrt(o.maximum(a, 0)), (S, WHOLE)),
    "sqrt_of_square": (lambda o, a: o.sqrt(o.square(a)), (S, WHOLE)),
    "max_ties": (lambda o, a: o.max(a, 1), (S, WHOLE)),
    "max_ties_all": (
        lambda o, a: o.max(a) + o.max(a, (2, 3)),
        (S, WHOLE),
    ),
    "min_ties": (lambda o, a: o.min(a, (1, 2), True), (S, WHOLE)),
    "prod_zero": (lambda o, a: o.prod(a, 2), (S, WHOLE)),
    "floor_whole": (lambda o, a: o.floor(a) + a, (S, WHOLE)),
    "pick_whole": (lambda o, a, b: o.pick(a, b), (3, 2, 3), ((3, 6), WHOLE)),
    "sign_whole": (lambda o, a: o.sign(a) + a, (S, WHOLE)),
    "argmax_ties": (lambda o, a: o.argmax(a, 1, True) + a, (S, WHOLE)),
    "std_zero": (lambda o, a: o.std(a * 0.0 + 1, 1), S),
}
AXES = {
    "all": (None, False),
    "features": (1, False),
    "features_kept": (1, True),
    "spatial": ((2, 3), False),
    "agents_kept": ((0, -2, -1), True),
    "last": (-1, False),
    "twice": ((3, 1, -1, 3), False),
}


def _reduction(name, axis, keepdims):
    return lambda o, a: getattr(o, name)(a, axis, keepdims)


REDUCTIONS = {
    f"{name}_{tag}": (_reduction(name, *AXES[tag]), (S, APART))
    for name in ("sum", "mean", "max", "min", "prod", "var", "std")
    for tag in AXES
} | {
    "argmax": (lambda o, a: o.argmax(a, 1) * o.sum(a, 1), (S, APART)),
    "argmin_kept": (lambda o, a: o.argmin(a, 2, True) * a, (S, APART)),
    "softmax": (lambda o, a: o.softmax(a), S),
    "softmax_last": (lambda o, a: o.softmax(a, 3), S),
    "softmax_point": (lambda o, a: o.softmax(a), (5, 7, 1, 1)),
    "softmax_far": (lambda o, a: o.softmax(a * 60), S),
    "softmax_flat": (lambda o, a: o.softmax(a, 1), (4, 6)),
    "log_softmax": (lambda o, a: o.log_softmax(a), S),
    "log_softmax_far": (lambda o, a: o.log_softmax(a * 60), S),
}
FORM = {
    "reshape": (lambda o, a: o.reshape(a, (3, -1)), S),
    "transpose": (lambda o, a: o.transpose(a, (2, 0, 3, 1)), S),
    "broadcast_to": (lambda o, a: o.broadcast_to(a, S), B),
    "broadcast_scalar": (lambda o, a: o.broadcast_to(a, (2, 3)), ()),
    "concatenate": (lambda o, a, b: o.concatenate([a, b, a], 1), S, (3, 2, 5, 6)),
    "concatenate_agents": (lambda o, a, b: o.concatenate([a, b], 0), S, (1, 4, 5, 6)),
    "concatenate_number": (lambda o, a: o.concatenate([o.reshape(a, (3,)), o.constant([1.0])], 0), (3,)),
    "concatenate_flat": (lambda o, a, b: o.concatenate([a, b], -1), (3,), (4,)),
    "repeat": (lambda o, a: o.repeat(a, 3, 1), S),
    "repeat_last": (lambda o, a: o.repeat(a, 2, -1), S),
    "slice": (lambda o, a: a[:, 0:1], S),
    "slice_step": (lambda o, a: a[:, ::2, 1:-1], S),
    "slice_steps": (lambda o, a: a[0:3:2, :, 1::3, ::4] - a[1:, ::-1, -4:5:2, 1:4:2][:1], S),
    "slice_step_after_conv": (lambda o, a, w: o.conv2d(a, w)[:, :, 1::2, 0:6:5], S, (3, 4, 3, 3)),
    "slice_index": (lambda o, a: a[1, :, 2], S),
    "slice_ellipsis": (lambda o, a: a[..., -1], S),
    "pad": (lambda o, a: o.pad(a, [(0, 0), (1, 0), (2, 1), (0, 3)]), S),
    "upsample": (lambda o, a: o.upsample(a, (2, 3)), S),
    "upsample_line": (lambda o, a: o.upsample(a, (4, 1)), (2, 3, 5, 1)),
    "pick": (lambda o, a: o.pick(a, o.constant([[0, 4, 1], [3, 3, 2], [0, 2, 4]])), (3, 4, 5)),
    "pick_twice": (lambda o, a: o.square(o.pick(a, o.constant([[1, 1, 1, 4, 1, 0, 4, 1]] * 3))), (3, 2, 5)),
    "pick_beyond": (lambda o, a: o.pick(a, o.constant([[-3, 9, 2, 1e20, -1e20, np.nan]])), (1, 2, 5)),
    "pick_one": (lambda o, a: o.pick(a, o.constant([[0, 0]])), (1, 1, 1)),
    "pick_after_conv": (
        lambda o, a, w: o.pick(o.reshape(o.conv2d(a, w), (3, 3, 30)), o.constant([[5, 5, 29, 0]] * 3)),
        S,
        (3, 4, 3, 3),
    ),
    "pick_computed": (lambda o, a, b: o.pick(a, o.floor(b)) * b[:, None], (3, 1, 7), ((3, 4), APART)),
}
PRODUCTS = {
    "matmul": (lambda o, a, b: o.matmul(a, b), (3, 4), (4, 5)),
    "matmul_many": (lambda o, a, b: o.matmul(a, b), (2, 3, 4), (2, 4, 5)),
    "tensordot": (lambda o, a, b: o.tensordot(a, b, ([1, 3], [0, 2])), S, (4, 7, 6)),
    "outer": (lambda o, a, b: o.tensordot(a, b, ([0], [0])), (3, 4), S),
    "dense": (lambda o, a, w: o.dense(a, w), S, (7, 4, 5, 6)),
    "dense_point": (lambda o, a, w: o.dense(a, w), (3, 4, 1, 1), (7, 4, 1, 1)),
    "dense_after_conv": (lambda o, a, w, v: o.dense(o.conv2d(a, w), v), S, (3, 4, 3, 3), (2, 3, 5, 6)),
    "dense_after_conv_wide": (lambda o, a, w, v: o.dense(o.conv2d(a, w), v), S, (3, 4, 3, 3), (9, 3, 5, 6)),
    "dense_own": (lambda o, a, w: o.dense(a, w), S, (3, 2, 4, 5, 6)),
    # what follows a convolution in a pool: every form that a tensor may have there
    "after_bias": (lambda o, a, w, b: o.tanh(o.conv2d(a, w) + b), S, (3, 4, 3, 3), (1, 3, 1, 1)),
    "after_full_bias": (lambda o, a, w, b: b + o.conv2d(a, w), S, (3, 4, 3, 3), (3, 5, 6)),
    "after_spatial_bias": (lambda o, a, w, b: o.conv2d(a, w) * b, S, (3, 4, 3, 3), (5, 6)),
    "after_scalar": (lambda o, a, w, b: o.maximum(o.conv2d(a, w), b), S, (3, 4, 3, 3), ()),
    "after_norm": (
        lambda o, a, w: o.conv2d(a, w) / o.sqrt(o.var(o.conv2d(a, w), (0, 2, 3), True) + 1e-6),
        S,
        (3, 4, 3, 3),
    ),
    "after_reductions": (
        lambda o, a, w: o.sum(o.conv2d(a, w), 2) * o.sum(o.max(o.conv2d(a, w), 1)),
        S,
        (3, 4, 3, 3),
    ),
    "after_softmax": (lambda o, a, w: o.softmax(o.conv2d(a, w)) + o.softmax(o.conv2d(a, w), 2), S, (3, 4, 3, 3)),
    "after_slice": (lambda o, a, w: o.conv2d(a, w)[:, 0:2, 1:] * o.conv2d(a, w)[:, 1:3, :-1], S, (3, 4, 3, 3)),
    "after_index": (lambda o, a, w: o.conv2d(a, w)[1, ..., 0], S, (3, 4, 3, 3)),
    "after_reshape": (lambda o, a, w: o.reshape(o.conv2d(a, w), (3, 3, 30)), S, (3, 4, 3, 3)),
    "after_maxout": (lambda o, a, w: o.max(o.reshape(o.conv2d(a, w), (3, 2, 3, 5, 6)), 2), S, (6, 4, 3, 3)),
    "after_concatenate": (lambda o, a, w: o.concatenate([o.conv2d(a, w), a], 1), S, (3, 4, 3, 3)),
    "after_pad": (lambda o, a, w: o.pad(o.conv2d(a, w), [(0, 0), (1, 0), (2, 1), (0, 3)]), S, (3, 4, 3, 3)),
    "after_broadcast": (lambda o, a, w: o.broadcast_to(o.mean(o.conv2d(a, w), 1, True), (3, 2, 5, 6)), S, (3, 4, 3, 3)),
    "after_upsample": (lambda o, a, w: o.upsample(o.conv2d(a, w), (2, 2)), S, (3, 4, 3, 3)),
    "after_where": (lambda o, a, w: o.where(o.greater(o.conv2d(a, w), 0), a, -a), S, (4, 4, 3, 3)),
}


def _inner_gradient(ops, x):
    """The gradient with respect to a tensor that is no input, as a value."""
    return x + ops.gradients(ops.sum(ops.tanh(x * x)), [x])[0]


# name: source, kernel, stride, dilation
GEOMETRIES = {
    "same": ((2, 3, 6, 6), (4, 3, 3, 3), 1, 1),
    "same_wide": ((2, 3, 8, 8), (4, 3, 5, 5), 1, 1),
    "one_feature": ((2, 1, 8, 8), (4, 1, 5, 5), 2, 1),
    "half": ((2, 3, 8, 8), (4, 3, 5, 5), 2, 1),
    "quarter": ((2, 3, 8, 8), (4, 3, 5, 5), 4, 1),
    "quarter_small_kernel": ((2, 3, 8, 8), (4, 3, 3, 3), 4, 1),
    "even": ((2, 3, 6, 6), (4, 3, 4, 4), 1, 1),
    "even_half": ((2, 3, 8, 8), (4, 3, 2, 2), 2, 1),
    "even_quarter": ((2, 3, 8, 8), (4, 3, 4, 4), 4, 1),
    "dilated": ((2, 3, 8, 8), (4, 3, 3, 3), 1, 2),
    "dilated_half": ((2, 3, 8, 8), (4, 3, 3, 3), 2, 2),
    "dilated_even": ((2, 3, 9, 9), (4, 3, 2, 2), 1, 3),
    "pixel": ((2, 3, 6, 6), (4, 3, 1, 1), 1, 1),
    "pixel_half": ((2, 3, 6, 6), (4, 3, 1, 1), 2, 1),
    "point": ((2, 3, 1, 1), (4, 3, 1, 1), 1, 1),
    "point_wide": ((2, 3, 1, 1), (4, 3, 5, 5), 1, 1),
    "larger_than_source": ((2, 3, 3, 3), (4, 3, 7, 7), 1, 1),
    "to_point": ((2, 3, 4, 4), (4, 3, 3, 3), 4, 1),
    "line": ((2, 3, 12, 1), (4, 3, 5, 1), (1, 1), 1),
    "line_quarter": ((2, 3, 12, 1), (4, 3, 9, 1), (4, 1), 1),
    "line_dilated": ((2, 3, 12, 1), (4, 3, 3, 1), (2, 1), (3, 1)),
    "oblong": ((2, 3, 8, 6), (4, 3, 3, 5), (2, 3), 1),
    "uneven": ((2, 3, 7, 9), (4, 3, 3, 3), (2, 4), 1),
}


def pair(value):
    return (value, value) if isinstance(value, int) else value


def _convolution(stride, dilation):
    return lambda o, x, w: o.conv2d(x, w, pair(stride), pair(dilation))


CONVOLUTIONS = (
    {
        name: (_convolution(stride, dilation), source, kernel)
        for name, (source, kernel, stride, dilation) in GEOMETRIES.items()
    }
    | {
        f"own_{name}": (_convolution(*GEOMETRIES[name][2:]), GEOMETRIES[name][0], (2, *GEOMETRIES[name][1]))
        for name in ("half", "dilated", "even", "line_quarter")
    }
    | {
        "chain": (
            lambda o, x, w, v: o.conv2d(o.tanh(o.conv2d(x, w, (2, 2))), v, (2, 2)),
            (2, 1, 8, 8),
            (4, 1, 5, 5),
            (3, 4, 3, 3),
        ),
    }
)

GROUPS = {
    "elementwise": ELEMENTWISE,
    "steps": STEPS,
    "reductions": REDUCTIONS,
    "form": FORM,
    "products": PRODUCTS,
    "conv2d": CONVOLUTIONS,
}
NAMES = [(group, case) for group, cases in GROUPS.items() for case in cases]


def _arguments(case):
    """(shape, domain) per argument: arguments are given as a shape, or as (shape, domain)."""
    return [one if len(one) == 2 and isinstance(one[1], str) else (one, PLAIN) for one in case[1:]]


def shapes(group):
    return {(name, i): shape for name, case in GROUPS[group].items() for i, (shape, _) in enumerate(_arguments(case))}


def arrays(group, dtype=np.float32):
    return {
        (name, i): draw(name, i, shape, domain).astype(dtype)
        for name, case in GROUPS[group].items()
        for i, (shape, domain) in enumerate(_arguments(case))
    }


def evaluate(ops, group, symbols, excusing=nullcontext):
    """{(case, "value"): result, (case, "d0"): gradient of a weighted sum of it, ...} for all cases of the group.

    excusing(): a context that each case is computed in; a case that it ends has no results.
    """
    results = {}
    for name in GROUPS[group]:
        with excusing():
            results |= evaluate_case(ops, group, name, symbols)
    return results


def evaluate_case(ops, group, name, symbols):
    """The results of one case."""
    case = GROUPS[group][name]
    arguments = [symbols[name, i] for i in range(len(case) - 1)]
    value = case[0](ops, *arguments)
    weights = draw(name, "weights", ops.shape(value), PLAIN)
    gradients = ops.gradients(ops.sum(value * ops.constant(weights)), arguments)
    return {(name, "value"): value} | {(name, f"d{i}"): one for i, one in enumerate(gradients)}
