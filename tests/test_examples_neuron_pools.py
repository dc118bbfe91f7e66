"""Examples of neuron-pools: each runs, and shows what its first lines say."""

from __future__ import annotations

import numpy as np
import pytest

from example_frames import SHAPES, around, close, losses, parameter, shared_mean, states
from numerics_reference_functions import ACTIVATIONS


def by_shape(value, shape):
    """A bias or gain [...] of a pool [F, X, Y] with all its axes."""
    return value[..., None, None] if shape == "feature" else value


@pytest.mark.proves("np.act", *(f"act.{name}" for name in ACTIVATIONS if name.isidentifier()))
def test_np_activations(example):
    before, after = around(example)
    x = before["values"]
    for name in example.network.expanded()["neuron_pools"]:
        if (act := name.removesuffix("_out")) in ACTIVATIONS:
            close(after[name], ACTIVATIONS[act](x))
    close(after["late_relu_out"], np.maximum(x - 0.5, 0))
    close(after["wide_tent_out"], np.clip(2 - np.abs(1 - x), -1, 2))
    close(after["gate_out"], x / (1 + np.exp(-4 * x)))
    close(after["centred_out"], x - x.mean(1, keepdims=True))
    assert len(after) == 1 + 29 + 4


FUNCTIONS = {
    "min": lambda x: x.min(1, keepdims=True),
    "max": lambda x: x.max((2, 3), keepdims=True),
    "sum": lambda x: x.sum(1, keepdims=True),
    "prod": lambda x: x.prod(2, keepdims=True),
    "mean": lambda x: x.mean(),
    "std": lambda x: x * x.std((1, 2, 3), keepdims=True),
    "var": lambda x: x.var((1, 2, 3), keepdims=True),
    "any": lambda x: (x > 1).any(1, keepdims=True),
    "argmin": lambda x: x.argmin(1)[:, None],
    "argmax": lambda x: x.argmax(1)[:, None],
    "clip": lambda x: np.clip(x, -0.5, 0.5),
    "minimum": lambda x: np.minimum(x, 2 * x),
    "maximum": np.abs,
    "floor": np.floor,
    "reshape": lambda x: x.transpose(0, 2, 3, 1).reshape(2, 2, 3, 3),
    "repeat": lambda x: x.max(3, keepdims=True),
    "dimshuffle": lambda x: x.transpose(0, 1, 3, 2),
    "flatten": lambda x: (x**2).sum(),
    "cast": lambda x: 2 * x,
    "dot": lambda x: x.sum(3, keepdims=True),
    "tensordot": lambda x: x.sum(1, keepdims=True),
    "concatenate": lambda x: -np.abs(x).max(1, keepdims=True),
    "zeros": lambda x: 0,
    "ones": lambda x: x + 1,
    "conv2d": lambda x: sum(
        np.pad(x.sum(1), ((0, 0), (1, 1), (1, 1)))[:, i : i + 3, j : j + 3] for i in range(3) for j in range(3)
    )[:, None],
    "remainder": lambda x: x % 1,
    "whole": np.floor,
}


@pytest.mark.proves(*(f"function.{name}" for name in FUNCTIONS if name not in ("remainder", "whole")))
def test_expressions(example):
    before, after = around(example)
    assert {name.removesuffix("_out") for name in after} == {"values", *FUNCTIONS}
    for name, function in FUNCTIONS.items():
        close(after[f"{name}_out"], function(before["values"]))
        assert name == "zeros" or after[f"{name}_out"].any()


@pytest.mark.proves("act.spiky", "np.act", "np.init", "sp.pact", "act.step")
def test_np_activation_spiky(example):
    seen = []
    for _ in range(11):
        example.step()
        seen.append([example[name].state for name in ("cell", "spikes")])
    cell, spikes = np.array(seen)[:, :, :, 0, 0, 0].transpose(1, 2, 0)
    close(cell, [0.3, 0.6, 0.9, 4, 0, 0.3, 0.6, 0.9, 4, 0, 0.3])
    assert (spikes == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]).all()


@pytest.mark.proves("np.bias_shape", "np.init", "loss.source_t", "loss.target_t")
def test_np_bias_shape(example):
    example.step(60)
    after = states(example)
    pattern = after["wanted"][0]
    for shape in SHAPES:
        close(after[shape], shared_mean(pattern, shape), 1e-4)
        assert example[f"learn_{shape}"].variable["loss1"] < (1e-8 if shape == "full" else 3)
        assert parameter(example, shape, "b").shape == {
            "full": (2, 3, 4), "feature": (2,), "spatial": (3, 4), "scalar": (1,),
        }[shape]  # fmt: skip
    assert len({round(example[f"learn_{shape}"].variable["loss1"], 6) for shape in SHAPES}) == 4
    assert list(example["none"].parameter) == [] and not after["none"].any()


@pytest.mark.proves("np.gain_shape", "np.init", "plast.parameter")
def test_np_gain_shape(example):
    before, after = around(example)
    for shape in SHAPES:
        g = parameter(example, shape, "g")
        assert (g != 1).all() and np.unique(g).size == {"full": 24, "feature": 2, "spatial": 12, "scalar": 1}[shape]
        close(after[shape], before["values"] * by_shape(g, shape))
    close(after["none"], before["values"])
    assert losses(example, "learn", 40)[-1] < 1e-6
    close(parameter(example, "learner", "g"), 3, 1e-3)


