"""An engine with one wrong operation fails, and the report names an item that uses it: operation by operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import statestream as sst
from statestream.backends import Operations
from statestream.backends._operators import Operators
from statestream.backends._tape import ARITHMETIC
from statestream.verification import Report
from verification_wrong import (
    SLOPE,
    VALUE,
    failures,
    passing_gradients,
    probe,
    with_wrong_operation,
    with_wrong_operator,
    without_own_patches,
)


@dataclass(frozen=True)
class Probe:
    """A network that uses an operation. value: where a wrong value shows (item, aspect); slope: a wrong gradient."""

    network: dict[str, Any]
    value: tuple[str, str] | None = ("z", "states")
    slope: tuple[str, str] | None = ("learn", "gradients")
    engine: Callable[..., Any] = with_wrong_operation
    slope_engine: Callable[..., Any] | None = None


def expression(text: str) -> Probe:
    return Probe(probe(text))


def forward_only(text: str) -> Probe:
    return Probe(probe(text), slope=None)


def operator(text: str) -> Probe:
    return Probe(probe(text), engine=with_wrong_operator)


def warped() -> dict[str, Any]:
    network = probe(synapse={"source": [["a"], ["grid"]], "tags": ["TRANSFORMER"]})
    network["neuron_pools"]["grid"] = {"shape": [2, 4, 4], "act": "sigmoid", "bias_shape": False}
    network["synapse_pools"]["x_grid"] = {"source": [["x"]], "target": "grid", "rf": 1}
    return network


DROPOUT = probe(pool={"dropout": 0.5}, parameter=[["sp", "x_a", "W_0_0"], ["np", "z", "dropout"]])
OPERATIONS = {
    "constant": forward_only("$00 * B.ones([1])"),
    "stop_gradient": Probe(DROPOUT, slope_engine=passing_gradients),
    "gradients": Probe(probe(), value=("learn", "gradients"), slope=None),
    "exp": expression("B.exp($00)"),
    "log": expression("B.log($00 + 10)"),
    "tanh": expression("B.tanh($00)"),
    "sigmoid": expression("B.sigmoid($00)"),
    "softplus": expression("B.softplus($00)"),
    "sqrt": expression("B.sqrt($00 + 10)"),
    "abs": expression("B.abs($00)"),
    "sign": forward_only("B.sign($00) + $00"),
    "floor": forward_only("B.floor($00) + $00"),
    "erf": expression("B.erf($00)"),
    "square": expression("B.square($00)"),
    "maximum": expression("B.maximum($00, 0.1)"),
    "minimum": expression("B.minimum($00, 0.1)"),
    "power": Probe(probe(optimizer="adam"), value=("learn", "updates"), slope=None),
    "greater": forward_only("B.rectangular($00) + $00"),
    "greater_equal": Probe(DROPOUT, slope=None),
    "less": forward_only("B.step($00) + $00"),
    "where": expression("B.elu($00)"),
    "clip": expression("B.clip($00, -0.5, 0.5)"),
    "sum": expression("B.sum($00, axis=1, keepdims=1)"),
    "prod": expression("B.prod($00, axis=1, keepdims=1)"),
    "max": expression("B.max($00, axis=1, keepdims=1)"),
    "min": expression("B.min($00, axis=1, keepdims=1)"),
    "argmax": forward_only("B.dimshuffle(B.argmax($00, axis=1), [0, 'x', 1, 2]) + $00"),
    "argmin": forward_only("B.dimshuffle(B.argmin($00, axis=1), [0, 'x', 1, 2]) + $00"),
    "mean": expression("B.mean($00, axis=1, keepdims=1)"),
    "var": expression("B.var($00, axis=1, keepdims=1)"),
    "std": expression("B.std($00, axis=1, keepdims=1)"),
    "softmax": expression("B.softmax($00)"),
    "log_softmax": Probe(probe(loss_function="softmax_cross_entropy"), value=("learn", "losses")),
    "reshape": expression("B.reshape($00, [3, 4, 4, 4])"),
    "transpose": expression("B.dimshuffle($00, [0, 1, 3, 2])"),
    "broadcast_to": expression("B.sum($00, axis=1, keepdims=1)"),
    "concatenate": Probe(probe("B.concatenate([$00, $00], 1)", source=[2, 4, 4])),
    "pick": Probe(warped()),
    "pad": Probe(probe(synapse={"rf": 3}), engine=lambda *wrong: without_own_patches(with_wrong_operation(*wrong))),
    "repeat": Probe(probe("B.repeat($00, 2, 1)", source=[2, 4, 4])),
    "upsample": Probe(probe(source=[4, 2, 2])),
    "matmul": Probe(probe(synapse={})),
    "tensordot": expression("B.tensordot($00, B.ones([4, 4]), 1)"),
    "dense": Probe(probe(synapse={"rf": 0}, source=[4, 1, 1])),
    "shared_convolution": Probe(probe(synapse={"rf": 3})),
    "patches": Probe(probe(synapse={"rf": 3, "unshare": ["W_0_0"]})),
    "conv2d": Probe(probe(synapse={"rf": 3})),
}
UNREACHED = {
    "shape": "its result is no tensor; engines with wrong shapes cannot be compiled",
}
OPERATORS = {
    "add": operator("$00 + 1"),
    "subtract": operator("$00 - 1"),
    "multiply": operator("$00 * 2"),
    "divide": operator("1 / ($00 + 10)"),
    "power": operator("($00 + 10) ** 1.5"),
    "negative": operator("-$00"),
    "part": Probe(probe(synapse={"rf": 3}), engine=lambda *wrong: without_own_patches(with_wrong_operator(*wrong))),
}


def verify(network: dict[str, Any], engine: Any) -> Report:
    return sst.verify(network, [engine], frames=3, random_states=True)


def wrong_in(network: dict[str, Any], engine: Any) -> set[tuple[str, str]]:
    report = verify(network, engine)
    assert not report.passed
    return set(failures(report))


def cases(probes: dict[str, Probe], what: str) -> list[Any]:
    return [pytest.param(name, id=name) for name, one in probes.items() if getattr(one, what)]


def test_every_operation_is_probed() -> None:
    listed = {name for name in vars(Operations) if not name.startswith("_")}
    assert {*OPERATIONS, *UNREACHED} == listed
    assert not OPERATIONS.keys() & UNREACHED.keys()


def test_every_operator_is_probed() -> None:
    assert {*ARITHMETIC, "part"} == set(OPERATORS)
    assert Operators.combine.__doc__
    assert all(f'"{name}"' in Operators.combine.__doc__ for name in ARITHMETIC)


def test_what_is_not_probed_is_not_used(root: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (root / "statestream" / "numerics").rglob("*.py")]
    assert not any(f"ops.{name}(" in text for name in UNREACHED if name != "shape" for text in texts)


def test_the_right_engine_passes() -> None:
    networks = {str(one.network): one.network for one in (*OPERATIONS.values(), *OPERATORS.values())}
    for network in networks.values():
        report = verify(network, "numpy")
        assert report.passed, report.text
        assert not any(one.deviation for one in report.backends[0].deviations)
        assert not report.zeros and not report.not_verified and not report.stopped


@pytest.mark.parametrize("name", cases(OPERATIONS, "value"))
def test_a_wrong_value(name: str) -> None:
    used = OPERATIONS[name]
    assert used.value in wrong_in(used.network, used.engine(name, VALUE))


@pytest.mark.parametrize("name", cases(OPERATIONS, "slope"))
def test_a_wrong_gradient(name: str) -> None:
    used = OPERATIONS[name]
    found = wrong_in(used.network, (used.slope_engine or used.engine)(name, SLOPE))
    assert used.slope in found
    assert not any(aspect == "states" for _, aspect in found)


@pytest.mark.parametrize("name", cases(OPERATORS, "value"))
def test_an_operator_with_a_wrong_value(name: str) -> None:
    used = OPERATORS[name]
    assert used.value in wrong_in(used.network, used.engine(name, VALUE))


@pytest.mark.parametrize("name", cases(OPERATORS, "slope"))
def test_an_operator_with_a_wrong_gradient(name: str) -> None:
    used = OPERATORS[name]
    found = wrong_in(used.network, used.engine(name, SLOPE))
    assert used.slope in found
    assert not any(aspect == "states" for _, aspect in found)
