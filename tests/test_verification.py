"""What verification finds, excuses and reports, on plain numpy with small things wrong."""

from __future__ import annotations

import gc
import json
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import statestream as sst
from nets import COUNTER, LEARNER, READER, changed
from statestream import backends
from statestream.backends._tape import Primitive
from statestream.graph import Network
from statestream.interfaces import InterfaceError
from statestream.interfaces.roman_numerals import RomanNumerals
from statestream.verification import Deviation, EngineMissing, VerificationError
from statestream.verification.engines import on_backend
from statestream.verification.verifier import frames_for
from test_runtime_frame_law import NETWORK
from verification_wrong import Meddling, WrongEngine, failures, with_wrong_operation

STATE = ("out", "state", "")
GRADIENT = ("deep", "variable", "grad.sp.eye_mid.W_0_0")
MOMENT = ("deep", "variable", "moments.sp.eye_mid.W_0_0")
UPDATE = ("deep", "update", "eye_mid.W_0_0")


def meddling(key: Any, position: tuple[int, ...], frame: int, change: Callable[[float, float], float]) -> Meddling:
    """One element of one array is wrong in one frame: change(value, the array's largest magnitude)."""

    def meddle(call: int, results: dict[Any, np.ndarray]) -> None:
        if call == frame + 1:
            results[key][position] = change(results[key][position], np.abs(results[key]).max())

    return Meddling(meddle)


def off_by(part: float) -> Callable[[float, float], float]:
    return lambda value, largest: value + part * largest


# --- what it finds ---


def test_one_element_of_one_agent_in_one_frame() -> None:
    report = sst.verify(LEARNER, [meddling(STATE, (3, 1, 0, 0), 7, off_by(1e-3))])
    (worst,) = report.backends[0].failures
    assert report.backends[0].deviations[0] is worst
    assert (worst.item, worst.aspect, worst.array, worst.frame) == ("out", "states", "out.state", 7)
    assert worst.position == (3, 1, 0, 0)
    assert worst.deviation == pytest.approx(1e-3, rel=1e-3)
    assert worst.found != worst.expected
    assert not report.passed


@pytest.mark.parametrize(
    ("key", "position", "wrong"),
    [
        (GRADIENT, (1, 0, 2, 2), ("deep", "gradients")),
        (UPDATE, (1, 0, 2, 2), ("deep", "updates")),
        (UPDATE, (1, 0, 2, 2), ("eye_mid", "parameters")),
        (MOMENT, (1, 0, 2, 2), ("deep", "memory")),
        (("deep", "variable", "t"), (), ("deep", "memory")),
        (("flat", "variable", "loss1"), (), ("flat", "losses")),
        (("flat", "variable", "loss0"), (), ("flat", "losses")),
    ],
)
def test_every_aspect_is_compared(key: Any, position: tuple[int, ...], wrong: tuple[str, str]) -> None:
    report = sst.verify(LEARNER, [meddling(key, position, 6, lambda value, largest: value + 0.1 * largest + 1e-3)])
    assert wrong in failures(report)
    assert {one.frame for one in report.backends[0].failures} == {6}


@pytest.mark.parametrize(
    ("key", "off", "tolerance", "passed"),
    [
        (STATE, 0.8e-5, 1e-5, True),
        (STATE, 1.2e-5, 1e-5, False),
        (STATE, 0.8e-3, 1e-3, True),
        (GRADIENT, 0.8e-4, 1e-5, True),
        (GRADIENT, 1.2e-4, 1e-5, False),
    ],
)
def test_tolerances(key: Any, off: float, tolerance: float, passed: bool) -> None:
    engine = meddling(key, (1, 0, 0, 0), 6, off_by(off))
    report = sst.verify(LEARNER, [engine], tolerance=tolerance)
    aspect = "states" if key == STATE else "gradients"
    (found,) = (one for one in report.backends[0].deviations if (one.item, one.aspect) == (key[0], aspect))
    assert found.passed is passed
    assert found.deviation == pytest.approx(off, rel=0.1)


def test_deviations_do_not_accumulate() -> None:
    """What is wrong in one frame is not fed into the next one."""
    network = changed(COUNTER, count={"act": "1.5 * $ + 1"})
    report = sst.verify(network, [meddling(("count", "state", ""), (0, 0, 0, 0), 2, off_by(0.5))])
    assert failures(report) == [("count", "states")]
    assert report.backends[0].failures[0].frame == 2


def test_worst_first() -> None:
    def meddle(call: int, results: dict[Any, np.ndarray]) -> None:
        results["eye", "state", ""] *= np.float32(1.01)
        results["out", "state", ""] *= np.float32(1.1)
        results[GRADIENT] *= np.float32(1.05)

    report = sst.verify(LEARNER, [Meddling(meddle)])
    severities = [one.severity for one in report.backends[0].deviations]
    assert severities == sorted(severities, reverse=True)
    assert failures(report)[0] == ("out", "states")
    lines = report.text.splitlines()
    heading = next(number for number, line in enumerate(lines) if line.startswith("meddling: FAILED"))
    assert lines[heading + 2].split()[:5] == ["out", "states", "1.0e-01", "1e-05", "!"]


