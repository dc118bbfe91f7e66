"""`statestream verify` on the command line."""

from __future__ import annotations

import json
import math
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nets import COUNTER, LEARNER, changed
from statestream import backends
from statestream.interfaces import InterfaceError
from statestream.interfaces.roman_numerals import RomanNumerals
from terminal_program import GRAPH, Terminal, run, start
from test_runtime_frame_law import NETWORK
from verification_wrong import VALUE, Meddling, with_wrong_operation

LOAD = backends.load


@pytest.fixture(autouse=True)
def no_signal_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statestream.terminal.cli.end_by_signals", lambda: None)


@pytest.fixture
def learner(tmp_path: Path) -> str:
    return written(tmp_path, LEARNER)


def written(folder: Path, network: dict[str, Any]) -> str:
    """The network as a file; YAML takes JSON, too."""
    path = folder / "net.st_graph"
    path.write_text(json.dumps(network), encoding="utf-8")
    return str(path)


def engines(monkeypatch: pytest.MonkeyPatch, **engines: Any) -> None:
    """From now on these are the backends of these names."""

    def load(name: str, **options: Any) -> Any:
        found = engines[name] if name in engines else LOAD(name, **options)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(backends, "load", load)


def verify(*arguments: str) -> int:
    from statestream.terminal.cli import main

    return main(["verify", *arguments])


