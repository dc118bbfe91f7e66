"""What rounding explains is unclear, not wrong; and the random errors that tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import statestream as sst
from nets import COUNTER, LEARNER, changed
from statestream import backends
from statestream.backends import numpy as reference
from statestream.backends._jitter import ROUNDING
from statestream.backends._tape import ARITHMETIC, PART, Primitive
from statestream.verification import TOLERANCE, Report
from statestream.verification.local_run import LocalRun
from verification_wrong import WrongEngine, failures, probe, with_wrong_operation, with_wrong_operator

ALMOST = Primitive("almost", lambda x: x * np.float32(1 - 1.2e-7), (lambda g, y, x: g,))
"""Off by two units in the last place, as engines are."""
UPDATE = ("deep", "update", "eye_mid.W_0_0")
EXACT = {
    "abs", "argmax", "broadcast_to", "concatenate", "floor", "greater", "greater_equal", "identity", "max", "maximum",
    "minimum", "negative", "pad", "part", "patches", "pick", "reshape", "sign", "stop_gradient", "transpose", "where",
}  # fmt: skip
"""Primitives that do not round: they choose, compare or move."""


def unclear(report: Report) -> dict[tuple[str, str], int]:
    return {(one.item, one.aspect): one.unclear for one in report.backends[0].deviations if one.unclear}


AT_A_STEP = changed(COUNTER, behind={"act": "B.floor($ * 10)", "bias_shape": "feature", "init b": 0.3}, follow={
    "init W_0_0": 0.0
})  # fmt: skip
"""0.3 times 10 is 3.0000001: it rounds to 3, or to just below."""


def test_a_value_at_a_step_is_unclear() -> None:
    report = sst.verify(AT_A_STEP, [with_wrong_operator("multiply", ALMOST)])
    assert report.passed
    assert unclear(report)["behind", "states"] > 0
    assert "unclear" in report.text


def test_a_step_elsewhere_is_wrong() -> None:
    between = changed(AT_A_STEP, behind={"init b": 0.35})
    wrong = Primitive("one less", lambda x: x - 1, (None,))
    report = sst.verify(between, [with_wrong_operation("floor", wrong)])
    assert ("behind", "states") in failures(report)
    assert not unclear(report)


def test_a_step_at_an_exact_zero_is_wrong() -> None:
    network = changed(COUNTER, behind={"act": "sign"}, follow={"init W_0_0": 0.0})
    wrong = Primitive("never 0", lambda x: np.where(x == 0, 1, x), (None,))
    report = sst.verify(network, [with_wrong_operation("sign", wrong)])
    assert failures(report) == [("behind", "states")]


def test_what_is_left_where_terms_cancel_is_unclear() -> None:
    network = probe(pool={"layernorm_mean": "full", "bias_shape": False}, synapse={"rf": 1, "init W_0_0": 0.0,
                    "bias_shapes": ["feature"], "init b_0": 0.3})  # fmt: skip
    report = sst.verify(network, [with_wrong_operation("mean", ALMOST)])
    assert unclear(report)["z", "states"] > 0
    assert ("z", "states") not in failures(report)


def test_what_is_left_of_a_long_sum_is_unclear() -> None:
    """The sum's terms come straight from states, and it is 0: an engine that adds in float32 leaves a rest."""
    pools = {name: {"shape": [4, 4, 4], "bias_shape": "feature", "init b": 0.3} for name in ("p", "q")}
    text = "B.sum(B.concatenate([$00, -$10], 1), axis=1, keepdims=1)"
    network = {
        **COUNTER,
        "neuron_pools": {**pools, "z": {"shape": [4, 4, 4], "bias_shape": False}},
        "synapse_pools": {"pq_z": {"source": [["p"], ["q"]], "target": "z", "func": text}},
    }

    class Sloppy(reference._NumpyOperations):
        def sum(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
            exact, terms = super().sum(x, axis, keepdims), super().sum(self.abs(x), axis, keepdims)
            return exact + 1e-7 * terms

    report = sst.verify(network, [WrongEngine(Sloppy)])
    assert report.passed
    assert unclear(report)["z", "states"] > 0


def test_updates_are_judged_by_the_engines_own_gradients() -> None:
    """A gradient within its tolerance changes adam's increments by more than theirs."""
    noisy = Primitive("noise", lambda x: x + np.float32(0.5e-4) * np.abs(x).max(), (None,))
    engine = with_wrong_operation("gradients", noisy)
    report = sst.verify(LEARNER, [engine])
    assert report.passed and not unclear(report)
    found = []
    for each in (engine, backends.load("numpy")):
        with LocalRun(sst.load_graph(LEARNER), 42, each) as run:
            for _ in range(3):
                run.commit(run.compute())
            found.append(run.compute()[UPDATE])
    assert np.abs(found[0] - found[1]).max() > 5 * TOLERANCE * np.abs(found[1]).max()


def test_what_is_left_of_adams_correction_is_unclear() -> None:
    network = probe(optimizer="adam", decay=0.99999)
    report = sst.verify(network, [with_wrong_operation("power", ALMOST)], frames=8)
    assert report.passed, report.text
    assert unclear(report)["learn", "updates"] > 0


# --- the random errors ---


def test_every_primitive_is_known_to_round_or_not() -> None:
    listed = {one.name for one in vars(reference).values() if isinstance(one, Primitive)}
    assert {*listed, *ARITHMETIC, PART.name, "concatenate"} == ROUNDING | EXACT
    assert not ROUNDING & EXACT


def together(ops: Any, symbols: Any) -> Any:
    x = symbols["x"]
    y = ops.exp(x)
    return {"y": y, "moved": ops.transpose(x, (1, 0)), "slope": ops.gradients(ops.sum(y * y), [x])[0]}


def test_errors_are_small_and_differ_from_call_to_call() -> None:
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    exact = reference.Engine().compile(together, {"x": x.shape})({"x": x})
    erring = reference.Engine(jitter=1e-5).compile(together, {"x": x.shape})
    first, second = ({key: value.copy() for key, value in erring({"x": x}).items()} for _ in range(2))
    np.testing.assert_array_equal(first["moved"], x.T)
    for key in ("y", "slope"):
        assert (first[key] != second[key]).any()
        for found in (first, second):
            off = np.abs(found[key] / exact[key] - 1)
            assert 1e-6 < off.max() < 1e-4


@pytest.mark.parametrize("jitter", [0.0, 1e-5])
def test_zeros_stay_zeros(jitter: float) -> None:
    run = reference.Engine(jitter=jitter).compile(lambda ops, given: {"y": given["x"] * 2.0 + 0.0}, {"x": (3,)})
    assert not run({"x": np.zeros(3, np.float32)})["y"].any()
