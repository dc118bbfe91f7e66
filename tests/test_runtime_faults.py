"""Law 7 from within: what goes wrong inside a session's processes is told, and costs nobody more than it must."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import statestream as sst
from nets import COUNTER, LEARNER, READER, changed
from processes import eventually, nothing_left, orphans, ours, pids
from sabotage import HANGS_IN_FRAME_3, sabotage
from statestream.memory import Arena, Torn, Word
from statestream.runtime import registry
from statestream.runtime.session_core import SessionCore


def test_a_frame_that_never_ends_leaves_the_session_readable_and_endable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(tmp_path, monkeypatch, "worker", "runtime.draws", HANGS_IN_FRAME_3)
    session = sst.Session(COUNTER)
    core, participants = pids(session.id)
    session.stream()
    assert eventually(lambda: session.frame == 3)
    begin = time.monotonic()
    assert "streaming" in session.command("state")
    assert "count" in session.command("nps") and "worker 0" in session.command("cstat")
    assert "[2x1x1x1] mean 3" in session.command("show count")
    assert (session["count"].state == 3).all()
    session.close()
    assert time.monotonic() - begin < 8
    assert nothing_left(session.id, [core, *participants])


def test_a_long_frame_is_remarked_on_with_the_names_of_those_who_are_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(tmp_path, monkeypatch, "core", "runtime.session_core", "_LONG = 0.5")
    events: list[dict[str, Any]] = []
    with sst.Session(READER, listener=events.append) as session:
        session.step(2)
        interface = pids(session.id)[1][1]
        os.kill(interface, signal.SIGSTOP)
        session.stream()
        words = "frame 2 has taken 0.5 s so far; not done yet: interface numerals"
        assert eventually(lambda: any(words == event.get("text") for event in events))
        os.kill(interface, signal.SIGCONT)
        session.step(2)
        assert sum(words == event.get("text") for event in events) == 1


def test_what_changes_the_network_waits_for_the_end_of_a_long_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what only looks, when it was asked for after something that changes: one client sees its own writes."""
    sabotage(
        tmp_path,
        monkeypatch,
        "worker",
        "runtime.draws",
        """
        kept = Draws.of
        def of(self, frame):
            if frame == 3:
                import threading
                threading.Event().wait(1.0)
            return kept(self, frame)
        Draws.of = of
        """,
    )
    with sst.Session(COUNTER) as session:
        session.stream(4)
        assert eventually(lambda: session.frame == 3)
        session["behind"].state = 77.0
        assert session.frame == 4
        assert (session["behind"].state == 77.0).all()


