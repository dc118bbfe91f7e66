"""Examples of plasticities: each learns, and shows what its first lines say."""

from __future__ import annotations

import numpy as np
import pytest

import statestream as sst
from example_frames import around, close, dense, losses, parameter, states
from numerics_reference_functions import log_softmax, softmax


@pytest.mark.proves(
    "optimizer.rmsprop", "rmsprop.lr", "rmsprop.rho", "plast.optimizer", "plast.type", "plast.parameter"
)
def test_plast_rmsprop(example):
    example.step(4)
    first = example["learn"].update("student", "W_0_0")
    close(np.abs(first), 0.01 / np.sqrt(1 - 0.96), 1e-4)
    assert (first > 0).any() and (first < 0).any()
    found = losses(example, "learn", 100)
    assert found[-10:].mean() < 0.05 * found[:3].mean()


@pytest.mark.proves(
    "optimizer.grad_desc",
    "grad_desc.lr",
    "optimizer.adam",
    "adam.lr",
    "adam.momentum",
    "adam.decay",
    "optimizer.rmsprop",
    "rmsprop.lr",
)
def test_optimizers(example):
    before, _ = around(example)
    wanted, x = dense(before["values"], parameter(example, "teacher")), before["values"][:, :, 0, 0]
    gradient = -2 * wanted[:, :, 0, 0].T @ x / wanted.size
    updates = {name: example[name].update(f"for_{name}", "W_0_0")[:, :, 0, 0] for name in example.network.plasticities}
    close(updates["grad_desc"], -0.3 * gradient)
    close(updates["adam"], -0.05 * np.sign(gradient), 1e-3)
    close(updates["rmsprop"], -0.01 / np.sqrt(0.1) * np.sign(gradient), 1e-3)
    # The second increment of adam, from the gradients of both frames (Kingma & Ba 2015, algorithm 1).
    example.step()
    second = example["adam"].variable["grad.sp.for_adam.W_0_0"][:, :, 0, 0]
    m = (0.8 * 0.2 * gradient + 0.2 * second) / (1 - 0.8**2)
    v = (0.99 * 0.01 * gradient**2 + 0.01 * second**2) / (1 - 0.99**2)
    close(example["adam"].update("for_adam", "W_0_0")[:, :, 0, 0], -0.05 * m / np.sqrt(v), 1e-4)
    start = {name: example[name].variable["loss1"] for name in updates}
    example.step(150)
    assert all(example[name].variable["loss1"] < 0.02 * start[name] for name in updates)


def answers(session, pools, frames):
    """Accuracy and mean greatest probability of some answers, over some frames."""
    right, sure = ({name: [] for name in pools} for _ in range(2))
    for _ in range(frames):
        label = session["label"].state
        session.step()
        now = states(session)
        for name in pools:
            right[name].append((now[name].argmax(1) == label.argmax(1)).mean())
            sure[name].append(now[name].max(1).mean())
    return [{name: float(np.mean(values[name])) for name in pools} for values in (right, sure)]


def negloglikelihood(x, y):
    return -(y * np.log(np.maximum(x, 1e-6))).mean()


@pytest.mark.proves("loss.label_smoothing", "lossfn.negloglikelihood")
def test_plasticity_label_smoothing(example):
    example.step(5)
    before = states(example)
    weights = {name: parameter(example, f"see_{name}") for name in ("smooth", "sharp")}
    example.step()
    x = {name: softmax(dense(before["image"], w)) for name, w in weights.items()}
    close(example["learn_smooth"].variable["loss1"], negloglikelihood(x["smooth"], 0.5 * before["label"] + 0.05))
    close(example["learn_sharp"].variable["loss1"], negloglikelihood(x["sharp"], before["label"]))
    example.step(250)
    right, sure = answers(example, ("smooth", "sharp"), 20)
    assert right["smooth"] > 0.6 and right["sharp"] > 0.6
    assert sure["smooth"] < 0.7 < 0.8 < sure["sharp"]


