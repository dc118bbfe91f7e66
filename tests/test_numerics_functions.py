"""Activations, losses and optimizers, by the numbers of the specification."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from numerics_networks import network
from statestream import backends
from statestream.catalogue import default_catalogue
from statestream.graph import GraphError, load_graph
from statestream.numerics.activations import ACTIVATIONS
from statestream.numerics.declarations import FUNCTIONS as DECLARED
from statestream.numerics.errors import UnsupportedError
from statestream.numerics.expressions import FUNCTIONS, activate, evaluate, require
from statestream.numerics.losses import LOSSES
from statestream.numerics.optimizers import OPTIMIZERS
from statestream.numerics.step import Step

NUMPY = backends.load("numpy")


def compute(function, **arrays):
    """One evaluation with numpy: function(ops, **tensors) -> tensor."""
    arrays = {name: np.ascontiguousarray(value, np.float32) for name, value in arrays.items()}
    run = NUMPY.compile(
        lambda ops, symbols: {"result": function(ops, **symbols)}, {name: value.shape for name, value in arrays.items()}
    )
    return run(arrays)["result"]


def act(text, values):
    """An activation string on some values of one feature."""
    x = np.asarray(values, np.float32).reshape(1, 1, -1, 1)
    return compute(lambda ops, x: activate(ops, text, x, ("pool", "act")), x=x).ravel()


SELU, ALPHA = 1.0507, 1.6733
VALUES = {
    "Id": {-1.5: -1.5, 0: 0, 2: 2},
    "tanh": {0.5: math.tanh(0.5), -3: math.tanh(-3)},
    "sigmoid": {0: 0.5, 2: 1 / (1 + math.exp(-2)), -100: 0},
    "exp": {1: math.e, -2: math.exp(-2)},
    "mexp": {1: -math.e},
    "square": {-3: 9},
    "msquare": {-3: -9},
    "sqrt": {4: 2, 0: 0, -4: 0},
    "relu": {-1: 0, 0: 0, 3: 3},
    "leakyrelu": {-2: -0.2, 2: 2},
    "elu": {2: 2, -1: math.exp(-1) - 1, -200: -1},
    "selu": {2: 2 * SELU, -1: SELU * ALPHA * (math.exp(-1) - 1)},
    "softplus": {0: math.log(2), 1: math.log(1 + math.e), 100: 100, -200: 0},
    "gaussian": {0: 1, 2: math.exp(-4)},
    "log": {math.e: 1, 0: math.log(1e-6), -5: math.log(1e-6)},
    "neglog": {math.e: -1, 0: -math.log(1e-6)},
    "abs": {-2: 2, 3: 3},
    "sign": {-2: -1, 0: 0, 3: 1},
    "spiky": {-1: 0, 0: 0, 0.5: 0.5, 1: 1, 1.5: 4, 2: 0, 3: 0},
    "switchsign": {0.5: 0.5, 1: 1, 1.5: -1.5, -2: -2},
    "erf": {0.5: math.erf(0.5), -2: math.erf(-2)},
    "step": {-0.1: -1, 0: 1, 2: 1},
    "rectangular": {-0.1: 0, 0: 0, 0.5: 1, 1: 0, 2: 0},
    "bilinear": {0: 1, 0.25: 0.75, -0.25: 0.75, 1: 0, -3: 0},
    "softround": {0: 0, 0.25: 0.2098, 0.5: 0.5, 1: 1},
    "linround": {0: 0, 0.25: 0.125, 0.5: 0.5, 0.9: 0.95, 1: 1},
    "linroundint": {2.25: 2.125, -0.5: -0.5, 3: 3, -1.75: -1.875},
    "linroundpow2": {0.25: 0.125, 1: 1, 1.25: 1.125, 3: 3, 5: 4.5, 40: 36, 200: 164},
}


@pytest.mark.parametrize("name", VALUES)
def test_activation_values(name):
    inputs, expected = zip(*VALUES[name].items(), strict=True)
    np.testing.assert_allclose(act(name, inputs), expected, rtol=1e-5, atol=2e-5 if name == "softround" else 1e-6)


def test_every_activation_has_a_value_here():
    assert set(VALUES) | {"softmax"} == set(ACTIVATIONS)


def test_softmax_is_over_features_for_each_pixel():
    x = np.zeros((2, 3, 2, 2), np.float32)
    x[0, 1, 0, 1] = math.log(2)
    result = compute(lambda ops, x: activate(ops, "softmax", x, ("", "")), x=x)
    np.testing.assert_allclose(result.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(result[0, :, 0, 1], [0.25, 0.5, 0.25], rtol=1e-6)
    np.testing.assert_allclose(result[0, :, 0, 0], 1 / 3, rtol=1e-6)


def test_expressions():
    x = [-1.0, 0.25, 2.0]
    np.testing.assert_allclose(act("B.relu($, thresh=0.5) + 0.1 * B.abs($)", x), [0.1, 0.025, 1.7], rtol=1e-6)
    np.testing.assert_allclose(act("$ - B.mean($)", x), np.array(x) - np.mean(x), rtol=1e-6)
    np.testing.assert_allclose(act("0.5", x), 0.5)
    np.testing.assert_allclose(act("$ // 2", x), [-1, 0, 1])
    np.testing.assert_allclose(act("$ % 2", x), [1, 0.25, 0])


def test_all_declared_functions_exist():
    assert set(FUNCTIONS) == set(DECLARED)


FUNCTION_CASES = {
    "B.any($, axis=1, keepdims=True)": lambda x: (x != 0).any(axis=1, keepdims=True),
    "B.argmax($, axis=1)": lambda x: x.argmax(axis=1),
    "B.argmin($)": lambda x: x.argmin(),
    "B.reshape($, [2, 1, 12])": lambda x: x.reshape(2, 1, 12),
    "B.repeat($, 2, axis=3)": lambda x: x.repeat(2, axis=3),
    "B.repeat($, 2)": lambda x: x.repeat(2),
    "B.dimshuffle($, [1, 'x', 0, 3, 2])": lambda x: x.transpose(1, 0, 3, 2)[:, None],
    "B.flatten($)": lambda x: x.ravel(),
    "B.dot($, B.ones([2, 3]))": lambda x: x @ np.ones((2, 3)),
    "B.tensordot($, $, [[0, 2], [0, 2]])": lambda x: np.tensordot(x, x, ((0, 2), (0, 2))),
    "B.concatenate([$, B.zeros([2, 1, 2, 2])], axis=1)": lambda x: np.pad(x, [(0, 0), (0, 1), (0, 0), (0, 0)]),
    "B.cast($, 'int')": lambda x: x,
    "B.std($, axis=[2, 3])": lambda x: x.std(axis=(2, 3)),
    "B.clip($, -0.5, 0.5)": lambda x: x.clip(-0.5, 0.5),
}


@pytest.mark.parametrize("text", FUNCTION_CASES)
def test_functions_of_expressions(text):
    x = np.random.default_rng(5).standard_normal((2, 3, 2, 2)).astype(np.float32)
    expected = np.asarray(FUNCTION_CASES[text](x), np.float32)
    result = compute(lambda ops, x: evaluate(ops, text, {"$": x}, expected.shape, ("", "")), x=x)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


def loss(name, x, y):
    """The mean of the element-wise error over all elements."""
    function = LOSSES[name].function
    x, y = (np.asarray(value, np.float32) for value in (x, y))
    return float(compute(lambda ops, x, y: ops.mean(function(ops, x, y)), x=x, y=y))


def one_hot(features, agents=1):
    y = np.zeros((agents, features, 1, 1), np.float32)
    y[:, 2] = 1
    return y


def test_negloglikelihood_of_ten_classes():
    x = np.full((1, 10, 1, 1), 0.5 / 9)
    x[0, 2] = 0.5
    assert loss("negloglikelihood", x, one_hot(10)) == pytest.approx(0.0693147, rel=1e-5)
    assert loss("categorical_crossentropy", x, one_hot(10)) == pytest.approx(0.0693147, rel=1e-5)


def test_the_losses_that_take_probabilities_differ_in_their_limits_only():
    certain = np.zeros((1, 10, 1, 1))
    certain[0, 2] = 1
    assert loss("negloglikelihood", certain, one_hot(10)) == 0
    assert loss("categorical_crossentropy", certain, one_hot(10)) == pytest.approx(1e-7, rel=0.1)
    assert loss("negloglikelihood", 1 - certain, one_hot(10)) == pytest.approx(-math.log(1e-6) / 10, rel=1e-5)


def test_softmax_cross_entropy_takes_logits_and_sums_over_features():
    x = np.zeros((3, 10, 1, 1))
    assert loss("softmax_cross_entropy", x, one_hot(10, 3)) == pytest.approx(math.log(10), rel=1e-5)
    x[:, 2] = 1000.0
    assert loss("softmax_cross_entropy", x, one_hot(10, 3)) == 0
    assert loss("softmax_cross_entropy", -x, one_hot(10, 3)) == pytest.approx(1000 + math.log(9), rel=1e-5)


@pytest.mark.proves("lossfn.softmax_cross_entropy")
def test_softmax_cross_entropy_by_hand():
    """-Σ y ln p over features, with p = e^x / Σ e^x; the mean over two agents of two pixels each."""
    x = np.log(np.array([[[1, 2], [1, 6], [2, 8]], [[3, 1], [3, 1], [4, 1]]], float))[..., None]  # p: x / its sum
    y = np.array([[[1, 0], [0, 0], [0, 1]], [[0, 0.5], [1, 0.5], [0, 0]]], float)[..., None]
    wanted = -(math.log(1 / 4) + math.log(8 / 16) + math.log(3 / 10) + math.log(1 / 3)) / 4
    assert loss("softmax_cross_entropy", x, y) == pytest.approx(wanted, rel=1e-6)
    assert loss("softmax_cross_entropy", x + 100, y) == pytest.approx(wanted, rel=1e-5)


def test_other_losses():
    x, y = np.array([1.0, -2.0]).reshape(2, 1, 1, 1), np.array([0.5, 1.0]).reshape(2, 1, 1, 1)
    assert loss("MSE", x, y) == pytest.approx((0.25 + 9) / 2)
    assert loss("MAE", x, y) == pytest.approx((0.5 + 3) / 2)
    assert loss("hinge", x, y) == pytest.approx((0.5 + 3) / 2)
    assert loss("minimize", x, y) == pytest.approx(-0.5)
    assert loss("maximize", x, y) == pytest.approx(0.5)
    assert [each.name for each in LOSSES.values() if not each.needs_target] == ["minimize", "maximize"]


def increments(name, gradients, **parameters):
    """What an optimizer adds to a scalar, one after the other."""
    optimizer = OPTIMIZERS[name]
    given = {each.name: each.default for each in optimizer.parameters} | parameters
    memory = dict.fromkeys((*optimizer.counters, *optimizer.moments), np.zeros((), np.float32))
    result = []
    for gradient in gradients:
        run = NUMPY.compile(
            lambda ops, symbols: _stepped(
                optimizer, ops, symbols, optimizer.counters + optimizer.moments, tuple(given)
            ),
            dict.fromkeys(("g", *memory, *given), ()),
        )
        outputs = run({"g": np.float32(gradient).reshape(()), **memory, **_scalars(given)})
        memory = {key: outputs[key] for key in memory}
        result.append(float(outputs["Δ"]))
    return result


def _scalars(values):
    return {name: np.array(value, np.float32) for name, value in values.items()}


def _stepped(optimizer, ops, symbols, memory, parameters):
    increment, variables = optimizer.step(
        ops, symbols["g"], {key: symbols[key] for key in memory}, {key: symbols[key] for key in parameters}
    )
    return {"Δ": increment, **variables}


def test_grad_desc_limits_its_increments():
    assert increments("grad_desc", [1, -3, 2000, -2000], lr=0.1) == pytest.approx([-0.1, 0.3, -1, 1])


def test_adam_in_standard_order():
    assert increments("adam", [1, 1, 1, 1], lr=0.1) == pytest.approx([-0.1] * 4, rel=1e-4)


def test_adam_by_hand():
    m = v = 0.0
    expected = []
    gradients = [0.5, -1.0, 2.0, 0.25]
    for t, g in enumerate(gradients, 1):
        m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g * g
        expected.append(-0.01 * math.sqrt(1 - 0.95**t) / (1 - 0.8**t) * m / (math.sqrt(v) + 1e-6))
    assert increments("adam", gradients, lr=0.01, momentum=0.8, decay=0.95) == pytest.approx(expected, rel=1e-4)


@pytest.mark.proves("optimizer.adam")
def test_adam_is_algorithm_1_of_its_paper():
    """Kingma & Ba 2015 with their constants: moments corrected for their start at 0; only epsilon stands elsewhere."""
    gradients, m, v, expected = [0.5, -1.0, 2.0, 0.25, 0.1], 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        m, v = 0.9 * m + (1 - 0.9) * g, 0.999 * v + (1 - 0.999) * g**2
        corrected_m, corrected_v = m / (1 - 0.9**t), v / (1 - 0.999**t)
        expected.append(-0.001 * corrected_m / (math.sqrt(corrected_v) + 1e-8))
    assert increments("adam", gradients, lr=0.001, momentum=0.9, decay=0.999) == pytest.approx(expected, rel=5e-4)


def test_adam_has_the_usual_defaults():
    assert {each.name: each.default for each in OPTIMIZERS["adam"].parameters} == {
        "lr": 1e-3,
        "momentum": 0.9,
        "decay": 0.999,
    }


def test_rmsprop():
    assert increments("rmsprop", [1, 1, 1], lr=1e-3) == pytest.approx([-0.0031623, -0.0022942, -0.0019209], rel=1e-4)


# --- expressions that cannot be computed ----------------------------------------------------------------------------

WRONG = {
    "B.sum($, axis=7)": "B.sum: axis 7 is out of range for 4 axes",
    "B.sum($, axis='x')": "B.sum: axis must be a whole number, not 'x'",
    "B.sum($, axis=$)": "B.sum: axis must be a whole number, not a tensor",
    "B.sum($, 1, axis=1)": "B.sum: multiple values for argument 'axis'",
    "B.sum($, keepdims=None)": "B.sum: keepdims must be a whole number, not None",
    "B.argmax($, axis=[1])": "B.argmax: axis must be a whole number, not a list",
    "B.argmax($, axis=4)": "B.argmax: axis 4 is out of range for 4 axes",
    "B.any($, axis=-5)": "B.any: axis -5 is out of range",
    "B.reshape($, [5, 5])": "B.reshape: reshape: 24 elements do not fill (5, 5)",
    "B.reshape($, $)": "B.reshape: shape must be a whole number, not a tensor",
    "B.repeat($, 0.5)": "B.repeat: times must be a whole number, not 0.5",
    "B.repeat($, 99999999999)": "B.repeat: times [99999999999] is too large",
    "B.zeros([99999999999]) + $": "B.zeros: shape [99999999999] is too large",
    "B.ones(1e400 - 1e400) + $": "B.ones: shape must be a whole number, not nan",
    "B.dimshuffle($, 0)": "B.dimshuffle: axes must be a list, not 0",
    "B.dimshuffle($, [0, 'y'])": "B.dimshuffle: axis must be a whole number, not 'y'",
    "B.concatenate($)": "B.concatenate: a list of tensors is needed, not a tensor",
    "B.concatenate([$, $], axis=9)": "B.concatenate: axis 9 is out of range",
    "B.tensordot($, $, 9)": "B.tensordot: axes 9 is out of range for 4 and 4 axes",
    "B.tensordot($, $, [1])": "B.tensordot: axes must be one list for each of the two",
    "B.dot($, B.ones([5, 5]))": "B.dot: tensordot",
    "B.conv2d($, B.ones([3, 2, 1, 1]))": "B.conv2d: conv2d: source (2, 3, 2, 2) and kernel (3, 2, 1, 1) do not fit",
    "B.conv2d($, $)": "its shape [2, 2, 2, 2] does not fit [2, 3, 2, 2]",
    "B.relu($, thresh=[1])": "B.relu: a tensor or a number is needed",
    "B.softround($, p=0)": "B.softround: float division by zero",
    "B.mean($, axis=1)": "its shape [2, 2, 2] does not fit [2, 3, 2, 2]; keepdims=True keeps reduced axes",
    "B.reshape(B.mean($, axis=0), [3, 2, 2])": "its shape [3, 2, 2] does not fit [2, 3, 2, 2]",
    "B.reshape($, [1, 2, 3, 2, 2])": "its shape [1, 2, 3, 2, 2] does not fit",
    "$ + [1, 2]": "'+' needs tensors or numbers, not a list",
    "$ * 'x'": "'*' needs tensors or numbers, not 'x'",
    "[1] * 99999999999": "'*' needs tensors or numbers, not a list",
    "$ * 9 ** 9 ** 9": "a number is too large",
    "$ * (1 // 0)": "division by zero",
    "[$, $]": "a tensor or a number is needed",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_be_computed_is_told_with_item_and_parameter(text):
    with pytest.raises(UnsupportedError) as found:
        require(text, {"$": (2, 3, 2, 2)}, (2, 3, 2, 2), ("pool", "act"))
    assert (found.value.item, found.value.parameter) == ("pool", "act")
    assert str(found.value).startswith(f"pool.act: {text!r} cannot be computed: ")
    assert WRONG[text] in str(found.value)


def test_odd_expressions_that_can_be_computed():
    x = [-1.0, 0.25, 2.0]
    np.testing.assert_allclose(act("+$ - -$", x), np.multiply(x, 2))
    np.testing.assert_allclose(act("B.relu($, thresh=$)", x), 0)
    np.testing.assert_allclose(act("$ * 2 ** 10 * (7 // 2) * (7 % 4)", x), np.multiply(x, 9216))
    np.testing.assert_allclose(act("B.dot($, 2)", x), np.multiply(x, 2))
    np.testing.assert_allclose(act("B.sum(B.repeat($, 6 / 3))", x), 2.5)
    assert np.isinf(act("$ * 1e300", [1.0])).all()


PARTS = {
    "act of a neuron-pool": ({"act": "B.max($, axis=1)"}, {}, "t.act"),
    "act of a factor": ({}, {"act": ["B.max($, axis=1)"]}, "a_t.act"),
    "ACT": ({}, {"ACT": "B.reshape($, [2, 2])"}, "a_t.ACT"),
    "pact": ({}, {"pact": [["B.sum($, axis=4)"]]}, "a_t.pact"),
    "func": ({}, {"func": "B.sum($00, axis=1)"}, "a_t.func"),
}


@pytest.mark.parametrize("part", PARTS)
def test_the_checks_of_a_graph_try_expressions_out(part):
    pool, synapse_pool, place = PARTS[part]
    shape = [2, 3, 3]
    with pytest.raises(GraphError, match=rf"{place}: .* cannot be computed") as found:
        network({"a": {"shape": shape}, "t": {"shape": shape, **pool}}, {"a_t": {"rf": 1, **synapse_pool}})
    assert [f"{finding.item}.{finding.parameter}" for finding in found.value.findings] == [place]


def test_a_step_is_refused_before_any_engine_compiles_it():
    """A catalogue without that check leaves it to the step."""
    graph = {"name": "test", "agents": 4, "synapse_pools": {}, "plasticities": {}, "interfaces": {}}
    graph["neuron_pools"] = {"a": {"shape": [2, 3, 3], "act": "B.max($, axis=1)"}}
    net = load_graph(graph, catalogue=replace(default_catalogue(), refusals=None))
    with pytest.raises(UnsupportedError, match=r"^a.act: .* cannot be computed"):
        Step(net, ["a"])
