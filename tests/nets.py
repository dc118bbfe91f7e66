"""Small networks that several tests run, on the numpy backend."""

from __future__ import annotations

import copy
from typing import Any

COUNTER: dict[str, Any] = {
    "name": "counter",
    "agents": 2,
    "backend": "numpy",
    "neuron_pools": {
        "count": {"shape": [1, 1, 1], "act": "$ + 1", "bias_shape": False},
        "behind": {"shape": [1, 1, 1], "bias_shape": False},
    },
    "synapse_pools": {
        "again": {"source": [["count"]], "target": "count", "rf": 1, "init W_0_0": 1.0},
        "follow": {"source": [["count"]], "target": "behind", "rf": 1, "init W_0_0": 1.0},
    },
    "plasticities": {},
    "interfaces": {},
}
"""count is n after n frames, behind is n - 1."""

LEARNER: dict[str, Any] = {
    "name": "learner",
    "agents": 6,
    "backend": "numpy",
    "neuron_pools": {
        "eye": {"shape": [1, 8, 8], "noise": "normal", "noise_std": 0.5},
        "goal": {"shape": [3, 1, 1], "noise": "uniform"},
        "mid": {"shape": [4, 4, 4], "act": "tanh", "dropout": 0.25},
        "out": {"shape": [3, 1, 1], "act": "sigmoid"},
    },
    "synapse_pools": {
        "eye_mid": {"source": [["eye"]], "target": "mid", "rf": 3, "max W_0_0": 0.5},
        "mid_out": {"source": [["mid"]], "target": "out"},
        "eye_out": {"source": [["eye"]], "target": "out"},
    },
    "plasticities": {
        "deep": {
            "type": "loss", "loss_function": "MSE", "source": "out", "source_t": 2, "target": "goal", "target_t": 0,
            "optimizer": "adam", "lr": 0.01,
            "parameter": [["sp", "eye_mid", "W_0_0"], ["sp", "mid_out", "W_0_0"], ["np", "out", "b"]],
        },
        "flat": {
            "type": "loss", "loss_function": "MSE", "source": "out", "source_t": 1, "target": "goal", "target_t": 0,
            "optimizer": "grad_desc", "lr": 0.1,
            "parameter": [["sp", "eye_out", "W_0_0"], ["sp", "mid_out", "W_0_0"]],
        },
    },
    "interfaces": {},
}  # fmt: skip
"""Noise, dropout, two plasticities that share mid_out.W_0_0."""

READER: dict[str, Any] = {
    "name": "reader",
    "agents": 4,
    "backend": "numpy",
    "neuron_pools": {
        "image": {"shape": [1, 16, 16]},
        "label": {"shape": [10, 1, 1]},
        "prediction": {"shape": [10, 1, 1], "act": "softmax"},
    },
    "synapse_pools": {"read": {"source": [["image"]], "target": "prediction"}},
    "plasticities": {
        "learn": {
            "type": "loss", "loss_function": "negloglikelihood", "source": "prediction", "source_t": 1,
            "target": "label", "target_t": 0, "parameter": [["sp", "read", "W_0_0"]],
        }
    },
    "interfaces": {
        "numerals": {
            "type": "roman_numerals", "in": ["rn_pred"], "out": ["rn_image", "rn_label"],
            "remap": {"rn_image": "image", "rn_label": "label", "rn_pred": "prediction"},
            "min_duration": 3, "max_duration": 5, "fading": 0,
        }
    },
}  # fmt: skip
"""Fed by an interface."""


def changed(network: dict[str, Any], **items: dict[str, Any]) -> dict[str, Any]:
    """A copy of the network with keys of some items set."""
    result = copy.deepcopy(network)
    for section in ("neuron_pools", "synapse_pools", "plasticities", "interfaces"):
        for name, item in result[section].items():
            item.update(items.get(name, {}))
    return result


APART = changed(LEARNER, mid={"device": "cpu:1"}, deep={"device": "cpu:2"})
"""LEARNER on three workers."""
