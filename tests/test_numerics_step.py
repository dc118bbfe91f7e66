"""A Step as a whole: rollouts, losses and the split, shared parameters, draws, partitions, the demo."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from conformance import OTHERS
from numerics_networks import agree, busy_network, compiled, compute, draw, loss, network, start, state
from statestream.catalogue import default_catalogue
from statestream.graph import load_graph
from statestream.numerics.apply import apply_updates
from statestream.numerics.step import SPLIT, Step
from statestream.numerics.synapse_pools.weighted import WeightedPool

VECTOR = {"shape": [3, 1, 1]}


def weight(values, name):
    return values[name, "parameter", "W_0_0"][:, :, 0, 0]


def vector(values, pool):
    return values[pool, "state", ""][:, :, 0, 0]


# --- rollouts -------------------------------------------------------------------------------------------------------


def test_a_synapse_pool_that_a_step_lacks_is_left_out_of_its_sum():
    """in -> A, A -> A, A -> B: only step 1 of the rollout hears the input."""
    net = network(
        {"i": VECTOR, "a": {**VECTOR, "act": "tanh"}, "b": VECTOR},
        {"i_a": {}, "a_a": {}, "a_b": {}},
        {"learn": loss("b", 3, "i_a")},
    )
    values = start(net)
    w = {name: weight(values, name) for name in net.synapse_pools}
    a1 = np.tanh(vector(values, "i") @ w["i_a"].T + vector(values, "a") @ w["a_a"].T)
    a2 = np.tanh(a1 @ w["a_a"].T)
    expected = (a2 @ w["a_b"].T).mean()
    outputs = compute(net, values)
    assert outputs["learn", "variable", "loss1"] == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose(state(outputs, "a")[:, :, 0, 0], a1, rtol=1e-5, atol=1e-6)


def test_one_step_ahead_is_computed_once(monkeypatch, root):
    calls = Counter()
    original = WeightedPool.output

    def counted(pool, *arguments):
        calls[pool.name] += 1
        return original(pool, *arguments)

    monkeypatch.setattr(WeightedPool, "output", counted)
    net = load_graph(root / "examples" / "demo.st_graph", catalogue=default_catalogue(), agents=2)
    values = start(net)
    calls.clear()
    compute(net, values)
    runs = calls["img_hidden1"]  # a backend may run the formulation more than once
    assert calls == {"img_hidden1": runs, "hidden1_2": 2 * runs, "hidden2_3": 2 * runs, "hidden3_pred": 2 * runs}


def test_a_rollout_draws_for_itself():
    pools = {"a": VECTOR, "b": {**VECTOR, "noise": "normal", "dropout": 0.5, "zoneout": 0.5}, "c": VECTOR}
    synapses = {"a_b": {"noise": "normal"}, "b_c": {}}
    net = network(pools, synapses, {"learn": loss("c", 2, "a_b"), "more": loss("b", 1, "a_b")})
    step = Step(net, [*net.neuron_pools, *net.plasticities])
    purposes = {draw.key[2] for draw in step.draws if draw.key[1] == "b"}
    expected = {f"{prefix}{what}" for prefix in ("", "rollout/learn/1/", "rollout/more/1/") for what in PURPOSES}
    assert purposes == expected
    assert {draw.key[2] for draw in step.draws if draw.key[1] == "a_b"} == {
        "noise",
        "rollout/learn/1/noise",
        "rollout/more/1/noise",
    }
    assert len({draw.key for draw in step.draws}) == len(step.draws)
    assert {draw.distribution for draw in step.draws if draw.key[2].endswith("noise")} == {"normal"}
    assert SPLIT in step.inputs
    values = start(net)
    values["a_b", "parameter", "noise_std"] = np.array(10, np.float32)
    outputs = compute(net, values)
    assert outputs["more", "variable", "loss1"] != pytest.approx(state(outputs, "b").mean(), rel=1e-3)


PURPOSES = ("noise", "dropout", "zoneout")


def test_a_pool_that_zones_out_keeps_its_last_state_of_the_rollout():
    net = network({"b": {**VECTOR, "zoneout": 0.5}}, {"b_b": {}}, {"learn": loss("b", 3, "b_b")})
    values = start(net)
    drawn = draw(Step(net, ["learn"]))
    b = vector(values, "b")
    for depth in (1, 2, 3):
        kept = drawn["draw", "b", f"rollout/learn/{depth}/zoneout"][:, :, 0, 0] < 0.5
        b = np.where(kept, b, b @ weight(values, "b_b").T)
    assert compute(net, values, ["learn"])["learn", "variable", "loss1"] == pytest.approx(b.mean(), rel=1e-4)


def test_a_pool_that_zones_out_keeps_its_present_state_where_its_rollout_does_not_reach_it():
    """a -> b: b is computed at step 1 only, and what it keeps there is its present state."""
    net = network({"a": VECTOR, "b": {**VECTOR, "zoneout": 1.0}}, {"a_b": {}}, {"learn": loss("b", 1, "a_b")})
    values = start(net)
    assert ("b", "state", "") in Step(net, ["learn"]).inputs
    outputs = compute(net, values, ["learn"])
    assert outputs["learn", "variable", "loss1"] == pytest.approx(vector(values, "b").mean(), rel=1e-4)


def test_what_the_loss_does_not_need_is_no_input():
    pools = dict.fromkeys("abcd", VECTOR)
    net = network(pools, {"a_b": {}, "b_c": {}, "c_d": {}}, {"learn": loss("c", 1, "b_c")})
    step = Step(net, ["learn"])
    assert {key for key in step.inputs if key[1] == "state"} == {("b", "state", "")}
    assert ("a_b", "parameter", "W_0_0") not in step.inputs
    assert set(step.shapes) == {*step.inputs, *(draw.key for draw in step.draws)}


def test_what_only_a_pruned_synapse_pool_needs_is_not_computed():
    """`m` adds the noisy `p` and `q`, which nothing feeds: at step 2 there is no `m`, so nobody needs `p` at step 1."""
    pools = {**dict.fromkeys("iqrb", VECTOR), "p": {**VECTOR, "noise": "normal", "dropout": 0.5}}
    synapses = {"i_p": {}, "i_r": {}, "r_b": {}, "m": {"source": [["p", "q"]], "target": "b"}}
    net = network(pools, synapses, {"learn": loss("b", 2, "i_r")})
    step = Step(net, ["learn"])
    assert step.draws == ()
    assert {key[0] for key in step.inputs if key[1] in ("state", "parameter")} == {"i", "i_r", "r_b", "r", "b", "learn"}
    assert {key[0] for key in step.inputs if key[1] == "state"} == {"i"}


# --- losses and the split -------------------------------------------------------------------------------------------


def judged(probabilities, split, loss_function="negloglikelihood", mask=None, **spec):
    """Outputs of a loss on ten classes; agent a has probabilities[a] for the right one."""
    classes = {"shape": [10, 1, 1]}
    pools = {"i": classes, "x": classes, "y": classes, "m": {"shape": [2, 1, 1]}}
    masked = {"mask": "m"} if mask else {}
    plast = loss("x", 1, "i_x", loss_function, target="y", target_t=0, **masked, **spec)
    net = network(pools, {"i_x": {"init W_0_0": "id"}}, {"learn": plast}, agents=len(probabilities))
    values = start(net)
    x, y, m = (values[pool, "state", ""] for pool in ("i", "y", "m"))
    p = np.array(probabilities)[:, None, None, None]
    x[:], y[:] = (1 - p) / 9, 0
    x[:, 3:4], y[:, 3] = p, 1
    m[:, 0, 0, 0] = mask or 1
    return compute(net, values, ["learn"], split=split)


def losses(outputs):
    return [float(outputs["learn", "variable", name]) for name in ("loss0", "loss1")]


@pytest.mark.parametrize("name", ["negloglikelihood", "categorical_crossentropy"])
def test_the_split_separates_validation_from_training(name):
    assert losses(judged([0.9, 0.5, 0.5, 0.5], 1, name)) == pytest.approx([-np.log(0.9) / 10, 0.0693147], rel=1e-4)


def test_without_a_split_everybody_learns():
    assert losses(judged([0.5] * 4, 0)) == pytest.approx([0, 0.0693147], rel=1e-5)
    mean = (-np.log(0.9) - 3 * np.log(0.5)) / 40
    assert losses(judged([0.9, 0.5, 0.5, 0.5], 2, ignore_split=True)) == pytest.approx([0, mean], rel=1e-4)


def test_a_split_of_all_agents_trains_nobody():
    assert losses(judged([0.5] * 4, 4)) == pytest.approx([0.0693147, 0], rel=1e-5)


def test_a_mask_weights_the_error_without_renormalising():
    assert losses(judged([0.5] * 4, 0, mask=[1, 0, 0.5, 0])) == pytest.approx([0, 0.0693147 * 1.5 / 4], rel=1e-4)


def test_label_smoothing_and_confidence_penalty():
    p, rest = 0.5, 0.5 / 9
    smooth = -(0.91 * np.log(p) + 9 * 0.01 * np.log(rest)) / 10
    assert losses(judged([p] * 4, 0, label_smoothing=0.1))[1] == pytest.approx(smooth, rel=1e-4)
    penalty = 0.2 * (p * np.log(p) + 9 * rest * np.log(rest)) / 10
    assert losses(judged([p] * 4, 0, confidence_penalty=0.2))[1] == pytest.approx(0.0693147 + penalty, rel=1e-4)


# --- gradients ------------------------------------------------------------------------------------------------------


def slope(net, values, key, split=0):
    """Central differences of the training loss."""
    result = np.zeros(values[key].shape)
    for index in np.ndindex(result.shape):
        ends = []
        for shift in (0.01, -0.01):
            changed = values[key].copy()
            changed[index] += shift
            ends.append(compute(net, {**values, key: changed}, ["learn"], split=split)["learn", "variable", "loss1"])
        result[index] = (ends[0] - ends[1]) / 0.02
    return result


def test_every_use_of_a_shared_parameter_counts():
    net = network(
        {"a": VECTOR, "b": {**VECTOR, "act": "tanh"}, "c": {**VECTOR, "act": "tanh"}},
        {"a_b": {}, "b_c": {"share params": {"W_0_0": ["a_b", "W_0_0"]}}},
        {"learn": loss("c", 2, "b_c", "MSE", target="a", target_t=0, lr=0.5)},
    )
    values = start(net)
    values["a_b", "parameter", "W_0_0"] *= 0.5
    outputs = compute(net, values)
    gradient = outputs["learn", "variable", "grad.sp.b_c.W_0_0"]
    np.testing.assert_allclose(gradient, slope(net, values, ("a_b", "parameter", "W_0_0")), rtol=0.02, atol=2e-3)
    np.testing.assert_allclose(outputs["learn", "update", "b_c.W_0_0"], -0.5 * gradient, rtol=1e-5)
    assert ("b_c", "parameter", "W_0_0") not in Step(net, net.items).inputs


def test_only_learning_agents_give_a_gradient():
    net = network({"a": VECTOR, "b": VECTOR}, {"a_b": {}}, {"learn": loss("b", 1, "a_b")})
    values = start(net)
    gradient = compute(net, values, split=2)["learn", "variable", "grad.sp.a_b.W_0_0"][:, :, 0, 0]
    np.testing.assert_allclose(
        gradient, np.tile(vector(values, "a")[2:].mean(axis=0) / 3, (3, 1)), rtol=1e-4, atol=1e-6
    )


def test_what_has_no_influence_has_gradient_zero():
    entries = [["sp", "b_a", "W_0_0"], ["sp", "a_b", "W_0_0"], ["np", "a", "b"]]
    net = network(
        {"a": VECTOR, "b": VECTOR}, {"a_b": {}, "b_a": {}}, {"learn": loss("b", 1, entries, optimizer="adam")}
    )
    outputs = compute(net, start(net))
    assert outputs["learn", "update", "a_b.W_0_0"].any()
    for name in ("sp.b_a.W_0_0", "np.a.b"):
        assert not outputs["learn", "variable", f"grad.{name}"].any()
        assert not outputs["learn", "update", name[3:]].any()


def test_scalars_can_be_trained_too():
    entries = [["np", "b", "noise_std"], ["np", "b", "b"]]
    pools = {"a": VECTOR, "b": {**VECTOR, "noise": "normal"}}
    net = network(pools, {"a_b": {}}, {"learn": loss("b", 1, entries, optimizer="rmsprop")})
    outputs = compute(net, start(net))
    assert outputs["learn", "update", "b.noise_std"].shape == ()
    assert outputs["learn", "variable", "accumulation.np.b.noise_std"] > 0
    assert outputs["learn", "variable", "t"] == 1
    np.testing.assert_allclose(outputs["learn", "variable", "grad.np.b.b"], np.full(3, 1 / 3), rtol=1e-5)


def test_probabilities_have_gradient_zero():
    """The loss jumps where an element changes sides, and stays in between; dropout's scaling does not count."""
    pools = {"a": VECTOR, "b": {**VECTOR, "noise": "Bernoulli", "dropout": 0.5, "zoneout": 0.5}}
    entries = [["np", "b", name] for name in ("noise_prob", "dropout", "zoneout")]
    net = network(pools, {"a_b": {}}, {"learn": loss("b", 1, [*entries, ["np", "b", "b"]])})
    outputs = compute(net, start(net))
    assert outputs["learn", "variable", "grad.np.b.b"].any()
    assert not any(outputs["learn", "variable", f"grad.np.b.{name}"] for _, _, name in entries)