@pytest.mark.proves("loss.confidence_penalty", "lossfn.negloglikelihood")
def test_plasticity_confidence_penalty(example):
    example.step(5)
    before = states(example)
    weights = {name: parameter(example, f"see_{name}") for name in ("careful", "bold")}
    example.step()
    x = {name: softmax(dense(before["image"], w)) for name, w in weights.items()}
    penalty = 0.8 * (x["careful"] * np.log(x["careful"])).mean()
    close(example["learn_careful"].variable["loss1"], negloglikelihood(x["careful"], before["label"]) + penalty)
    close(example["learn_bold"].variable["loss1"], negloglikelihood(x["bold"], before["label"]))
    example.step(250)
    right, sure = answers(example, ("careful", "bold"), 20)
    assert right["careful"] > 0.6 and right["bold"] > 0.6
    assert sure["careful"] < 0.7 < 0.8 < sure["bold"]


@pytest.mark.proves("lossfn.MSE", "lossfn.MAE", "lossfn.hinge", "loss.loss_function", "loss.source", "loss.target")
def test_errors(example):
    example.step(6)
    before = states(example)
    w = {name: parameter(example, name) for name in example.network.synapse_pools}
    example.step()
    x = {name: dense(before["values"], w[f"for_{name}"]) for name in ("MSE", "MAE", "hinge")}
    wanted, side = dense(before["values"], w["teacher"]), np.sign(dense(before["values"], w["judge"]))
    start = {name: example[name].variable["loss1"] for name in x}
    close(start["MSE"], ((x["MSE"] - wanted) ** 2).mean())
    close(start["MAE"], np.abs(x["MAE"] - wanted).mean())
    close(start["hinge"], np.maximum(1 - x["hinge"] * side, 0).mean())
    example.step(200)
    before, after = around(example, 1)
    side = np.sign(dense(before["values"], w["judge"]))
    assert (np.sign(after["by_hinge"]) == side).mean() > 0.9
    for name, part in (("MSE", 0.01), ("MAE", 0.3), ("hinge", 0.6)):
        assert example[name].variable["loss1"] < part * start[name]


@pytest.mark.proves("lossfn.negloglikelihood", "lossfn.categorical_crossentropy", "lossfn.softmax_cross_entropy")
def test_cross_entropies(example):
    example.step(5)
    before = states(example)
    w = {name: parameter(example, f"for_{name}") for name in ("likely", "categorical", "logits")}
    example.step()
    x, y = {name: dense(before["image"], each) for name, each in w.items()}, before["label"]
    start = {name: example[name].variable["loss1"] for name in ("nll", "cce", "sce")}
    close(start["nll"], -(y * log_softmax(x["likely"])).mean())
    close(start["cce"], -(y * log_softmax(x["categorical"])).mean())
    close(start["sce"], -(y * log_softmax(x["logits"])).sum(1).mean())
    # The same task, the same steps: only the scale differs.
    example.step(200)
    end = {name: example[name].variable["loss1"] for name in start}
    close(end["sce"], 10 * end["nll"], 1e-3)
    close(end["cce"], end["nll"], 1e-3)
    assert end["nll"] < 0.7 * start["nll"]
    close(parameter(example, "for_likely"), parameter(example, "for_logits"), 1e-3)


@pytest.mark.proves("lossfn.minimize", "lossfn.maximize", "loss.loss_function")
def test_minimize_maximize(example):
    example.step(2)
    assert (example["height"].state == 1).all() and (example["cost"].state == 9).all()
    example.step(80)
    close(example["height"].state, 2, 1e-4)
    close(parameter(example, "height", "b"), 1, 1e-3)
    assert example["cost"].state.max() < 1e-4
    close(example["climb"].variable["loss1"], -2, 1e-4)


@pytest.mark.proves("loss.mask")
def test_mask(example):
    example.step(80)
    after = states(example)
    mask = after["mask"][0]
    assert set(np.unique(mask)) == {0, 1} and 3 < mask.sum() < 13
    close(after["learner"][0], after["wanted"][0] * mask, 1e-3)


