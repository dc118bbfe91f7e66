"""The prompt, without a terminal: keys come from a pipe, the session only pretends."""

from __future__ import annotations

import asyncio
import stat
import threading
import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import fragment_list_to_text
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from statestream.session import Answer, CommandError, SessionError, Status
from statestream.terminal.completion import CommandCompleter, incomplete
from statestream.terminal.history import open_history
from statestream.terminal.interactive import Interactive, Mailbox
from statestream.terminal.news import News
from statestream.terminal.status import Loss, status_line
from terminal_fakes import FakeHandle

NOW = datetime(2026, 11, 22, 6, 30, 5)


def prompt(handle: FakeHandle, keys: str, *events: dict[str, Any]) -> Interactive:
    """Run a prompt on these keys, after these events."""
    mailbox = Mailbox()
    for event in events:
        mailbox(event)
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        terminal = Interactive(handle, mailbox, pipe, DummyOutput(), time.monotonic())  # type: ignore[arg-type]
        pipe.send_text(keys)
        asyncio.run(asyncio.wait_for(terminal.run(), 20))
    return terminal


def asked(handle: FakeHandle) -> list[str]:
    return [text for text, _ in handle.asked]


def test_commands_are_done_in_order_until_exit(capsys: pytest.CaptureFixture[str]) -> None:
    handle = FakeHandle({"show eye": Answer("eye at frame 0"), "bad": CommandError("there is no command 'bad'")})
    terminal = prompt(handle, "stream 5; show eye\rbad\rexit\r")
    assert handle.asked == [("stream 5", False), ("show eye", True), ("bad", True), ("exit", True)]
    assert capsys.readouterr().out == "eye at frame 0\nbad: there is no command 'bad'\n"
    assert terminal.status == 0


def test_an_internal_error_of_one_command_is_told_and_the_next_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    handle = FakeHandle({"bad": ZeroDivisionError("a defect"), "show eye": Answer("eye at frame 0")})
    prompt(handle, "bad\rshow eye\rexit\r")
    assert asked(handle) == ["bad", "show eye", "exit"]
    assert capsys.readouterr().out == "bad: internal error: ZeroDivisionError: a defect\neye at frame 0\n"


def test_nothing_waits_for_a_session_that_is_starting() -> None:
    handle = FakeHandle(state="initializing", remaining=3)
    prompt(handle, "step\rexit\r")
    assert handle.asked == [("step", False), ("exit", False)]


def test_control_c_clears_the_line_and_ends_on_an_empty_one() -> None:
    handle = FakeHandle()
    terminal = prompt(handle, "stream\x03state\r\x03")
    assert asked(handle) == ["state"]
    assert terminal.status == 0


def test_control_c_ends_a_search_and_nothing_else() -> None:
    handle = FakeHandle()
    terminal = prompt(handle, "\x12st\x03nps\r\x12\x03state\rexit\r")
    assert asked(handle) == ["nps", "state", "exit"]
    assert terminal.status == 0


def test_exit_does_not_wait_for_a_command_that_does_not_end() -> None:
    released = threading.Event()
    handle = FakeHandle({"pause": lambda: released.wait(30) and Answer("")})
    began = time.monotonic()
    prompt(handle, "pause\rstate\rexit\r")
    released.set()
    assert time.monotonic() - began < 15
    assert asked(handle) == ["pause"]


def test_exit_waits_for_commands_that_take_their_time() -> None:
    pause = threading.Event()
    handle = FakeHandle({"show eye": lambda: pause.wait(0.5) or Answer("")})
    prompt(handle, "show eye; show eye; show eye; exit; state\r")
    assert asked(handle) == ["show eye"] * 3 + ["exit"]


def test_control_d_ends() -> None:
    assert prompt(FakeHandle(), "\x04").status == 0


def test_a_paste_of_several_lines_is_as_many_commands() -> None:
    handle = FakeHandle()
    prompt(handle, "\x1b[200~state\nnps # pools\nshow eye\x1b[201~\rexit\r")
    assert asked(handle) == ["state", "nps", "show eye", "exit"]


def test_a_paste_of_any_length() -> None:
    handle = FakeHandle()
    line = "show " + "x" * 50_000  # more than the pipe holds would block this test
    prompt(handle, f"\x1b[200~{line}\x1b[201~\rexit\r")
    assert asked(handle) == [line, "exit"]


def test_a_broken_session_keeps_the_prompt_and_ends_with_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    trouble = "worker 0 failed: boom\nTraceback"
    handle = FakeHandle({"step": SessionError(trouble), "show eye": Answer("still here")}, state="broken")
    terminal = prompt(handle, "step\rshow eye\rexit\r", {"event": "broken", "text": trouble})
    out = capsys.readouterr().out
    assert f"the session is broken: {trouble}\n" in out
    assert "step: worker 0 failed: boom\n" in out
    assert out.endswith("still here\n")
    assert terminal.status == 1


def test_a_session_that_is_gone_ends_the_prompt() -> None:
    terminal = prompt(FakeHandle(), "", {"event": "closed", "text": "the core process was ended by signal 9"})
    assert terminal.status == 1
    assert prompt(FakeHandle(), "", {"event": "closed", "text": ""}).status == 0


