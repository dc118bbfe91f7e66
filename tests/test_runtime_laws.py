"""The laws of a running session: frames, whole reads, partition, seeds. Each compares with numpy or another run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import statestream as sst
from conformance import OTHERS
from engines import assert_equal_bits, everything, fresh, running
from nets import COUNTER, LEARNER, READER, changed
from sabotage import sabotage
from statestream.arrays import ArrayKey, describe


def run(network: dict[str, Any], frames: int = 12, seed: int = 5) -> dict[ArrayKey, np.ndarray]:
    return fresh(network, frames, seed=seed)


def test_law_1_states_advance_together() -> None:
    with sst.Session(COUNTER) as session:
        for frame in range(1, 5):
            session.step()
            assert session.frame == frame
            assert (session["count"].state == frame).all()
            assert (session["behind"].state == frame - 1).all()


@pytest.mark.proves("if.out", "if.remap", "if.type")
def test_law_1_interface_output_is_the_state_one_frame_after_it_was_written() -> None:
    with sst.Session(READER, seed=1) as session:
        seen = 0.0
        for _ in range(6):
            written = session["numerals"].variable["rn_image"]
            seen += float(written.sum())
            session.step()
            np.testing.assert_array_equal(session["image"].state, written)
        assert seen > 0


def test_law_1_increments_act_from_the_next_frame_on_and_parameters_are_clipped() -> None:
    low = changed(LEARNER, eye_mid={"max W_0_0": 0.1, "init W_0_0": 0.1})
    with sst.Session(low, seed=2) as session:
        session.step(3)  # startframe 2: the first increment is computed in frame 3
        assert not session["deep"].update("eye_mid", "W_0_0").any()
        moved = clipped = False
        for _ in range(4):
            before = {key: session[key].parameter["W_0_0"] for key in ("eye_mid", "mid_out")}
            session.step()
            deep = session["deep"].update("eye_mid", "W_0_0")
            wanted = np.minimum(before["eye_mid"] + deep, np.float32(0.1))
            moved |= bool(deep.any())
            clipped |= bool((wanted != before["eye_mid"] + deep).any())
            np.testing.assert_array_equal(session["eye_mid"].parameter["W_0_0"], wanted)
            both = before["mid_out"] + session["deep"].update("mid_out", "W_0_0")
            both = both + session["flat"].update("mid_out", "W_0_0")
            np.testing.assert_array_equal(session["mid_out"].parameter["W_0_0"], both)
        assert moved and clipped


@pytest.mark.proves("np.period", "np.period offset")
def test_law_1_period_and_offset() -> None:
    slow = changed(COUNTER, count={"period": 3, "period offset": 1})
    with sst.Session(slow) as session:
        counts = []
        for _ in range(8):
            session.step()
            counts.append(int(session["count"].state[0, 0, 0, 0]))
        # It runs in frames 1, 4 and 7; frame n is complete as number n + 1.
        assert counts == [0, 1, 1, 1, 2, 2, 2, 3]


@pytest.mark.proves("np.at start")
@pytest.mark.parametrize(("flag", "runs"), [(0, True), (1, False), (2, False)])
def test_law_1_at_start(flag: int, runs: bool) -> None:
    with sst.Session(changed(COUNTER, count={"at start": flag})) as session:
        session.step(3)
        assert (session["count"].state == (3 if runs else 0)).all()


@pytest.mark.parametrize("devices", [("cpu", "cpu"), ("cpu:1", "cpu:2")])
def test_law_1_a_frame_that_is_not_finite_is_not_committed(devices: tuple[str, str]) -> None:
    network = changed(LEARNER, deep={"device": devices[0]}, flat={"device": devices[1]})
    with sst.Session(network, seed=3) as session:
        session.step(6)
        good = everything(session)
        session["goal"].state = 3e38  # its square is none that float32 can hold
        broken = everything(session)
        for _ in range(2):  # it stays so until somebody changes something
            with pytest.raises(
                sst.CommandError, match=r"paused: \S+ became NaN or Inf in frame 6; the frame was not committed"
            ):
                session.step()
        assert session.frame == 6
        assert_equal_bits(everything(session), broken)
        assert "paused" in session.command("state")
        session["goal"].state = good["goal", "state", ""]
        session.step(2)
        repaired = everything(session)
    assert_equal_bits(repaired, run(network, 8, 3))


def test_law_1_interface_variables_that_are_not_finite_are_not_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = run(READER, 8, 3)
    code = """
        kept = RomanNumerals.advance
        def advance(self, moment, following):
            kept(self, moment, following)
            if moment.split == 1:
                following["rn_image"][-1, 0, 3, 3] = np.inf
        RomanNumerals.advance = advance
        """
    sabotage(tmp_path, monkeypatch, "interface_process", "interfaces.roman_numerals", code)
    with sst.Session(READER, seed=3) as session:
        session.step(6)
        session.split = 1
        with pytest.raises(sst.CommandError, match=r"numerals.variable.rn_image became NaN or Inf in frame 6"):
            session.step()
        session.split = 0
        session.step(2)
        assert_equal_bits(everything(session), wanted)


def test_law_2_views_hold_one_frame_while_the_network_streams() -> None:
    with sst.Session(COUNTER) as session:
        session.stream()
        frames: set[int] = set()
        deadline = time.monotonic() + 20
        while len(frames) < 100 and time.monotonic() < deadline:
            with session.frame_view() as view:
                assert (view["count"].state == view.frame).all()
                assert (view["behind"].state == max(view.frame - 1, 0)).all()
                frames.add(view.frame)
        session.pause()
        assert len(frames) == 100


PARTITIONS: list[dict[str, dict[str, Any]]] = [
    {"mid": {"device": "cpu:1"}},
    {"out": {"device": "cpu:1"}, "deep": {"device": "cpu:2"}},
    {"deep": {"device": "cpu:1"}, "flat": {"device": "cpu:2"}, "eye": {"device": "cpu:3"}},
]


@pytest.mark.proves("np.device", "plast.device")
@pytest.mark.parametrize("partition", PARTITIONS)
def test_law_3_the_partition_does_not_change_a_bit(partition: dict[str, dict[str, Any]]) -> None:
    assert_equal_bits(run(LEARNER), run(changed(LEARNER, **partition)))


def test_law_3_with_an_interface_too() -> None:
    apart = changed(READER, label={"device": "cpu:1"}, learn={"device": "cpu:2"})
    assert_equal_bits(run(READER), run(apart))


def test_law_4_a_seed_means_the_same_numbers_and_another_seed_others() -> None:
    one, same, other = run(LEARNER, seed=7), run(LEARNER, seed=7), run(LEARNER, seed=8)
    assert_equal_bits(one, same)
    states = [(pool, "state", "") for pool in ("eye", "mid")]
    for key in (*states, ("eye_mid", "parameter", "W_0_0"), ("deep", "variable", "loss1")):
        assert not np.array_equal(one[key], other[key]), key


def test_law_4_draws_do_not_depend_on_how_frames_were_asked_for() -> None:
    with sst.Session(LEARNER, seed=7) as session:
        for frames in (1, 4, 2, 5):
            session.step(frames)
        assert_equal_bits(everything(session), run(LEARNER, seed=7))


def test_law_4_the_draws_of_a_frame_do_not_depend_on_what_else_runs_in_it() -> None:
    """Frames with and without the pool take turns, so that what was drawn ahead is often for the wrong frame."""
    odd = changed(LEARNER, goal={"period": 3, "period offset": 1}, mid={"period": 2}, deep={"period": 2})
    with sst.Session(LEARNER, seed=7) as always, sst.Session(odd, seed=7) as sometimes:
        for frame in range(10):
            always.step()
            sometimes.step()
            np.testing.assert_array_equal(sometimes["eye"].state, always["eye"].state)
            if frame % 3 == 1:
                goal = always["goal"].state
            if frame >= 1:
                np.testing.assert_array_equal(sometimes["goal"].state, goal)


@pytest.mark.conformance
@pytest.mark.parametrize("backend", OTHERS)
def test_laws_4_and_6_engines_agree_with_the_reference_noise_included(backend: str) -> None:
    reference = run(LEARNER, 6)
    with running(backend, LEARNER, seed=5) as session:
        session.step(6)
        engine = everything(session)
    assert reference.keys() == engine.keys()
    for key, value in reference.items():
        scale = max(float(np.abs(value).max()), 1e-6)
        np.testing.assert_allclose(engine[key], value, atol=1e-4 * scale, rtol=0, err_msg=describe(key))
