"""Capturing a running session: every frame is there, bit for bit, and the network does not notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import statestream as sst
from engines import assert_equal_bits, everything
from nets import COUNTER, LEARNER, READER, changed
from processes import eventually
from sabotage import sabotage
from statestream.arrays import ArrayKey

EVERYTHING = changed(READER, prediction={"dropout": 0.3, "noise": "normal"}, learn={"period": 2}, label={"period": 3})
"""An interface, noise, dropout, learning, periods."""


def rows_of(session: sst.Session) -> dict[ArrayKey, np.ndarray]:
    """All arrays of items in the frame that stands."""
    return {key: value for key, value in everything(session).items() if key[0]}


def frame_of(capture: sst.captures.reader.Capture, frame: int) -> dict[ArrayKey, np.ndarray]:
    return {key: recorded[frame] for key, recorded in capture.arrays.items()}


def assert_same(found: dict[ArrayKey, np.ndarray], wanted: dict[ArrayKey, np.ndarray]) -> None:
    assert wanted.keys() <= found.keys()
    assert_equal_bits({key: found[key] for key in wanted}, wanted)


@pytest.mark.parametrize("network", [EVERYTHING, LEARNER], ids=["reader", "learner"])
def test_every_recorded_frame_is_that_of_an_equal_run_that_is_looked_at(
    network: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "run.h5"
    with sst.Session(network, seed=3) as session:
        session.command(f"capture start {path}")
        session.step(9)
        session.command("capture stop")
        last = rows_of(session)
    with sst.open_capture(path) as capture, sst.Session(network, seed=3) as other:
        assert capture.ended and list(capture.frames) == list(range(10))
        for frame in range(10):
            assert_same(frame_of(capture, frame), rows_of(other))
            other.step(frame < 9)
        assert_same(rows_of(other), last)  # the captured run went the way of the other one
        assert capture.manifest["seed"] == 3
        assert capture.network.expanded() == other.network.expanded()


def test_a_capture_at_full_speed_has_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with sst.Session(COUNTER) as session:
        session.step(5)
        session.command(f"capture start {path} count")
        session.step(3000)
        assert session.command("capture stop") == f"recorded frames 5 to 3005 in {path}"
    with sst.open_capture(path) as capture:
        assert list(capture.frames) == list(range(5, 3006))
        np.testing.assert_array_equal(np.asarray(capture["count"].state)[:, 0, 0, 0, 0], capture.frames)
        assert set(capture) == {"count", "again"} and "behind" not in capture


def test_captures_follow_each_other_and_any_client_may_begin_and_end_them(tmp_path: Path) -> None:
    one, two = tmp_path / "one.h5", tmp_path / "two.h5"
    with sst.Session(COUNTER) as session:
        client = sst.attach(session.id)
        client.command(f"capture start {one}")
        session.step(3)
        with pytest.raises(sst.CommandError, match=rf"a capture to {one} is running already; 'capture stop' ends it"):
            session.command(f"capture start {two}")
        session.command("capture stop")
        with pytest.raises(sst.CommandError, match=rf"no capture is running; that to {one} has ended at frame 3"):
            client.command("capture stop")
        session.step(2)
        session.command(f"capture start {two}")
        client.step(2)
        assert client.command_data("capture")["last frame"] == 7
        client.close()  # the capture belongs to the session
        session.step(1)
    with sst.open_capture(one) as capture:
        assert list(capture.frames) == [0, 1, 2, 3]
    with sst.open_capture(two) as capture:  # the session's end completed it
        assert list(capture.frames) == [5, 6, 7, 8] and capture.ended


def test_a_frame_is_recorded_as_the_next_one_reads_it(tmp_path: Path) -> None:
    """What people write between two frames belongs to the frame before, whenever they write it."""
    path = tmp_path / "run.h5"
    with sst.Session(COUNTER) as session:
        session.command(f"capture start {path}")
        session.step(2)
        assert eventually(lambda: session.command_data("capture")["frames on disk"] == 3)  # frame 2, as it was
        session["count"].state = 40
        session["follow"].parameter["W_0_0"] = 2.0
        session["follow"].parameter["W_0_0"] = 3.0
        session.step(2)
        session["again"].parameter["W_0_0"] = 0.0
        session.split = 1
        session.command("capture stop")
    with sst.open_capture(path) as capture:
        assert np.asarray(capture["count"].state)[:, 0, 0, 0, 0].tolist() == [0, 1, 40, 41, 42]
        assert capture["behind"].state[3][0, 0, 0, 0] == 120
        assert np.asarray(capture["follow"].parameter["W_0_0"]).reshape(-1).tolist() == [1, 1, 3, 3, 3]
        assert np.asarray(capture["again"].parameter["W_0_0"]).reshape(-1).tolist() == [1, 1, 1, 1, 0]
        assert np.asarray(capture.array(("", "session", "split"))).tolist() == [0, 0, 0, 0, 1]


def test_items_and_tags_are_chosen_together_and_bring_what_they_are_computed_from(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    network = changed(LEARNER, eye={"tags": ["sense"]}, goal={"tags": ["sense"]})
    with sst.Session(network, seed=3) as session:
        for words, message in {"#sens": r"no item has the tag #sens; tags: .*#sense", "eyes": "no item 'eyes'"}.items():
            with pytest.raises(sst.CommandError, match=message):
                session.command(f"capture start {path} eye {words}")
        assert not path.exists()
        session.command(f"capture start {path} flat #sense")
        session.step(2)
        session.command("capture stop")
    with sst.open_capture(path) as capture:
        assert capture.manifest["chosen"] == ["eye", "goal", "flat"]
        assert set(capture) == {"eye", "goal", "mid", "out", "eye_out", "mid_out", "flat"}
        assert capture["flat"].kind == "plast" and "loss1" in capture["flat"].variable
        assert {"eye.state", "mid.state", "goal.state", "mid_out.parameter.W_0_0"} <= capture["flat"].inputs.keys()
        assert capture["flat"].trained.keys() == {"eye_out.parameter.W_0_0", "mid_out.parameter.W_0_0"}
        with pytest.raises(AttributeError, match="flat has no recorded state"):
            _ = capture["flat"].state


def test_a_shared_parameter_leads_to_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    network = changed(COUNTER, follow={"share params": {"W_0_0": ["again", "W_0_0"]}})
    network["synapse_pools"]["follow"].pop("init W_0_0")
    with sst.Session(network) as session:
        session.command(f"capture start {path} follow")
        session.step(1)
    with sst.open_capture(path) as capture:
        shared = capture["follow"].parameter["W_0_0"]
        assert shared.key == ("again", "parameter", "W_0_0") and shared[1].reshape(()) == 1
        assert ("follow", "parameter", "W_0_0") not in capture.arrays


NUMPY = {
    "name": "small", "agents": 3, "backend": "numpy",
    "neuron_pools": {
        "eye": {"shape": [2, 2, 2], "noise": "normal", "noise_std": 0.5},
        "goal": {"shape": [3, 1, 1], "noise": "uniform"},
        "out": {"shape": [3, 1, 1], "act": "sigmoid"},
    },
    "synapse_pools": {"eye_out": {"source": [["eye"]], "target": "out"}},
    "plasticities": {
        "learn": {
            "type": "loss", "loss_function": "MSE", "source": "out", "source_t": 1, "target": "goal", "target_t": 0,
            "optimizer": "grad_desc", "lr": 0.5, "parameter": [["sp", "eye_out", "W_0_0"], ["np", "out", "b"]],
        }
    },
    "interfaces": {},
}  # fmt: skip


def test_a_frame_can_be_computed_again_from_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with sst.Session(NUMPY, seed=8) as session:
        session.command(f"capture start {path}")
        session.step(6)
        session.split = 1
        session.step(2)
        session.command("capture stop")
    with sst.open_capture(path) as capture:
        for frame in range(8):
            recompute(capture, frame)


def recompute(capture: sst.captures.reader.Capture, n: int) -> None:
    """Frame n + 1 of the network above, in plain numpy."""
    eye, goal, out, weights, learn = (capture[name] for name in ("eye", "goal", "out", "eye_out", "learn"))
    x, y, w, b = eye.state[n], goal.state[n], weights.parameter["W_0_0"][n], out.parameter["b"][n]

    noise = capture.draws("eye", n)["eye", "noise"]
    mean, std = (eye.parameter[f"noise_{name}"][n] for name in ("mean", "std"))
    eye_next = mean + std * noise + eye.parameter["b"][n].reshape(1, 2, 1, 1)
    np.testing.assert_array_equal(eye.state[n + 1], eye_next)
    noise = capture.draws("goal", n)["goal", "noise"]
    low, high = (goal.parameter[f"noise_{name}"][n] for name in ("min", "max"))
    goal_next = low + (high - low) * noise + goal.parameter["b"][n].reshape(1, 3, 1, 1)
    np.testing.assert_array_equal(goal.state[n + 1], goal_next)
    p = 1 / (1 + np.exp(-(np.einsum("aixy,oixy->ao", x, w) + b)))
    np.testing.assert_allclose(out.state[n + 1][:, :, 0, 0], p, rtol=1e-5)

    schedule, named = capture.array(("", "session", "schedule"))[n], capture.manifest["schedule"]
    first = schedule[named["items"].index("learn"), named["columns"].index("first")]
    if n < first:  # the plasticity is not due yet: everything of it stays
        np.testing.assert_array_equal(weights.parameter["W_0_0"][n + 1], w)
        return
    assert first < 5
    learning = (np.arange(3) >= learn.inputs["split"][n])[:, None]
    error = (p - y[:, :, 0, 0]) * learning
    np.testing.assert_allclose(learn.variable["loss1"][n + 1], (error**2).sum() / (3 * learning.sum()), rtol=1e-5)
    slope = 2 * error / (3 * learning.sum()) * p * (1 - p)
    for name, gradient, before in (
        ("eye_out.W_0_0", np.einsum("ao,aixy->oixy", slope, x), weights.parameter["W_0_0"]),
        ("out.b", slope.sum(axis=0), out.parameter["b"]),
    ):
        kind = "np" if name == "out.b" else "sp"
        np.testing.assert_allclose(learn.variable[f"grad.{kind}.{name}"][n + 1], gradient, rtol=1e-4, atol=1e-7)
        update = learn.update[name][n + 1]
        gradient = learn.variable[f"grad.{kind}.{name}"][n + 1]
        np.testing.assert_array_equal(update, np.clip(-(learn.parameter["lr"][n] * gradient), -1, 1))
        np.testing.assert_array_equal(before[n + 1], before[n] + update)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("there.h5", r"there\.h5 exists, and a capture overwrites nothing; remove it or name another file"),
        (".", "exists"),
        ("nowhere/run.h5", "cannot be made: No such file or directory"),
        ("/proc/run.h5", "cannot be made"),
        ("'~nobody-of-that-name/run.h5'", "cannot be made: No such file or directory"),
        ("'nul\0.h5'", "cannot be written: embedded null byte"),
        ("x" * 300, "cannot be made: File name too long"),
        ("'unclosed", "a quote that was opened is not closed"),
        ("", "usage: capture start FILE"),
    ],
)
def test_a_file_that_cannot_be_made_is_refused(place: str, message: str, counter: sst.Session, tmp_path: Path) -> None:
    (tmp_path / "there.h5").write_text("mine")
    given = f"{tmp_path}/{place}" if place and place[0] not in "/'" else place
    with pytest.raises(sst.CommandError, match=message):
        counter.command(f"capture start {given}")
    with pytest.raises(sst.CommandError, match="no capture is running"):
        counter.command("capture stop")
    assert (tmp_path / "there.h5").read_text() == "mine"
    counter.step()


def test_a_path_means_what_it_means_to_the_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose folder and home need not be those of the core."""
    (tmp_path / "home").mkdir()
    (tmp_path / "gone").mkdir()
    with sst.Session(COUNTER) as session:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", f"{tmp_path}/home")
        for given, file in {"'one two.h5' count": "one two.h5", "~/three.h5": "home/three.h5"}.items():
            session.command(f"capture start {given}")
            assert session.command("capture stop").endswith(f" in {tmp_path}/{file}")
            assert (tmp_path / file).is_file()
        monkeypatch.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()
        with pytest.raises(sst.CommandError, match=r"run\.h5: the present folder is gone"):
            session.command("capture start run.h5")


