"""Pooling: by hand, against TensorFlow's own, the way of its gradient, and what a graph may say."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from graph_texts import load, says, synapse, wrong
from numerics_networks import compiled, compute, loss, network, start, state
from numerics_reference_kinds import pooled
from statestream.numerics.arrays import array_table

pytestmark = pytest.mark.proves("sp.pool")
ENGINES = ["numpy", *(pytest.param(name, marks=pytest.mark.slow) for name in ("tensorflow", "theano"))]

LINE = np.array([1, 5, 2, -4, 3], np.float32).reshape(1, 1, 5, 1)
BELOW = np.array([-1, -5, -2, -4, -3], np.float32).reshape(1, 1, 5, 1)
SQUARE = np.arange(1, 10, dtype=np.float32).reshape(1, 1, 3, 3)
# name: source, pool, what it makes
BY_HAND = {
    "max_2_2_same": (LINE, ["max", 2, 2, "same"], [5, 2, 3]),
    "avg_2_2_same": (LINE, ["avg", 2, 2, "same"], [3, -1, 3]),
    "max_3_2_same": (LINE, ["max", 3, 2, "same"], [5, 5, 3]),
    "avg_3_2_same": (LINE, ["avg", 3, 2, "same"], [3, 1, -0.5]),
    "max_4_3_same": (LINE, ["max", 4, 3, "same"], [5, 3]),
    "avg_4_3_same": (LINE, ["avg", 4, 3, "same"], [8 / 3, 1 / 3]),
    "max_4_1_valid": (LINE, ["max", 4, 1, "valid"], [5, 5]),
    "avg_4_1_valid": (LINE, ["avg", 4, 1, "valid"], [1, 1.5]),
    "avg_2_3_valid": (LINE, ["avg", 2, 3, "valid"], [3, -0.5]),
    "smaller_half_in_front": (LINE, ["max", 2, 1, "same"], [5, 5, 2, 3, 3]),
    "one_pixel": (LINE, ["avg", 1, 1, "same"], [1, 5, 2, -4, 3]),
    "stride_only": (LINE, ["max", 1, 2, "valid"], [1, 2, 3]),
    "padding_never_counts": (BELOW, ["max", 3, 1, "same"], [-1, -1, -2, -2, -3]),
    "padding_never_counts_in_means": (BELOW, ["avg", 3, 1, "same"], [-3, -8 / 3, -11 / 3, -3, -3.5]),
    "square_max_same": (SQUARE, ["max", 2, 2, "same"], [[5, 6], [8, 9]]),
    "square_avg_same": (SQUARE, ["avg", 2, 2, "same"], [[3, 4.5], [7.5, 9]]),
    "square_max_valid": (SQUARE, ["max", 2, 1, "valid"], [[5, 6], [8, 9]]),
    "square_avg_valid": (SQUARE, ["avg", 2, 1, "valid"], [[3, 4], [6, 7]]),
    "global": (SQUARE, ["avg", 3, 3, "valid"], [[5]]),
    "larger_than_source": (SQUARE, ["max", 7, 1, "same"], [[9] * 3] * 3),
    "far_larger_than_source": (SQUARE, ["avg", 2_000_000_000, 2, "same"], [[5] * 2] * 2),
}


def pair(source, pool, number, **spec):
    """(neuron-pools, synapse-pools, states) of one pooling."""
    made = pooled(source, [*pool[:1], min(pool[1], 50), *pool[2:]]).shape
    names = f"a{number}", f"t{number}"
    pools = {name: {"shape": list(shape[1:])} for name, shape in zip(names, (source.shape, made), strict=True)}
    synapses = {f"s{number}": {"source": [[names[0]]], "target": names[1], "pool": pool, **spec}}
    return pools, synapses, {(names[0], "state", ""): source}


def together(pairs, agents):
    pools, synapses, states = ({k: v for one in pairs for k, v in one[i].items()} for i in range(3))
    net = network(pools, synapses, agents=agents)
    return net, {**start(net), **states}


@functools.cache
def by_hand(backend):
    net, values = together([pair(s, p, n) for n, (s, p, _) in enumerate(BY_HAND.values())], agents=1)
    return compute(net, values, backend=backend)


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("backend", ENGINES)
def test_by_hand(backend, name):
    number, wanted = list(BY_HAND).index(name), np.array(BY_HAND[name][2], float)
    found = state(by_hand(backend), f"t{number}")[0, 0]
    np.testing.assert_allclose(found, wanted.reshape(found.shape), rtol=1e-6)


GEOMETRIES = [
    ((2, 8, 8), 2, 2),
    ((2, 7, 9), 3, 2),
    ((3, 5, 6), 2, 1),
    ((1, 9, 4), 3, 3),
    ((2, 10, 7), 4, 3),
    ((2, 6, 6), 5, 1),
    ((1, 4, 11), 1, 2),
    ((2, 1, 6), 1, 2),
]


@pytest.mark.slow
def test_as_tensorflow_pools():
    """Whatever size, stride and padding: its own functions are the definition."""
    import tensorflow as tf

    cases = [
        (np.random.default_rng(n).standard_normal((3, *shape)).astype(np.float32), [statistic, size, stride, padding])
        for n, (shape, size, stride) in enumerate(GEOMETRIES)
        for statistic in ("max", "avg")
        for padding in ("same", "valid")
    ]
    net, values = together([pair(source, pool, number) for number, (source, pool) in enumerate(cases)], agents=3)
    outputs = compute(net, values)
    for number, (source, (statistic, size, stride, padding)) in enumerate(cases):
        function = tf.nn.max_pool2d if statistic == "max" else tf.nn.avg_pool2d
        wanted = function(source.transpose(0, 2, 3, 1), size, stride, padding.upper()).numpy().transpose(0, 3, 1, 2)
        np.testing.assert_allclose(state(outputs, f"t{number}"), wanted, rtol=1e-5, atol=1e-6)


def test_before_and_after_pooling():
    """pact, then pooling, then ACT, then noise; the noise has its parameters, and nothing else is allocated."""
    source = np.random.default_rng(3).standard_normal((2, 3, 6, 4)).astype(np.float32)
    spec = {"pact": [["B.abs($)"]], "ACT": "tanh", "noise": "uniform", "noise_min": 2, "noise_max": 2}
    net, values = together([pair(source, ["avg", 2, 2, "same"], 0, **spec)], agents=2)
    wanted = np.tanh(np.abs(source).reshape(2, 3, 3, 2, 2, 2).mean((3, 5))) + 2
    np.testing.assert_allclose(state(compute(net, values), "t0"), wanted, rtol=1e-5)
    assert {spec.key[2] for spec in array_table(net) if spec.key[0] == "s0"} == {"noise_min", "noise_max"}


def test_nothing_is_allocated():
    net, _ = together([pair(LINE, ["max", 2, 2, "same"], 0)], agents=1)
    assert not [spec for spec in array_table(net) if spec.key[0] == "s0"]


# --- gradients ------------------------------------------------------------------------------------------------------


@functools.cache
def slopes(backend):
    """Gradients of the mean of a pooled map to every pixel of its source, which is a bias: {case: [X, Y]}."""
    cases = {
        "ties": (np.zeros((4, 4)), ["max", 2, 2, "valid"]),
        "ties_with_overlap": (np.zeros((4, 4)), ["max", 3, 1, "same"]),
        "max": (np.array([[1, 2, 0], [9, 3, 4], [8, 7, 6]]), ["max", 2, 1, "valid"]),
        "avg": (np.zeros((3, 3)), ["avg", 2, 2, "same"]),
    }
    pools, synapses, plasticities, values = {"z": {"shape": [1, 1, 1]}}, {}, {}, {}
    for name, (bias, pool) in cases.items():
        made = pooled(bias[None, None], pool).shape[1:]
        pools |= {f"{name}_a": {"shape": [1, *bias.shape], "bias_shape": "full"}, f"{name}_t": {"shape": list(made)}}
        synapses[f"{name}_in"] = {"source": [["z"]], "target": f"{name}_a", "init W_0_0": 0}
        synapses[f"{name}_s"] = {"source": [[f"{name}_a"]], "target": f"{name}_t", "pool": pool}
        plasticities[f"{name}_l"] = loss(f"{name}_t", 2, [["np", f"{name}_a", "b"]])
        values[f"{name}_a", "parameter", "b"] = np.asarray(bias, np.float32)[None]
    net = network(pools, synapses, plasticities, agents=1)
    outputs = compute(net, {**start(net), **values}, backend=backend)
    return {name: outputs[f"{name}_l", "variable", f"grad.np.{name}_a.b"][0] for name in cases}


@pytest.mark.parametrize("backend", ENGINES)
def test_of_equal_pixels_one_has_the_whole_gradient(backend):
    found = slopes(backend)["ties"]
    windows = np.sort(found.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(4, 4))
    np.testing.assert_allclose(windows, [[0, 0, 0, 0.25]] * 4, atol=1e-6)
    overlap = slopes(backend)["ties_with_overlap"]
    assert overlap.sum() == pytest.approx(1, rel=1e-5)  # also where a window reaches over an edge
    np.testing.assert_allclose(overlap * 16, np.round(overlap * 16), atol=1e-4)
    np.testing.assert_allclose(overlap, slopes("numpy")["ties_with_overlap"], atol=1e-6)


@pytest.mark.parametrize("backend", ENGINES)
def test_gradients_by_hand(backend):
    # windows [1 2 9 3] [2 0 3 4] [9 3 8 7] [3 4 7 6]
    np.testing.assert_allclose(slopes(backend)["max"], np.array([[0, 0, 0], [2, 0, 1], [0, 1, 0]]) / 4, atol=1e-6)
    wanted = np.array([[0.25, 0.25, 0.5], [0.25, 0.25, 0.5], [0.5, 0.5, 1]]) / 4
    np.testing.assert_allclose(slopes(backend)["avg"], wanted, atol=1e-6)


def test_pools_into_a_binary_neuron_pool():
    pools = {"a": {"shape": [1, 4, 1]}, "t": {"shape": [1, 2, 1], "binary": True}}
    spec = {"source": [["a"]], "target": "t"}
    net = network(pools, {"x": {**spec, "pool": ["max", 2, 2, "same"]}, "y": {**spec, "pool": ["avg", 2, 2, "same"]}})
    values = start(net)
    x = values["a", "state", ""].reshape(4, 1, 2, 2, 1)
    p, q = x.max(3), x.mean(3)
    np.testing.assert_allclose(compiled(net, ["t"])(values)["t", "state", ""], p + q * (1 - p), rtol=1e-5, atol=1e-6)


# --- the graph ------------------------------------------------------------------------------------------------------

POOLED = "source: [[image]]\ntarget: p\npool: [max, 2, 2, same]"


def graph(text, shape="[3, 4, 4]"):
    """The graph of all checks with a target for `image`, [3, 8, 8]."""
    return synapse(text).replace("neuron_pools:\n", f"neuron_pools:\n    p: {{shape: {shape}}}\n")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("[max, 2, 2]", ["3 entries"]),
        ("[]", ["0 entries"]),
        ("max", ["a list"]),
        ("[mean, 2, 2, same]", ["'mean'"]),
        ("[max, 0, 2, same]", ["found 0;"]),
        ("[max, 2.5, 0, same]", ["found 2.5, 0;"]),
        ("[max, true, two, same]", ["True, 'two'"]),
        ("[max, 2, 1e30, same]", ["1e+30"]),
        ("[max, 2, 2, SAME]", ["'SAME'"]),
        ("[max, [2, 2], 2, same]", ["(2, 2)"]),
        ("[max, 9, 1, valid]", ["size 9 without padding", "X, Y = 8, 8", "'same'"]),
        ("[max, 3, 1, valid]", ["makes [3, 6, 6]", "'p' has [3, 4, 4]"]),
        ("[max, 2, 3, same]", ["makes [3, 3, 3]"]),
    ],
)
def test_what_is_no_pooling(tmp_path: Path, value: str, words: list[str]) -> None:
    (finding,) = wrong(graph(f"source: [[image]]\ntarget: p\npool: {value} #!"), tmp_path)
    says(finding, "s", "pool", *words)


@pytest.mark.parametrize("value", ["[max, 2.0, 2, same]", "[avg, 2, 2, valid]", "[max, 9, 2, same]", "None", "null"])
def test_what_is_pooling(tmp_path: Path, value: str) -> None:
    network = load(graph(f"source: [[image]]\ntarget: p\nrf: 1\npool: {value}".replace("rf: 1\n", "")), tmp_path)
    assert not network.warnings


def test_features_stay(tmp_path: Path) -> None:
    (finding,) = wrong(graph(f"{POOLED} #!", "[4, 4, 4]"), tmp_path)
    says(finding, "s", "pool", "makes [3, 4, 4]", "'p' has [4, 4, 4]")


@pytest.mark.parametrize("source", ["[[image, image]]", "[[image], [image]]"])
def test_one_input(tmp_path: Path, source: str) -> None:
    (finding,) = wrong(graph(f"source: {source} #!\ntarget: p\npool: [max, 2, 2, same]"), tmp_path)
    says(finding, "s", "source", "found 2 inputs", "one")


WEIGHTS = {
    "rf": "2", "dilation": "[[1]]", "act": "[tanh]", "ppp": "[[2]]", "M": "[3, 1]", "avgout": "2", "maxout": "2",
    "factor_shapes": "[full]", "target_shapes": "[[full]]", "weight_shapes": "[[full]]", "bias_shapes": "[full]",
    "weight_fnc": "[[exp]]", "unshare": "[W_0_0]", "share params": "{W_0_0: [image_hidden, W_0_0]}",
    "init W_0_0": "1", "min W_0_0": "0", "max W_0_0": "1",
}  # fmt: skip


@pytest.mark.parametrize("key", WEIGHTS)
def test_keys_of_weights(tmp_path: Path, key: str) -> None:
    (finding,) = wrong(graph(f"{POOLED}\n{key}: {WEIGHTS[key]} #!"), tmp_path)
    says(finding, "s", key, f"'{key}' has no effect", "pooling has no weights")


def test_what_pooling_can_have_beside(tmp_path: Path) -> None:
    load(graph(f"{POOLED}\npact: [[tanh]]\nACT: relu\nnoise: normal\nnoise_std: 0.1\ntags: [x]\nperiod: 1"), tmp_path)


@pytest.mark.parametrize(
    ("line", "key", "words"), [("tags: [TRANSFORMER] #!", "tags", ["spatial transformer", "'pool' pooling"])]
)
def test_one_kind_only(tmp_path: Path, line: str, key: str, words: list[str]) -> None:
    (finding,) = wrong(graph(f"{POOLED}\n{line}"), tmp_path)
    says(finding, "s", key, *words, "one of them")
    (finding,) = wrong(graph(f"func: '$00'\n{POOLED} #!"), tmp_path)
    says(finding, "s", "pool", "'func' a functional", "one of them")
