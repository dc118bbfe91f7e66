"""`loadgraph` in the program: another graph's network takes the place of the first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from terminal_program import GRAPH, Terminal, start


@pytest.fixture
def graph(tmp_path: Path) -> str:
    path = tmp_path / "counter.st_graph"
    path.write_text(GRAPH)
    return str(path)


def test_another_graph_takes_the_place_of_the_first(graph: str) -> None:
    """Its path is the terminal's; a wrong one leaves all as it is."""
    folder = Path(graph).parent
    (folder / "by two.st_graph").write_text(GRAPH.replace("$ + 1", "$ + 2").replace("counter", "two"))
    (folder / "wrong.st_graph").write_text(GRAPH.replace("agents: 2", "agents: 0"))
    failing = "load wrong.st_graph\nstep\nload ~nobody-of-that-name/x\nload\n"
    script = f"step\n{failing}show count\nloadgraph 'by two.st_graph'\nstep\nshow count"
    with start(graph, "--json", cwd=folder) as program:
        out, err = program.communicate(script, timeout=60)
    answers = [json.loads(line) for line in out.splitlines()]
    assert [each["ok"] for each in answers] == [True, False, True, False, False, True, True, True, True]
    assert "wrong.st_graph:2: agents" in answers[1]["error"] and "nobody-of-that-name" in answers[3]["error"]
    assert answers[4]["error"] == "loadgraph was given 0 arguments; usage: loadgraph FILE"
    assert answers[5]["data"]["state"]["mean"] == 2.0
    assert answers[6]["text"] == "two has taken the place of counter"
    assert answers[6]["data"] == {"network": "two", "frame": 0}
    assert (answers[8]["data"]["state"]["mean"], answers[8]["data"]["frame"]) == (2.0, 1)
    assert (err.count("\n"), program.returncode) == (3, 1)


def test_another_graph_at_the_prompt(graph: str) -> None:
    Path(graph).with_name("two.st_graph").write_text(GRAPH.replace("$ + 1", "$ + 2").replace("counter", "two"))
    with Terminal(graph) as terminal:
        terminal.expect(r"is ready after")
        terminal.send("stream\r")
        terminal.expect("streaming")
        terminal.send(f"load {Path(graph).with_name('tw')}\t")
        terminal.expect("two.st_graph")
        terminal.send("\r")
        terminal.expect("two is ready after")
        terminal.expect("two>")
        terminal.send("stream 3\r")
        terminal.expect("paused at frame 3")
        terminal.send("show count\r")
        terminal.expect("mean 6 ")
        terminal.send("exit\r")
        assert terminal.end() == 0
