"""A case for each key of pools and plasticities, each activation, loss, optimizer and function of expressions.

A case is a small network, and what one frame of it must give, in plain numpy. `GROUPS` holds them by name; the cases of
a group are compiled together, since compiling costs seconds. A new key, function or loss gets a case by one more entry
(`tools/make_proofs.py` tells which are missing).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from numerics_networks import draw, loss, network, start, state
from numerics_reference import ACTIVATIONS, ERRORS, convolution, log_softmax, optimized, softmax, spread
from statestream.numerics.activations import ACTIVATIONS as DECLARED
from statestream.numerics.step import SPLIT, Step

AGENTS, SPLIT_AT = 3, 1


class Given:
    """What one frame starts from, in double precision: `given("a")` is a state, `given("a_t", "W_0_0")` a parameter."""

    def __init__(self, values, drawn):
        self.values = {key: np.asarray(value, np.float64) for key, value in values.items()}
        self.drawn = {key[1:]: np.asarray(value, np.float64) for key, value in drawn.items()}

    def __call__(self, item, parameter=None):
        return self.values[(item, "state", "") if parameter is None else (item, "parameter", parameter)]

    def draw(self, item, purpose):
        return self.drawn[item, purpose]


@dataclass(frozen=True)
class Case:
    """network: arguments of `numerics_networks.network`. expected(given) -> the next state of `t`, or {key: array}.

    proves: names for the table of proofs. change(values): other start values.
    """

    name: str
    proves: tuple[str, ...]
    network: tuple[Any, ...]
    expected: Callable[[Given], Any]
    change: Callable[[dict[Any, Any]], None] = field(default=lambda values: None)

    @functools.cached_property
    def step(self):
        """(its network's Step of everything, the values of all arrays and draws)."""
        net = network(*self.network, agents=AGENTS)
        step = Step(net, [*net.neuron_pools, *net.plasticities])
        values = start(net)
        self.change(values)
        return step, {**values, SPLIT: np.array(SPLIT_AT, np.float32), **draw(step)}

    def wanted(self):
        """{output key: array} of what the case foretells."""
        step, arrays = self.step
        found = self.expected(Given(arrays, {draw.key: arrays[draw.key] for draw in step.draws}))
        return found if isinstance(found, dict) else {("t", "state", ""): found}


GROUPS: dict[str, dict[str, Case]] = {"pools": {}, "synapses": {}, "activations": {}, "functions": {}, "learning": {}}


def case(group, name, proves, net, expected, **more):
    """Adds a case. proves: names, separated by blanks."""
    assert name not in GROUPS[group], name
    GROUPS[group][name] = Case(name, tuple(proves.split()), net, expected, **more)


# --- neuron-pools: t receives s unchanged ---------------------------------------------------------------------------

SHAPE = [2, 3, 2]
SAME = {"source": [["s"]], "target": "t", "rf": 1, "init W_0_0": "id"}


def pool(name, proves, expected, **spec):
    """A neuron-pool `t` that receives the state of `s` unchanged."""
    pools = {"s": {"shape": SHAPE}, "t": {"shape": SHAPE, "bias_shape": False, **spec}}
    case("pools", name, proves, (pools, {"same": SAME}), expected)


pool("shape", "np.shape", lambda g: g("s").reshape(AGENTS, *SHAPE))
pool("act", "np.act", lambda g: np.tanh(g("s")) + 0.5 * g("s"), act="B.tanh($) + 0.5 * $")
pool(
    "noise_normal", "np.noise np.noise_mean np.noise_std",
    lambda g: g("s") + 0.5 + 0.25 * g.draw("t", "noise"), noise="normal", noise_mean=0.5, noise_std=0.25,
)  # fmt: skip
pool(
    "noise_uniform", "np.noise np.noise_min np.noise_max",
    lambda g: g("s") - 0.5 + 2 * g.draw("t", "noise"), noise="uniform", noise_min=-0.5, noise_max=1.5,
)  # fmt: skip
pool(
    "noise_bernoulli", "np.noise np.noise_prob",
    lambda g: g("s") + (g.draw("t", "noise") < 0.3), noise="Bernoulli", noise_prob=0.3,
)  # fmt: skip


def learning():
    """[agents, 1, 1, 1]: whether each agent learns."""
    return (np.arange(AGENTS) >= SPLIT_AT).reshape(-1, 1, 1, 1)


pool(
    "dropout", "np.dropout",
    lambda g: g("s") * np.where(learning(), (g.draw("t", "dropout") >= 0.4) / 0.6, 1), dropout=0.4,
)  # fmt: skip
pool("zoneout", "np.zoneout", lambda g: np.where(g.draw("t", "zoneout") < 0.4, g("t"), g("s")), zoneout=0.4)
for _shape in ("full", "feature", "spatial", "scalar"):
    pool(
        f"bias_{_shape}", "np.bias_shape",
        lambda g, shape=_shape: g("s") + spread(g("t", "b"), shape, AGENTS, False),
        bias_shape=_shape, **{"init b": "normal"},
    )  # fmt: skip
    pool(
        f"gain_{_shape}", "np.gain_shape",
        lambda g, shape=_shape: g("s") * spread(g("t", "g"), shape, AGENTS, False),
        gain_shape=_shape, **{"init g": "normal"},
    )  # fmt: skip
    pool(
        f"unshare_{_shape}", "np.unshare",
        lambda g, shape=_shape: (
            g("s") * spread(g("t", "g"), shape, AGENTS, True) + spread(g("t", "b"), shape, AGENTS, True)
        ),
        bias_shape=_shape, gain_shape=_shape, unshare=["b", "g"], **{"init b": "normal", "init g": "normal"},
    )  # fmt: skip
pool(
    "init", "np.init", lambda g: 0.5 * g("s") + 0.25, bias_shape="full", gain_shape="full",
    **{"init b": 0.25, "init g": 0.5},
)  # fmt: skip

BATCH = {"full": (0, 1, 2, 3), "spatial": (0, 2, 3), "feature": (0, 1), "scalar": (0,)}
LAYER = {"full": (1, 2, 3), "spatial": (2, 3), "feature": (1,)}


def _deviation(x, axes):
    return np.sqrt(x.var(axis=axes, keepdims=True) + 1e-6)


for _kind, _axes in (("batchnorm", BATCH), ("layernorm", LAYER)):
    for _shape, _over in _axes.items():
        pool(
            f"{_kind}_mean_{_shape}", f"np.{_kind}_mean",
            lambda g, over=_over: g("s") - g("s").mean(axis=over, keepdims=True), **{f"{_kind}_mean": _shape},
        )  # fmt: skip
        pool(
            f"{_kind}_std_{_shape}", f"np.{_kind}_std",
            lambda g, over=_over: g("s") / _deviation(g("s"), over), **{f"{_kind}_std": _shape},
        )  # fmt: skip

# --- synapse-pools: from a, b (with space) and c (without) to t -------------------------------------------------------

SPACE = [4, 6]
SOURCES = {"a": {"shape": [2, *SPACE]}, "b": {"shape": [3, *SPACE]}, "c": {"shape": [2, 1, 1]}}


def synapse(name, proves, expected, source=(("a",),), target=(3, *SPACE), others=None, **spec):
    """A synapse-pool `w` into a neuron-pool `t` that adds nothing."""
    pools = {**SOURCES, "t": {"shape": list(target), "bias_shape": False}}
    one = {"source": [list(row) for row in source], "target": "t", **spec}
    case("synapses", name, proves, (pools, {**(others or {}), "w": one}), expected)


def dense(x, w):
    """Every source neuron to every target feature."""
    return np.einsum("bcxy,ocxy->bo", x, w)[:, :, None, None]


def filled(x, target=(3, *SPACE)):
    """Repeated over the features and the space of the target."""
    return np.broadcast_to(x, (AGENTS, *target))


def W(g, f=0, i=0):
    return g("w", f"W_{f}_{i}")


def conv(g, **spec):
    """The input `a` through its kernel."""
    return convolution(g("a"), W(g), **spec)


def grouped(x, size):
    return x.reshape(x.shape[0], -1, size, *x.shape[2:])


synapse(
    "source_sum", "sp.source sp.target", lambda g: conv(g) + convolution(g("b"), W(g, 0, 1)), [["a", "b"]],
    rf=[[3, 3]],
)  # fmt: skip
synapse(
    "source_product", "sp.source sp.act",
    lambda g: np.tanh(conv(g)) / (1 + np.exp(-convolution(g("b"), W(g, 1)))), [["a"], ["b"]],
    rf=[[3], [3]], act=["tanh", "sigmoid"],
)  # fmt: skip
synapse("dense", "sp.rf", lambda g: filled(dense(g("a"), W(g))))
for _rf in (1, 2, 3, 5):
    synapse(f"rf_{_rf}", "sp.rf", conv, rf=_rf)
synapse("rf_stride", "sp.rf", functools.partial(conv, stride=(2, 2)), target=(3, 2, 3), rf=3)
synapse(
    "rf_upsampling", "sp.rf", lambda g: convolution(g("a").repeat(2, 2).repeat(2, 3), W(g)), target=(3, 8, 12), rf=3
)
synapse("dilation", "sp.dilation", functools.partial(conv, dilation=2), rf=3, dilation=[[2]])
synapse(
    "dilation_stride", "sp.dilation", functools.partial(conv, dilation=2, stride=(2, 2)), target=(3, 2, 3), rf=3,
    dilation=[[2]],
)  # fmt: skip
synapse("ACT", "sp.ACT", lambda g: np.tanh(conv(g)), rf=3, ACT="tanh")
synapse("pact", "sp.pact", lambda g: convolution(np.abs(g("a")), W(g)), rf=3, pact=[["abs"]])
synapse(
    "ppp", "sp.ppp", lambda g: convolution(convolution(g("b"), g("w", "P_0_0")), W(g)), [["b"]], rf=3, ppp=[[2]]
)
synapse("M", "sp.M", lambda g: convolution(conv(g), g("w", "M")), rf=3, M=[4, 3])
synapse("avgout", "sp.avgout", lambda g: grouped(conv(g), 2).mean(axis=2), rf=3, avgout=2)
synapse("maxout", "sp.maxout", lambda g: grouped(conv(g), 2).max(axis=2), rf=3, maxout=2)
synapse(
    "avgout_maxout_M", "sp.M sp.avgout sp.maxout",
    lambda g: convolution(grouped(grouped(conv(g), 2).mean(axis=2), 3).max(axis=2), g("w", "M")), rf=3,
    avgout=2, maxout=3, M=[12, 1],
)  # fmt: skip

REACHES = {"full": 3, "spatial": 1, "feature": 3, "scalar": 1}
for _reach, _targets in REACHES.items():
    if _reach in ("full", "spatial"):
        synapse(
            f"factor_{_reach}", "sp.factor_shapes", lambda g: filled(np.tanh(conv(g))), rf=3, act=["tanh"],
            factor_shapes=[_reach],
        )  # fmt: skip
    else:
        synapse(
            f"factor_{_reach}", "sp.factor_shapes", lambda g: filled(np.tanh(dense(g("a"), W(g)))), act=["tanh"],
            factor_shapes=[_reach],
        )  # fmt: skip
    synapse(
        f"target_{_reach}", "sp.target_shapes",
        lambda g, reach=_reach: conv(g) + (
            convolution(g("b"), W(g, 0, 1)) if reach in ("full", "spatial") else dense(g("b"), W(g, 0, 1))
        ),
        [["a", "b"]], rf=[[3, 3 if _reach in ("full", "spatial") else 0]], target_shapes=[["full", _reach]],
    )  # fmt: skip
    synapse(
        f"bias_{_reach}", "sp.bias_shapes",
        lambda g, reach=_reach: np.tanh(conv(g) + spread(g("w", "b_0"), reach, AGENTS, False)),
        rf=3, act=["tanh"], bias_shapes=[_reach], **{"init b_0": "normal"},
    )  # fmt: skip
    synapse(
        f"unshared_bias_{_reach}", "sp.unshare",
        lambda g, reach=_reach: np.tanh(conv(g) + spread(g("w", "b_0"), reach, AGENTS, True)),
        rf=3, act=["tanh"], bias_shapes=[_reach], unshare=["b_0"], **{"init b_0": "normal"},
    )  # fmt: skip
synapse("bias_None", "sp.bias_shapes", lambda g: conv(g), rf=3, bias_shapes=["None"])
for _shape in (*REACHES, "src_feature", "tgt_feature", "src_spatial", "tgt_spatial"):
    synapse(
        f"weight_{_shape}", "sp.weight_shapes",
        lambda g: convolution(g("a"), np.broadcast_to(W(g), (3, 2, 3, 3))), rf=3, weight_shapes=[[_shape]],
    )  # fmt: skip
    synapse(
        f"weight_{_shape}_dense", "sp.weight_shapes",
        lambda g: filled(dense(g("a"), np.broadcast_to(W(g), (3, 2, *SPACE)))), weight_shapes=[[_shape]],
    )  # fmt: skip
synapse("weight_fnc", "sp.weight_fnc", lambda g: convolution(g("a"), np.exp(W(g))), rf=3, weight_fnc=[["exp"]])
synapse(
    "unshare", "sp.unshare",
    lambda g: convolution(convolution(convolution(g("b"), g("w", "P_0_0")), W(g)), g("w", "M")), [["b"]], rf=3,
    ppp=[[2]], M=[4, 3], unshare=["W_0_0", "P_0_0", "M"],
)  # fmt: skip
synapse(
    "unshare_dense", "sp.unshare",
    lambda g: filled(np.einsum("bcxy,bocxy->bo", g("a"), W(g))[:, :, None, None]), unshare=["W_0_0"],
)  # fmt: skip
synapse(
    "share", "sp.share",
    lambda g: convolution(g("a"), g("other", "W_0_0")) + convolution(g("a"), g("other", "W_0_0"), dilation=2),
    others={"other": {"source": [["a"]], "target": "t", "rf": 3}}, rf=3, dilation=[[2]],
    **{"share params": {"W_0_0": ["other", "W_0_0"]}},
)  # fmt: skip
synapse(
    "noise_normal", "sp.noise sp.noise_mean sp.noise_std",
    lambda g: np.tanh(conv(g)) + 0.5 + 0.25 * g.draw("w", "noise"), rf=3, ACT="tanh", noise="normal", noise_mean=0.5,
    noise_std=0.25,
)  # fmt: skip
synapse(
    "noise_uniform", "sp.noise sp.noise_min sp.noise_max",
    lambda g: conv(g) + 2 + g.draw("w", "noise"), rf=3, noise="uniform", noise_min=2, noise_max=3,
)  # fmt: skip
synapse(
    "init", "sp.init", lambda g: filled(0.5 * (g("a").sum(axis=1, keepdims=True)) + 0.25), rf=1, bias_shapes=["full"],
    **{"init W_0_0": 0.5, "init b_0": 0.25},
)  # fmt: skip
synapse(
    "min_max", "sp.min sp.max", lambda g: convolution(g("a"), np.clip(W(g), 0.1, 0.2)), rf=3,
    **{"min W_0_0": 0.1, "max W_0_0": 0.2},
)  # fmt: skip
synapse(
    "func", "sp.func", lambda g: filled(np.abs(g("a")).sum(axis=1, keepdims=True) * g("c").max(axis=1, keepdims=True)),
    [["a", "a"], ["c"]], func="B.sum(B.abs($00 - 2 * $01), axis=1, keepdims=True) * B.max($10, axis=1, keepdims=True)",
)  # fmt: skip

# --- activations and functions of expressions, with the gradient of their mean --------------------------------------


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


def bent(name, arguments):
    """The activation's formula with other arguments than its defaults."""
    numbers = dict(arguments)
    return {
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
        "rectangular": lambda x, x_min, x_max, y_level, y_height: np.where((x_min < x) & (x < x_max), y_height, y_level),
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
    }[name](arguments.pop("x"), **{key: numbers[key] for key in numbers if key != "x"})  # fmt: skip


def _linround(x, s, b):
    low, high = b / (s + 1), (s + b) / (s + 1)
    return np.select([x < low, x <= high], [s * x, x / s + b * (1 - 1 / s)], s * x + 1 - s)


OTHER_ARGUMENTS = {
    "relu": {"thresh": 0.4}, "leakyrelu": {"leak": 0.3}, "elu": {"alpha": 0.5}, "selu": {"scale": 2.0, "alpha": 0.5},
    "log": {"eps": 0.1}, "neglog": {"eps": 0.1}, "sign": {"thresh": 0.3}, "spiky": {"threshold": 0.5, "saturation": 1.5},
    "switchsign": {"threshold": 0.5}, "step": {"at": 0.3, "left": 2.0, "right": 0.5},
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
        "activations", f"{_name}_with_arguments", f"act.{_name} np.act", f"B.{_name}($, {_text})",
        lambda x, name=_name, arguments=_arguments: bent(name, {"x": x, **arguments}),
    )  # fmt: skip

FUNCTIONS: dict[str, dict[str, Callable[[Any], Any]]] = {
    **{
        name: {
            f"B.{name}($)": lambda x, name=name: getattr(np, name)(x),
            f"B.{name}($, axis=[2, 3], keepdims=True)": lambda x, name=name: getattr(np, name)(x, (2, 3), keepdims=True),
        }
        for name in ("min", "max", "sum", "prod", "mean", "std", "var")
    },
    "any": {"B.any(B.relu($), axis=1, keepdims=True)": lambda x: (x > 0).any(axis=1, keepdims=True)},
    "argmin": {"B.argmin($)": np.argmin, "B.reshape(B.argmin($, axis=3), [3, 2, 3, 1])": lambda x: x.argmin(axis=3)[:, :, :, None]},
    "argmax": {"B.argmax($)": np.argmax, "B.reshape(B.argmax($, axis=3), [3, 2, 3, 1])": lambda x: x.argmax(axis=3)[:, :, :, None]},
    "clip": {"B.clip($, -0.5, 0.7)": lambda x: x.clip(-0.5, 0.7)},
    "minimum": {"B.minimum($, 0.3)": lambda x: np.minimum(x, 0.3)},
    "maximum": {"B.maximum($, 0.5 * $ + 0.1)": lambda x: np.maximum(x, 0.5 * x + 0.1)},
    "floor": {"B.floor($) * $": lambda x: np.floor(x) * x},
    "reshape": {"B.dimshuffle(B.reshape($, [3, 2, 2, 3]), [0, 1, 3, 2])": lambda x: x.reshape(3, 2, 2, 3).swapaxes(2, 3)},
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

# --- losses, optimizers and what plasticities have in common --------------------------------------------------------

CLASSES = [3, 2, 1]


def losing(name, proves, change=None, judge=None, memory=False, split=SPLIT_AT, **spec):
    """x, made of i by a weight W, is judged against y. judge(x, y, m) -> e, element by element.

    Everything follows from e: both losses, the gradient (by differences), and the increment.
    """
    judge = judge or (lambda x, y, m: ERRORS[spec["loss_function"]](x, y))
    plasticity = loss("x", 1, [["sp", "w", "W_0_0"]], **{"loss_function": "MSE", **spec})
    if plasticity["loss_function"] not in ("minimize", "maximize"):
        plasticity = {"target": "y", "target_t": 0, **plasticity}
    act = {"act": "softmax"} if plasticity["loss_function"].endswith(("likelihood", "crossentropy")) else {}
    pools = {
        "i": {"shape": CLASSES}, "y": {"shape": CLASSES}, "m": {"shape": [2, 2, 1]},
        "x": {"shape": CLASSES, "bias_shape": False, **act},
    }  # fmt: skip
    synapses = {"w": {"source": [["i"]], "target": "x", "rf": 1}}

    def losses(g, w):
        x = convolution(g("i"), w)
        e = judge(softmax(x) if act else x, g("y"), g("m"))
        q = (np.arange(AGENTS) >= split).reshape(-1, 1, 1, 1).astype(float)
        count = q.sum()
        return np.mean(e * (1 - q)) * AGENTS / max(AGENTS - count, 1), np.mean(e * q) * AGENTS / (count + 1e-6)

    def expected(g):
        weight, h = g("w", "W_0_0"), 1e-6
        gradient = np.zeros(weight.shape)
        for place in np.ndindex(weight.shape):
            moved = np.zeros(weight.shape)
            moved[place] = h
            gradient[place] = (losses(g, weight + moved)[1] - losses(g, weight - moved)[1]) / (2 * h)
        names = {"grad_desc": ["lr"], "adam": ["lr", "momentum", "decay"], "rmsprop": ["lr", "rho"]}
        kind = spec.get("optimizer", "grad_desc")
        rates = {rate: g("learn", rate) for rate in names[kind]}
        kept = [g.values.get(("learn", "variable", key), 0) for key in ("t", *(f"{m}.sp.w.W_0_0" for m in MOMENTS[kind]))]
        increment, (t, m, v) = optimized(kind, gradient, tuple(kept), rates)
        results = {
            ("learn", "variable", "loss0"): losses(g, weight)[0],
            ("learn", "variable", "loss1"): losses(g, weight)[1],
            ("learn", "variable", "grad.sp.w.W_0_0"): gradient,
            ("learn", "update", "w.W_0_0"): increment,
        }
        after = dict(zip(MOMENTS[kind], (m, v), strict=True))
        results |= {("learn", "variable", f"{name}.sp.w.W_0_0"): one for name, one in after.items() if name != "none"}
        return results | ({("learn", "variable", "t"): t} if kind != "grad_desc" else {})

    def prepare(values):
        y = values["y", "state", ""]
        if act or "cross" in plasticity["loss_function"]:
            values["y", "state", ""] = softmax(y).astype(np.float32)
        for key, value in values.items():
            if key[1] == "variable" and key[2].split(".")[0] in ("moments", "varianc", "accumulation"):
                values[key] = np.full(value.shape, 0.02, np.float32)
            elif key[1:] == ("variable", "t"):
                values[key] = np.array(3, np.float32)

    case("learning", name, proves, (pools, synapses, {"learn": plasticity}), expected, change=prepare)


MOMENTS = {"grad_desc": ("none", "none"), "adam": ("moments", "varianc"), "rmsprop": ("none", "accumulation")}

for _name in ERRORS:
    losing(
        f"loss_{_name}", f"lossfn.{_name} loss.loss_function loss.source loss.target plast.type plast.parameter",
        loss_function=_name,
    )  # fmt: skip
losing(
    "mask", "loss.mask", judge=lambda x, y, m: (x - y) ** 2 * m[:, 0:1], mask="m",
)  # fmt: skip
losing("no_split", "plast.ignore_split", judge=lambda x, y, m: (x - y) ** 2, split=0, ignore_split=True)
losing(
    "label_smoothing", "loss.label_smoothing", loss_function="softmax_cross_entropy", label_smoothing=0.2,
    judge=lambda x, y, m: -3 * (0.8 * y + 0.2 / 3) * log_softmax(x),
)  # fmt: skip
losing(
    "confidence_penalty", "loss.confidence_penalty", loss_function="negloglikelihood", confidence_penalty=0.2,
    judge=lambda x, y, m: -y * np.log(x) + 0.2 * x * np.log(x),
)  # fmt: skip
losing(
    "confidence_penalty_of_logits", "loss.confidence_penalty", loss_function="softmax_cross_entropy",
    confidence_penalty=0.2, judge=lambda x, y, m: 3 * log_softmax(x) * (0.2 * softmax(x) - y),
)  # fmt: skip


def _mse(x, y, m):
    return (x - y) ** 2


losing("grad_desc", "optimizer.grad_desc plast.optimizer grad_desc.lr", judge=_mse, optimizer="grad_desc", lr=0.5)
losing("grad_desc_clipped", "optimizer.grad_desc grad_desc.lr", judge=_mse, optimizer="grad_desc", lr=50.0)
losing(
    "adam", "optimizer.adam plast.optimizer adam.lr adam.momentum adam.decay", judge=_mse, optimizer="adam", lr=0.1,
    momentum=0.8, decay=0.95,
)  # fmt: skip
losing("adam_defaults", "optimizer.adam adam.momentum adam.decay", judge=_mse, optimizer="adam", lr=0.1)
losing(
    "rmsprop", "optimizer.rmsprop plast.optimizer rmsprop.lr rmsprop.rho", judge=_mse, optimizer="rmsprop", lr=0.1,
    rho=0.7,
)  # fmt: skip


def _later(g):
    """x(2) = v w i is compared with y(1) = u i."""
    w, v, u = (g(name, "W_0_0")[:, :, 0, 0] for name in ("w", "v", "u"))
    i = g("i")[SPLIT_AT:, :, 0, 0]
    error = i @ (v @ w).T - i @ u.T
    slope = 2 * error / error.size  # of the mean of the learning agents' squares
    return {
        ("learn", "variable", "loss1"): np.mean(error**2),
        ("learn", "variable", "grad.sp.w.W_0_0"): (v.T @ slope.T @ i)[:, :, None, None],
        ("learn", "variable", "grad.sp.u.W_0_0"): -(slope.T @ i)[:, :, None, None],
        ("learn", "variable", "grad.np.x.b"): slope.sum(axis=0),
    }


_VECTOR = {"shape": [3, 1, 1]}
case(
    "learning", "source_t", "loss.source_t loss.target_t plast.parameter",
    (
        dict.fromkeys("ihxy", _VECTOR),
        {
            "w": {"source": [["i"]], "target": "h"}, "v": {"source": [["h"]], "target": "x"},
            "u": {"source": [["i"]], "target": "y"},
        },
        {"learn": loss(
            "x", 2, [["sp", "w", "W_0_0"], ["sp", "u", "W_0_0"], ["np", "x", "b"]], "MSE", target="y", target_t=1,
        )},
    ),
    _later,
)  # fmt: skip


# --- all cases of a group on one engine -----------------------------------------------------------------------------


def compiled_together(group, excusing):
    """(function, shapes, arrays) of all cases of a group; keys are (case, key).

    excusing(): a context that each case is computed in; a case that it ends has no results.
    """
    steps = {name: one.step for name, one in GROUPS[group].items()}

    def function(ops, symbols):
        results = {}
        for name, (step, _) in steps.items():
            with excusing():
                found = step.function(ops, {key: symbols[name, key] for key in step.shapes})
                results |= {(name, key): value for key, value in found.items()}
        return results

    shapes = {(name, key): shape for name, (step, _) in steps.items() for key, shape in step.shapes.items()}
    arrays = {(name, key): values[key] for name, (step, values) in steps.items() for key in step.shapes}
    return function, shapes, arrays
