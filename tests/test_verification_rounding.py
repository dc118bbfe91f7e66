"""What rounding explains is unclear, not wrong; and the random errors that tell."""

from __future__ import annotations

from typing import Any

import numpy as np

import statestream as sst
from nets import COUNTER, LEARNER, changed
from statestream import backends
from statestream.backends import numpy as reference
from statestream.backends._jitter import SPREADS
from statestream.backends._tape import ARITHMETIC, PART, Primitive
from statestream.verification import TOLERANCE, Report
from statestream.verification.local_run import LocalRun
from verification_wrong import WrongEngine, failures, probe, with_wrong_operation, with_wrong_operator

ALMOST = Primitive("almost", lambda x: x * np.float32(1 - 1.2e-7), (lambda g, y, x: g,))
"""Off by two units in the last place, as engines are."""
UPDATE = ("deep", "update", "eye_mid.W_0_0")
EXACT = {
    "abs", "argmax", "broadcast_to", "concatenate", "floor", "greater", "greater_equal", "max", "maximum",
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
    known = [name for names in (*SPREADS, EXACT) for name in names]
    assert sorted({*listed, *ARITHMETIC, PART.name, "concatenate"}) == sorted(known)


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


def whole(ops: Any, symbols: Any) -> Any:
    x = ops.floor(symbols["x"])
    product = ops.matmul(x, ops.transpose(x, (1, 0)))
    return {
        "sum": ops.sum(x, 1),
        "product": product,
        "number": 3.0 * x + 1.0,
        "half": (x + 0.5) / 2.0,
    }


def test_what_is_exact_stays_exact() -> None:
    """An index, a count or a sign must not become another one."""
    x = np.linspace(-9, 9, 12, dtype=np.float32).reshape(3, 4)
    exact = reference.Engine().compile(whole, {"x": x.shape})({"x": x})
    erring = reference.Engine(jitter=1e-5).compile(whole, {"x": x.shape})({"x": x})
    for key, value in exact.items():
        np.testing.assert_array_equal(erring[key], value, err_msg=key)


def test_a_sum_errs_by_its_terms() -> None:
    x = np.array([[0.3, -0.3, 0.1], [0.0, 0.0, 0.0]], np.float32)
    run = reference.Engine(jitter=1e-3).compile(lambda ops, given: {"y": ops.sum(given["x"], 1)}, {"x": x.shape})
    found = np.array([run({"x": x})["y"] for _ in range(50)])
    assert 0.6e-3 < np.abs(found[:, 0] - 0.1).max() < 0.71e-3
    assert not found[:, 1].any()


def test_whole_numbers_are_no_excuse() -> None:
    """A step at a whole number, which was computed from whole numbers: engines have no reason to differ."""

    class Loose(reference._NumpyOperations):
        def greater(self, a: Any, b: Any) -> Any:
            return self.greater_equal(a, b)

    text = "B.rectangular(B.floor($00 * 3) * 4 + 1, x_min=1, x_max=100)"
    report = sst.verify(probe(text), [WrongEngine(Loose)], frames=3, random_states=True)
    assert ("z", "states") in failures(report)


def test_without_jitter_nothing_errs() -> None:
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    exact, same = (reference.Engine(jitter=0.0).compile(together, {"x": x.shape})({"x": x}) for _ in range(2))
    for key, value in exact.items():
        np.testing.assert_array_equal(same[key], value)
