"""The files of captures: what was written is read, damage is said in words, comparison finds what differs."""

from __future__ import annotations

import json
import math
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import statestream as sst
from statestream import processes
from statestream.arrays import ArraySpec
from statestream.captures import compare as comparing
from statestream.captures.compare import Comparison, compare
from statestream.captures.contents import Contents, Row
from statestream.captures.writer import CaptureFile, reason
from statestream.runtime.capture_protocol import Channel

STATE, WEIGHT, LOSS = ("a", "state", ""), ("w", "parameter", "W"), ("p", "variable", "loss1")


def contents(*growing: ArraySpec, lasting: Iterable[ArraySpec] = (), **manifest: Any) -> Contents:
    specs = (*growing, *lasting)
    return Contents(growing, tuple(lasting), {}, {}, {spec.key[0]: "np" for spec in specs}, "{}", manifest)


def write(path: Path, frames: Iterable[int], values: Any, shape: tuple[int, ...] = (2, 3), **manifest: Any) -> Path:
    """A capture of one growing array; values(frame) is what it holds."""
    file = CaptureFile(path, contents(ArraySpec(STATE, shape), **manifest))
    for frame in frames:
        value = np.broadcast_to(np.asarray(values(frame), np.float32), shape)
        file.append([Row(frame, value.reshape(-1), {})])
    file.close()
    return path


def compared(one: Path, other: Path, tolerance: float | None = None) -> Comparison:
    with sst.open_capture(one) as first, sst.open_capture(other) as second:
        return compare(first, second, tolerance)


# --- writing and reading ---


def test_rows_replaced_and_lasting_arrays(tmp_path: Path) -> None:
    specs = (ArraySpec(STATE, (2,)), ArraySpec(LOSS, ()))
    file = CaptureFile(tmp_path / "a.h5", contents(*specs, lasting=[ArraySpec(WEIGHT, (1, 2))]))

    def row(frame: int, value: float, **lasting: float) -> Row:
        changed = {0: np.array([lasting["w"]] * 2, np.float32)} if lasting else {}
        return Row(frame, np.array([value, value, -value], np.float32), changed)

    file.append([row(7, 1, w=5), row(7, 2, w=6)])
    file.flush()
    assert file.rows == 1
    file.append([row(7, 3), row(8, 4), row(8, 5, w=7), row(8, 6)])
    file.append([row(8, 9, w=8)])
    file.append([row(10, 7)])
    file.close()
    with sst.open_capture(tmp_path / "a.h5") as capture:
        assert capture.frames.tolist() == [7, 8, 10]
        assert np.asarray(capture["a"].state)[:, 0].tolist() == [3, 9, 7]
        assert np.asarray(capture["p"].variable["loss1"]).tolist() == [-3, -9, -7]
        assert capture["p"].variable["loss1"][8] == -9 and capture["p"].variable["loss1"].shape == ()
        weight = capture["w"].parameter["W"]
        assert np.asarray(weight)[:, 0, 1].tolist() == [6, 8, 8]
        assert weight[8:10].tolist() == [[[8, 8]]] and weight[:8].shape == (1, 1, 2) and weight[11:].shape == (0, 1, 2)
        assert weight.changes.tolist() == [0, 1] and len(weight) == 3
        for missing in (9, -1, 11):
            with pytest.raises(KeyError, match=rf"frame {missing} was not recorded; recorded are: 7 to 10"):
                weight[missing]
        with pytest.raises(ValueError, match="found a step of 2"):
            weight[::2]
        with pytest.raises(KeyError, match="no item 'b' was recorded; there are: a, p, w"):
            capture["b"]
        with pytest.raises(KeyError, match=r"b\.state was not recorded"):
            capture.array(("b", "state", ""))


def test_contents_travel_as_json() -> None:
    one = Contents(
        (ArraySpec(STATE, (2, 3)),), (ArraySpec(WEIGHT, ()),), {("a", "inputs"): (WEIGHT, STATE)}, {LOSS: STATE},
        {"a": "np"}, "{}", {"seed": 3},
    )  # fmt: skip
    assert Contents.from_data(json.loads(json.dumps(one.to_data()))) == one


