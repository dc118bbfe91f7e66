"""Start values from external models in a session: the messages, and what is said where they cannot be had."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import statestream as sst
from external_files import write_legacy

GRAPH = """\
name: taking
agents: 2
backend: numpy
neuron_pools:
    eye: {shape: [1, 4, 4], init b: [model, entry, bias]}
    mind: {shape: [3, 4, 4], unshare: [b], init b: [model, conv, "conv/bias:0"], noise: normal}
synapse_pools:
    sees: {source: [[eye]], target: mind, rf: 3, init W_0_0: [model, conv, kernel], max W_0_0: 8}
    free: {source: [[mind]], target: mind, rf: 3}
plasticities: {}
interfaces: {}
external_models:
    model: {type: keras, model_file: model.h5}
"""
KERNEL = np.arange(27, dtype=np.float32).reshape(3, 3, 1, 3)


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A graph with its model beside it."""
    layers = {
        "entry": {"bias": np.array([0.5], np.float32)},
        "conv": {"kernel": KERNEL, "bias": np.array([1, 2, 3], np.float32)},
    }
    write_legacy(tmp_path / "model.h5", layers)
    (tmp_path / "taking.st_graph").write_text(GRAPH)
    return tmp_path / "taking.st_graph"


@pytest.mark.proves("top.external_models", "np.init", "sp.init")
def test_a_session_starts_with_them_and_says_so(graph: Path) -> None:
    notices: list[str] = []
    complete = threading.Event()

    def listen(event: dict[str, Any]) -> None:
        if event["event"] == "notice":
            notices.append(event["text"])
            if len(notices) == 3:
                complete.set()

    with sst.Session(graph, seed=3, listener=listen) as session:
        weight = session["sees"].parameter["W_0_0"]
        np.testing.assert_array_equal(weight, np.minimum(KERNEL.transpose(3, 2, 0, 1), 8))
        assert (session["mind"].parameter["b"] == [[1, 2, 3]] * 2).all()
        assert (session["eye"].parameter["b"] == 0.5).all()
        session.step(2)
        assert complete.wait(10)
        free = session["free"].parameter["W_0_0"]
    assert notices == [
        "eye.b: from model model, entry entry/bias:0, [1] -> [1]",
        "mind.b: from model model, conv conv/bias:0, [3] -> [2, 3]",
        "sees.W_0_0: from model model, conv conv/kernel:0, [3, 3, 1, 3] -> [3, 1, 3, 3], "
        "clipped to the parameter's bounds",
    ]
    plain = "\n".join(line for line in GRAPH.splitlines() if "external_models" not in line and "model.h5" not in line)
    for init in (", init b: [model, entry, bias]", ', init b: [model, conv, "conv/bias:0"]'):
        plain = plain.replace(init, "")
    graph.write_text(plain.replace(", init W_0_0: [model, conv, kernel]", ""))
    with sst.Session(graph, seed=3) as session:
        np.testing.assert_array_equal(session["free"].parameter["W_0_0"], free)


def test_a_script_hears_of_them_on_standard_error(graph: Path) -> None:
    done = program("taking.st_graph", "-c", "stream 2; show sees", folder=graph.parent)
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["eye.b", "mind.b", "sees.W_0_0"]


def program(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "statestream", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def test_all_that_is_wrong_is_said_before_anything_starts(graph: Path) -> None:
    text = GRAPH.replace("entry, bias", "entry, gamma").replace("conv, kernel", "conf, kernel")
    graph.write_text(text)
    assert program("check", graph.name, folder=graph.parent).returncode == 0
    done = program(graph.name, "-c", "stream 2", folder=graph.parent)
    assert done.returncode == 1
    first, *problems = done.stderr.splitlines()
    assert first == "statestream: the session could not start: start values cannot be read from external models:"
    model = graph.parent / "model.h5"
    assert problems == [
        f"eye.init b: external model model, {model}: 'entry' has no array 'gamma'; it has: entry/bias:0",
        f"sees.init W_0_0: external model model, {model}: there is no layer 'conf' with arrays; did you mean 'conv'?",
    ]
    model.unlink()
    with pytest.raises(sst.SessionError, match="the file does not exist; looked for") as found:
        sst.Session(graph)
    assert "Traceback" not in str(found.value)
