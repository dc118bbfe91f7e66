"""The program from outside: scripts through pipes, a person at a pseudo terminal, and everything that may end it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from processes import eventually, nothing_left, pids
from terminal_program import CORE, GRAPH, Terminal, run, start

HINT = "Type 'stream'"


@pytest.fixture
def graph(tmp_path: Path) -> str:
    path = tmp_path / "counter.st_graph"
    path.write_text(GRAPH, encoding="utf-8")
    return str(path)


def session_of(state: str) -> int:
    found = re.search(r"session: +(\d+)", state)
    assert found, state
    return int(found[1])


# --- ways to start it ---


def test_started_from_its_own_folder(graph: str) -> None:
    result = subprocess.run(
        [sys.executable, "core.py", graph, "-c", "stream 3; show count"],
        cwd=CORE.parent, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    assert "at frame 3" in result.stdout


def test_started_as_a_module(graph: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "statestream", "check", graph], capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{graph}: a network of 2 neuron-pools, 2 synapse-pools, 0 plasticities")


def test_a_python_without_what_it_needs(graph: str) -> None:
    """As with the system's Python: it was all installed, but not for this one."""
    result = subprocess.run(
        [sys.executable, "-S", str(CORE), graph, "-c", "step"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"statestream: {sys.executable} cannot run this: the module ruamel")
    assert ". .venv/bin/activate" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_python_that_is_too_old(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from statestream import core

    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    assert core.main() == 1
    assert "this is Python 3.10, 3.11 to 3.13 are supported" in capsys.readouterr().err


def test_its_own_folder_does_not_shadow_other_modules() -> None:
    from statestream.core import leave_own_folder

    own, above = str(CORE.parent), str(CORE.parent.parent)
    path = [own, "/elsewhere", f"{own}/../statestream"]
    leave_own_folder(path)
    assert path == [above, "/elsewhere"]
    leave_own_folder(path)
    assert path == [above, "/elsewhere"]


def test_a_script_does_not_load_what_only_a_prompt_needs(graph: str) -> None:
    code = "import sys; from statestream.core import main; main(); print(*sys.modules, file=sys.stderr)"
    result = subprocess.run(
        [sys.executable, "-c", code, graph, "-c", "state"], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = {name.partition(".")[0] for name in result.stderr.split()}
    assert loaded.isdisjoint({"prompt_toolkit", "rich", "tensorflow", "pytensor", "skimage", "matplotlib", "h5py"})


# --- wrong graphs ---


def test_a_wrong_graph(tmp_path: Path, graph: str) -> None:
    wrong = tmp_path / "wrong.st_graph"
    wrong.write_text(GRAPH.replace("agents: 2", "agents: 0").replace("target: count", "target: nobody"))
    for result in (run(str(wrong), script="state\n"), run("check", str(wrong))):
        lines = result.stderr.splitlines()
        assert (result.returncode, result.stdout) == (2, "")
        assert [re.match(r"(.*):\d+: ", line)[1] for line in lines] == [str(wrong)] * len(lines)  # type: ignore[index]
        assert any(":2: agents: " in line for line in lines)
        assert any(":8: again.target: " in line for line in lines)


def test_warnings_are_shown_and_strict_makes_them_errors(tmp_path: Path) -> None:
    odd = tmp_path / "odd.st_graph"
    odd.write_text(GRAPH.replace("act: $ + 1,", "act: $ + 1, colour: red,"))
    result = run("check", str(odd))
    assert (result.returncode, result.stderr.count("\n")) == (0, 1)
    assert result.stderr.startswith(f"{odd}:5: warning: count.colour: ")
    assert run(str(odd), "-c", "state").returncode == 0
    assert run("check", "--strict", str(odd)).returncode == 2


def test_options_reach_the_network(graph: str) -> None:
    result = run(graph, "--agents", "5", "--set", "count.act=$ + 2", "-c", "step; show count; state")
    assert result.returncode == 0, result.stderr
    assert "[5x1x1x1] mean 2 std 0 min 2 max 2: 2 | 2 | 2 | 2 | 2\n" in result.stdout  # small: agent by agent
    assert re.search(r"agents: +5", result.stdout)


# --- scripts ---


def test_a_script_through_pipes_is_a_conversation(graph: str) -> None:
    with start(graph) as program:
        assert program.stdin and program.stdout
        for frames, total in ((5, 5), (3, 8)):
            program.stdin.write(f"stream {frames}\nshow count\n")
            program.stdin.flush()
            lines = [program.stdout.readline()]
            while "state" not in lines[-1]:
                lines.append(program.stdout.readline())
            assert f"at frame {total}" in lines[0]
            assert f"mean {total} " in program.stdout.readline()
        out, err = program.communicate(timeout=30)
    assert (out, err, program.returncode) == ("", "", 0)


def test_json_and_failures(graph: str) -> None:
    result = run(graph, "--json", script="# a comment\n\nstream 4; show count\nshow nobody\nstate")
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(each["command"], each["ok"]) for each in answers] == [
        ("stream 4", True), ("show count", True), ("show nobody", False), ("state", True),
    ]  # fmt: skip
    assert answers[1]["data"]["state"]["mean"] == 4.0
    assert answers[3]["data"]["frame"] == 4
    assert result.stderr.startswith("show nobody: there is no item 'nobody'")
    assert (result.stderr.count("\n"), result.returncode) == (1, 1)


def test_a_command_of_any_length(graph: str) -> None:
    result = run(graph, script=f"show {'x' * 200_000}\nstate\n")
    assert result.returncode == 1
    assert len(result.stderr) < 3000
    assert "session:" in result.stdout


def test_nobody_reads_the_results(graph: str) -> None:
    with start(graph) as program:
        assert program.stdin and program.stdout and program.stderr
        program.stdin.write("state\n")
        program.stdin.flush()
        program.stdout.readline()
        program.stdout.close()
        program.stdin.write("state\n" * 2000)
        program.stdin.flush()
        assert program.wait(30) == 128 + signal.SIGPIPE
        assert program.stderr.read() == ""
        program.stdin.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_script(graph: str, number: signal.Signals) -> None:
    with start(graph) as program:
        assert program.stdin and program.stdout
        program.stdin.write("state\nstream 1000000000\n")
        program.stdin.flush()
        session = session_of(program.stdout.readline())
        core, others = pids(session)
        program.send_signal(number)
        _, err = program.communicate(timeout=30)
    assert (program.returncode, err) == (128 + number, "")
    assert eventually(lambda: nothing_left(session, [core, *others]))


@pytest.mark.parametrize("idle", [False, True])
def test_a_worker_that_dies(graph: str, idle: bool) -> None:
    with start(graph) as program:
        assert program.stdin and program.stdout and program.stderr
        program.stdin.write("state\n" if idle else "state\nstream 1000000000\n")
        program.stdin.flush()
        session = session_of(program.stdout.readline())
        core, others = pids(session)
        os.kill(others[0], signal.SIGKILL)
        assert "was ended by signal 9" in program.stderr.readline()
        out, err = program.communicate("show count\n", timeout=30)
    assert program.returncode == 1
    assert "count (neuron-pool) at frame" in out
    assert "Traceback" not in err
    assert eventually(lambda: nothing_left(session, [core, *others]))


def test_a_core_that_dies_ends_the_script_at_once(graph: str) -> None:
    with start(graph) as program:
        assert program.stdin and program.stdout and program.stderr
        program.stdin.write("state\n")
        program.stdin.flush()
        session = session_of(program.stdout.readline())
        core, others = pids(session)
        os.kill(core, signal.SIGKILL)
        assert program.wait(30) == 1
        assert "was ended by signal 9" in program.stderr.readline()
        program.communicate()
    assert eventually(lambda: nothing_left(session, [core, *others]))


# --- a person at a terminal ---


def begin(terminal: Terminal) -> tuple[int, list[int]]:
    """Wait for the prompt and ask for the session; its id and its processes."""
    terminal.expect(r"is ready after")
    terminal.send("state\r")
    session = int(terminal.expect(r"session: +(\d+)")[1])
    core, others = pids(session)
    return session, [core, *others]


def test_a_first_session(graph: str) -> None:
    with Terminal(graph) as terminal:
        terminal.expect("counter: 2 neuron-pools")
        terminal.expect(re.escape(HINT))
        session, processes = begin(terminal)
        terminal.send("stream 50\r")
        terminal.expect(r"paused at frame 50")
        terminal.expect(r"\| frame 00000050 \| paused")
        terminal.send("stream\r")
        terminal.expect(r"frames/s \| streaming")
        terminal.send("pause\r")
        terminal.expect(r"paused at frame \d+")
        terminal.send("exit\r")
        terminal.expect(r"session \d+ ends at frame \d+")
        assert terminal.end() == 0
    assert nothing_left(session, processes)


def test_what_is_typed_while_it_starts_is_done(graph: str) -> None:
    with Terminal(graph) as terminal:
        terminal.expect(re.escape(HINT))
        terminal.send("".join(f"set count nothing{number} 1\r" for number in range(200)) + "stream 7\r")
        terminal.expect(r"set count nothing199 1: ")
        terminal.expect(r"paused at frame 7")
        assert all(f"set count nothing{number} 1: " in terminal.text for number in range(200))
        terminal.send("\x04")
        assert terminal.end() == 0


@pytest.mark.parametrize("marked", [True, False])
def test_a_long_paste(graph: str, marked: bool) -> None:
    with Terminal(graph) as terminal:
        begin(terminal)
        line = f"show {'x' * 100_000}"
        terminal.send(f"\x1b[200~{line}\x1b[201~\r" if marked else f"{line}\r")
        terminal.expect(r"\.\.\.: there is no item")
        terminal.send("exit\r")
        assert terminal.end() == 0


def test_completion_at_the_prompt(graph: str) -> None:
    with Terminal(graph) as terminal:
        begin(terminal)
        terminal.send("sho\t")
        terminal.expect("show")
        terminal.send("cou\t")
        terminal.expect("count")
        terminal.send("\r")
        terminal.expect(r"count \(neuron-pool\) at frame 0")
        terminal.send("set \t")
        terminal.expect(r"behind +neuron-pool")
        terminal.send("\t\t")
        terminal.expect("behind")
        terminal.send("\r")  # takes what is chosen: the command is not complete yet
        terminal.send("b 0.5\r")
        terminal.expect(r"behind b = 0\.5")
        terminal.send("exit\r")
        assert terminal.end() == 0


def test_control_c(graph: str) -> None:
    with Terminal(graph) as terminal:
        session, processes = begin(terminal)
        terminal.send("half a command")
        terminal.expect("half a command")
        terminal.send("\x03")
        terminal.send("state\r")
        terminal.expect(r"session: +\d+")
        terminal.send("\x03")
        assert terminal.end() == 0
    assert nothing_left(session, processes)


def test_control_c_closes_the_completions(graph: str) -> None:
    with Terminal(graph) as terminal:
        begin(terminal)
        terminal.send("\t")
        terminal.expect("list the synapse-pools")
        terminal.send("\x03")
        terminal.send("state\r")
        terminal.expect(r"session: +\d+")
        terminal.send("exit\r")
        assert terminal.end() == 0


def test_control_c_while_it_starts(graph: str) -> None:
    with Terminal(graph) as terminal:
        terminal.expect(re.escape(HINT))
        terminal.send("\x03")
        assert terminal.end() in (0, 130)
        assert "Traceback" not in terminal.text


def end_by(number: signal.Signals) -> Callable[[Terminal], None]:
    return lambda terminal: terminal.process.send_signal(number)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (end_by(signal.SIGTERM), 128 + signal.SIGTERM),
        (end_by(signal.SIGHUP), 128 + signal.SIGHUP),
        (end_by(signal.SIGKILL), -signal.SIGKILL),
        (Terminal.hang_up, 128 + signal.SIGHUP),
    ],
    ids=["SIGTERM", "SIGHUP", "SIGKILL", "hang up"],
)
def test_however_it_ends_nothing_is_left(graph: str, end: Callable[[Terminal], None], status: int) -> None:
    with Terminal(graph) as terminal:
        session, processes = begin(terminal)
        terminal.send("stream\r")
        terminal.expect("streaming")
        end(terminal)
        assert terminal.end() == status
    assert eventually(lambda: nothing_left(session, processes))