def test_what_is_not_flushed_is_not_counted(tmp_path: Path) -> None:
    file = CaptureFile(tmp_path / "a.h5", contents(ArraySpec(STATE, ())))
    file.append([Row(0, np.zeros(1, np.float32), {})])
    file.flush()
    file.append([Row(1, np.ones(1, np.float32), {})])
    with sst.open_capture(tmp_path / "a.h5") as capture:
        assert capture.frames.tolist() == [0] and not capture.ended
        assert np.asarray(capture["a"].state).tolist() == [0]
    file.close(ended=False)
    with sst.open_capture(tmp_path / "a.h5") as capture:
        assert capture.frames.tolist() == [0, 1] and not capture.ended


def test_reasons_are_one_line() -> None:
    paragraph = "Can't (file write failed: time = x\n, errno = 28, error message = 'No space left on device', buf = 1)"
    assert reason(OSError(paragraph)) == "No space left on device"
    assert reason(OSError(13, "Permission denied")) == "Permission denied"
    assert reason(RuntimeError("first\nsecond")) == "first"
    assert reason(ValueError()) == "ValueError"


# --- damage ---


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _edit(change: Any) -> Any:
    def damage(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            change(file)

    return damage


def _replace(name: str, value: Any) -> Any:
    def change(file: h5py.File) -> None:
        del file[name]
        if value is not None:
            file[name] = value

    return _edit(change)


def _scramble(path: Path) -> None:
    """Compressed values whose bytes are others."""
    with h5py.File(path, "r+") as file:
        del file["items/a/state"]
        values = file.create_dataset("items/a/state", data=np.ones((3, 2, 3), np.float32), compression="gzip")
        place = values.id.get_chunk_info(0).byte_offset
    with path.open("r+b") as raw:
        raw.seek(place)
        raw.write(bytes(8))


DAMAGE = {
    "other bytes": (_scramble, "/items/a/state is damaged"),
    "text": (lambda path: path.write_text("no capture"), "no HDF5 file, or a damaged one"),
    "empty": (lambda path: path.write_bytes(b""), "no HDF5 file, or a damaged one"),
    "truncated": (_truncate, "no HDF5 file, or a damaged one"),
    "gone": (Path.unlink, "cannot be read: No such file or directory"),
    "foreign": (_edit(lambda file: file.attrs.pop("format")), "an HDF5 file, but no capture of statestream"),
    "newer": (_edit(lambda file: file.attrs.modify("version", 9)), r"a capture of version 9; this program reads up to"),
    "odd version": (_edit(lambda file: file.attrs.create("version", "x")), "a capture of version x"),
    "no frames": (_replace("frames", None), "there is no 'frames' in it: the file is damaged"),
    "frames of another kind": (_replace("frames", np.zeros(3, np.float32)), "no list of whole numbers"),
    "frames backwards": (_replace("frames", np.array([3, 2], np.int64)), "do not ascend"),
    "no JSON": (_replace("manifest", "{"), "'manifest' is no JSON: the file is damaged"),
    "other JSON": (_replace("manifest", "[]"), "'manifest' is no JSON object"),
    "numbers for JSON": (_replace("manifest", np.zeros(2)), "'manifest' is no single value"),
    "too few rows": (_replace("items/a/state", np.zeros((1, 2, 3), np.float32)), "items/a/state lacks frames"),
    "other numbers": (_replace("items/a/state", np.zeros((3, 2))), "items/a/state is no array of a capture"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_said_in_words(damage: Any, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", range(3), float)
    damage(path)
    with pytest.raises(sst.CaptureError, match=message) as caught, sst.open_capture(path) as capture:
        _ = [np.asarray(recorded) for recorded in capture.arrays.values()]
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_was_neither_closed_nor_copied_whole_is_noticed(tmp_path: Path) -> None:
    """HDF5 would read zeros behind its end."""
    file = CaptureFile(tmp_path / "a.h5", contents(ArraySpec(STATE, (64, 64))))
    for frame in range(50):
        file.append([Row(frame, np.full(64 * 64, 1 + frame, np.float32), {})])
    file.flush()
    copied = (tmp_path / "a.h5").read_bytes()  # as a killed writer leaves it
    file.close()
    for part in (1.0, 0.9, 0.3):
        path = tmp_path / f"{part}.h5"
        path.write_bytes(copied[: int(part * len(copied))])
        if part == 1.0:
            with sst.open_capture(path) as capture:
                np.testing.assert_array_equal(np.asarray(capture["a"].state)[:, 5, 5], np.arange(1, 51))
        else:
            with (
                pytest.raises(sst.CaptureError, match=r"lacks bytes: the file was cut off|damaged"),
                sst.open_capture(path) as capture,
            ):
                _ = capture.arrays


def test_a_damaged_version_table_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    file = CaptureFile(path, contents(lasting=[ArraySpec(WEIGHT, ())]))
    for frame in range(3):
        file.append([Row(frame, np.empty(0, np.float32), {0: np.ones(1, np.float32)})])
    file.close()
    for rows in ([0, 2, 1], [1, 2], [], [0, 1, 2, 3]):
        _replace("since/items/w/parameter/W", np.array(rows, np.int64))(path)
        with sst.open_capture(path) as capture, pytest.raises(sst.CaptureError, match="lacks frames"):
            _ = capture.arrays


def test_a_network_that_cannot_be_loaded_is_said(tmp_path: Path) -> None:
    with (
        sst.open_capture(write(tmp_path / "a.h5", range(1), float)) as capture,
        pytest.raises(sst.CaptureError, match="its network is none that can be loaded"),
    ):
        _ = capture.network


# --- comparison ---


def test_equal_captures_are_equal_and_nan_is_nan(tmp_path: Path) -> None:
    def values(frame: int) -> float:
        return math.nan if frame == 1 else math.inf

    def others(frame: int) -> float:
        return -math.nan if frame == 1 else math.inf  # other bits, and not a number either

    found = compared(write(tmp_path / "a.h5", range(3), values), write(tmp_path / "b.h5", range(3), others))
    assert found.same and found.frames == (0, 2, 3) and found.count("equal") == 1 and not found.notes


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "status", "absolute", "relative"),
    [
        (2.0, 2.5, None, "beyond", 0.5, 0.2),
        (2.0, 2.5, 0.2, "within", 0.5, 0.2),
        (-2.0, -2.5, 0.19, "beyond", 0.5, 0.2),
        (0.0, -0.0, None, "beyond", 0.0, 0.0),  # the bits differ
        (0.0, -0.0, 0.0, "within", 0.0, 0.0),
        (math.nan, 1.0, 1e9, "beyond", math.inf, math.inf),
        (math.inf, -math.inf, 1e9, "beyond", math.inf, math.inf),
        (math.inf, 1.0, 1e9, "beyond", math.inf, math.inf),
        (3e38, -3e38, 2.0, "within", 6e38, 2.0),
    ],
)
def test_deviations(
    one: float, other: float, tolerance: float | None, status: str, absolute: float, relative: float, tmp_path: Path
) -> None:
    def changed(frame: int) -> np.ndarray:
        values = np.full((2, 3), one)
        values[1, 2] = other if frame == 5 else one
        return values

    a = write(tmp_path / "a.h5", range(8), lambda frame: one)
    found = compared(a, write(tmp_path / "b.h5", range(8), changed), tolerance)
    (array,) = found.arrays
    assert (array.name, array.status, array.first) == ("a.state", status, 5)
    assert array.beyond == (5 if status == "beyond" else None)
    assert array.absolute == pytest.approx(absolute) and array.relative == pytest.approx(relative)
    assert found.same == (status == "within")


def test_frames_are_compared_by_number(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.h5", range(10), float), write(tmp_path / "b.h5", range(6, 20, 2), float)
    found = compared(a, b)
    assert found.same and found.frames == (6, 8, 2) and found.notes == ["frames: 0 to 9 / 6 to 18"]
    c = write(tmp_path / "c.h5", range(10, 12), float)
    with pytest.raises(sst.CaptureError, match=r"no frame is in both: \S+a.h5 has 0 to 9, \S+c.h5 has 10 to 11"):
        compared(a, c)
    with pytest.raises(sst.CaptureError, match=r"no frame is in both: .* has none"):
        compared(a, write(tmp_path / "d.h5", [], float))


def test_lasting_arrays_are_compared_where_one_of_them_changes(tmp_path: Path) -> None:
    def lasting(name: str, frames: range, changes: dict[int, float]) -> Path:
        file = CaptureFile(tmp_path / name, contents(lasting=[ArraySpec(WEIGHT, (2,))]))
        for frame in frames:
            value = {0: np.full(2, changes[frame], np.float32)} if frame in changes else {}
            file.append([Row(frame, np.empty(0, np.float32), value)])
        file.close()
        return tmp_path / name

    a = lasting("a.h5", range(10), {0: 1.0, 4: 2.0, 8: 3.0})
    b = lasting("b.h5", range(3, 10), {3: 1.0, 5: 2.0, 8: 3.0})
    c = lasting("c.h5", range(3, 10, 2), {3: 1.0, 5: 2.0, 9: 3.0})
    (array,) = compared(a, b).arrays
    assert (array.first, array.absolute) == (4, 1.0)
    assert compared(a, c).same
    assert not compared(a, lasting("d.h5", range(10), {0: 1.0, 4: 2.0})).same


def test_what_one_has_alone_and_other_shapes_are_differences(tmp_path: Path) -> None:
    a = write(tmp_path / "a.h5", range(3), float, (2, 3), seed=1, threads=1)
    b = write(tmp_path / "b.h5", range(3), float, (3, 2), seed=2, threads=1)
    found = compared(a, b)
    assert not found.same and found.shapes == {"a.state": ([2, 3], [3, 2])} and found.notes == ["seed: 1 / 2"]
    file = CaptureFile(tmp_path / "c.h5", contents(ArraySpec(LOSS, ())))
    file.append([Row(0, np.zeros(1, np.float32), {})])
    file.close(ended=False)
    found = compared(a, tmp_path / "c.h5")
    assert not found.same and found.only == (["a.state"], ["p.variable.loss1"])
    assert f"{tmp_path / 'c.h5'} was not ended: recording, or cut off" in found.notes


def test_the_worst_comes_first_and_blocks_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [ArraySpec((name, "state", ""), (2,)) for name in "abcd"]

    def recorded(name: str, factors: dict[str, float]) -> Path:
        file = CaptureFile(tmp_path / name, contents(*specs))
        rng = np.random.default_rng(1)
        for frame in range(50):
            values = {each: rng.normal(size=2) * (factors.get(each, 1.0) if frame > 20 else 1.0) for each in "abcd"}
            file.append([Row(frame, np.concatenate([*values.values()]).astype(np.float32), {})])
        file.close()
        return tmp_path / name

    a, b = recorded("a.h5", {}), recorded("b.h5", {"b": 1.5, "c": 3.0, "d": 1.001})
    whole = compared(a, b, 0.1)
    assert [(one.name, one.status) for one in whole.arrays] == [
        ("c.state", "beyond"), ("b.state", "beyond"), ("d.state", "within"), ("a.state", "equal"),
    ]  # fmt: skip
    assert {one.first for one in whole.arrays[:3]} == {21}
    monkeypatch.setattr(comparing, "_BLOCK", 1)
    assert compared(a, b, 0.1) == whole


# --- the line to the writing process ---


def test_rows_come_over_the_channel_and_its_end_is_no_error() -> None:
    one, other = socket.socketpair()
    core, writer = Channel(one), Channel(other)
    core.send_rows([Row(5, np.arange(3, dtype=np.float32), {1: np.array([7], np.float32)})])
    assert writer.receive() == {"rows": [[5, [1]]]}
    assert [writer.receive_values(size) for size in (3, 1)] == [pytest.approx([0, 1, 2]), pytest.approx([7])]
    writer.send({"rows": 1})
    core.send({"rows": []})
    core.close()  # with an answer that nobody read: the other side's connection is reset
    ends = [writer.receive(), writer.receive(), writer.receive_values(1)]
    assert ends[1:] == [None, None] and ends[0] in (None, {"rows": []})
    writer.close()


def test_what_a_core_had_sent_when_it_ended_is_written(tmp_path: Path) -> None:
    """Nobody hears the writer's answers any more."""
    path = tmp_path / "run.h5"
    one, other = socket.socketpair()
    with other:
        arguments = ["--socket", str(other.fileno()), "--file", str(path)]
        command = processes.command("statestream.runtime.capture_process", *arguments)
        writer = subprocess.Popen(command, pass_fds=[other.fileno()], env=processes.environment())
    core = Channel(one)
    core.send(contents(ArraySpec(STATE, (2,))).to_data())
    core.send_rows([Row(frame, np.full(2, frame, np.float32), {}) for frame in (3, 4)])
    core.send_rows([Row(5, np.full(2, 5, np.float32), {})])
    core.close()
    assert writer.wait(30) == 0
    with sst.open_capture(path) as capture:
        assert list(capture.frames) == [3, 4, 5] and not capture.ended
        np.testing.assert_array_equal(np.asarray(capture["a"].state), [[3, 3], [4, 4], [5, 5]])