def test_no_thread_is_left() -> None:
    def drawing() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name.startswith("draws")]

    def meddle(call: int, results: dict[Any, np.ndarray]) -> None:
        results["eye", "state", ""] *= np.float32(1.01)  # so that rounding is asked

    before = drawing()
    gc.disable()  # else the collector may come in time
    try:
        assert not sst.verify(LEARNER, [Meddling(meddle)], frames=5).passed
        assert set(drawing()) <= set(before)
    finally:
        gc.enable()


def test_only_one_engine_is_wrong() -> None:
    report = sst.verify(LEARNER, ["numpy", meddling(STATE, (0, 0, 0, 0), 3, off_by(1e-3))])
    assert [(one.backend, one.passed) for one in report.backends] == [("numpy", True), ("meddling", False)]
    assert not report.passed


# --- NaN and Inf ---


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_only_the_engine_does_not_have(value: float) -> None:
    report = sst.verify(LEARNER, [meddling(STATE, (3, 1, 0, 0), 4, lambda *_: value)])
    assert failures(report) == [("out", "states")]
    worst = report.backends[0].failures[0]
    assert (worst.deviation, worst.position, worst.frame) == (math.inf, (3, 1, 0, 0), 4)
    assert report.frames == 10 and not report.stopped


def test_where_a_session_pauses_it_stops() -> None:
    report = sst.verify(changed(COUNTER, behind={"act": "1 / ($ - 2)"}), ["numpy"])
    assert report.stopped == "behind.state became NaN or Inf in frame 2, where a session pauses"
    assert report.frames == 2
    assert report.passed
    assert f"stopped: {report.stopped}" in report.text


def test_a_number_that_only_the_engine_has() -> None:
    engine = meddling(("behind", "state", ""), (1, 0, 0, 0), 1, lambda *_: 7.0)
    report = sst.verify(changed(COUNTER, behind={"act": "B.exp(100 * $)"}), [engine])
    assert report.stopped == "behind.state became NaN or Inf in frame 1, where a session pauses"
    assert failures(report) == [("behind", "states")]


# --- what it does not look at ---


def test_items_that_never_ran_are_named() -> None:
    network = changed(
        LEARNER, out={"at start": 1}, flat={"startframe": 200}, deep={"period": 150, "period offset": 140}
    )
    report = sst.verify(network, ["numpy"])
    assert report.frames == 100
    assert report.not_verified == {
        "out": "it is paused at start",
        "deep": "it runs in frame 140 for the first time",
        "flat": "it runs in frame 201 for the first time",
    }
    assert "not verified: out: it is paused at start" in report.text
    assert not {one.item for one in report.backends[0].deviations} & set(report.not_verified)


def test_how_many_frames() -> None:
    assert frames_for(sst.load_graph(COUNTER)) == 10
    assert frames_for(sst.load_graph(LEARNER)) == 10
    assert frames_for(sst.load_graph(changed(LEARNER, flat={"period": 7, "period offset": 5}))) == 13
    assert sst.verify(LEARNER, ["numpy"], frames=4).frames == 4


def test_no_frame_is_no_pass() -> None:
    report = sst.verify(LEARNER, ["numpy"], frames=0)
    assert not report.passed
    assert "numpy: FAILED: nothing was compared" in report.text


def test_items_where_nothing_flows_are_named() -> None:
    quiet = changed(LEARNER, mid={"dropout": 0.5})
    for pool in ("eye", "goal"):
        quiet["neuron_pools"][pool] = {"shape": quiet["neuron_pools"][pool]["shape"]}
    report = sst.verify(quiet, ["numpy"])
    assert report.zeros == ("mid", "flat")
    assert "verified at 0 only, where nothing flows: mid, flat" in report.text
    assert not sst.verify(quiet, ["numpy"], random_states=True).zeros


# --- engines and networks ---


def test_backends_of_items_are_overridden() -> None:
    mixed = sst.load_graph(
        changed(LEARNER, mid={"backend": "tensorflow", "device": "cpu:1"}, flat={"backend": "theano"})
    )
    groups = on_backend(mixed, "numpy").groups()
    assert [(group.backend, group.device) for group in groups] == [("numpy", "cpu"), ("numpy", "cpu:1")]
    assert groups[1].items == ("mid", "eye_mid")
    assert mixed.group_of("mid").backend == "tensorflow"
    assert sst.verify(mixed, ["numpy"]).passed


def test_every_device_group_has_an_engine_of_its_own() -> None:
    engine = with_wrong_operation("tanh", Primitive("wrong", lambda x: 2 * x, (lambda g, y, x: g,)))
    devices = changed(LEARNER, mid={"device": "cpu:1"}, flat={"device": "cpu:2"})
    assert sst.verify(devices, ["numpy"]).passed
    assert ("mid", "states") in failures(sst.verify(devices, [engine]))