def test_optimizers_remember_per_parameter():
    """Two frames of adam by the table's own variables, against the formula."""
    entries = [["sp", "a_b", "W_0_0"], ["np", "b", "b"]]
    net = network({"a": VECTOR, "b": VECTOR}, {"a_b": {}}, {"learn": loss("b", 1, entries, optimizer="adam", lr=0.1)})
    values = start(net)
    gradients = np.full(3, 1 / 3)
    for t in (1, 2, 3):
        outputs = compute(net, values)
        assert outputs["learn", "variable", "t"] == t
        np.testing.assert_allclose(outputs["learn", "variable", "moments.np.b.b"], (1 - 0.9**t) * gradients, rtol=1e-4)
        np.testing.assert_allclose(
            outputs["learn", "variable", "varianc.np.b.b"], (1 - 0.999**t) * gradients**2, rtol=1e-3
        )
        np.testing.assert_allclose(outputs["learn", "update", "b.b"], np.full(3, -0.1), rtol=1e-3)
        values |= {key: value for key, value in outputs.items() if key[1] == "variable"}


# --- partitions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("partition", ["one by one", "pools and plasticities"])
def test_a_partition_changes_no_bit(partition):
    net = busy_network()
    values = start(net)
    whole = compute(net, values, split=2)
    names = [*net.neuron_pools, *net.plasticities]
    groups = [[name] for name in names] if partition == "one by one" else [names[:6], names[6:]]
    parts = [compute(net, values, group, split=2) for group in groups]
    assert sum(len(part) for part in parts) == len(whole)
    for part in parts:
        for key, value in part.items():
            np.testing.assert_array_equal(value, whole[key], err_msg=str(key))


