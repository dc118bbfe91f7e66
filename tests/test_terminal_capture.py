"""`statestream capture` and `statestream compare`: results, messages and exit statuses."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest

import statestream as sst
from processes import eventually, ours
from statestream.terminal.cli import main
from statestream.terminal.subcommands import SUBCOMMANDS
from terminal_program import GRAPH, run, start

NOISY = GRAPH.replace("{shape: [1, 1, 1]}", "{shape: [1, 1, 1], noise: normal, tags: [late]}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph, and captures of it: two that are equal, one with another seed, one of another item."""
    folder = tmp_path_factory.mktemp("captures")
    graph = folder / "net.st_graph"
    graph.write_text(NOISY)
    for name, *options in (("a",), ("b",), ("c", "--seed", "5"), ("d", "--items", "count")):
        result = run("capture", str(graph), str(folder / f"{name}.h5"), "--frames", "6", *options)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.endswith(f"recorded frames 0 to 6 in {folder}/{name}.h5\n")
    return folder


@pytest.fixture
def quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statestream.terminal.cli.end_by_signals", lambda: None)


@pytest.mark.usefixtures("quietly")
def test_compare(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def compared(*arguments: str) -> tuple[int, str, str]:
        status = main(["compare", *arguments])
        return status, *capsys.readouterr()

    a, b, c, d = (f"{folder}/{name}.h5" for name in "abcd")
    status, out, err = compared(a, b)
    assert (status, err) == (0, "") and "equal in all bits, 0 differ" in out and "note" not in out
    status, out, err = compared(a, c)
    assert (status, err) == (1, "")
    assert "note: seed: 42 / 5" in out and "1 differ" in out
    assert [line.split()[0] for line in out.splitlines() if "behind.state" in line] == ["behind.state"]
    assert compared(a, c, "--tolerance", "100")[0] == 0
    status, out, _ = compared(a, c, "--tolerance", "100", "--json")
    found = json.loads(out)
    assert status == 0 and found["same"] and found["arrays"][0]["array"] == "behind.state"
    assert found["arrays"][0]["status"] == "within" and found["frames"] == {"first": 0, "last": 6, "compared": 7}
    status, out, _ = compared(a, d)
    assert status == 1 and "only in A: behind.state" in out
    for other, message in {
        f"{folder}/net.st_graph": "no HDF5 file, or a damaged one",
        f"{folder}/none.h5": "cannot be read: No such file or directory",
        str(folder): "cannot be read: Is a directory",
    }.items():
        status, out, err = compared(a, other)
        assert (status, out) == (2, "") and message in err and err.startswith(f"statestream: {other}: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.h5"], "exists, and a capture overwrites nothing; remove it or name another file"),
        (["x" * 300], "File name too long"),
        (["nowhere/x.h5"], "there is no folder"),
        (["x.h5", "--items", "count,eye"], "--items: there is no item 'eye'"),
        (["x.h5", "--items", "#early"], "--items: no item has the tag #early; tags: #cpu, #late"),
    ],
)
@pytest.mark.usefixtures("quietly")
def test_what_cannot_be_captured_is_said_before_anything_starts(
    arguments: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "a.h5").read_bytes()
    assert main(["capture", f"{folder}/net.st_graph", f"{folder}/{arguments[0]}", *arguments[1:]]) == 2
    assert message in capsys.readouterr().err
    assert (folder / "a.h5").read_bytes() == before and not (folder / "x.h5").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["capture", "net"], "the following arguments are required: FILE"),
        (["capture", "net", "f", "--frames", "-1"], "found '-1', a whole number of at least 0"),
        (["compare", "a"], "the following arguments are required: B"),
        (["compare", "a", "b", "--tolerance", "nan"], "found 'nan', a number of at least 0 is needed"),
        (["compare", "a", "b", "--tolerance", "-1"], "found '-1', a number of at least 0"),
        (["compare", "a", "b", "--tolerance", "x"], "found 'x', a number of at least 0"),
    ],
)
def test_wrong_options(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        SUBCOMMANDS[arguments[0]].parse(arguments[1:])
    assert end.value.code == 2 and message in capsys.readouterr().err


def test_options_of_running_and_json(folder: Path) -> None:
    path = folder / "my; run #1.h5"
    options = ["--frames", "2", "--agents", "3", "--set", "again.init W_0_0=3", "--json"]
    items = ["--items", "#late,again", "--items", "count"]
    result = run("capture", str(folder / "net.st_graph"), str(path), *options, *items)
    assert result.returncode == 0, result.stderr
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["ok"] for answer in answers] == [True] * 3
    assert answers[2]["data"]["capture"] == "ended" and answers[2]["data"]["frames on disk"] == 3
    with sst.open_capture(path) as capture:
        assert capture["count"].state.shape == (3, 1, 1, 1)
        assert capture.manifest["chosen"] == ["count", "behind", "again"]
        assert np.asarray(capture["count"].state)[:, 0, 0, 0, 0].tolist() == [0, 1, 4]


