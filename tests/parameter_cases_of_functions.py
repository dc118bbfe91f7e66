"""A case for each activation and each function of expressions, with its gradient (see parameter_cases.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numerics_networks import loss
from numerics_reference import convolution
from numerics_reference_functions import ACTIVATIONS
from parameter_case import AGENTS, SPLIT_AT, case
from statestream.numerics.activations import ACTIVATIONS as DECLARED

SHAPE = [2, 3, 2]
SAME = {"source": [["s"]], "target": "t", "rf": 1, "init W_0_0": "id"}


def slope_of_mean(function, x, step=1e-6):
    """d mean(function(x + b)) / d b for a bias b of the features."""
    slopes = []
    for feature in range(x.shape[1]):
        moved = np.zeros((1, x.shape[1], 1, 1))
        moved[0, feature] = step
        slopes.append((np.mean(function(x + moved)) - np.mean(function(x - moved))) / (2 * step))
    return np.array(slopes)


def function_of_state(group, name, proves, text, function, scale=1.5):
    """A pool `t` with that activation: its value, and its gradient."""

    def expected(g):
        x = g("s") + g("t", "b").reshape(1, -1, 1, 1)
        held = slice(SPLIT_AT, None)

        def learnt(x):
            return filled_state(function(x))[held]

        return {
            ("t", "state", ""): filled_state(function(x)),
            ("learn", "variable", "grad.np.t.b"): slope_of_mean(learnt, x),
        }

    def change(values):
        values["s", "state", ""] *= np.float32(scale)

    pools = {"s": {"shape": SHAPE}, "t": {"shape": SHAPE, "act": text, "init b": 0.2}}
    learn = {"learn": loss("t", 1, [["np", "t", "b"]])}
    case(group, name, proves, (pools, {"same": SAME}, learn), expected, change=change)


def filled_state(x):
    return np.broadcast_to(x, (AGENTS, *SHAPE))


def _linround(x, s, b):
    low, high = b / (s + 1), (s + b) / (s + 1)
    return np.select([x < low, x <= high], [s * x, x / s + b * (1 - 1 / s)], s * x + 1 - s)


BENT = {
    "relu": lambda x, thresh: np.maximum(x - thresh, 0),
    "leakyrelu": lambda x, leak: np.where(x > 0, x, leak * x),
    "elu": lambda x, alpha: np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1)),
    "selu": lambda x, scale, alpha: scale * np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1)),
    "log": lambda x, eps: np.log(np.maximum(x, eps)),
    "neglog": lambda x, eps: -np.log(np.maximum(x, eps)),
    "sign": lambda x, thresh: np.sign(x - thresh),
    "spiky": lambda x, threshold, saturation: np.select(
        [x < 0, x <= threshold, x < saturation], [0 * x, x, 0 * x + 2 * saturation], 0
    ),
    "switchsign": lambda x, threshold: np.where(x > threshold, -x, x),
    "step": lambda x, at, left, right: np.where(x < at, left, right),
    "rectangular": lambda x, x_min, x_max, y_level, y_height: np.where(
        (x_min < x) & (x < x_max), y_height, y_level
    ),
    "bilinear": lambda x, peak_loc, peak_width, peak_val, level: np.maximum(
        level, peak_val - np.abs(x - peak_loc) / peak_width * (peak_val - level)
    ),
    "softround": lambda x, p: (
        0.5 + 0.5 * (np.tanh(p * (x - 0.5)) + (x - 0.5) / p) / (np.tanh(p / 2) + 0.5 / p)
    ),
    "linround": _linround,
    "linroundint": lambda x, s, b: np.floor(x) + _linround(x - np.floor(x), s, b),
    "linroundpow2": lambda x, s, b, n: np.where(
        x < 1, _linround(x, s, b), np.where(x < 2, 1 + _linround(x - 1, s, b), 2 + 2 * _linround(x / 2 - 1, s, b))
    ),
}  # fmt: skip
"""The formulas of activations that take arguments."""

OTHER_ARGUMENTS = {
    "relu": {"thresh": 0.4}, "leakyrelu": {"leak": 0.3}, "elu": {"alpha": 0.5}, "selu": {"scale": 2.0, "alpha": 0.5},
    "log": {"eps": 0.1}, "neglog": {"eps": 0.1}, "sign": {"thresh": 0.3}, "switchsign": {"threshold": 0.5},
    "spiky": {"threshold": 0.5, "saturation": 1.5}, "step": {"at": 0.3, "left": 2.0, "right": 0.5},
    "rectangular": {"x_min": -0.5, "x_max": 0.7, "y_level": 0.2, "y_height": 3.0},
    "bilinear": {"peak_loc": 0.3, "peak_width": 2.0, "peak_val": 1.5, "level": 0.25}, "softround": {"p": 3.0},
    "linround": {"s": 0.25, "b": 0.4}, "linroundint": {"s": 0.25, "b": 0.4},
    "linroundpow2": {"s": 0.25, "b": 0.4, "n": 3},
}  # fmt: skip
"""For every activation that takes arguments: others than the defaults."""

for _name in (name for name in ACTIVATIONS if name in DECLARED):
    function_of_state("activations", _name, f"act.{_name}", _name, ACTIVATIONS[_name])
for _name, _arguments in OTHER_ARGUMENTS.items():
    _text = ", ".join(f"{key}={value}" for key, value in _arguments.items())
    function_of_state(
        "activations", f"{_name}_with_arguments", f"act.{_name}, np.act", f"B.{_name}($, {_text})",
        lambda x, name=_name, arguments=_arguments: BENT[name](x, **arguments),
    )  # fmt: skip

FUNCTIONS: dict[str, dict[str, Callable[[Any], Any]]] = {
    **{
        name: {
            f"B.{name}($)": lambda x, name=name: getattr(np, name)(x),
            f"B.{name}($, axis=[2, 3], keepdims=True)": lambda x, name=name: (
                getattr(np, name)(x, (2, 3), keepdims=True)
            ),
        }
        for name in ("min", "max", "sum", "prod", "mean", "std", "var")
    },
    "any": {"B.any(B.relu($), axis=1, keepdims=True)": lambda x: (x > 0).any(axis=1, keepdims=True)},
    "argmin": {
        "B.argmin($)": np.argmin,
        "B.reshape(B.argmin($, axis=3), [3, 2, 3, 1])": lambda x: x.argmin(axis=3)[:, :, :, None],
    },
    "argmax": {
        "B.argmax($)": np.argmax,
        "B.reshape(B.argmax($, axis=3), [3, 2, 3, 1])": lambda x: x.argmax(axis=3)[:, :, :, None],
    },
    "clip": {"B.clip($, -0.5, 0.7)": lambda x: x.clip(-0.5, 0.7)},
    "minimum": {"B.minimum($, 0.3)": lambda x: np.minimum(x, 0.3)},
    "maximum": {"B.maximum($, 0.5 * $ + 0.1)": lambda x: np.maximum(x, 0.5 * x + 0.1)},
    "floor": {"B.floor($) * $": lambda x: np.floor(x) * x},
    "reshape": {
        "B.dimshuffle(B.reshape($, [3, 2, 2, 3]), [0, 1, 3, 2])": lambda x: x.reshape(3, 2, 2, 3).swapaxes(2, 3)
    },
    "repeat": {"B.repeat(B.mean($, axis=1, keepdims=True), 2, axis=1)": lambda x: x.mean(axis=1, keepdims=True)},
    "dimshuffle": {"B.dimshuffle(B.sum($, axis=[2, 3]), [0, 1, 'x', 'x'])": lambda x: x.sum((2, 3), keepdims=True)},
    "flatten": {"B.dot(B.flatten($), B.flatten($))": lambda x: (x * x).sum()},
    "cast": {"B.cast($, 'float32') + 1": lambda x: x + 1},
    "dot": {"B.dot($, B.ones([2, 2]))": lambda x: x @ np.ones((2, 2))},
    "tensordot": {"B.tensordot($, $, axes=4)": lambda x: (x * x).sum()},
    "concatenate": {
        "B.concatenate([B.max($, axis=1, keepdims=True), B.min($, axis=1, keepdims=True)], axis=1)": lambda x: (
            np.concatenate([x.max(1, keepdims=True), x.min(1, keepdims=True)], 1)
        )
    },
    "zeros": {"B.concatenate([B.zeros([3, 1, 3, 2]), B.sum($, axis=1, keepdims=True)], axis=1)": lambda x: (
        np.concatenate([0 * x[:, :1], x.sum(1, keepdims=True)], 1)
    )},
    "ones": {"$ * B.ones([3, 2])": lambda x: x},
    "conv2d": {"B.conv2d($, B.ones([2, 2, 3, 3]))": lambda x: convolution(x, np.ones((2, 2, 3, 3)))},
}  # fmt: skip

for _name, _texts in FUNCTIONS.items():
    for _number, (_text, _function) in enumerate(_texts.items()):
        function_of_state(
            "functions", _name if not _number else f"{_name}_{_number}", f"function.{_name}", _text, _function
        )