@pytest.mark.parametrize("victim", ["worker", "interface_process"])
def test_the_words_of_a_failed_step_arrive_whole_however_long_they_are(
    victim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
        kept = _attempt
        def _attempt(work, frame, reporter):
            def fail(frame):
                raise ValueError("x" * 3_000_000 + "end")
            return kept(fail if frame == 2 else work, frame, reporter)
        """
    sabotage(tmp_path, monkeypatch, victim, "runtime.participant", code)
    with sst.Session(READER) as session:
        found = pids(session.id)
        with pytest.raises(sst.SessionError) as caught:
            session.step(10)
        text = str(caught.value)
        assert text.count("x" * 3_000_000 + "end") == 2 and "Traceback" in text
        assert ("worker 0" if victim == "worker" else "interface numerals") in text
        assert session.frame == 2
    assert nothing_left(session.id, [found[0], *found[1]])


def test_a_step_that_calls_exit_is_told_as_any_other_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
        def advance(self, moment, following):
            raise SystemExit("enough")
        RomanNumerals.advance = advance
        """
    sabotage(tmp_path, monkeypatch, "interface_process", "interfaces.roman_numerals", code)
    with (
        sst.Session(READER) as session,
        pytest.raises(sst.SessionError, match=r"interface numerals failed: SystemExit: enough \(items: numerals\)"),
    ):
        session.step()


@pytest.mark.parametrize(
    ("process", "module", "code", "words"),
    [
        ("worker", "backends", "def load(*_, **__):\n    raise OSError('no engine')",
         r"worker 0 \(numpy, cpu\) failed: OSError: no engine \(items: image, .*Traceback"),
        ("worker", "runtime.plan", "def refuse(*_):\n    raise LookupError('no plan')\nPlan.__init__ = refuse",
         r"worker 0 .* failed: LookupError: no plan"),
        ("interface_process", "interfaces.roman_numerals",
         "def initialize(self):\n    raise FileNotFoundError('no data')\nRomanNumerals.initialize = initialize",
         r"interface numerals failed: FileNotFoundError: no data \(items: numerals\)"),
        ("core", "runtime.registry", "def register():\n    raise RegistryError('no place')", "no place"),
        ("core", "runtime.children",
         "def start(*_):\n    raise BlockingIOError('no processes left')\nlaunch.start = start",
         "BlockingIOError: no processes left"),
    ],
)  # fmt: skip
def test_what_fails_while_starting_is_told_and_nothing_is_left(
    process: str, module: str, code: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(tmp_path, monkeypatch, process, module, code)
    with pytest.raises(sst.SessionError, match=f"(?s){words}"):
        sst.Session(READER)
    assert not ours() and not orphans()


def test_an_interface_gives_back_what_it_took_when_the_session_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "closed"
    code = f"def close(self):\n    open({str(place)!r}, 'w').close()\nRomanNumerals.close = close"
    sabotage(tmp_path, monkeypatch, "interface_process", "interfaces.roman_numerals", code)
    with sst.Session(READER) as session:
        session.step()
        assert not place.exists()
    assert place.exists()


def test_a_client_that_never_stops_asking_does_not_stop_the_network() -> None:
    core = SessionCore.__new__(SessionCore)
    asking = SimpleNamespace(inbox=deque(["a", "b"]), stirred=threading.Event())
    core.ended, core.server = False, asking  # type: ignore[assignment]
    done: list[Any] = []

    def ask_again(request: Any) -> None:
        done.append(request)
        asking.inbox.append(request)
        assert len(done) < 100

    core._do = ask_again  # type: ignore[method-assign]
    core._serve()
    assert done == ["a", "b"] and asking.stirred.is_set()


def test_a_core_that_dies_while_it_is_asked_is_said_to_be_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    session = sst.Session(COUNTER)
    core, _ = pids(session.id)

    def send(_: Any) -> None:
        os.kill(core, signal.SIGKILL)
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(session._client._connection, "send", send)
    with pytest.raises(sst.SessionError, match="ended by signal 9"):
        session.step()
    session.close()


HANGS_WHILE_COMPILING = """
    def load(*_, **__):
        import threading
        threading.Event().wait()
    """


@pytest.mark.parametrize("how", ["close", "core", "worker"])
def test_a_session_that_is_still_starting_can_be_ended(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(tmp_path, monkeypatch, "worker", "backends", HANGS_WHILE_COMPILING)
    session = sst.Session(READER, wait=False)
    assert eventually(lambda: all(pids(session.id)[1]))
    core, participants = pids(session.id)
    assert "initializing" in session.command("state")
    if how != "close":
        os.kill(core if how == "core" else participants[0], signal.SIGKILL)
        begin = time.monotonic()
        with pytest.raises(sst.SessionError, match="ended by signal 9"):
            session.wait_ready()
        assert time.monotonic() - begin < 4
    session.close()
    assert eventually(lambda: nothing_left(session.id, [core, *participants]))


def test_a_defect_in_the_core_ends_everything_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
        kept = FrameClock.advance
        def advance(self):
            if self._arena.control.frame == 3:
                raise ArithmeticError("a defect")
            return kept(self)
        FrameClock.advance = advance
        """
    sabotage(tmp_path, monkeypatch, "core", "runtime.clock", code)
    with sst.Session(READER) as session:
        core, participants = pids(session.id)
        with pytest.raises(sst.SessionError, match=r"(?s)core of session .* failed.*ArithmeticError: a defect"):
            session.step(10)
        assert eventually(lambda: nothing_left(session.id, [core, *participants]), 5)
        assert (session["image"].state.shape, session.frame) == ((4, 1, 16, 16), 3)


def test_a_defect_in_the_cores_control_thread_ends_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
        kept = Server._requests
        def requests(self, peer):
            if b"pause" in peer.connection._received:
                raise ArithmeticError("a defect")
            kept(self, peer)
        Server._requests = requests
        """
    sabotage(tmp_path, monkeypatch, "core", "runtime.server", code)
    with sst.Session(COUNTER) as session:
        core, participants = pids(session.id)
        with pytest.raises(sst.SessionError):
            session.pause()
        assert nothing_left(session.id, [core, *participants])


def test_the_death_of_a_participant_is_noticed_in_frames_without_it() -> None:
    with sst.Session(changed(READER, numerals={"period": 1_000_000, "period offset": 999_999})) as session:
        session.stream()
        session.step(3)
        os.kill(pids(session.id)[1][1], signal.SIGKILL)
        begin = time.monotonic()
        with pytest.raises(sst.SessionError, match=r"interface numerals .* was ended by signal 9"):
            session.step(100_000_000)
        assert time.monotonic() - begin < 2


def test_readers_of_an_older_frame_see_that_a_frame_which_failed_overwrote_it() -> None:
    """Law 2: a frame that is not committed writes all the same, over the frame before the committed one."""
    with sst.Session(LEARNER) as session:
        session.step(6)
        control = Arena.attach(registry.segment_name(session.id)).control
        assert (control.get(Word.STARTED), control.frame) == (6, 6)
        session["goal"].state = 3e38
        with pytest.raises(sst.CommandError, match="not committed"):
            session.step()
        assert (control.get(Word.STARTED), control.frame) == (7, 6)


def test_readers_see_that_a_value_was_set_while_they_copied() -> None:
    """Law 2: every write between two frames makes a read that it may have met begin again."""
    with sst.Session(COUNTER) as session:
        control = Arena.attach(registry.segment_name(session.id)).control
        before = control.get(Word.GENERATION)
        session["count"].state = 3.0
        session.split = 1
        assert control.get(Word.GENERATION) == before + 4


def test_when_frames_are_too_fast_for_a_reader_the_core_makes_the_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(*_: object) -> None:
        raise Torn

    with sst.Session(LEARNER) as session:
        session.step(4)
        with session.frame_view() as view:
            wanted = {name: view[name].state for name in session.network.neuron_pools}
        monkeypatch.setattr(session._client.arena, "read", torn)
        with session.frame_view() as view:
            assert view.frame == 4
            for name, state in wanted.items():
                np.testing.assert_array_equal(view[name].state, state)
        assert session["deep"].parameter["lr"] == 0.01


def test_a_paused_session_uses_no_processor_time() -> None:
    with sst.Session(READER) as session:
        session.step(3)
        core, participants = pids(session.id)
        before = [_ticks(pid) for pid in (core, *participants)]
        threading.Event().wait(2.0)
        used = [_ticks(pid) - ticks for pid, ticks in zip((core, *participants), before, strict=True)]
        assert max(used) <= 2, used  # hundredths of a second


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