def test_a_script_captures_and_its_failures_count(folder: Path) -> None:
    script = f"capture start {folder}/s.h5 #late # this\nstream 4; capture stop; capture stop; capture"
    result = run(str(folder / "net.st_graph"), script=script)
    assert result.returncode == 1
    assert f"capture stop: no capture is running; that to {folder}/s.h5 has ended at frame 4" in result.stderr
    assert "frames on disk: 5" in result.stdout
    with sst.open_capture(folder / "s.h5") as capture:
        assert capture.manifest["chosen"] == ["behind"] and len(capture.frames) == 5


def test_an_interrupted_capture_is_complete_as_far_as_it_went(folder: Path) -> None:
    path = folder / "cut.h5"
    with start("capture", str(folder / "net.st_graph"), str(path), "--frames", "100000000") as program:
        assert eventually(lambda: path.exists() and _rows(path) > 5, 30)
        program.send_signal(signal.SIGINT)
        assert program.wait(20) == 130
        program.communicate()
    assert not ours()
    with sst.open_capture(path) as capture:
        assert capture.ended
        np.testing.assert_array_equal(np.asarray(capture["count"].state)[:, 0, 0, 0, 0], capture.frames)


def test_a_network_that_stops_on_the_way_leaves_the_frames_before(folder: Path) -> None:
    graph, path = folder / "growing.st_graph", folder / "growing.h5"
    graph.write_text(GRAPH.replace("$ + 1", "1e25 * ($ + 1)"))
    result = run("capture", str(graph), str(path))
    assert result.returncode == 1
    assert result.stderr == (
        "stream 100: paused: count.state became NaN or Inf in frame 1; the frame was not committed\n"
    )
    with sst.open_capture(path) as capture:
        assert list(capture.frames) == [0, 1] and capture.ended


def _rows(path: Path) -> int:
    try:
        with sst.open_capture(path) as capture:
            return len(capture.frames)
    except sst.CaptureError:  # it is just being made
        return 0


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
def test_law_6_captures_of_two_backends_agree(backend: str, folder: Path) -> None:
    demo = Path(__file__).resolve().parent.parent / "examples" / "demo.st_graph"
    paths = [folder / f"{name}.h5" for name in ("reference", backend)]
    options = ["--agents", "4", "--frames", "3", "--set", "hidden_loss.lr=1e-3"]
    for path, name in zip(paths, ("numpy", backend), strict=True):
        if not path.exists():
            result = run("capture", str(demo), str(path), "--backend", name, *options)
            assert result.returncode == 0, result.stderr
    result = run("compare", *map(str, paths), "--tolerance", "1e-3")
    assert result.returncode == 0, result.stdout
    assert f"note: backend: numpy / {backend}" in result.stdout
    assert " 0 beyond it" in result.stdout
