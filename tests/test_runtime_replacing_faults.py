"""What goes wrong while a session's network is replaced is told, loses nothing, and leaves nothing behind (law 7)."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import statestream as sst
from engines import assert_equal_bits, everything
from nets import APART, COUNTER, LEARNER, READER, changed
from processes import eventually, lives, nothing_left, orphans, ours, pids
from sabotage import HANGS_IN_FRAME_3, sabotage
from statestream.memory import RunState, Word, segment
from statestream.runtime import registry


@pytest.fixture
def session() -> Iterator[sst.Session]:
    with sst.Session(COUNTER) as one:
        yield one


def replacing_in_vain(session: sst.Session) -> tuple[threading.Thread, list[str]]:
    """A thread that tries to have READER run, and what it is told about its failure."""
    caught: list[str] = []

    def work() -> None:
        with pytest.raises(sst.SessionError) as error:
            session.replace(READER)
        caught.append(str(error.value))

    thread = threading.Thread(target=work)
    thread.start()
    return thread, caught


def test_no_processes_left_to_start_leaves_all_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
        kept, started = launch.start, []
        def start(*arguments):
            started.append(arguments)
            if len(started) == 3:
                raise BlockingIOError("no processes left")
            return kept(*arguments)
        launch.start = start
        """
    sabotage(tmp_path, monkeypatch, "core", "runtime.children", code)
    with sst.Session(COUNTER, threads=1) as session:
        core, before = pids(session.id)
        session.step(2)
        with pytest.raises(sst.CommandError, match="cannot run here: no processes left"):
            session.replace(APART)  # of its two new workers, one can be started
        session.step(2)
        assert (session["count"].state == 4).all()
        assert eventually(lambda: ours() == {core, *before})
        assert segment.names(registry.draft_name(session.id)) == []
        session.replace(APART)
        session.step(2)


