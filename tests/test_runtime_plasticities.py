"""Loss, Hebbian and regularizer plasticities on one shared weight in a session, against the law written with numpy."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import statestream as sst
from engines import assert_equal_bits, everything, running
from nets import changed
from statestream.arrays import describe

AGENTS = 3
HEBBIAN = {"type": "hebbian", "modus": "hebbian", "source": "eye", "target": "out"}
NETWORK: dict[str, Any] = {
    "name": "plastic",
    "agents": AGENTS,
    "backend": "numpy",
    "neuron_pools": {
        "eye": {"shape": [2, 2, 2], "bias_shape": False, "noise": "normal"},
        "label": {"shape": [4, 1, 1], "bias_shape": False, "noise": "uniform"},
        "out": {"shape": [4, 1, 1], "init b": 0.25},
        "twin": {"shape": [4, 1, 1], "bias_shape": False},
    },
    "synapse_pools": {
        "see": {"source": [["eye"]], "target": "out", "max W_0_0": 0.25, "min W_0_0": -0.25},
        "again": {"source": [["eye"]], "target": "twin", "share params": {"W_0_0": ["see", "W_0_0"]}},
    },
    "plasticities": {
        "by_loss": {
            "type": "loss", "loss_function": "MSE", "source": "out", "source_t": 1, "target": "label", "target_t": 0,
            "lr": 0.2, "parameter": [["sp", "see", "W_0_0"]],
        },
        "late": {
            **HEBBIAN, "modus": "dt hebbian", "target": "twin", "lr": 0.01, "parameter": [["sp", "again", "W_0_0"]],
            "startframe": 4, "period": 3, "period offset": 1,
        },
        "anti": {
            **HEBBIAN, "modus": "anti_hebbian", "lr": 0.01, "optimizer": "rmsprop",
            "parameter": [["sp", "see", "W_0_0"]], "startframe": -1,
        },
        "decay": {
            "type": "L_regularizer", "L1": 0.3, "L2": 0.2, "lr": 0.05, "period": 2, "startframe": 3,
            "parameter": [["np", "out", "b"], ["sp", "see", "W_0_0"], ["sp", "again", "W_0_0"]],
        },
    },
    "interfaces": {},
}  # fmt: skip
GROUPS = {
    "one worker": {},
    "two workers": {"late": "cpu:1", "decay": "cpu:1"},
    "three workers": {"by_loss": "cpu:1", "anti": "cpu:2", "twin": "cpu:1"},
}
WEIGHT = ("see", "W_0_0")


def due(spec: dict[str, Any], frame: int) -> bool:
    return frame > spec.get("startframe", 2) and frame % spec.get("period", 1) == spec.get("period offset", 0)


class Law:
    """What the plasticities add, from the states and parameters of a frame; remembers what they remember."""

    def __init__(self) -> None:
        self.executions: dict[str, list[tuple[Any, Any]]] = {"late": [], "anti": []}
        self.square: Any = 0.0

    def increments(self, frame: int, s: dict[str, Any], w: Any, b: Any) -> dict[str, dict[tuple[str, str], Any]]:
        plans = {name: spec for name, spec in NETWORK["plasticities"].items() if due(spec, frame)}
        found: dict[str, dict[tuple[str, str], Any]] = {}
        if "by_loss" in plans:
            out = np.einsum("asxy,tsxy->at", s["eye"], w) + b
            error = 2 * (out - s["label"][:, :, 0, 0]) / out.size
            found["by_loss"] = {WEIGHT: -0.2 * np.einsum("at,asxy->tsxy", error, s["eye"])}
        if "late" in plans:
            found["late"] = {("again", "W_0_0"): 0.01 * self._correlation("late", s["eye"], s["twin"], True)}
        if "anti" in plans:
            gradient = self._correlation("anti", s["eye"], s["out"], False)
            self.square = 0.9 * self.square + 0.1 * gradient**2
            found["anti"] = {WEIGHT: -0.01 * gradient / (np.sqrt(self.square) + 1e-7)}
        if "decay" in plans:
            found["decay"] = {key: -0.05 * (0.3 * np.sign(x) + 0.4 * x) for key, x in ((("out", "b"), b), (WEIGHT, w))}
        return found

    def _correlation(self, name: str, source: Any, target: Any, difference: bool) -> Any:
        past = self.executions[name]
        past.append((source, target[:, :, 0, 0]))
        if len(past) < 3:
            return np.zeros((4, 2, 2, 2))
        before, last = past[-3], past[-2]
        return np.einsum("at,asxy->tsxy", last[1] - before[1] if difference else last[1], before[0])


def moments(session: Any) -> Iterator[tuple[int, dict[str, Any], Any, Any]]:
    """Frame, states, weight and bias of 16 frames; each is computed when the next is asked for."""
    for frame in range(16):
        with session.frame_view() as view:
            states = {name: view[name].state.astype(np.float64) for name in NETWORK["neuron_pools"]}
            weight, bias = view["see"].parameter["W_0_0"], view["out"].parameter["b"]
        yield frame, states, weight, bias


def partition(groups: dict[str, str]) -> dict[str, Any]:
    return changed(NETWORK, **{name: {"device": device} for name, device in groups.items()})


@pytest.mark.proves(
    "plast.startframe", "plast.period", "plast.period offset", "plast.device", "plast.optimizer", "plast.parameter",
    "hebbian.modus", "hebbian.source", "hebbian.target", "L_regularizer.L1", "L_regularizer.L2", "sp.share params",
    "sp.min", "sp.max", "optimizer.rmsprop",
)  # fmt: skip
def test_three_types_on_one_weight_follow_the_law_in_every_partition() -> None:
    ends = {}
    for groups, devices in GROUPS.items():
        law, moved, clipped = Law(), dict.fromkeys(NETWORK["plasticities"], 0), [False, False]
        with sst.Session(partition(devices), seed=3) as session:
            assert len({group.device for group in session.network.groups()}) == list(GROUPS).index(groups) + 1
            for frame, states, w, b in moments(session):
                where = f"{groups}, frame {frame}"
                wanted = law.increments(frame, states, w.astype(np.float64), b.astype(np.float64))
                session.step()
                for name, parts in wanted.items():
                    for key, increment in parts.items():
                        found = session[name].update(*key)
                        np.testing.assert_allclose(found, increment, rtol=1e-4, atol=1e-6, err_msg=f"{name} {where}")
                        moved[name] += bool(np.abs(increment).max() > 1e-4)
                added = sum(part for parts in wanted.values() for key, part in parts.items() if key[1] == "W_0_0")
                raw = w + added
                following = session["see"].parameter["W_0_0"]
                np.testing.assert_allclose(following, np.clip(raw, -0.25, 0.25), rtol=0, atol=2e-6, err_msg=where)
                clipped = [clipped[0] or bool((raw < -0.25).any()), clipped[1] or bool((raw > 0.25).any())]
                biased = wanted.get("decay", {}).get(("out", "b"), 0)
                np.testing.assert_allclose(session["out"].parameter["b"], b + biased, rtol=0, atol=1e-6)
            # by_loss: in frames 3 to 15; late: due in 7, 10, 13; anti: always, but dark in 0; decay: 4, 6, ..., 14.
            assert moved == {"by_loss": 13, "late": 1, "anti": 13, "decay": 6 * 2}
            assert all(clipped)
            ends[groups] = everything(session)
    first, *others = ends.values()
    for other in others:
        assert_equal_bits(first, other)


@pytest.mark.slow
@pytest.mark.proves("top.backend")
@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
def test_engines_agree_after_frames_of_learning(backend: str) -> None:
    ends = []
    for each in ("numpy", backend):
        with running(each, NETWORK, seed=3) as session:
            session.step(12)
            ends.append(everything(session))
    for key, value in ends[0].items():
        scale = max(1.0, float(np.abs(value).max()))
        np.testing.assert_allclose(ends[1][key], value, rtol=0, atol=1e-5 * scale, err_msg=describe(key))


def test_variables_are_shown_with_their_meaning() -> None:
    with sst.Session(NETWORK, seed=3) as session:
        session.step(5)
        shown = session.command("show anti")
        assert "source(now-1)" in shown and "[3x2x2x2]" in shown and "(the target when this last ran)" in shown
        assert "plus L2 times the sum of squares" in session.command("show decay")
        assert "again.W_0_0" in session.command("plasts")
        assert isinstance(session["decay"].variable["loss"], float)


ALONE: dict[str, Any] = copy.deepcopy(NETWORK) | {
    "plasticities": {
        "grow": {**HEBBIAN, "optimizer": "adam", "lr": 0.01, "parameter": [["sp", "see", "W_0_0"]], "startframe": -1},
        "decay": {"type": "L_regularizer", "L2": 0.1, "parameter": [["np", "out", "b"]]},
    }
}


def refused(session: Any, array: str, frame: int) -> None:
    """The frame is not committed, whatever is tried, and everything stays that of the last one."""
    good = everything(session)
    for _ in range(2):
        with pytest.raises(sst.CommandError, match=rf"paused: {array} became NaN or Inf in frame {frame}; the frame"):
            session.step()
    assert session.frame == frame
    assert_equal_bits(everything(session), good)


@pytest.mark.parametrize("device", ["cpu", "cpu:1"])
def test_an_increment_or_loss_that_is_not_finite_is_not_committed(device: str) -> None:
    with sst.Session(changed(ALONE, grow={"device": device}, decay={"device": device}), seed=3) as session:
        session.step(6)
        session["out"].parameter["b"] = 1e25  # its square is none that float32 can hold
        refused(session, r"decay\.variable\.loss", 6)
        session["out"].parameter["b"] = 0.5
        session.step()
        eye = np.full((AGENTS, 2, 2, 2), 1e25, np.float32)
        session["eye"].state = eye
        session.step()
        session["out"].state = 1e25  # after the source, as a signal would: in two frames they are multiplied
        session.step()
        assert session.frame == 9
        np.testing.assert_array_equal(session["grow"].variable["source(now-1)"], eye)
        refused(session, r"grow\.update\.see\.W_0_0", 9)
        session["grow"].variable["source(now-1)"] = np.zeros_like(eye)
        session["out"].state = 0.5
        session.step(2)
        assert session.frame == 11
        assert np.isfinite(session["see"].parameter["W_0_0"]).all()


@pytest.mark.parametrize("device", ["cpu", "cpu:1"])
def test_a_gradient_that_is_not_finite_is_not_hidden_by_a_clipped_increment(device: str) -> None:
    network = changed(ALONE, grow={"device": device, "optimizer": "grad_desc"})
    with sst.Session(network, seed=3) as session:
        session.step(6)
        session["eye"].state = 1e25
        session.step()
        session["out"].state = 1e25
        session.step()
        refused(session, r"grow\.variable\.grad\.sp\.see\.W_0_0", 8)
