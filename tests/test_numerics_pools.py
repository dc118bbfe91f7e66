"""Neuron-pools and synapse-pools, against plain numpy written out by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest

from numerics_networks import compute, draw, network, start, state
from statestream.graph import GraphError
from statestream.numerics.errors import UnsupportedError
from statestream.numerics.step import Step

POOL = [3, 4, 6]


def pool_alone(values=None, split=0, agents=4, **spec):
    """(network, values, outputs) of one pool `t` that receives the state of `s` unchanged."""
    net = network(
        {"s": {"shape": POOL}, "t": {"shape": POOL, **spec}}, {"s_t": {"rf": 1, "init W_0_0": "id"}}, agents=agents
    )
    values = {**start(net), **(values or {})}
    return net, values, state(compute(net, values, ["t"], split=split), "t")


def drawn(net, purpose, item="t"):
    return draw(Step(net, [item]))["draw", item, purpose]


def scalar(value):
    return np.array(value, np.float32)


def test_normal_noise_takes_its_scale_from_the_parameters():
    given = {("t", "parameter", "noise_std"): scalar(0.25), ("t", "parameter", "noise_mean"): scalar(3)}
    net, values, found = pool_alone(given, noise="normal")
    np.testing.assert_allclose(found, values["s", "state", ""] + 3 + 0.25 * drawn(net, "noise"), rtol=1e-5, atol=1e-5)


def test_uniform_noise():
    net, values, found = pool_alone(noise="uniform", noise_min=2, noise_max=5)
    np.testing.assert_allclose(found, values["s", "state", ""] + 2 + 3 * drawn(net, "noise"), rtol=1e-5, atol=1e-5)


def test_bernoulli_noise():
    _, values, found = pool_alone(noise="Bernoulli", noise_prob=0.25, agents=100)
    added = found - values["s", "state", ""]
    assert np.isclose(added, 0, atol=1e-5).mean() == pytest.approx(0.75, abs=0.03)
    assert np.isclose(added, 1, atol=1e-5).mean() == pytest.approx(0.25, abs=0.03)


def test_noise_comes_before_the_activation():
    _, _, found = pool_alone(noise="normal", noise_std=10, act="relu")
    assert found.min() == 0


def test_dropout_drops_and_keeps_the_mean():
    _, values, found = pool_alone(dropout=0.25, agents=100)
    before = values["s", "state", ""]
    assert (found == 0).mean() == pytest.approx(0.25, abs=0.02)
    np.testing.assert_allclose(found[found != 0], before[found != 0] / 0.75, rtol=1e-5)


def test_dropout_spares_the_agents_that_do_not_learn():
    _, values, found = pool_alone(dropout=0.5, agents=10, split=4)
    np.testing.assert_array_equal(found[:4], values["s", "state", ""][:4])
    assert (found[4:] == 0).mean() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(("rate", "share"), [(0.0, 0.0), (1.0, 1.0)])
def test_extreme_dropout(rate, share):
    _, _, found = pool_alone(dropout=rate)
    assert (found == 0).mean() == share


def test_zoneout_keeps_old_states():
    _, values, found = pool_alone(zoneout=0.3, agents=100)
    old, new = values["t", "state", ""], values["s", "state", ""]
    kept = found == old
    assert kept.mean() == pytest.approx(0.3, abs=0.02)
    np.testing.assert_allclose(found[~kept], new[~kept], rtol=1e-6)


AXES = {"full": (0, 1, 2, 3), "spatial": (0, 2, 3), "feature": (0, 1), "scalar": (0,)}


@pytest.mark.parametrize("kind", ["batchnorm", "layernorm"])
@pytest.mark.parametrize("shape", AXES)
def test_normalisation(kind, shape):
    if kind == "layernorm" and shape == "scalar":
        return  # there is none
    _, values, found = pool_alone(**{f"{kind}_mean": shape, f"{kind}_std": shape})
    x = values["s", "state", ""]
    axes = tuple(axis for axis in AXES[shape] if axis or kind == "batchnorm")
    expected = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-6)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


SPREAD = {"full": (3, 4, 6), "feature": (3, 1, 1), "spatial": (4, 6), "scalar": (1,)}


@pytest.mark.parametrize("unshared", [False, True])
@pytest.mark.parametrize("shape", SPREAD)
def test_gain_then_bias_then_activation(shape, unshared):
    spec = {"bias_shape": shape, "gain_shape": shape, "init b": "normal", "init g": "normal", "act": "relu"}
    _, values, found = pool_alone(**spec, **({"unshare": ["b", "g"]} if unshared else {}))
    lead = (4, *((1,) if shape == "spatial" else ())) if unshared else ()
    ends = {"scalar": (1, 1, 1)}.get(shape, SPREAD[shape]) if unshared else SPREAD[shape]
    b, g = (values["t", "parameter", name].reshape((*lead, *ends)) for name in "bg")
    np.testing.assert_allclose(found, np.maximum(values["s", "state", ""] * g + b, 0), rtol=1e-5, atol=1e-5)


def test_a_pool_without_inputs_is_the_activation_of_its_bias():
    net = network({"a": {"shape": [2, 3, 1], "act": "sigmoid", "init b": 0.5}})
    np.testing.assert_allclose(state(compute(net, start(net)), "a"), 1 / (1 + np.exp(-0.5)), rtol=1e-6)


def test_contributions_add_up():
    net = network({"a": {"shape": [2, 2, 2]}, "t": {"shape": [2, 2, 2]}}, {"one": identity("a"), "two": identity("a")})
    values = start(net)
    np.testing.assert_allclose(state(compute(net, values), "t"), 2 * values["a", "state", ""], rtol=1e-6)


def identity(source, target="t", **spec):
    return {"source": [[source]], "target": target, "rf": 1, "init W_0_0": "id", **spec}


# --- synapse-pools --------------------------------------------------------------------------------------------------


def correlate(x, w, stride=(1, 1), dilation=1):
    """The convolution rule of the design, written as a loop."""
    agents, _, size_x, size_y = x.shape
    before = [((k - 1) * dilation + 1) // 2 for k in w.shape[2:]]
    reach = [(0, 0), (0, 0), *((pad, w.shape[2 + i] * dilation + stride[i]) for i, pad in enumerate(before))]
    padded = np.pad(x.astype(np.float64), reach)
    out = np.zeros((agents, w.shape[0], -(-size_x // stride[0]), -(-size_y // stride[1])))
    for p in range(out.shape[2]):
        for q in range(out.shape[3]):
            for i in range(w.shape[2]):
                for j in range(w.shape[3]):
                    pixel = padded[:, :, p * stride[0] + i * dilation, q * stride[1] + j * dilation]
                    out[:, :, p, q] += pixel @ w[:, :, i, j].T
    return out


def synapse(source, target, seed=7, **spec):
    """(state of `a`, parameters by name, state of `t`) for one synapse-pool `a_t`."""
    net = network({"a": {"shape": source}, "t": {"shape": target}}, {"a_t": spec})
    values = start(net, seed)
    parameters = {key[2]: value for key, value in values.items() if key[0] == "a_t"}
    return values["a", "state", ""], parameters, state(compute(net, values, ["t"], seed=seed), "t")


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("rf", [1, 2, 3, 5])
@pytest.mark.parametrize(
    ("source", "target"), [((12, 8), (12, 8)), ((12, 8), (6, 4)), ((12, 8), (3, 2)), ((9, 1), (3, 1))]
)
def test_convolution(source, target, rf, dilation):
    x, parameters, found = synapse([2, *source], [3, *target], rf=rf, dilation=[[dilation]])
    stride = (source[0] // target[0], source[1] // target[1])
    np.testing.assert_allclose(found, correlate(x, parameters["W_0_0"], stride, dilation), rtol=1e-4, atol=1e-5)


def test_a_larger_target_is_upsampled_first():
    x, parameters, found = synapse([2, 3, 2], [3, 12, 8], rf=5)
    larger = x.repeat(4, axis=2).repeat(4, axis=3)
    np.testing.assert_allclose(found, correlate(larger, parameters["W_0_0"]), rtol=1e-4, atol=1e-5)


def test_a_receptive_field_as_large_as_the_source_is_no_dense_connection():
    x, parameters, found = synapse([2, 3, 3], [4, 3, 3], rf=3)
    np.testing.assert_allclose(found, correlate(x, parameters["W_0_0"]), rtol=1e-4, atol=1e-5)


def test_dense_into_space_is_spread_over_it():
    x, parameters, found = synapse([2, 3, 4], [5, 6, 8], rf=0)
    expected = np.einsum("bcxy,ocxy->bo", x, parameters["W_0_0"])[:, :, None, None]
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rf", [0, 1])
def test_a_single_pixel_reaches_every_target(rf):
    x, parameters, found = synapse([2, 1, 1], [5, 4, 4], rf=rf)
    expected = (x[:, :, 0, 0] @ parameters["W_0_0"][:, :, 0, 0].T)[:, :, None, None]
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-4, atol=1e-5)


def test_a_single_pixel_makes_a_factor_without_space_too():
    x, parameters, found = synapse([2, 1, 1], [5, 4, 4], rf=1, factor_shapes=["feature"])
    assert parameters["W_0_0"].shape == (5, 2, 1, 1)
    expected = (x[:, :, 0, 0] @ parameters["W_0_0"][:, :, 0, 0].T)[:, :, None, None]
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "shape", ["feature", "spatial", "scalar", "src_feature", "tgt_feature", "src_spatial", "tgt_spatial"]
)
@pytest.mark.parametrize("rf", [0, 3])
def test_shared_weights_act_as_a_kernel_of_equal_values(shape, rf):
    x, parameters, found = synapse([2, 6, 6], [4, 6, 6], rf=rf, weight_shapes=[[shape]])
    size = rf or 6
    weight = np.broadcast_to(parameters["W_0_0"], (4, 2, size, size))
    expected = correlate(x, weight) if rf else np.einsum("bcxy,ocxy->bo", x, weight)[:, :, None, None]
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-4, atol=1e-5)


def test_weight_functions():
    x, parameters, found = synapse([2, 4, 4], [3, 4, 4], rf=3, weight_fnc=[["exp"]])
    np.testing.assert_allclose(found, correlate(x, np.exp(parameters["W_0_0"])), rtol=1e-4, atol=1e-5)


def grouped(x, size):
    return x.reshape(x.shape[0], -1, size, *x.shape[2:])


def test_avgout_is_a_mean_and_comes_before_maxout():
    x, parameters, found = synapse([2, 4, 4], [3, 4, 4], rf=3, avgout=2, maxout=3)
    factor = correlate(x, parameters["W_0_0"])
    assert factor.shape[1] == 18
    expected = grouped(grouped(factor, 2).mean(axis=2), 3).max(axis=2)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_final_mixing():
    x, parameters, found = synapse([2, 4, 4], [3, 4, 4], rf=3, M=[6, 3], maxout=2, ACT="tanh")
    hidden = grouped(correlate(x, parameters["W_0_0"]), 2).max(axis=2)
    np.testing.assert_allclose(found, np.tanh(correlate(hidden, parameters["M"])), rtol=1e-4, atol=1e-5)


def test_unshared_weights_belong_to_one_agent_each():
    for spec in ({"rf": 3, "ppp": [[2]], "unshare": ["W_0_0", "P_0_0"]}, {"unshare": ["W_0_0"]}):
        x, parameters, found = synapse([3, 4, 4], [2, 4, 4], **spec)
        for agent in range(4):
            one = x[agent : agent + 1]
            if "ppp" in spec:
                expected = correlate(correlate(one, parameters["P_0_0"][agent]), parameters["W_0_0"][agent])
            else:
                expected = np.einsum("bcxy,ocxy->bo", one, parameters["W_0_0"][agent])[:, :, None, None]
            np.testing.assert_allclose(
                found[agent], np.broadcast_to(expected[0], found[agent].shape), rtol=1e-4, atol=1e-5
            )


def test_a_softmax_of_unshared_weights_runs_over_the_sources_of_each_agent():
    for spec in ({"rf": 3}, {}):
        x, parameters, found = synapse([2, 4, 4], [3, 4, 4], unshare=["W_0_0"], weight_fnc=[["softmax"]], **spec)
        raised = np.exp(parameters["W_0_0"])
        kernels = raised / raised.sum(axis=2, keepdims=True)
        for agent in range(4):
            one, kernel = x[agent : agent + 1], kernels[agent]
            dense = () if spec else np.einsum("cxy,ocxy->o", one[0], kernel)[:, None, None]
            expected = correlate(one, kernel)[0] if spec else np.broadcast_to(dense, (3, 4, 4))
            np.testing.assert_allclose(found[agent], expected, rtol=1e-4, atol=1e-5)


def test_synapse_noise_has_the_right_sign():
    net = network(
        {"a": {"shape": POOL}, "t": {"shape": POOL}},
        {"a_t": {"rf": 1, "noise": "uniform", "noise_min": 2, "noise_max": 3, "init W_0_0": 0}},
    )
    found = state(compute(net, start(net), ["t"]), "t")
    assert 2 <= found.min() < 2.1
    assert 2.9 < found.max() < 3


def test_smaller_target_shapes_are_spread():
    net = network(
        {"a": {"shape": [2, 4, 4]}, "c": {"shape": [3, 1, 1]}, "t": {"shape": [5, 4, 4]}},
        {
            "all": {
                "source": [["a", "a", "c", "c"]],
                "target": "t",
                "rf": [[3, 3, 0, 0]],
                "target_shapes": [["full", "spatial", "feature", "scalar"]],
                "bias_shapes": ["spatial"],
                "init b_0": "normal",
            }
        },
    )
    values = start(net)
    a, c = (values[pool, "state", ""] for pool in "ac")
    w = [values["all", "parameter", f"W_0_{i}"] for i in range(4)]
    assert [one.shape[0] for one in w] == [5, 1, 5, 1]
    expected = correlate(a, w[0]) + correlate(a, w[1]) + correlate(c, w[2]) + correlate(c, w[3])
    expected = expected + values["all", "parameter", "b_0"]
    np.testing.assert_allclose(state(compute(net, values, ["t"]), "t"), expected, rtol=1e-4, atol=1e-5)


def test_a_factor_is_spread_before_its_activation():
    """softmax over one feature would be 1; over five equal ones it is 0.2."""
    net = network(
        {"c": {"shape": [3, 1, 1]}, "t": {"shape": [5, 2, 2]}},
        {"c_t": {"target_shapes": [["scalar"]], "act": ["softmax"]}},
    )
    np.testing.assert_allclose(state(compute(net, start(net), ["t"]), "t"), 0.2, rtol=1e-6)


def test_functional_pools():
    pools = {"a": {"shape": [2, 3, 3]}, "b": {"shape": [2, 3, 3]}, "t": {"shape": [1, 3, 3]}}
    spec = {"source": [["a"], ["b"]], "target": "t", "func": "B.sum(B.abs($00 - $10), axis=1, keepdims=True)"}
    net = network(pools, {"distance": spec})
    values = start(net)
    expected = np.abs(values["a", "state", ""] - values["b", "state", ""]).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(state(compute(net, values, ["t"]), "t"), expected, rtol=1e-5)


REFUSED = {
    "dilation": ({}, {"dilation": [[2]]}),
    "rf": ({}, {"rf": 3, "factor_shapes": ["feature"]}),
    "target_shapes": ({}, {"factor_shapes": ["feature"], "target_shapes": [["full"]]}),
}


@pytest.mark.parametrize("parameter", REFUSED)
def test_what_cannot_be_computed_is_refused(parameter):
    pool, synapse_pool = REFUSED[parameter]
    pools = {"a": {"shape": [2, 4, 4]}, "b": {"shape": [2, 4, 4]}, "t": {"shape": [2, 4, 4], **pool.get("t", {})}}
    with pytest.raises((GraphError, UnsupportedError)) as found:  # the checks of a graph find some of it before
        net = network(pools, {"a_t": {"source": [["a"]], "target": "t", **synapse_pool}})
        Step(net, ["t"])
    assert re.search(rf"\b(a_t|t)\.{parameter}: ", str(found.value))
