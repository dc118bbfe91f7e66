"""Law 1 as a whole: a network with everything that frames know, against the law written down with plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import statestream as sst

AGENTS = 3
NETWORK: dict[str, Any] = {
    "name": "everything",
    "agents": AGENTS,
    "backend": "numpy",
    "neuron_pools": {
        "image": {"shape": [1, 16, 16], "bias_shape": False},
        "label": {"shape": [10, 1, 1], "bias_shape": False},
        "code": {"shape": [4, 1, 1], "act": "tanh", "period": 2, "period offset": 1},
        "out": {"shape": [10, 1, 1], "init b": 0.1},
        "asleep": {"shape": [10, 1, 1], "at start": 1},
    },
    "synapse_pools": {
        "see": {"source": [["image"]], "target": "code"},
        "say": {"source": [["code"]], "target": "out", "max W_0_0": 0.25, "init W_0_0": 0.245},
        "dream": {"source": [["code"]], "target": "asleep"},
    },
    "plasticities": {
        "quick": {
            "type": "loss", "loss_function": "MSE", "source": "out", "source_t": 1, "target": "label", "target_t": 0,
            "optimizer": "grad_desc", "lr": 2.0, "parameter": [["sp", "say", "W_0_0"]],
        },
        "slow": {
            "type": "loss", "loss_function": "MSE", "source": "out", "source_t": 1, "target": "label", "target_t": 0,
            "optimizer": "grad_desc", "lr": 0.5, "parameter": [["np", "out", "b"], ["sp", "say", "W_0_0"]],
            "startframe": 5, "period": 3, "period offset": 1,
        },
    },
    "interfaces": {
        name: {
            "type": "roman_numerals", "in": [], "out": ["rn_image", "rn_label"],
            "remap": {"rn_image": "image", "rn_label": "label"}, "min_duration": 1, "max_duration": 2, "fading": 0,
            "period": period,
        }
        for name, period in (("left", 1), ("right", 3))
    },
}  # fmt: skip
GROUPS = {
    "one worker": {},
    "two workers": {"slow": "cpu:1"},
    "three workers": {"quick": "cpu:1", "slow": "cpu:2"},
    "four workers": {"quick": "cpu:1", "slow": "cpu:2", "out": "cpu:3"},
}
TRAINED = [("say", "W_0_0"), ("out", "b")]


def due(name: str, item: dict[str, Any], frame: int) -> bool:
    awake = item.get("at start", 0) == 0 and frame > item.get("startframe", 2 if name in ("quick", "slow") else -1)
    return bool(awake and frame % item.get("period", 1) == item.get("period offset", 0))


def step(frame: int, s: dict[str, Any], p: dict[tuple[str, str], Any], v: dict[tuple[str, str], Any]) -> tuple:
    """s[n+1], θ[n+1] and the increments of both plasticities, from s[n], θ[n] and the interfaces' v[n]."""
    items = {name: item for part in NETWORK.values() if isinstance(part, dict) for name, item in part.items()}
    flat = {name: state.reshape(AGENTS, -1) for name, state in s.items()}
    w_see, w_say = (p[name, "W_0_0"].reshape(p[name, "W_0_0"].shape[0], -1) for name in ("see", "say"))
    out = flat["code"] @ w_say.T + p["out", "b"].reshape(-1)
    computed = {
        "image": v["left", "rn_image"] + v["right", "rn_image"],
        "label": v["left", "rn_label"] + v["right", "rn_label"],
        "code": np.tanh(flat["image"] @ w_see.T + p["code", "b"].reshape(-1)),
        "out": out,
    }
    following = {
        name: computed[name].reshape(s[name].shape) if due(name, items[name], frame) else s[name] for name in s
    }
    error = 2 * (out - flat["label"]) / out.size  # of the mean of (out - label)²
    gradient = {("say", "W_0_0"): error.T @ flat["code"], ("out", "b"): error.sum(0)}
    increments = {
        name: {
            (owner, parameter): -items[name]["lr"] * gradient[owner, parameter].reshape(p[owner, parameter].shape)
            for _, owner, parameter in items[name]["parameter"]
        }
        for name in ("quick", "slow")
        if due(name, items[name], frame)
    }
    trained = dict(p)
    for key in TRAINED:
        trained[key] = p[key] + sum(each[key] for each in increments.values() if key in each)
    trained["say", "W_0_0"] = np.minimum(trained["say", "W_0_0"], np.float32(0.25))
    return following, trained, increments


def close(found: Any, wanted: Any, name: str) -> None:
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * max(1.0, float(np.abs(wanted).max())), err_msg=name)


@pytest.mark.proves("plast.startframe", "plast.period", "plast.period offset", "if.period", "np.period")
@pytest.mark.parametrize("groups", GROUPS.values(), ids=GROUPS)
def test_frames_follow_the_law(groups: dict[str, str]) -> None:
    network = {
        part: {name: item | ({"device": groups[name]} if name in groups else {}) for name, item in items.items()}
        if isinstance(items, dict) else items
        for part, items in NETWORK.items()
    }  # fmt: skip
    moved: set[str] = set()
    with sst.Session(network, seed=3) as session:
        for frame in range(18):
            with session.frame_view() as view:
                s = {name: view[name].state for name in network["neuron_pools"]}
                p = {(i, n): view[i].parameter[n] for i in ("see", "say", "code", "out") for n in view[i].parameter}
                p = {key: np.asarray(value) for key, value in p.items() if key[1] in ("W_0_0", "b")}
                v = {(i, t): view[i].variable[t] for i in ("left", "right") for t in ("rn_image", "rn_label")}
            session.step()
            states, parameters, increments = step(frame, s, p, v)
            for name, state in states.items():
                close(session[name].state, state, f"{name} after frame {frame}")
                moved |= {name} if (state != s[name]).any() else set()
            for (item, name), value in parameters.items():
                close(session[item].parameter[name], value, f"{item}.{name} after frame {frame}")
            assert session["say"].parameter["W_0_0"].max() <= np.float32(0.25)
            moved |= {"clipped"} if (session["say"].parameter["W_0_0"] == np.float32(0.25)).any() else set()
            for plasticity, updates in increments.items():
                for (item, name), value in updates.items():
                    close(session[plasticity].update(item, name), value, f"{plasticity} {item}.{name} in {frame}")
                    moved |= {plasticity} if np.abs(value).max() > 1e-4 else set()
            for name, period in (("left", 1), ("right", 3)):
                changed = (session[name].variable["rn_image"] != v[name, "rn_image"]).any()
                assert not changed or frame % period == 0
                moved |= {name} if changed else set()
    assert moved == {"image", "label", "code", "out", "quick", "slow", "clipped", "left", "right"}