@pytest.mark.conformance
@pytest.mark.parametrize("backend", OTHERS)
def test_a_partition_changes_little_on_an_engine(backend):
    """Law 3: at most 1e-5 of an array's largest magnitude."""
    net = busy_network()
    values = start(net)
    whole = compute(net, values, split=2, backend=backend)
    for group in (tuple(net.neuron_pools), tuple(net.plasticities)):
        for key, value in compute(net, values, group, split=2, backend=backend).items():
            limit = 1e-5 * float(np.abs(whole[key]).max(initial=0))
            np.testing.assert_allclose(value, whole[key], rtol=0, atol=limit, err_msg=str(key))


def test_the_order_of_items_changes_no_bit():
    net = busy_network()
    values = start(net)
    whole = compute(net, values)
    for key, value in compute(net, values, [*reversed(net.plasticities), *reversed(net.neuron_pools)]).items():
        np.testing.assert_array_equal(value, whole[key], err_msg=str(key))


def test_synapse_pools_come_with_their_targets():
    net = busy_network()
    assert Step(net, [*net.neuron_pools, *net.synapse_pools]).outputs == Step(net, net.neuron_pools).outputs
    with pytest.raises(KeyError):
        Step(net, ["nothing"])


# --- the engines, and the demo --------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", OTHERS)
def test_engines_agree_with_the_reference(backend):
    net = busy_network()
    values = start(net)
    agree(compute(net, values, split=2, backend=backend), compute(net, values, split=2))


