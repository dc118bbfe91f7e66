"""Binary neuron-pools: contributions as probabilities, by hand and against a second computation, on every engine."""

from __future__ import annotations

import functools
import math
from pathlib import Path

import numpy as np
import pytest

from graph_texts import graph, load, odd, says
from numerics_networks import compute, draw, loss, network, start, state
from numerics_reference import Reference
from statestream.numerics.step import Step

pytestmark = pytest.mark.proves("np.binary")
ENGINES = ["numpy", *(pytest.param(name, marks=pytest.mark.slow) for name in ("tensorflow", "theano"))]

POINT = [1, 1, 1]


def phi(x):
    return 0.5 + 0.5 * math.erf(x / math.sqrt(2))


def column(*values):
    return np.array(values, np.float32).reshape(1, -1, 1, 1)


P = phi(0.5 / math.sqrt(0.33))  # m = 0.4 + 0.1, v = 0.5 - (0.25 * 0.64 + 0.0625 * 0.16)
Q = phi((0.5 - 0.7) / math.sqrt(0.33))


@functools.cache
def by_hand(backend):
    """Small pools from x = (0.5, 0.25) by weights (0.8, 0.4), all in one network."""
    binary = {"shape": POINT, "binary": True}
    one = {"source": [["x"]]}
    pools = {
        "x": {"shape": [2, 1, 1]},
        "far": {"shape": [2, 1, 1]},
        **dict.fromkeys(("single", "biased", "two", "product", "outside", "nothing", "half"), binary),
        "chain": {**binary, "init b": -0.5, "act": "square"},
        "sum": {"shape": POINT},
    }
    bias = {"bias_shapes": ["scalar"], "init b_0": 0.7}
    synapses = {
        "s_single": {**one, "target": "single"},
        "s_biased": {**one, "target": "biased", **bias},
        "s_two": {**one, "target": "two"},
        "s_two_more": {**one, "target": "two", **bias},
        "s_product": {"source": [["x"], ["x"]], "target": "product"},
        "s_outside": {"source": [["far"]], "target": "outside"},
        "s_half": {**one, "target": "half", "pact": [["0 * $"]]},
        "s_chain": {**one, "target": "chain"},
        "s_sum": {**one, "target": "sum"},
    }
    net = network(pools, synapses, agents=1)
    values = {**start(net), ("x", "state", ""): column(0.5, 0.25), ("far", "state", ""): column(-3, 5)}
    for name in synapses:
        for weight in ("W_0_0", "W_1_0"):
            if (name, "parameter", weight) in values:
                values[name, "parameter", weight] = column(0.8, 0.4)
    outputs = compute(net, values, backend=backend)
    return {pool: float(state(outputs, pool).item()) for pool in WANTED}


WANTED = {
    "single": P,
    "biased": Q,
    "two": P + Q * (1 - P),
    "product": P * P,
    "outside": 0.0,  # m = -0.4, v = 0 (-0.4 - 9.76 is none)
    "nothing": 0.0,
    "half": 0.5,  # m = v = 0
    "chain": (P - 0.5) ** 2,
    "sum": 0.5,  # not binary
}


@pytest.mark.parametrize("backend", ENGINES)
@pytest.mark.parametrize("pool", WANTED)
def test_by_hand(backend, pool):
    assert by_hand(backend)[pool] == pytest.approx(WANTED[pool], abs=2e-6)


# --- every geometry, against a second computation -------------------------------------------------------------------

SPACE, LINE = [3, 6, 4], [3, 6, 1]
# name: source, target, keys
GEOMETRIES = {
    "same": (SPACE, [2, 6, 4], {"rf": 3}),
    "stride": (SPACE, [2, 3, 2], {"rf": 3, "bias_shapes": ["full"]}),
    "up": ([3, 3, 2], [2, 6, 4], {"rf": 3, "bias_shapes": ["spatial"]}),
    "dense": (SPACE, [2, 1, 1], {"bias_shapes": ["feature"]}),
    "dense_into_space": (SPACE, [2, 6, 4], {"bias_shapes": ["scalar"]}),
    "line": (LINE, [2, 3, 1], {"rf": 3, "bias_shapes": ["full"]}),
    "line_dense": (LINE, [2, 1, 1], {}),
    "unshared": (SPACE, [2, 6, 4], {"rf": 3, "unshare": ["W_0_0", "b_0"], "bias_shapes": ["feature"]}),
    "unshared_line": (LINE, [2, 6, 1], {"rf": 3, "unshare": ["W_0_0"]}),
    "unshared_dense": (SPACE, [2, 1, 1], {"unshare": ["W_0_0", "b_0"], "bias_shapes": ["full"]}),
    "dilated": (SPACE, [2, 6, 4], {"rf": 3, "dilation": [[2]]}),
    "shared_weights": (SPACE, [2, 6, 4], {"rf": 3, "weight_shapes": [["tgt_spatial"]], "weight_fnc": [["square"]]}),
    "projected": (SPACE, [2, 6, 4], {"rf": 1, "ppp": [[2]], "pact": [["sigmoid"]]}),
    "spatial": (SPACE, [2, 6, 4], {"rf": 3, "factor_shapes": ["spatial"], "bias_shapes": ["spatial"]}),
    "after": (SPACE, [2, 6, 4], {"rf": 3, "avgout": 2, "maxout": 3, "ACT": "square", "noise": "normal"}),
    "mixed": (SPACE, [2, 6, 4], {"rf": 3, "M": [4, 3]}),
}


