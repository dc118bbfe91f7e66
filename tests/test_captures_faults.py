"""What befalls a capture: killed cores and writers, disks that are full, slow, or hang."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import statestream as sst
from nets import COUNTER, LEARNER
from processes import eventually, nothing_left, ours, pids
from sabotage import sabotage
from statestream.captures.errors import CaptureError
from statestream.runtime.capture_protocol import Channel
from statestream.runtime.recording import Recording


def test_a_capture_can_be_read_while_it_grows_and_survives_its_core(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    session = sst.Session(COUNTER)
    found = pids(session.id)
    session.command(f"capture start {path}")
    session.stream()
    assert eventually(lambda: session.command_data("capture")["frames on disk"] > 10)
    with sst.open_capture(path) as capture:
        assert len(capture.frames) > 10 and not capture.ended
        check_counts(capture)
    on_disk = session.command_data("capture")["frames on disk"]
    os.kill(found[0], signal.SIGKILL)
    assert eventually(lambda: not ours())
    session.close()
    assert nothing_left(session.id, [found[0], *found[1]])
    with h5py.File(path) as file:
        assert len(file["frames"]) >= on_disk  # closed in order, so that any program can read it
    with sst.open_capture(path) as capture:
        assert not capture.ended
        check_counts(capture)


def check_counts(capture: sst.captures.reader.Capture) -> None:
    """No frame is missing, and each is whole."""
    assert list(capture.frames) == list(range(len(capture.frames)))
    np.testing.assert_array_equal(np.asarray(capture["count"].state)[:, 0, 0, 0, 0], capture.frames)
    np.testing.assert_array_equal(np.asarray(capture["behind"].state)[1:, 1, 0, 0, 0], capture.frames[:-1])


def writers() -> list[int]:
    return [pid for pid in ours() if b"capture_process" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_killed_writer_ends_the_capture_and_not_the_session(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    notices: list[str] = []
    heard = threading.Event()

    def listen(event: dict[str, Any]) -> None:
        if event["event"] == "notice":
            notices.append(event["text"])
            heard.set()

    with sst.Session(COUNTER, listener=listen) as session:
        session.command(f"capture start {path}")
        session.step(4)
        assert eventually(lambda: session.command_data("capture")["frames on disk"] == 5)
        (writer,) = writers()
        os.kill(writer, signal.SIGKILL)
        session.step(1)
        assert heard.wait(10)
        assert notices == [f"the capture to {path} has ended: the process that writes it has died"]
        assert "failed" in session.command("capture")
        with pytest.raises(sst.CommandError, match=r"no capture is running; .* the process that writes it has died"):
            session.command("capture stop")
        session.step(1)
        session.command(f"capture start {path}2")
        session.step(1)
    with sst.open_capture(path) as capture:
        assert list(capture.frames) == [0, 1, 2, 3, 4]
        check_counts(capture)
    with sst.open_capture(f"{path}2") as capture:
        assert list(capture.frames) == [6, 7]


def test_a_writer_that_is_stopped_ends_with_its_core(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    session = sst.Session(COUNTER)
    core, participants = pids(session.id)
    session.command(f"capture start {path}")
    assert eventually(lambda: session.command_data("capture")["frames on disk"] == 1)
    os.kill(writers()[0], signal.SIGSTOP)
    os.kill(core, signal.SIGKILL)
    session.close()
    assert eventually(lambda: not ours()) and nothing_left(session.id, [core, *participants])
    with h5py.File(path) as file:  # it was closed in order
        assert list(file["frames"]) == [0]


def test_a_writer_that_no_signal_ends_holds_up_nobody() -> None:
    """As one within a write to a disk that hangs; the recording's thread waits for its answer."""
    one, other = socket.socketpair()
    recording = Recording.__new__(Recording)
    recording._channel = Channel(one)
    told: list[str] = []

    class Stuck:
        def kill(self) -> None:
            told.append("kill")

        def wait(self, timeout: float) -> None:
            told.append("wait")
            raise subprocess.TimeoutExpired("writer", timeout)

    def wait() -> None:
        with pytest.raises((ValueError, CaptureError)):
            recording._answer()

    recording._process = Stuck()  # type: ignore[assignment]
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    recording.kill()
    thread.join(10)
    assert told == ["kill", "wait"] and not thread.is_alive()
    other.close()


def test_a_full_disk_ends_the_capture_and_not_the_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.h5"
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))"
    folder = tmp_path / "site"
    folder.mkdir()
    sabotage(folder, monkeypatch, "capture_process", "captures.writer", limit)
    with sst.Session(LEARNER, seed=2) as session:
        session.command(f"capture start {path}")
        assert eventually(lambda: session.command_data("capture")["frames on disk"] == 1)
        session.step(300)
        with pytest.raises(sst.CommandError, match="File too large"):
            session.command("capture stop")
        status = session.command_data("capture")
        assert status["capture"] == "failed" and status["trouble"] == "File too large"
        session.step(5)
        assert session.frame == 305
    with sst.open_capture(path) as capture:  # what was on the disk before stays readable
        assert not capture.ended and 1 <= len(capture.frames) < 300
        assert all(np.asarray(recorded) is not None for recorded in capture.arrays.values())


def test_a_slow_disk_slows_the_network_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer stands still until the network does: then frames wait, and the session still answers."""
    path = tmp_path / "run.h5"
    small = "_MOST_WAITING = 50_000"
    folder = tmp_path / "site"
    folder.mkdir()
    sabotage(folder, monkeypatch, "core", "runtime.recording", small)
    with sst.Session(LEARNER, seed=2) as session:
        session.command(f"capture start {path}")
        (writer,) = writers()
        os.kill(writer, signal.SIGSTOP)
        session.stream(200)
        assert eventually(lambda: session.command_data("capture").get("network waited for the disk") is not None)
        frame = session.frame
        assert session.command_data("capture")["frames waiting"] > 1
        assert session.frame == frame < 200
        os.kill(writer, signal.SIGCONT)
        assert eventually(lambda: session.frame == 200)
        assert "network waited for the disk" in session.command("capture")
        session.command("capture stop")
    with sst.open_capture(path) as capture:
        assert list(capture.frames) == list(range(201))


def test_a_disk_that_hangs_does_not_hold_up_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.h5"
    folder = tmp_path / "site"
    folder.mkdir()
    sabotage(folder, monkeypatch, "core", "runtime.recorder", "_FAREWELL = 0.1")
    with sst.Session(COUNTER) as session:
        found = pids(session.id)
        session.command(f"capture start {path}")
        session.step(1)
        assert eventually(lambda: session.command_data("capture")["frames on disk"] == 2)
        os.kill(writers()[0], signal.SIGSTOP)
        session.step(5)
    assert nothing_left(session.id, [found[0], *found[1]]) and not ours()
    with sst.open_capture(path) as capture:
        assert list(capture.frames) == [0, 1] and not capture.ended