def test_a_broken_session_keeps_the_prompt(graph: str) -> None:
    with Terminal(graph) as terminal:
        _, processes = begin(terminal)
        terminal.send("stream 20\r")
        terminal.expect("paused at frame 20")
        os.kill(processes[1], signal.SIGKILL)
        terminal.expect(r"the session is broken: .*was ended by signal 9")
        terminal.send("show count\r")
        terminal.expect(r"count \(neuron-pool\) at frame 20")
        terminal.expect(r"\| broken")
        terminal.send("exit\r")
        assert terminal.end() == 1


def test_a_core_that_dies_ends_the_prompt(graph: str) -> None:
    with Terminal(graph) as terminal:
        session, processes = begin(terminal)
        os.kill(processes[0], signal.SIGKILL)
        terminal.expect(r"was ended by signal 9")
        assert terminal.end() == 1
    assert eventually(lambda: nothing_left(session, processes))


def test_the_terminal_changes_its_size(graph: str) -> None:
    with Terminal(graph) as terminal:
        begin(terminal)
        terminal.resize(20, 50)
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.expect(r" \d\d:\d\d:\d\d \| frame 00000000 \| paused")
        terminal.send("exit\r")
        assert terminal.end() == 0


def test_a_terminal_that_knows_nothing(graph: str) -> None:
    with Terminal(graph, term="dumb") as terminal:
        begin(terminal)
        terminal.send("stream 5\r")
        terminal.expect("paused at frame 5")
        terminal.send("exit\r")
        assert terminal.end() == 0
        assert "\x1b" not in terminal._read
