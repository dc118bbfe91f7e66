"""A case for each key of plasticities, each loss and each optimizer (see parameter_cases.py)."""

from __future__ import annotations

import numpy as np

from numerics_networks import loss
from numerics_reference import convolution, optimized
from numerics_reference_functions import ERRORS, log_softmax, softmax
from parameter_case import AGENTS, SPLIT_AT, case

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
        kept = [
            g.values.get(("learn", "variable", key), 0) for key in ("t", *(f"{m}.sp.w.W_0_0" for m in MOMENTS[kind]))
        ]
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
        f"loss_{_name}", f"lossfn.{_name}, loss.loss_function, loss.source, loss.target, plast.type, plast.parameter",
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


losing("grad_desc", "optimizer.grad_desc, plast.optimizer, grad_desc.lr", judge=_mse, optimizer="grad_desc", lr=0.5)
losing("grad_desc_clipped", "optimizer.grad_desc, grad_desc.lr", judge=_mse, optimizer="grad_desc", lr=50.0)
losing(
    "adam", "optimizer.adam, plast.optimizer, adam.lr, adam.momentum, adam.decay", judge=_mse, optimizer="adam", lr=0.1,
    momentum=0.8, decay=0.95,
)  # fmt: skip
losing("adam_defaults", "optimizer.adam, adam.momentum, adam.decay", judge=_mse, optimizer="adam", lr=0.1)
losing(
    "rmsprop", "optimizer.rmsprop, plast.optimizer, rmsprop.lr, rmsprop.rho", judge=_mse, optimizer="rmsprop", lr=0.1,
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
    "learning", "source_t", "loss.source_t, loss.target_t, plast.parameter",
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