def test_all_is_well(learner: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(learner, "--backends", "numpy", "--frames", "5", "--agents", "3", "--seed", "8") == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[:3] == ["learner: 5 frames, 3 agents, seed 8; reference: numpy", "", "numpy: passed"]
    assert lines[3].split() == ["item", "what", "deviation", "allowed", "where", "it", "is", "largest"]
    assert {"mid", "deep", "eye_mid"} < {line.split()[0] for line in lines[4:]}


def test_an_engine_is_wrong(learner: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    engines(monkeypatch, tensorflow=with_wrong_operation("tanh", VALUE), theano=LOAD("numpy"))
    assert verify(learner) == 1
    out, err = capsys.readouterr()
    assert err == ""
    sections = {section.split(":")[0]: section.splitlines() for section in out.split("\n\n")}
    assert sections["theano"][0] == "theano: passed"
    failed = sections["tensorflow"]
    assert failed[0].startswith("tensorflow: FAILED: ")
    ratios = [float(line.split()[2]) / float(line.split()[3]) for line in failed[2:]]
    assert ratios == sorted(ratios, reverse=True)
    marked = [line for line in failed if " ! " in line]
    assert any(line.split()[:2] == ["mid", "states"] and "mid.state[" in line and "expected" in line for line in marked)
    assert failed[0].split()[2] == str(len(marked))


def test_tolerance(learner: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    engines(monkeypatch, tensorflow=with_wrong_operation("tanh", VALUE))
    assert verify(learner, "--backends", "tensorflow") == 1
    assert verify(learner, "--backends", "tensorflow", "--tolerance", "0.01") == 0
    assert "1e-02" in capsys.readouterr().out


def test_json(learner: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def meddle(call: int, results: dict[Any, np.ndarray]) -> None:
        results["out", "state", ""][0] = math.nan

    engines(monkeypatch, theano=Meddling(meddle))
    assert verify(learner, "--json", "--backends", "numpy,theano") == 1
    (line,) = capsys.readouterr().out.splitlines()
    data = json.loads(line)
    assert data["passed"] is False
    assert {name: one["passed"] for name, one in data["backends"].items()} == {"numpy": True, "theano": False}
    worst = data["backends"]["theano"]["deviations"][0]
    assert (worst["item"], worst["aspect"], worst["deviation"], worst["passed"]) == ("out", "states", None, False)


def test_where_a_session_pauses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = written(tmp_path, changed(COUNTER, behind={"act": "1 / ($ - 2)"}))
    assert verify(graph, "--backends", "numpy") == 0
    assert "stopped: behind.state became NaN or Inf in frame 2, where a session pauses" in capsys.readouterr().out


def test_set_and_random_states(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quiet = changed(COUNTER, count={"act": "$"})
    graph = written(tmp_path, quiet)
    said = "verified at 0 only, where nothing flows: count"
    assert verify(graph, "--backends", "numpy") == 0
    assert said in capsys.readouterr().out
    assert verify(graph, "--backends", "numpy", "--set", "count.act=$ + 1") == 0
    assert said not in capsys.readouterr().out
    assert verify(graph, "--backends", "numpy", "--random-states") == 0
    assert said not in capsys.readouterr().out


def test_backends_that_are_not_there(
    learner: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(learner, "--backends", "nupy") == 2
    assert capsys.readouterr() == (
        "", f"statestream: unknown backend 'nupy'; there are {', '.join(backends.NAMES)}\n"
    )  # fmt: skip
    missing = backends.BackendError("backend theano cannot be loaded: No module named 'pytensor'")
    engines(monkeypatch, theano=missing, tensorflow=LOAD("numpy"))
    assert verify(learner, "--backends", "numpy,theano") == 2
    assert capsys.readouterr() == ("", f"statestream: {missing}\n")
    assert verify(learner) == 0
    assert f"not verified: theano: {missing}" in capsys.readouterr().out


def test_split(learner: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def meddle(call: int, results: dict[Any, np.ndarray]) -> None:
        results["flat", "variable", "loss0"] *= np.float32(1.01)

    engines(monkeypatch, theano=Meddling(meddle))
    assert verify(learner, "--backends", "theano") == 0
    assert verify(learner, "--backends", "theano", "--split", "2") == 1
    assert any(
        line.split()[:2] == ["flat", "losses"] and " ! " in line for line in capsys.readouterr().out.splitlines()
    )
    assert verify(learner, "--backends", "numpy", "--split", "7") == 2
    assert capsys.readouterr() == ("", "statestream: split is 7, allowed is 0 to 6 (the number of agents)\n")


def test_an_engine_that_fails(
    learner: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Failing(type(LOAD("numpy"))):  # type: ignore[misc]
        def build(self, function: Any, inputs: Any) -> Any:
            raise MemoryError("too much")

    engines(monkeypatch, theano=Failing())
    assert verify(learner, "--backends", "theano") == 1
    out, err = capsys.readouterr()
    assert "theano: FAILED: MemoryError while it was prepared: too much" in out
    assert err == ""


def test_an_interface_that_cannot_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def initialize(self: RomanNumerals) -> None:
        raise InterfaceError(self.name, "there is no such folder")

    monkeypatch.setattr(RomanNumerals, "initialize", initialize)
    assert verify(written(tmp_path, NETWORK), "--backends", "numpy") == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("statestream: interface left: ")
    assert "there is no such folder" in err


def test_wrong_graphs_and_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = written(tmp_path, changed(LEARNER, out={"shape": [0, 1, 1]}))
    assert verify(wrong, "--backends", "numpy") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"{wrong}:1: out.shape: ")
    odd = written(tmp_path, changed(COUNTER, count={"colour": "red"}))
    assert verify(odd, "--backends", "numpy") == 0
    assert "warning: count.colour" in capsys.readouterr().err
    assert verify(odd, "--backends", "numpy", "--strict") == 2
    assert verify(str(tmp_path / "nowhere.st_graph")) == 2
    assert verify(str(tmp_path / "saved.st_net")) == 1
    assert "not built yet" in capsys.readouterr().err


def test_as_a_program(tmp_path: Path) -> None:
    path = tmp_path / "counter.st_graph"
    path.write_text(GRAPH, encoding="utf-8")
    result = run("verify", str(path), "--backends", "numpy")
    assert (result.returncode, result.stderr) == (0, "")
    assert "numpy: passed" in result.stdout


def test_control_c(tmp_path: Path) -> None:
    path = tmp_path / "counter.st_graph"
    path.write_text(GRAPH, encoding="utf-8")
    with Terminal("verify", str(path), "--backends", "numpy", "--frames", "100000000") as terminal:
        terminal.expect("verifying numpy; compiling may take a minute")
        terminal.send("\x03")
        assert terminal.end() == 130
        assert "Traceback" not in terminal.text


def test_nobody_reads_the_results_of_a_sub_command(tmp_path: Path) -> None:
    graph = str(tmp_path / "counter.st_graph")
    Path(graph).write_text(GRAPH, encoding="utf-8")
    for arguments in (["check", graph], ["verify", graph, "--backends", "numpy", "--frames", "1"]):
        reading, writing = os.pipe()
        os.close(reading)
        with start(*arguments, stdout=writing) as program:
            os.close(writing)
            assert (program.communicate()[1], program.returncode) == ("", 128 + signal.SIGPIPE)