@functools.cache
def every_geometry():
    """(network, values): two synapse-pools per binary target, the second with two factors of two inputs."""
    pools, synapses = {}, {}
    for name, (source, target, spec) in GEOMETRIES.items():
        pools |= {f"{name}_a": {"shape": source}, f"{name}_t": {"shape": target, "binary": True, "act": "sigmoid"}}
        synapses[f"{name}_s"] = {"source": [[f"{name}_a"]], "target": f"{name}_t", "init b_0": "normal", **spec}
        if "bias_shapes" not in spec:
            del synapses[f"{name}_s"]["init b_0"]
    synapses["same_more"] = {
        "source": [["same_a", "up_a"], ["same_a"]],
        "target": "same_t",
        "rf": [[1, 3], [0]],
        "factor_shapes": ["full", "feature"],
    }
    trained = [["sp", f"{name}_s", "W_0_0"] for name in GEOMETRIES]
    plasticities = {
        f"{name}_l": loss(f"{name}_t", 1, [entry], "MSE", target=f"{name}_t", target_t=0)
        for name, entry in zip(GEOMETRIES, trained, strict=True)
    }
    net = network(pools, synapses, plasticities, agents=3)
    values = start(net)
    for key, value in values.items():  # far from saturation: inputs and weights positive, weights small
        if key[1] == "state":
            values[key] = np.abs(value)
        elif key[2][0] in "WP":
            values[key] = np.abs(value) / np.abs(value).sum((-3, -2, -1)).mean()
    return net, values, Reference(net, values, draw(Step(net, [*net.neuron_pools, *plasticities])), 0)


@functools.cache
def geometries(backend):
    net, values, _ = every_geometry()
    return compute(net, values, backend=backend)


@pytest.mark.parametrize("backend", ENGINES)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_every_geometry(backend, name):
    _, _, reference = every_geometry()
    found = state(geometries(backend), f"{name}_t")
    assert found.std() > 1e-4
    np.testing.assert_allclose(found, reference.next_state(f"{name}_t"), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("backend", ENGINES)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_gradients_through_a_rollout(backend, name):
    _, _, reference = every_geometry()
    outputs = geometries(backend)
    assert outputs[f"{name}_l", "variable", "loss1"] == pytest.approx(reference.losses(f"{name}_l")[1], rel=1e-4)
    gradient = outputs[f"{name}_l", "variable", f"grad.sp.{name}_s.W_0_0"]
    largest = float(np.abs(gradient).max())
    assert largest > 0 and np.isfinite(gradient).all()
    for place in list(np.ndindex(gradient.shape))[:: max(gradient.size // 3, 1)]:
        slope = reference.slope(f"{name}_l", (f"{name}_s", "parameter", "W_0_0"), place)
        if slope is not None:
            assert gradient[place] == pytest.approx(slope, rel=1e-2, abs=2e-3 * largest)


@pytest.mark.parametrize("backend", ENGINES)
def test_never_nan(backend):
    """Whatever inputs and weights: values and gradients are numbers."""
    pools = {"a": {"shape": [4, 3, 3]}, "t": {"shape": [2, 3, 3], "binary": True}}
    net = network(pools, {"a_t": {"rf": 3}}, {"l": loss("t", 1, "a_t")})
    values = start(net)
    values["a", "state", ""][0] = 0
    values["a", "state", ""][1] *= 1e4
    values["a", "state", ""][2] = 1
    values["a_t", "parameter", "W_0_0"][0] *= 100
    outputs = compute(net, values, backend=backend)
    assert all(np.isfinite(value).all() for value in outputs.values())
    assert state(outputs, "t").min() >= 0 and state(outputs, "t").max() <= 1


# --- the graph ------------------------------------------------------------------------------------------------------


def text(line):
    return graph(
        pools="    t: {shape: [4, 4, 4], binary: true}",
        synapses=f"    s:\n        source: [[image]]\n        target: t\n        {line}\n",
    )


def test_the_activation_of_a_factor_has_no_effect(tmp_path: Path) -> None:
    (warning,) = odd(text("act: [tanh] #!"), tmp_path)
    says(warning, "s", "act", "no effect", "'t' is binary")


def test_a_function_is_warned_of_once(tmp_path: Path) -> None:
    (warning,) = odd(text("act: [tanh] #!\n        func: B.sum($00)"), tmp_path)
    says(warning, "s", "act", "no effect", "nothing but its expression")


@pytest.mark.parametrize("line", ["act: [Id]", "ACT: tanh", "rf: 3"])
def test_what_has_an_effect(tmp_path: Path, line: str) -> None:
    assert not load(text(line), tmp_path).warnings
    assert load(text(line), tmp_path).items["t"]["binary"] is True