@pytest.fixture(scope="module")
def counter() -> Any:
    with sst.Session(COUNTER) as session:
        yield session


def test_without_a_capture_there_is_nothing_to_tell(counter: sst.Session) -> None:
    assert counter.command_data("capture") == {"capture": "none"}
    for wrong in ("capture begin", "capture stop it", "capture start"):
        with pytest.raises(sst.CommandError, match="usage: capture start FILE"):
            counter.command(wrong)


def test_a_name_with_blanks_is_quoted_and_a_capture_may_begin_before_all_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "my run; #1.h5"
    later = """
        kept = RomanNumerals.initial
        RomanNumerals.initial = lambda self, key: kept(self, key) + (0.25 if key[2] == "rn_image" else 0)
        """
    sabotage(tmp_path, monkeypatch, "interface_process", "interfaces.roman_numerals", later)
    session = sst.Session(READER, seed=1, wait=False)
    with session:
        session.command(f"capture start '{path}'")
        session.wait_ready()
        session.step(2)
        wanted = rows_of(session)
    with sst.open_capture(path) as capture:
        assert list(capture.frames) == [0, 1, 2]
        assert_same(frame_of(capture, 2), wanted)
        first = capture["numerals"].variable["rn_image"][0]
        assert (first == 0.25).any()  # the interface's own first values, which it knows when it is ready
        np.testing.assert_array_equal(capture["image"].state[1], first)


def test_a_replaced_network_ends_its_capture_and_the_next_one_has_its_own(tmp_path: Path) -> None:
    with sst.Session(COUNTER) as session:
        session.command(f"capture start {tmp_path / 'one.h5'}")
        session.step(4)
        session.replace(LEARNER, seed=3)
        with sst.open_capture(tmp_path / "one.h5") as capture:
            assert capture.ended and list(capture.frames) == list(range(5))
        session.command(f"capture start {tmp_path / 'two.h5'}")
        session.step(2)
        session.command("capture stop")
    with sst.open_capture(tmp_path / "two.h5") as capture:
        assert list(capture.frames) == [0, 1, 2] and capture.manifest["seed"] == 3