@pytest.mark.slow
@pytest.mark.proves("loss.source_t", "roman_numerals.conf-mat window")
def test_nested_paths(root):
    with sst.Session(root / "examples" / "nested_paths.st_graph", backend="numpy", seed=1, strict=True) as session:
        session.step(700)
        accuracy = session["numerals"].variable["_acc_"]
    # The answer is judged in the frame after the one in which it arrives.
    assert (accuracy[:3] < 0.35).all() and accuracy[3] < accuracy[4] - 0.1 and accuracy[4] > 0.7, accuracy


@pytest.mark.proves("loss.source_t", "loss.target_t", "plast.parameter")
def test_pruning(example):
    rollout = example.network.rollout("learn")
    assert [set(step) for step in rollout.synapse_pools] == [set(), {"first"}, {"second"}]
    example.step(4)
    example.step()
    w = {name: parameter(example, name)[:, :, 0, 0] for name in ("first", "second", "direct")}
    now = states(example)
    seen = np.einsum("mn,anxy->amxy", w["second"] @ w["first"], now["sensor"])
    example.step()
    close(example["learn"].variable["loss1"], ((seen - now["wanted"]) ** 2).mean())
    # The running pool hears both ways.
    both = sum(np.einsum("mn,anxy->amxy", w[a], now[b]) for a, b in (("second", "early"), ("direct", "sensor")))
    close(states(example)["late"], both)


@pytest.mark.proves("plast.optimizer", "optimizer.grad_desc", "optimizer.adam", "plast.parameter", "plast.tags")
def test_several_plasticities(example):
    example.step(5)
    old = parameter(example, "student")
    example.step()
    left, right = (example[name].update("student", "W_0_0") for name in ("left", "right"))
    assert (left != 0).all() and (right != 0).all() and (left != right).all()
    close(parameter(example, "student") - old, left + right)
    example.step(150)
    assert 1.2 < parameter(example, "student") < 2.8


@pytest.mark.proves("sp.share params", "plast.parameter")
def test_shared_losses(example):
    example.step(5)
    old = parameter(example, "eye")
    example.step()
    left, right = example["learn_left"].update("eye", "W_0_0"), example["learn_right"].update("other_eye", "W_0_0")
    assert np.abs(left).min() > 0 and np.abs(right).min() > 0
    close(parameter(example, "eye") - old, left + right)
    example.step(150)
    close(parameter(example, "eye"), parameter(example, "teacher"), 0.02)
    assert (parameter(example, "eye") == parameter(example, "other_eye")).all()


@pytest.mark.proves("plast.startframe")
def test_startframe(example):
    began = {}
    for _ in range(14):
        frame = example.frame
        example.step()
        for name in ("early", "late"):
            if parameter(example, name) != 0:
                began.setdefault(name, frame)
    assert began == {"early": 3, "late": 10}


@pytest.mark.proves("plast.ignore_split")
def test_ignore_split(example):
    example.split = 2
    example.step(80)
    after = states(example)
    wanted = after["wanted"].ravel()
    close(after["obeying"], wanted[2:].mean(), 1e-4)
    close(after["ignoring"], wanted.mean(), 1e-4)
    close(example["obeys"].variable["loss0"], ((wanted[:2] - wanted[2:].mean()) ** 2).mean(), 1e-4)
    close(example["obeys"].variable["loss1"], ((wanted[2:] - wanted[2:].mean()) ** 2).mean(), 1e-4)
    close(example["ignores"].variable["loss1"], ((wanted - wanted.mean()) ** 2).mean(), 1e-4)
    assert example["ignores"].variable["loss0"] == 0


@pytest.mark.proves("np.noise", "optimizer.adam", "loss.source_t")
def test_denoising(example):
    assert losses(example, "learn", 8)[-1] > 1
    example.step(600)
    assert losses(example, "learn", 20).mean() < 0.12