@pytest.mark.proves("np.layernorm_mean", "np.layernorm_std")
def test_np_layernorm(example):
    before, after = around(example)
    x = before["values"]
    assert x.min() >= 1
    for shape, axes in (("full", (1, 2, 3)), ("spatial", (2, 3)), ("feature", (1,))):
        close(after[shape].mean(axes), 0)
        close(after[shape].std(axes), 1, 1e-4)
    close(after["only_mean"], x - x.mean((1, 2, 3), keepdims=True))
    close(after["only_std"], x / x.std((1, 2, 3), keepdims=True))


@pytest.mark.proves("np.batchnorm_mean", "np.batchnorm_std")
def test_batchnorm(example):
    before, after = around(example)
    x = before["values"]
    for shape, axes in (("full", (0, 1, 2, 3)), ("spatial", (0, 2, 3)), ("feature", (0, 1)), ("scalar", (0,))):
        close(after[shape].mean(axes), 0)
        close(after[shape].std(axes), 1, 1e-4)
    close(after["only_mean"], x - x.mean(0))
    close(after["only_std"], x / x.std(0), 1e-4)


@pytest.mark.proves("np.unshare")
def test_np_bias_unshare(example):
    example.step(80)
    after = states(example)
    wanted = after["wanted"][:, :, :1]
    assert np.unique(wanted).size == 12
    close(after["single"], wanted, 1e-4)
    close(after["common"], wanted.mean(0), 1e-4)
    assert parameter(example, "single", "b").shape == (4, 3) and parameter(example, "common", "b").shape == (3,)


@pytest.mark.proves("np.unshare", "np.gain_shape")
def test_gain_unshare(example):
    _, after = around(example)
    g = parameter(example, "amplified", "g")
    assert g.shape == (4, 2) and np.unique(g).size == 8
    close(after["amplified"], g[:, :, None, None])


@pytest.mark.proves("np.noise", "np.noise_mean", "np.noise_std", "np.dropout", "np.batchnorm_mean")
def test_np_specification(example):
    before, after = around(example)
    noisy = after["noisy"]
    assert abs(noisy.mean() - 2) < 0.05 and abs(noisy.std() - 0.5) < 0.05
    close(np.unique(after["dropped"]), [0, 4 / 3])
    assert abs((after["dropped"] == 0).mean() - 0.25) < 0.05
    close(after["normalised"], before["noisy"] - before["noisy"].mean(0))
    together = after["all_together"]
    # relu(1 + x) of normal x with mean 0 over the agents, half of it dropped, the rest doubled.
    assert together.min() == 0 and abs((together == 0).mean() - 0.58) < 0.05
    assert abs(together[together > 0].mean() / 2 - 1.25) < 0.1


@pytest.mark.proves("np.noise", "np.noise_mean", "np.noise_std", "np.noise_min", "np.noise_max", "np.noise_prob")
def test_noise(example):
    before, after = around(example)
    x = after["normal"]
    assert abs(x.mean() - 1) < 0.15 and abs(x.std() - 2) < 0.1 and np.unique(x).size > 2000
    u = after["uniform"]
    assert u.min() >= -3 and u.max() <= 1 and abs(u.mean() + 1) < 0.1 and abs(u.std() - 4 / 12**0.5) < 0.1
    b = after["bernoulli"]
    assert set(np.unique(b)) == {0, 1} and abs(b.mean() - 0.2) < 0.04
    for other in (before["normal"], after["second_normal"]):
        assert abs(np.corrcoef(x.ravel(), other.ravel())[0, 1]) < 0.1
    example.command("set normal noise_std 3")
    example["bernoulli"].parameter["noise_prob"] = 1
    example.step()
    assert abs(example["normal"].state.std() - 3) < 0.15 and (example["bernoulli"].state == 1).all()


@pytest.mark.proves("np.dropout")
def test_dropout(example):
    example.split = 4
    before, after = around(example)
    assert (after["dropped"][:4] == 2).all()
    learning = after["dropped"][4:]
    close(np.unique(learning), [0, 2 / 0.7])
    assert abs((learning == 0).mean() - 0.3) < 0.05
    assert ((before["dropped"][4:] == 0) != (learning == 0)).any()


@pytest.mark.proves("np.zoneout")
def test_zoneout(example):
    before, after = around(example, 19)
    grown = after["count"] - before["count"]
    assert set(np.unique(grown)) == {0, 1} and abs((grown == 0).mean() - 0.25) < 0.05
    assert abs(after["count"].mean() - 20 * 0.75) < 0.3 and np.unique(after["count"]).size > 4


@pytest.mark.proves("np.init", "init.normal", "init.zero", "init.one")
def test_start_of_bias(example):
    _, after = around(example, 1)
    assert not after["plain"].any() and (after["number"] == -0.75).all() and (after["one"] == 1).all()
    assert np.unique(after["random"][0]).size == 8 and (after["random"][0] == after["random"][1]).all()
    close(after["doubled"], 2)
