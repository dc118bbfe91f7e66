"""Script mode on a session that only pretends: what is printed where, in which order, and the exit status."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from statestream.session import Answer, CommandError, SessionError
from statestream.terminal.endings import Ending
from statestream.terminal.script import Script, ScriptEvents
from terminal_fakes import FakeHandle

SHOW = Answer("eye at frame 0\n  state", {"mean": float("nan")})


def script(handle: FakeHandle, **options: bool) -> Script:
    return Script(handle, ScriptEvents(), **options)  # type: ignore[arg-type]


def test_results_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    handle = FakeHandle({"show eye": SHOW})
    run = script(handle)
    run.run(["stream 5; show eye", "", "# nothing", "exit", "show eye"])
    assert capsys.readouterr() == (f"{SHOW.text}\n", "")
    assert handle.asked == [("stream 5", True), ("show eye", True), ("exit", True)]
    assert (run.status, run.left) == (0, True)


def test_results_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    handle = FakeHandle({"show eye": SHOW, "show ear": CommandError("there is no item 'ear'")})
    run = script(handle, json=True)
    run.run(["stream; show eye; show ear"])
    out, err = capsys.readouterr()
    assert [json.loads(line, parse_constant=pytest.fail) for line in out.splitlines()] == [
        {"command": "stream", "ok": True, "text": "", "data": None},
        {"command": "show eye", "ok": True, "text": SHOW.text, "data": {"mean": None}},
        {"command": "show ear", "ok": False, "error": "there is no item 'ear'"},
    ]
    assert err == "show ear: there is no item 'ear'\n"
    assert run.status == 1


def test_a_failure_is_one_line_and_the_script_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    handle = FakeHandle({"bad": CommandError("two\nlines"), "show eye": SHOW})
    run = script(handle)
    run.run(["bad", "show eye"])
    assert capsys.readouterr() == (f"{SHOW.text}\n", "bad: two lines\n")
    assert run.status == 1


def test_stop_at_the_first_failure() -> None:
    handle = FakeHandle({"bad": CommandError("no")})
    run = script(handle, stop_at_failure=True)
    run.run(["bad; show eye", "exit"])
    assert [text for text, _ in handle.asked] == ["bad"]
    assert (run.status, run.left) == (1, False)


def test_an_exit_that_fails_is_none() -> None:
    handle = FakeHandle({"exit now": CommandError("usage: exit")})
    run = script(handle)
    run.run(["exit now; state"])
    assert [text for text, _ in handle.asked] == ["exit now", "state"]


def test_each_result_is_out_before_the_next_command(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []

    class Stream:
        def write(self, text: str) -> int:
            log.append(f"write {text.strip()}")
            return len(text)

        def flush(self) -> None:
            log.append("flush")

    def answer(text: str) -> Any:
        return lambda: log.append(f"do {text}") or Answer(text)

    monkeypatch.setattr(sys, "stdout", Stream())
    script(FakeHandle({"a": answer("a"), "b": answer("b")})).run(["a; b"])
    assert [entry for entry in log if entry != "write "] == ["do a", "write a", "flush", "do b", "write b", "flush"]


def test_a_broken_session_is_explained_once_and_can_still_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    trouble = "worker 0 failed: boom (items: mid)\nTraceback\n  boom"
    handle = FakeHandle({"stream 5": SessionError(trouble), "step": SessionError(trouble), "show eye": SHOW})
    events = ScriptEvents()
    run = Script(handle, events)  # type: ignore[arg-type]
    run.run(["stream 5"])
    events({"event": "broken", "text": trouble})
    run.run(["step; show eye"])
    out, err = capsys.readouterr()
    assert out == f"{SHOW.text}\n"
    assert err == f"statestream: {trouble}\nstep: worker 0 failed: boom (items: mid)\n"
    assert run.status == 1


def test_a_session_that_is_gone_ends_the_script() -> None:
    handle = FakeHandle({"stream 5": SessionError("the core process was ended by signal 9")})
    handle.alive = False
    run = script(handle)
    run.run(["stream 5; state"])
    assert len(handle.asked) == 1
    assert run.status == 1


def test_notices_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    closed: list[bool] = []
    events = ScriptEvents()
    events.on_closed = lambda: closed.append(True)  # type: ignore[method-assign]
    events({"event": "notice", "text": "paused: mid became NaN"})
    events({"event": "state", "state": "paused"})
    events({"event": "progress", "item": "mid", "state": "ready", "remaining": 1})
    events({"event": "closed", "text": ""})
    events.release()
    assert capsys.readouterr() == ("", "paused: mid became NaN\n")
    assert closed == [True]


def test_a_notice_that_a_failure_told_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    trouble = "paused: mid became NaN"
    events = ScriptEvents()

    def fail() -> CommandError:
        events({"event": "notice", "text": trouble})
        return CommandError(trouble)

    run = Script(FakeHandle({"stream 5": fail}), events)  # type: ignore[arg-type]
    run.run(["stream 5"])
    events({"event": "notice", "text": trouble})  # it may come later, too
    events({"event": "notice", "text": "another"})
    events.release()
    assert capsys.readouterr().err == f"stream 5: {trouble}\nanother\n"


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("statestream.terminal.reports.discard", lambda stream: None)

    def full(*args: object, file: object = None, **options: object) -> None:
        if file is None:
            raise OSError(28, "No space left on device")
        sys.stderr.write(f"{args[0]}\n")

    monkeypatch.setattr("builtins.print", full)
    with pytest.raises(Ending) as ending:
        script(FakeHandle({"show eye": SHOW})).run(["show eye"])
    assert ending.value.status == 1
    assert capsys.readouterr().err == "statestream: the results cannot be written: No space left on device\n"