@pytest.mark.parametrize("backend", OTHERS)
def test_engines_agree_on_the_demo(backend, root):
    net = load_graph(root / "examples" / "demo.st_graph", catalogue=default_catalogue(), agents=16)
    values = start(net)
    values["label", "state", ""][:] = np.eye(10)[np.arange(16) % 10][:, :, None, None]
    agree(compute(net, values, backend=backend), compute(net, values))


def test_the_demo_learns_what_it_is_shown(root):
    """The frame law by hand, with numpy: pictures stay in place, the loss falls."""
    net = load_graph(root / "examples" / "demo.st_graph", catalogue=default_catalogue(), agents=10)
    values = start(net, states=False)
    pictures = np.random.default_rng(1).standard_normal((10, 1, 32, 32)).astype(np.float32)
    values["hidden_loss", "parameter", "lr"] = np.array(2e-3, np.float32)
    run = compiled(net)
    history = []
    for frame in range(30):
        values["image", "state", ""][:] = pictures
        values["label", "state", ""][:] = np.eye(10)[:, :, None, None]
        outputs = run(values, frame=frame)
        history.append(float(outputs["hidden_loss", "variable", "loss1"]))
        for (item, kind, name), value in outputs.items():
            if kind == "update":
                owner, _, parameter = name.partition(".")
                key = (owner, "parameter", parameter)
                values[key] = apply_updates(values[key], [value], None, None, np.empty_like(values[key]))
            else:
                values[item, kind, name] = value
    assert history[0] == pytest.approx(np.log(10) / 10, rel=0.3)
    assert history[-1] < 0.3 * history[0]