@pytest.mark.proves("sp.act", "sp.bias_shapes", "sp.source", "optimizer.adam")
def test_gated_recurrence(example):
    before, after = around(example, 10)
    write = before["write"]
    close(after["memory"], np.where(write == 1, before["value"], before["memory"]))
    assert 0 < write.mean() < 1 and np.abs(after["memory"]).max() > 0.5
    example.step(400)
    assert losses(example, "learn", 10).mean() < 0.01
    keep, load = ([parameter(example, f"learn_{n}", p).mean() for p in ("W_1_0", "b_1")] for n in ("keep", "load"))
    assert keep[1] > 2 and sum(keep) < -2  # open without write, closed with it
    assert load[1] < -2 and sum(load) > 2


@pytest.mark.proves("plast.type", "hebbian.modus", "hebbian.source", "hebbian.target", "plast.parameter")
def test_plasticity_hebbian(example):
    example.step(100)
    grow, shrink = (parameter(example, name)[:, :, 0, 0] for name in ("grow", "shrink"))
    own, other = np.eye(4, dtype=bool), ~np.eye(4, dtype=bool)
    assert grow[own].min() > 1.5 and grow.max() <= 2  # growth without end, but for the bound
    assert np.abs(shrink[own] + 1).max() < 0.2 and np.abs(shrink[other]).max() < 0.2
    assert example["silent"].state.std() < 0.3 < 1 < example["louder"].state.std()


@pytest.mark.proves("hebbian.modus", "optimizer.adam")
def test_plasticity_hebbian_adam(example):
    example.step(30)
    grow = parameter(example, "grow")[:, :, 0, 0]
    own, other = np.eye(3, dtype=bool), ~np.eye(3, dtype=bool)
    assert grow[own].min() > 0.15 and grow[own].max() < 0.3  # 30 frames, 0.01 each, less the first ones
    assert np.abs(grow[other]).max() < 0.15


@pytest.mark.proves("hebbian.modus", "plast.startframe")
def test_plasticity_dt_hebbian(example):
    example.step(120)
    weights = {name: parameter(example, name)[:, :, 0, 0] for name in ("plain", "dt", "dt_moving", "dt_anti")}
    assert weights["plain"].min() > 0.1
    # A weight that does not change leaves the state as it is: there is nothing to learn from.
    assert np.abs(weights["dt"]).max() < 1e-6
    own, other = np.eye(2, dtype=bool), ~np.eye(2, dtype=bool)
    assert weights["dt_moving"][own].min() > 0.12 > 0.08 > np.abs(weights["dt_moving"][other]).max()
    assert weights["dt_anti"][own].max() < -0.1 < -0.08 < -np.abs(weights["dt_anti"][other]).max()


@pytest.mark.proves("hebbian.modus", "sp.unshare")
def test_plasticity_hebbian_unshared(example):
    example.step(4)
    pattern, answer = (states(example)[name][:, :, 0, 0] for name in ("pattern", "answer"))
    outer = answer[:, :, None] * pattern[:, None, :]
    example.step(40)
    grow = parameter(example, "grow")[:, :, :, 0, 0]
    assert grow.shape == (3, 2, 4)
    factor = grow / outer
    assert factor.min() > 0.03
    close(factor, np.broadcast_to(factor.mean((1, 2), keepdims=True), factor.shape), 1e-2)


@pytest.mark.proves("L_regularizer.L1", "L_regularizer.L2", "plast.type")
def test_weight_decay(example):
    start = {name: parameter(example, name) for name in ("for_L1", "for_L2")}
    example.step(33)  # frames 3 to 32: thirty increments
    lasso, ridge = (parameter(example, name) for name in start)
    near = np.abs(start["for_L1"]) < 0.3
    assert near.any() and not near.all()
    close(lasso[~near], start["for_L1"][~near] - 0.3 * np.sign(start["for_L1"][~near]))
    assert np.abs(lasso[near]).max() < 0.0101
    close(ridge, start["for_L2"] * 0.98**30)
    example.step()
    close(example["lasso"].variable["loss"], np.abs(lasso).sum())
    close(example["ridge"].variable["loss"], (ridge**2).sum())
