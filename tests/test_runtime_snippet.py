"""The Python interface as it is promised: one program that uses all of it, started in every way that a user may."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

GRAPH = """
name: small
agents: 4
backend: numpy
neuron_pools:
  image: {shape: [1, 16, 16]}
  label: {shape: [10, 1, 1]}
  hidden1: {shape: [3, 4, 4], act: tanh}
  hidden2: {shape: [5, 1, 1]}
  prediction: {shape: [10, 1, 1], act: softmax}
synapse_pools:
  img_hidden1: {source: [[image]], target: hidden1, rf: 5}
  hidden1_2: {source: [[hidden1]], target: hidden2}
  hidden2_pred: {source: [[hidden2]], target: prediction}
plasticities:
  hidden_loss: {type: loss, loss_function: negloglikelihood, source: prediction, source_t: 3, target: label,
    target_t: 0, optimizer: adam, parameter: [[sp, img_hidden1, W_0_0], [sp, hidden1_2, W_0_0]]}
interfaces:
  roman_numerals: {type: roman_numerals, in: [rn_pred], out: [rn_image, rn_label], min_duration: 3, max_duration: 5,
    fading: 0, remap: {rn_image: image, rn_label: label, rn_pred: prediction}}
"""

SNIPPET = dedent("""
    import statestream as sst
    import numpy as np

    net = sst.load_graph("net.st_graph")
    assert type(net.expanded()) is dict and net.expanded()["agents"] == 4
    assert tuple(net.shape("hidden1")) == (3, 4, 4)
    try:
        sst.load_graph({"agents": 0})
    except sst.GraphError as error:
        assert all(len(tuple(finding)) == 5 for finding in error.findings)
    else:
        raise AssertionError

    with sst.Session("net.st_graph", backend=None, agents=None, seed=None) as s:
        s.step(10)
        assert s.frame == 10
        state = s["hidden1"].state
        assert state.shape == (4, 3, 4, 4) and state.dtype == np.float32
        s["hidden1"].state = array = np.full((4, 3, 4, 4), 0.25)
        assert (s["hidden1"].state == array).all()
        weights = s["img_hidden1"].parameter["W_0_0"]
        s["img_hidden1"].parameter["W_0_0"] = weights / 2
        assert (s["img_hidden1"].parameter["W_0_0"] == weights / 2).all()
        assert isinstance(s["hidden_loss"].variable["loss1"], float)
        s.step()
        assert s["hidden_loss"].update("img_hidden1", "W_0_0").shape == weights.shape
        assert isinstance(s.command("set hidden_loss lr 1e-3"), str)
        assert s["hidden_loss"].parameter["lr"] == 1e-3
        s["hidden_loss"].parameter["lr"] = np.array([2e-3])
        assert s["hidden_loss"].parameter["lr"] == 2e-3
        s.stream(); s.pause(); s.split = 2
        assert s.split == 2
        assert s.network.expanded() == net.expanded()
        assert s["roman_numerals"].variable["_acc_"].ndim == 1
        with s.frame_view() as f:
            assert f["hidden1"].state.shape == (4, 3, 4, 4) and f["hidden2"].state.shape == (4, 5, 1, 1)
        try:
            s.command("no such command")
        except sst.CommandError:
            pass
        else:
            raise AssertionError
        client = sst.attach(s.id)
        client.step(2)
        assert client.frame == s.frame
    try:
        s.step()
    except sst.SessionError:
        print("done")
""")

IN_A_THREAD = f"""
import threading
def cell():
    exec({SNIPPET!r}, {{"__name__": "__main__"}})
thread = threading.Thread(target=cell)
thread.start()
thread.join()
"""

IN_AN_EVENT_LOOP = f"""
import asyncio
async def cell():
    exec({SNIPPET!r}, {{"__name__": "__main__"}})
asyncio.run(cell())
"""


@pytest.mark.parametrize(
    "way",
    ["script", "standard input", "argument", "thread", "event loop", "warnings are errors", "isolated", "as module"],
)
def test_it_works_as_promised_however_it_is_started(way: str, tmp_path: Path) -> None:
    (tmp_path / "net.st_graph").write_text(GRAPH)
    text = {"thread": IN_A_THREAD, "event loop": IN_AN_EVENT_LOOP}.get(way, SNIPPET)
    script = tmp_path / "script.py"
    script.write_text(text)
    arguments = {
        "standard input": [],
        "script, warnings are errors": ["-W", "error", "-X", "dev", str(script)],
        "isolated script": ["-I", str(script)],
    }.get(way, [str(script)])
    done = subprocess.run(
        [sys.executable, *arguments], input=text, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_a_users_module_does_not_take_the_place_of_pythons_in_a_sessions_processes(
    tmp_path: Path,
) -> None:
    (tmp_path / "net.st_graph").write_text(GRAPH)
    program = (
        "import statestream as sst\nimport numpy\nwith sst.Session('net.st_graph') as s: s.step(); print(s.frame)\n"
    )
    (tmp_path / "sched.py").write_text("raise AssertionError('the wrong sched')\n")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("1\n", "")
