"""Several engines in one session: the same numbers as on one, one worker for each, one lockstep."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import statestream as sst
from engines import everything
from statestream.arrays import ArrayKey

pytestmark = pytest.mark.slow

TENSORFLOW, THEANO = {"backend": "tensorflow"}, {"backend": "theano"}
LOSS = {"type": "loss", "source": "answer", "target": "label", "target_t": 0}
MIXED: dict[str, Any] = {
    "name": "mixed",
    "agents": 6,
    "backend": "numpy",
    "neuron_pools": {
        "image": {"shape": [1, 16, 16], "noise": "normal", "noise_std": 0.1},
        "label": {"shape": [10, 1, 1]},
        "early": {"shape": [4, 8, 8], "act": "tanh", "dropout": 0.25, **TENSORFLOW},
        "blur": {"shape": [2, 8, 8], "noise": "uniform", "noise_max": 0.1, **TENSORFLOW},
        "late": {"shape": [4, 4, 4], "act": "tanh", "dropout": 0.25, "noise": "normal", "noise_std": 0.1, **THEANO},
        "answer": {"shape": [10, 1, 1], "act": "softmax", **THEANO},
    },
    "synapse_pools": {
        "image_early": {"source": [["image"]], "target": "early", "rf": 3},
        "image_blur": {"source": [["image"]], "target": "blur", "rf": 3},
        "both_late": {"source": [["early", "blur"]], "target": "late", "rf": [[3, 3]]},
        "late_early": {"source": [["late"]], "target": "early", "rf": 1},
        "late_answer": {"source": [["late"]], "target": "answer", "max W_0_0": 0.3},
    },
    "plasticities": {
        "deep": {
            **LOSS, **TENSORFLOW, "loss_function": "negloglikelihood", "source_t": 3, "optimizer": "grad_desc",
            "lr": 0.05,
            "parameter": [["sp", "image_early", "W_0_0"], ["sp", "late_answer", "W_0_0"], ["np", "late", "b"]],
        },
        "top": {
            **LOSS, **THEANO, "loss_function": "MSE", "source_t": 2, "optimizer": "adam", "lr": 0.01,
            "parameter": [["sp", "late_answer", "W_0_0"], ["sp", "both_late", "W_0_1"], ["np", "answer", "b"]],
        },
        "plain": {
            **LOSS, "loss_function": "MSE", "source_t": 3, "optimizer": "rmsprop", "lr": 0.01,
            "parameter": [["sp", "image_blur", "W_0_0"]],
        },
    },
    "interfaces": {
        "numerals": {
            "type": "roman_numerals", "in": ["rn_pred"], "out": ["rn_image", "rn_label"],
            "remap": {"rn_image": "image", "rn_label": "label", "rn_pred": "answer"},
            "min_duration": 3, "max_duration": 5, "fading": 0,
        }
    },
}  # fmt: skip
"""Noise and dropout on both engines, loops through all three, late_answer.W_0_0 trained on two."""

SHARED = ("late_answer", "W_0_0")
BOUND = np.float32(0.3)


def on_numpy(network: dict[str, Any]) -> dict[str, Any]:
    """The same network, all of it on the reference."""
    result = copy.deepcopy(network)
    for section in ("neuron_pools", "plasticities"):
        for item in result[section].values():
            item.pop("backend", None)
    return result


def learned(session: Any) -> dict[ArrayKey, np.ndarray]:
    """What the next frame begins with, without what is only reported."""
    return {key: value for key, value in everything(session).items() if key[1] in ("state", "parameter", "variable")}


def put(session: Any, values: dict[ArrayKey, np.ndarray]) -> None:
    for key, value in values.items():
        if key[0] not in session.network.interfaces:  # they have done the same on both sides
            session.put(key, value)


def assert_close(session: Any, reference: Any, tolerance: float, states: float) -> None:
    """Within a tolerance of each array's largest magnitude."""
    found, wanted = learned(session), learned(reference)
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        scale = max(float(np.abs(value).max()), 1e-6) * (states if key[1] == "state" else tolerance)
        np.testing.assert_allclose(found[key], value, atol=scale, rtol=0, err_msg=f"{key} at {session.frame}")


@pytest.mark.proves("np.backend", "plast.backend", "top.backend")
def test_three_engines_in_one_session_compute_what_the_reference_computes() -> None:
    with sst.Session(MIXED, seed=5) as session, sst.Session(on_numpy(MIXED), seed=5) as reference:
        for _ in range(4):  # from equal states: laws 3, 4 and 6
            put(session, learned(reference))
            session.step(2)
            reference.step(2)
            put(session, learned(reference))
            session.step()
            reference.step()
            assert_close(session, reference, 1e-4, 1e-5)
        before, steps = learned(reference), 8  # the learned state, then a run without help
        put(session, before)
        session.step(steps)
        reference.step(steps)
        assert_close(session, reference, 2e-3, 2e-3)
        moved = {key for key, value in learned(session).items() if not np.allclose(value, before[key], atol=1e-7)}
        trained = [entry for plasticity in MIXED["plasticities"].values() for entry in plasticity["parameter"]]
        assert {(item, "parameter", name) for _, item, name in trained} <= moved


@pytest.mark.proves("np.backend", "plast.backend", "top.backend")
def test_the_frame_law_and_the_workers_of_a_mixed_session() -> None:
    with sst.Session(MIXED, seed=6) as session:
        session.step(4)
        pushed = 0.0
        for _ in range(4):
            before = session[SHARED[0]].parameter[SHARED[1]]
            written = session["numerals"].variable["rn_label"]
            frame = session.frame
            session.step()
            assert session.frame == frame + 1
            np.testing.assert_array_equal(session["label"].state, written)
            parts = [session[plasticity].update(*SHARED) for plasticity in ("deep", "top")]
            assert all(part.any() for part in parts)
            # Bits: the core adds in numpy, in the graph's order, and clips once.
            wanted = np.minimum(before + parts[0] + parts[1], BOUND)
            np.testing.assert_array_equal(session[SHARED[0]].parameter[SHARED[1]], wanted)
            pushed += float(np.abs(parts[0]).sum())
        rows = session.command_data("cstat")["processes"]
        found = {row["process"]: set(row["items"].split()) for row in rows}
        assert found == {
            "worker 0 (numpy, cpu)": {"image", "label", "plain"},
            "worker 1 (tensorflow, cpu)": {"early", "blur", "deep"},
            "worker 2 (theano, cpu)": {"late", "answer", "top"},
            "interface numerals": {"numerals"},
        }
        assert {row["frames"] for row in rows} == {8}
        assert pushed > 0


@pytest.mark.proves("np.backend", "plast.backend", "top.backend")
def test_the_example_learns_on_three_engines(root: Path) -> None:
    with sst.Session(root / "examples" / "mixed_backends.st_graph", seed=1) as session:
        before = session["hidden2_3"].parameter["W_0_0"]
        session.step(400)
        accuracy = session["roman_numerals"].variable["_acc_"]
        for plasticity in ("deep_loss", "top_loss"):
            assert np.abs(session[plasticity].update("hidden2_3", "W_0_0")).max() > 0
        assert np.abs(session["hidden2_3"].parameter["W_0_0"] - before).max() > 1e-3
        workers = {row["process"] for row in session.command_data("cstat")["processes"]}
    assert {f"worker {n} ({name}, cpu)" for n, name in enumerate(("numpy", "tensorflow", "theano"))} <= workers
    assert accuracy[5] > 0.9  # the path is 4 long: the first delay at which the prediction can have seen the numeral
    assert (accuracy[:5] < 0.3).all()