def test_a_network_that_came_from_elsewhere() -> None:
    network = Network.from_json(sst.load_graph(LEARNER).to_json())
    assert sst.verify(network, ["numpy"]).passed


def test_an_interface_feeds_it() -> None:
    report = sst.verify(READER, ["numpy"], seed=1)
    assert report.passed
    assert not report.zeros
    assert {one.item for one in report.backends[0].deviations} == {"image", "label", "prediction", "learn", "read"}
    assert sst.verify(NETWORK, ["numpy"]).passed


@pytest.mark.parametrize("options", [{"frames": -1}, {"tolerance": 0.0}, {"tolerance": float("nan")}, {"split": -1}])
def test_options_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(sst.VerificationError, match=rf"{next(iter(options))} is .*, allowed is "):
        sst.verify(COUNTER, ["numpy"], **options)


def test_one_backend_needs_no_list() -> None:
    assert [one.backend for one in sst.verify(COUNTER, "numpy", frames=1).backends] == ["numpy"]


def test_unknown_backends() -> None:
    with pytest.raises(EngineMissing, match="unknown backend 'nupy'; there are numpy, tensorflow, theano"):
        sst.verify(LEARNER, ["numpy", "nupy"])
    with pytest.raises(EngineMissing, match="there is no backend to verify"):
        sst.verify(LEARNER, [])


def test_backends_that_are_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    load = backends.load

    def without_theano(name: str, **options: Any) -> Any:
        if name == "theano":
            raise backends.BackendError("backend theano cannot be loaded: No module named 'pytensor'")
        return load("numpy")

    monkeypatch.setattr(backends, "load", without_theano)
    with pytest.raises(EngineMissing, match="No module named 'pytensor'"):
        sst.verify(LEARNER, ["tensorflow", "theano"])
    report = sst.verify(LEARNER)
    assert [one.backend for one in report.backends] == ["tensorflow"]
    assert report.passed
    assert "not verified: theano: backend theano cannot be loaded" in report.text


class Failing(WrongEngine):
    """Fails when it compiles, or in its second call."""

    name = "failing"

    def __init__(self, error: Exception, late: bool) -> None:
        super().__init__(backends.load("numpy").operations)  # type: ignore[attr-defined]
        self.error, self.late = error, late

    def build(self, function: Any, inputs: Any) -> Any:
        if not self.late:
            raise self.error
        run, calls = super().build(function, inputs), iter(range(100))

        def call(arrays: Any) -> Any:
            if next(calls) == 2:
                raise self.error
            return run(arrays)

        return call


@pytest.mark.parametrize(
    ("error", "late", "trouble"),
    [
        (backends.BackendError("no erf on this engine"), False, "no erf on this engine"),
        (RuntimeError("out of memory"), False, "RuntimeError while it was prepared: out of memory"),
        (RuntimeError("out of memory"), True, "RuntimeError in frame 1: out of memory"),
    ],
)
def test_an_engine_that_fails(error: Exception, late: bool, trouble: str) -> None:
    report = sst.verify(LEARNER, [Failing(error, late), "numpy"])
    failing, right = report.backends
    assert (failing.passed, failing.trouble) == (False, trouble)
    assert right.passed
    assert not report.passed
    assert f"failing: FAILED: {trouble}" in report.text
    assert bool(failing.deviations) is late


def test_an_interface_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def initialize(self: RomanNumerals) -> None:
        raise InterfaceError(self.name, "there is no such folder")

    monkeypatch.setattr(RomanNumerals, "initialize", initialize)
    with pytest.raises(VerificationError, match=r"numerals.*there is no such folder"):
        sst.verify(READER, ["numpy"])


def test_a_wrong_graph() -> None:
    with pytest.raises(sst.GraphError):
        sst.verify(changed(LEARNER, out={"shape": [0, 1, 1]}), ["numpy"])
    with pytest.raises(sst.GraphError):
        sst.verify(LEARNER, ["numpy"], overrides={"out.shape": [0, 1, 1]})


# --- the report as data ---


def test_data() -> None:
    report = sst.verify(LEARNER, ["numpy"], seed=3, agents=2)
    data = json.loads(json.dumps(report.data()))
    assert (data["passed"], data["network"], data["agents"], data["seed"], data["frames"]) == (
        True,
        "learner",
        2,
        3,
        10,
    )
    assert (data["stopped"], data["not_verified"], data["zeros"]) == ("", {}, [])
    numpy = data["backends"]["numpy"]
    assert (numpy["passed"], numpy["trouble"]) == (True, "")
    assert set(numpy["deviations"][0]) == {*Deviation.__dataclass_fields__, "passed"}
    assert len(numpy["deviations"]) == len(report.backends[0].deviations)


def test_seeds_agree_with_the_settings() -> None:
    assert sst.verify(COUNTER, ["numpy"]).seed == 42
    assert sst.verify({**COUNTER, "random_seed": 9}, ["numpy"]).seed == 9
