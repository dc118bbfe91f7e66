"""The table of arrays, shapes of parameters, bounds, start values, and how increments are applied."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from numerics_networks import network
from statestream.catalogue import default_catalogue
from statestream.graph import load_graph
from statestream.numerics.apply import apply_updates
from statestream.numerics.arrays import array_table, increments, trained
from statestream.numerics.initialisation import INITIALISERS, fill, initial_value, parse
from statestream.numerics.shapes import parameter_shapes


def generator():
    return np.random.default_rng(3)


def test_registries_need_no_engine():
    code = (
        "import sys; from statestream.numerics import activations, losses, optimizers, initialisation, shapes, step\n"
        "assert not {'tensorflow', 'pytensor', 'torch', 'h5py', 'skimage'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_table_of_the_demo(root):
    net = load_graph(root / "examples" / "demo.st_graph", catalogue=default_catalogue())
    shapes = {spec.key: spec.shape for spec in array_table(net)}
    weights = {
        "img_hidden1": (16, 1, 5, 5),
        "hidden1_2": (32, 16, 5, 5),
        "hidden2_3": (64, 32, 4, 4),
        "hidden3_pred": (10, 64, 1, 1),
    }
    expected = {(pool, "parameter", "W_0_0"): shape for pool, shape in weights.items()}
    expected |= {(pool, "state", ""): (128, *net.shape(pool)) for pool in net.neuron_pools}
    expected |= {(pool, "parameter", "b"): net.shape(pool)[:1] for pool in net.neuron_pools}
    expected |= {("image", "parameter", name): () for name in ("noise_mean", "noise_std")}
    expected |= {("hidden_loss", "parameter", name): () for name in ("lr", "momentum", "decay")}
    expected |= {("hidden_loss", "variable", name): () for name in ("loss0", "loss1", "t")}
    learned = {f"sp.{pool}.W_0_0": shape for pool, shape in weights.items()} | {"np.hidden3.b": (64,)}
    for name, shape in learned.items():
        expected[("hidden_loss", "update", name.partition(".")[2])] = shape
        expected |= {("hidden_loss", "variable", f"{kind}.{name}"): shape for kind in ("grad", "moments", "varianc")}
    assert shapes == expected
    assert len({spec.key for spec in array_table(net)}) == len(array_table(net))


def test_shapes_of_a_large_synapse_pool():
    net = network(
        {"a": {"shape": [3, 6, 6]}, "c": {"shape": [5, 1, 1]}, "t": {"shape": [4, 3, 3]}},
        {
            "one": {
                "source": [["a", "a"], ["c"]],
                "target": "t",
                "rf": [[3, 5], [0]],
                "ppp": [[0, 2], [0]],
                "weight_shapes": [["full", "tgt_spatial"], ["src_feature"]],
                "factor_shapes": ["full", "feature"],
                "bias_shapes": ["full", None],
                "maxout": 2,
                "unshare": ["W_0_0"],
            },
            "mixed": {"source": [["a"]], "target": "t", "M": [6, 3], "avgout": 2},
        },
    )
    assert parameter_shapes(net, "one") == {
        "W_0_0": (4, 8, 3, 3, 3),
        "P_0_1": (2, 3, 1, 1),
        "W_0_1": (8, 1, 5, 5),
        "b_0": (8, 3, 3),
        "W_1_0": (1, 5, 1, 1),
    }
    assert parameter_shapes(net, "mixed") == {"W_0_0": (6, 3, 6, 6), "M": (4, 3, 3, 3)}


SHAPES = {
    "full": (4, 3, 5, 5),
    "feature": (4, 3, 1, 1),
    "spatial": (1, 1, 5, 5),
    "scalar": (1, 1, 1, 1),
    "src_feature": (1, 3, 1, 1),
    "tgt_feature": (4, 1, 1, 1),
    "src_spatial": (1, 3, 5, 5),
    "tgt_spatial": (4, 1, 5, 5),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_weight_shapes(shape):
    pools = {"a": {"shape": [3, 8, 8]}, "t": {"shape": [4, 8, 8]}}
    net = network(pools, {"a_t": {"rf": 5, "weight_shapes": [[shape]]}})
    assert parameter_shapes(net, "a_t")["W_0_0"] == SHAPES[shape]


@pytest.mark.parametrize(
    ("source", "target", "rf", "expected"),
    [
        ([1, 28, 28], [16, 14, 14], 5, (16, 1, 5, 5)),
        ([32, 7, 7], [128, 1, 1], 0, (128, 32, 7, 7)),
        ([10, 14, 14], [10, 56, 56], 5, (10, 10, 5, 5)),
        ([3, 256, 1], [2, 256, 1], 9, (2, 3, 9, 1)),
        ([3, 3, 3], [2, 3, 3], 3, (2, 3, 3, 3)),
    ],
)
def test_worked_kernels(source, target, rf, expected):
    net = network({"a": {"shape": source}, "t": {"shape": target}}, {"a_t": {"rf": rf} if rf else {}})
    assert parameter_shapes(net, "a_t")["W_0_0"] == expected


def test_only_parameters_have_bounds():
    net = network(
        {"a": {"shape": [2, 1, 1], "noise": "normal", "dropout": 0.5}, "t": {"shape": [2, 1, 1]}},
        {"a_t": {"min W_0_0": 0.5, "max W_0_0": 1, "init W_0_0": -3}},
        {
            "learn": {
                "type": "loss",
                "loss_function": "minimize",
                "source": "t",
                "source_t": 1,
                "parameter": [["sp", "a_t", "W_0_0"]],
            }
        },
    )
    bounds = {spec.key: (spec.minimum, spec.maximum) for spec in array_table(net)}
    bounded = {key: limits for key, limits in bounds.items() if limits != (None, None)}
    assert bounded == {
        ("a", "parameter", "noise_std"): (1e-16, None),
        ("a", "parameter", "dropout"): (0, 1),
        ("a_t", "parameter", "W_0_0"): (0.5, 1),
        ("learn", "parameter", "lr"): (0, None),
    }
    assert (initial_value(net, ("a_t", "parameter", "W_0_0"), 1) == 0.5).all()
    rate = initial_value(net, ("a", "parameter", "dropout"), 1)
    assert isinstance(rate, np.ndarray)
    assert (rate.shape, rate.dtype, float(rate)) == ((), np.float32, 0.5)


def test_a_shared_parameter_has_no_array_of_its_own_and_is_trained_once():
    pools = {name: {"shape": [2, 1, 1]} for name in "abc"}
    synapses = {"a_b": {}, "b_c": {"share params": {"W_0_0": ["a_b", "W_0_0"]}}}
    learn = {"type": "loss", "loss_function": "minimize", "source": "c", "source_t": 2}
    entries = [["sp", "b_c", "W_0_0"], ["sp", "a_b", "W_0_0"], ["np", "c", "b"]]
    net = network(
        pools, synapses, {"learn": {**learn, "parameter": entries}, "more": {**learn, "parameter": entries[1:]}}
    )
    keys = {spec.key for spec in array_table(net)}
    assert ("a_b", "parameter", "W_0_0") in keys
    assert ("b_c", "parameter", "W_0_0") not in keys
    assert [one.full_name for one in trained(net, "learn")] == ["sp.b_c.W_0_0", "np.c.b"]
    assert trained(net, "learn")[0].owner == ("a_b", "W_0_0")
    assert increments(net, "a_b", "W_0_0") == (("learn", "update", "b_c.W_0_0"), ("more", "update", "a_b.W_0_0"))


# --- start values ---------------------------------------------------------------------------------------------------


@pytest.mark.proves("init.xavier")
@pytest.mark.parametrize(
    ("init", "shape", "bound"),
    [
        ("xavier", (16, 1, 5, 5), 0.118818),
        ("xavier", (64, 32, 4, 4), 0.0625),
        ("xavier_2.0", (16, 1, 5, 5), 2 * 0.118818),
    ],
)
def test_xavier_bound(init, shape, bound):
    values = fill(init, shape, generator())
    assert 0.9 * bound < np.abs(values).max() <= bound * 1.00001
    assert abs(values.mean()) < 4 * bound / np.sqrt(3 * values.size)


@pytest.mark.proves("init.xavier")
def test_xavier_has_the_variance_of_glorot_and_bengio():
    """Var = 2 / (fan in + fan out), formula 12 of their paper; evenly distributed."""
    values = fill("xavier", (40, 60, 3, 3), generator())
    assert values.var() == pytest.approx(2 / (60 * 9 + 40 * 9), rel=0.02)
    counts, _ = np.histogram(values, 10)
    assert counts.min() > 0.9 * values.size / 10


@pytest.mark.proves("init.id", "init.Id", "init.-id")
def test_identity_with_equal_features():
    for name in ("id", "Id"):
        values = fill(name, (3, 3, 5, 3), generator())
        np.testing.assert_array_equal(values[:, :, 2, 1], np.eye(3))
        assert values.sum() == 3
    np.testing.assert_array_equal(fill("id_0.5", (2, 2, 1, 1), generator())[:, :, 0, 0], np.eye(2) / 2)
    np.testing.assert_array_equal(fill("-id", (2, 2, 1, 1), generator())[:, :, 0, 0], -np.eye(2))


@pytest.mark.proves("init.id", "init.Id")
def test_identity_with_more_targets_or_sources():
    def matrix(name, targets, sources):
        return fill(name, (targets, sources, 1, 1), generator())[:, :, 0, 0]

    np.testing.assert_array_equal(matrix("id", 4, 2), [[1, 0], [1, 0], [0, 1], [0, 1]])
    np.testing.assert_array_equal(matrix("Id", 4, 2), [[1, 0], [0, 1], [1, 0], [0, 1]])
    np.testing.assert_array_equal(matrix("id", 2, 4), [[1, 1, 0, 0], [0, 0, 1, 1]])
    np.testing.assert_array_equal(matrix("Id", 2, 4), [[1, 0, 1, 0], [0, 1, 0, 1]])


@pytest.mark.proves("init.bilin", "init.loc_inh")
def test_bilinear_and_local_inhibition():
    pyramid = [[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]]
    np.testing.assert_array_equal(fill("bilin", (1, 1, 3, 3), generator())[0, 0], pyramid)
    values = fill("bilin", (2, 2, 2, 2), generator())
    assert values[0, 0, 1, 1] == 1
    assert (values[0, 1] == 0).all()
    values = fill("loc_inh", (2, 2, 3, 3), generator())
    assert values[0, 0, 1, 1] == values[1, 1, 1, 1] == 0.5
    assert values[0, 1, 1, 1] == values[0, 0, 0, 0] == pytest.approx(-1 / 18)


@pytest.mark.proves("init.one", "init.zero", "init.normal", "init.uniform")
def test_plain_start_values():
    assert (fill("one", (3,), generator()) == 1).all()
    assert (fill("zero", (3,), generator()) == 0).all()
    assert (fill(0.25, (2, 2, 1, 1), generator()) == 0.25).all()
    normal, uniform = (fill(text, (5000,), generator()) for text in ("normal_2_0.5", "uniform_-1_3"))
    assert (normal.mean(), normal.std()) == (pytest.approx(2, abs=0.03), pytest.approx(0.5, abs=0.03))
    assert -1 <= uniform.min() < -0.95
    assert 2.95 < uniform.max() < 3


@pytest.mark.parametrize(
    ("init", "shape"),
    [
        ("id", (3, 2, 1, 1)),
        ("id_2", (4, 2, 1, 1)),
        ("bilin", (1, 2, 3, 3)),
        ("loc_inh", (1, 2, 3, 3)),
        ("-Id", (1, 2, 3, 3)),
        ("xavier", (3,)),
        ("xavier_x", (2, 2, 1, 1)),
        ("normal_1", (3,)),
        ("identity", (2, 2, 1, 1)),
        ("", (3,)),
    ],
)
def test_what_does_not_fit_is_an_error_and_not_zeros(init, shape):
    with pytest.raises(ValueError, match="start value"):
        fill(init, shape, generator())


def test_all_declared_start_values_can_be_made():
    for name in INITIALISERS:
        assert parse(name) == (name, ())
        assert fill(name, (2, 2, 3, 3), generator()).shape == (2, 2, 3, 3)


def test_streams_of_start_values():
    pools = {"a": {"shape": [2, 4, 4]}, "b": {"shape": [2, 4, 4], "init b": "normal"}}
    net = network(pools, {"a_b": {"rf": 3}, "b_a": {"rf": 3}})
    first, other = (initial_value(net, (pool, "parameter", "W_0_0"), 1) for pool in ("a_b", "b_a"))
    assert not (first == other).any()
    np.testing.assert_array_equal(first, initial_value(net, ("a_b", "parameter", "W_0_0"), 1))
    assert not (first == initial_value(net, ("a_b", "parameter", "W_0_0"), 2)).any()
    assert initial_value(net, ("b", "parameter", "b"), 1).std() > 0
    assert first.dtype == np.float32
    net = network(pools, {"two": {"source": [["a", "a"]], "target": "b", "rf": [[3, 3]]}})
    one, two = (initial_value(net, ("two", "parameter", name), 1) for name in ("W_0_0", "W_0_1"))
    assert not (one == two).any()


def test_unshared_weights_start_differently_within_the_same_bound():
    pools = {"a": {"shape": [4, 3, 3]}, "b": {"shape": [2, 3, 3]}}
    net = network(pools, {"a_b": {"rf": 3, "unshare": ["W_0_0"]}}, agents=3)
    values = initial_value(net, ("a_b", "parameter", "W_0_0"), 1)
    assert values.shape == (3, 2, 4, 3, 3)
    assert 0.3 < np.abs(values).max() <= 1 / 3
    assert not (values[0] == values[1]).any()


def test_unknown_arrays():
    net = network({"a": {"shape": [2, 1, 1]}})
    assert not initial_value(net, ("a", "state", ""), 1).any()
    with pytest.raises(KeyError):
        initial_value(net, ("a", "parameter", "c"), 1)


# --- increments -----------------------------------------------------------------------------------------------------


def test_increments_are_added_in_order_and_clipped_once():
    value = np.array([0.9, 0.2, 1e8], np.float32)
    parts = [np.array(part, np.float32) for part in ([0.5, -0.5, 1], [-0.4, 0.1, -1e8])]
    out = np.empty_like(value)
    assert apply_updates(value, parts, 0.0, None, out) is out
    np.testing.assert_allclose(out, [1.0, 0, 0], atol=1e-6)  # float32: 1e8 + 1 is 1e8
    apply_updates(value, parts, None, 0.95, value)
    np.testing.assert_allclose(value, [0.95, -0.2, 0], atol=1e-6)