def test_progress_is_gathered(capsys: pytest.CaptureFixture[str]) -> None:
    news = News("demo", time.monotonic())
    status = Status("paused", 0, 0.0, 0)
    assert news.patience is None
    for state in ("compiling", "ready"):
        for number in range(10):
            event = {"event": "progress", "item": f"i{number}", "state": state, "remaining": 1}
            assert news.take(event, status) == ""
    assert news.patience
    said = news.take({"event": "state", "state": "paused"}, status)
    assert said.splitlines()[:2] == [
        "compiling: i0, i1, i2, i3, i4, i5, i6, i7 and 2 more",
        "ready: i0, i1, i2, i3, i4, i5, i6, i7 and 2 more",
    ]
    assert "demo is ready after" in said
    assert news.take({"event": "state", "state": "paused"}, Status("paused", 5, 0.0, 0)) == "paused at frame 5"
    assert news.take({"event": "notice", "text": "mid became NaN"}, status) == "mid became NaN"
    assert news.rest() == ""
    assert news.take({"event": "network", "name": "other"}, status) == ""
    assert "other is ready after" in news.take({"event": "state", "state": "paused"}, status)


def candidates(text: str) -> list[str]:
    completer = CommandCompleter(FakeHandle())  # type: ignore[arg-type]
    found = list(completer.get_completions(Document(text), CompleteEvent()))
    assert [each.text.rstrip() for each in found] == [each.display_text for each in found]
    return [each.text for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("st", ["stream ", "step", "state"]),
        ("state; sho", ["show "]),
        ("state\nsho", ["show "]),
        ("show e", ["eye", "eye_mid"]),
        ("set mi", ["mid "]),
        ("set mid b", ["b ", "bias "]),
        ("set deep ", ["lr ", "momentum "]),
        ("set nobody ", []),
        ("set mid b ", []),
        ("? spl", ["split"]),
        ("capture ", ["start ", "stop "]),
        ("capture start f.h5 e", ["eye ", "eye_mid "]),
        ("capture start f.h5 eye #", ["#sense "]),
        ("stream ", []),
        ("show eye ", []),
        ("nonsense ", []),
    ],
)
def test_completion(text: str, expected: list[str]) -> None:
    assert candidates(text) == expected


def test_completion_of_graph_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "nets"))
    (tmp_path / "nets").mkdir()
    for name in ("demo.st_graph", "nets/deep.st_graph", "nets/notes.txt"):
        (tmp_path / name).write_text("")
    assert candidates("load ") == ["demo.st_graph", "nets/"]
    assert candidates("loadgraph nets/") == ["nets/deep.st_graph"]
    assert candidates("load ~/d") == ["~/deep.st_graph"]
    assert candidates(f"load {tmp_path}/d") == [f"{tmp_path}/demo.st_graph"]
    assert candidates("load nowhere/") == []


@pytest.mark.parametrize(
    ("text", "lacking"),
    [("show", True), ("show eye", False), ("state; set a b", True), ("stream", False), ("", False), ("what", False)],
)
def test_commands_that_lack_an_argument(text: str, lacking: bool) -> None:
    assert incomplete(text) is lacking


def line(status: Status, loss: str = "", columns: int = 110) -> str:
    return fragment_list_to_text(status_line(status, loss, NOW, columns))


def test_status_line() -> None:
    assert line(Status("paused", 12, 0.0, 0)) == " Sun, 22 Nov 2026 06:30:05 | frame 00000012 | paused"
    streaming = line(Status("streaming", 12, 31.25, 0), "loss 0.5")
    assert streaming.endswith("| frame 00000012 | 31.2 frames/s | streaming | loss 0.5")
    assert line(Status("initializing", 0, 0.0, 3)).endswith("| initializing (3 remaining)")
    assert line(Status("broken", 12, 0.0, 0), columns=50) == " 06:30:05 | frame 00000012 | broken"


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (110, " Sun, 22 Nov 2026 06:30:05 | frame 00000012 | 31.2 frames/s | streaming | loss 0.5"),
        (80, " 06:30:05 | frame 00000012 | 31.2 frames/s | streaming | loss 0.5"),
        (60, " frame 00000012 | 31.2 frames/s | streaming | loss 0.5"),
        (40, " frame 00000012 | streaming | loss 0.5"),
        (30, " frame 00000012 | streaming"),
        (20, " streaming"),
        (5, " streaming"),
    ],
)
def test_status_line_of_a_narrow_terminal(columns: int, shown: str) -> None:
    """What matters most stays to the last: what the session is doing."""
    assert line(Status("streaming", 12, 31.25, 0), "loss 0.5", columns) == shown


def test_loss_in_the_status_line() -> None:
    handle = FakeHandle(frame=3)
    assert Loss(handle).read() == "deep 0.1235"  # type: ignore[arg-type]
    del handle.network.plasticities["flat"]
    assert Loss(handle).read() == "loss 0.1235"  # type: ignore[arg-type]
    handle.arrays["deep", "variable"] = ["loss"]  # that of a regularizer is none that says how well it learns
    assert Loss(handle).read() == ""  # type: ignore[arg-type]
    handle.network.plasticities.clear()
    assert Loss(handle).read() == ""  # type: ignore[arg-type]
    assert Loss(FakeHandle(frame=0)).read() == ""  # type: ignore[arg-type]


def test_loss_of_the_network_that_took_the_place_of_another() -> None:
    handle = FakeHandle(frame=3)
    loss = Loss(handle)  # type: ignore[arg-type]
    assert loss.read() == "deep 0.1235"
    handle.network = SimpleNamespace(plasticities={"flat": None})
    assert loss.read() == "loss 2"


def test_history_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATESTREAM_HOME", str(tmp_path / "home"))
    history = open_history()
    history.append_string("stream 5")
    history.append_string("x" * 20_000)
    file = tmp_path / "home" / "history"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(open_history().load_history_strings()) == ["stream 5"]


def test_without_a_place_for_the_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STATESTREAM_HOME", str(tmp_path / "file"))
    assert isinstance(open_history(), InMemoryHistory)