@pytest.mark.parametrize("victim", ["worker", "interface"])
def test_a_process_that_dies_is_named_within_two_seconds_and_the_next_network_recovers(
    session: sst.Session, victim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
        def initialize(self):
            import threading
            threading.Event().wait()
        RomanNumerals.initialize = initialize
        """
    sabotage(tmp_path, monkeypatch, "interface_process", "interfaces.roman_numerals", code)
    session.step(2)
    thread, caught = replacing_in_vain(session)
    assert eventually(lambda: session.network.name == "reader" and all(pids(session.id)[1]))
    os.kill(pids(session.id)[1][victim == "interface"], signal.SIGKILL)
    thread.join(2)
    words = r"worker 0 \(numpy, cpu\)" if victim == "worker" else "interface numerals"
    assert re.match(rf"{words} .*was ended by signal 9 \(items: ", caught[0])
    assert session.status.state == "broken"
    assert session["image"].state.shape == (4, 1, 16, 16)
    before = pids(session.id)[1]
    session.replace(LEARNER, seed=3)
    assert (pids(session.id)[1] == [before[0]]) is (victim == "interface")
    session.step(8)
    with sst.Session(LEARNER, seed=3) as fresh:
        fresh.step(8)
        assert_equal_bits(everything(session), everything(fresh))
    assert not any(lives(pid) for pid in before[1:])


@pytest.mark.parametrize(
    ("process", "module", "code", "words"),
    [
        ("interface_process", "interfaces.roman_numerals",
         "def initialize(self):\n    raise FileNotFoundError('no data')\nRomanNumerals.initialize = initialize",
         r"interface numerals failed: FileNotFoundError: no data \(items: numerals\)"),
        ("worker", "runtime.draws",
         "kept = Draws.__init__\ndef start(self, draws, seed):\n    if seed == 13:\n        raise OSError('unlucky')\n"
         "    kept(self, draws, seed)\nDraws.__init__ = start",
         r"worker 0 \(numpy, cpu\) failed: OSError: unlucky \(items: image, "),
    ],
)  # fmt: skip
def test_what_fails_while_it_prepares_is_told(
    process: str, module: str, code: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(tmp_path, monkeypatch, process, module, code)
    with sst.Session(COUNTER) as session:
        with pytest.raises(sst.SessionError, match=words):
            session.replace(READER, seed=13)
        with pytest.raises(sst.SessionError, match=words):
            session.step()
        session.replace(COUNTER)
        session.step(2)
        assert (session["count"].state == 2).all()


def test_a_worker_that_is_stuck_in_a_frame_does_not_get_the_next_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(tmp_path, monkeypatch, "worker", "runtime.draws", HANGS_IN_FRAME_3)
    with sst.Session(changed(READER, label={"device": "cpu:1", "period": 2})) as session:
        _, (stuck, idle, interface) = pids(session.id)
        session.stream()
        assert eventually(lambda: session.frame == 3)
        os.kill(interface, signal.SIGKILL)
        assert eventually(lambda: session.status.state == "broken")
        session.replace(changed(READER, label={"device": "cpu:1", "period": 2}))
        _, (first, second, _) = pids(session.id)
        assert first != stuck and second == idle and not lives(stuck)
        session.step(2)


def test_an_interface_begins_when_the_one_before_it_has_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    code = f"""
        import threading
        def say(word):
            with open({str(log)!r}, "a") as file:
                print(word, file=file)
        def close(self):
            threading.Event().wait(1.0)
            say("close")
            if self.seed == 13:
                threading.Event().wait()
        RomanNumerals.close = close
        kept = RomanNumerals.initialize
        def begin(self):
            say("begin")
            kept(self)
        RomanNumerals.initialize = begin
        """
    sabotage(tmp_path, monkeypatch, "interface_process", "interfaces.roman_numerals", code)
    with sst.Session(READER) as session:
        session.replace(READER, seed=13)
        session.replace(READER)  # its close does not end: it is killed
        session.step(3)
        assert log.read_text().split() == ["begin", "close", "begin", "close", "begin"]
        interface = pids(session.id)[1][1]
    assert not lives(interface) and log.read_text().split()[5:] == ["close"]


@pytest.mark.parametrize("where", ["Arena.rename", "SessionCore.adopt"])
def test_a_core_that_is_killed_in_the_middle_leaves_nothing(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = f"""
        def hang(*_):
            import threading
            threading.Event().wait()
        {where} = hang
        """
    home = {"Arena.rename": "memory.arena", "SessionCore.adopt": "runtime.session_core"}[where]
    sabotage(tmp_path, monkeypatch, "core", home, code)
    session = sst.Session(COUNTER)
    core, participants = pids(session.id)
    monkeypatch.setattr(registry, "reap", lambda: [])  # a client that does not clean up
    thread, caught = replacing_in_vain(session)
    if where == "Arena.rename":
        assert eventually(lambda: segment.names(registry.draft_name(session.id)) != [])
    assert eventually(lambda: len(ours()) == 3)  # the new interface process, too
    os.kill(core, signal.SIGKILL)
    thread.join(10)
    assert "was ended by signal 9" in caught[0]
    assert session.status.state in ("paused", "initializing") and not session.alive
    assert eventually(lambda: not ours())
    assert segment.names(registry.segment_name(session.id))
    registry.running()  # as the next start does
    assert nothing_left(session.id, [core, *participants]) and not orphans()
    session.close()


def test_a_session_that_ends_meanwhile_ends_for_all_its_clients(session: sst.Session) -> None:
    core, first = pids(session.id)
    with sst.attach(session.id) as other:
        old = other._client._arena
        session.replace(READER)
        found = [core, *first, *pids(session.id)[1]]
        assert old.control.get(Word.RUN_STATE) == RunState.REPLACED
        session.close()
        assert nothing_left(session.id, found)
        assert other.status.state == "ended"  # it had not looked since, and there is nothing to follow
        with sst.Session(COUNTER) as later:  # under the same id, if nobody else took it
            later.step(5)
            assert (other.status.state, other.frame) == ("ended", 0)
        assert eventually(lambda: not other.alive)
