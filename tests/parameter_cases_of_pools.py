"""A case for each key of neuron-pools and synapse-pools (see parameter_cases.py)."""

from __future__ import annotations

import functools

import numpy as np

from numerics_reference import convolution, spread
from parameter_case import AGENTS, SPLIT_AT, case

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
    "noise_normal", "np.noise, np.noise_mean, np.noise_std",
    lambda g: g("s") + 0.5 + 0.25 * g.draw("t", "noise"), noise="normal", noise_mean=0.5, noise_std=0.25,
)  # fmt: skip
pool(
    "noise_uniform", "np.noise, np.noise_min, np.noise_max",
    lambda g: g("s") - 0.5 + 2 * g.draw("t", "noise"), noise="uniform", noise_min=-0.5, noise_max=1.5,
)  # fmt: skip
pool(
    "noise_bernoulli", "np.noise, np.noise_prob",
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
    "source_sum", "sp.source, sp.target", lambda g: conv(g) + convolution(g("b"), W(g, 0, 1)), [["a", "b"]],
    rf=[[3, 3]],
)  # fmt: skip
synapse(
    "source_product", "sp.source, sp.act",
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
synapse("ppp", "sp.ppp", lambda g: convolution(convolution(g("b"), g("w", "P_0_0")), W(g)), [["b"]], rf=3, ppp=[[2]])
synapse("M", "sp.M", lambda g: convolution(conv(g), g("w", "M")), rf=3, M=[4, 3])
synapse("avgout", "sp.avgout", lambda g: grouped(conv(g), 2).mean(axis=2), rf=3, avgout=2)
synapse("maxout", "sp.maxout", lambda g: grouped(conv(g), 2).max(axis=2), rf=3, maxout=2)
synapse(
    "avgout_maxout_M", "sp.M, sp.avgout, sp.maxout",
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
STORED = {
    "full": (3, 2, 9, 9), "feature": (3, 2, 1, 1), "spatial": (1, 1, 9, 9), "scalar": (1, 1, 1, 1),
    "src_feature": (1, 2, 1, 1), "tgt_feature": (3, 1, 1, 1), "src_spatial": (1, 2, 9, 9), "tgt_spatial": (3, 1, 9, 9),
}  # fmt: skip
"""The stored weight from 2 features to 3; 9 stands for the kernel's size."""


def shared(g, shape, kernel):
    """The stored weight, which must have that shape, repeated to 3 x 2 features and the kernel."""
    stored = tuple(size if length == 9 else length for length, size in zip(STORED[shape], (3, 2, *kernel), strict=True))
    assert W(g).shape == stored
    return np.broadcast_to(W(g), (3, 2, *kernel))


for _shape in STORED:
    synapse(
        f"weight_{_shape}", "sp.weight_shapes", lambda g, shape=_shape: convolution(g("a"), shared(g, shape, (3, 3))),
        rf=3, weight_shapes=[[_shape]],
    )  # fmt: skip
    synapse(
        f"weight_{_shape}_dense", "sp.weight_shapes",
        lambda g, shape=_shape: filled(dense(g("a"), shared(g, shape, SPACE))), weight_shapes=[[_shape]],
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
    "share", "sp.share params",
    lambda g: convolution(g("a"), g("other", "W_0_0")) + convolution(g("a"), g("other", "W_0_0"), dilation=2),
    others={"other": {"source": [["a"]], "target": "t", "rf": 3}}, rf=3, dilation=[[2]],
    **{"share params": {"W_0_0": ["other", "W_0_0"]}},
)  # fmt: skip
synapse(
    "noise_normal", "sp.noise, sp.noise_mean, sp.noise_std",
    lambda g: np.tanh(conv(g)) + 0.5 + 0.25 * g.draw("w", "noise"), rf=3, ACT="tanh", noise="normal", noise_mean=0.5,
    noise_std=0.25,
)  # fmt: skip
synapse(
    "noise_uniform", "sp.noise, sp.noise_min, sp.noise_max",
    lambda g: conv(g) + 2 + g.draw("w", "noise"), rf=3, noise="uniform", noise_min=2, noise_max=3,
)  # fmt: skip
synapse(
    "init", "sp.init", lambda g: filled(0.5 * (g("a").sum(axis=1, keepdims=True)) + 0.25), rf=1, bias_shapes=["full"],
    **{"init W_0_0": 0.5, "init b_0": 0.25},
)  # fmt: skip
synapse(
    "min_max", "sp.min, sp.max", lambda g: convolution(g("a"), np.clip(W(g), 0.1, 0.2)), rf=3,
    **{"min W_0_0": 0.1, "max W_0_0": 0.2},
)  # fmt: skip
synapse(
    "func", "sp.func", lambda g: filled(np.abs(g("a")).sum(axis=1, keepdims=True) * g("c").max(axis=1, keepdims=True)),
    [["a", "a"], ["c"]], func="B.sum(B.abs($00 - 2 * $01), axis=1, keepdims=True) * B.max($10, axis=1, keepdims=True)",
)  # fmt: skip
