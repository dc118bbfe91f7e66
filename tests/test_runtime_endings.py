"""Law 7: however a session ends, it says why, and no process and no shared memory is left."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest

import statestream as sst
from nets import COUNTER, LEARNER, READER, changed
from processes import eventually, left_by, lives, nothing_left, orphans, ours, pids, undisturbed
from statestream.memory import Arena
from statestream.runtime import registry


def all_pids(session: int) -> list[int]:
    core, participants = pids(session)
    return [core, *participants]


def test_close_leaves_nothing() -> None:
    with sst.Session(READER) as session:
        session.step(2)
        found = all_pids(session.id)
        assert len(found) == 3 and all(map(lives, found))
    assert nothing_left(session.id, found)


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize(("victim", "title"), [(0, r"worker 0 \(numpy, cpu\)"), (1, "interface numerals")])
def test_a_killed_participant_is_named_within_two_seconds(victim: int, title: str, streaming: bool) -> None:
    with sst.Session(READER) as session:
        session.step(3)
        found = all_pids(session.id)
        if streaming:
            session.stream()
        os.kill(found[1 + victim], signal.SIGKILL)
        begin = time.monotonic()
        with pytest.raises(sst.SessionError, match=rf"{title} .*was ended by signal 9 \(items: .*") as caught:
            session.step(1_000_000)
        assert time.monotonic() - begin < 2
        assert "values can still be read" in str(caught.value)
        frame = session.frame
        assert session["prediction"].state.shape == (4, 10, 1, 1)
        with session.frame_view() as view:
            assert view.frame == frame
        assert "broken" in session.command("state")
        with pytest.raises(sst.SessionError):
            session.step()
    assert nothing_left(session.id, found)


def test_a_killed_core_takes_everything_with_it() -> None:
    session = sst.Session(READER)
    found = all_pids(session.id)
    session.stream()
    os.kill(found[0], signal.SIGKILL)
    with pytest.raises(sst.SessionError, match=r"core process of session .* was ended by signal 9"):
        session.step(1_000_000)
    assert eventually(lambda: nothing_left(session.id, found))
    with pytest.raises(sst.SessionError):
        session.command("state")
    session.close()


def test_what_a_killed_core_left_is_removed_by_the_next_start() -> None:
    with start_script(
        """
        import os, sys
        import statestream as sst
        from statestream.runtime import registry
        registry.reap = lambda: []          # a client that does not clean up
        s = sst.Session(NET)
        print(s.id, flush=True)
        sys.stdin.read()
        """
    ) as owner:
        assert owner.stdout is not None
        session = int(owner.stdout.readline())
        core, participants = pids(session)
        os.kill(owner.pid, signal.SIGSTOP)
        with undisturbed():  # else another program's start might be the next one
            os.kill(core, signal.SIGKILL)
            assert eventually(lambda: not any(map(lives, [core, *participants])))
            assert left_by(session, core)
        with sst.Session(COUNTER):
            assert not left_by(session, core)
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
        assert nothing_left(session, [core, *participants])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_core_ends_the_session(number: signal.Signals) -> None:
    session = sst.Session(READER)
    found = all_pids(session.id)
    session.stream()
    os.kill(found[0], number)
    with pytest.raises(sst.SessionError, match=r"the session was ended|session \d+ has ended"):
        session.step(1_000_000)
    assert eventually(lambda: nothing_left(session.id, found))
    session.close()


def test_signals_in_quick_succession_end_the_session_once() -> None:
    session = sst.Session(COUNTER)
    found = all_pids(session.id)
    for number in [signal.SIGTERM, signal.SIGINT, signal.SIGHUP] * 30:
        try:
            os.kill(found[0], number)
        except ProcessLookupError:
            break
    assert eventually(lambda: nothing_left(session.id, found))
    session.close()


def test_a_stopped_participant_does_not_keep_the_session_from_ending() -> None:
    session = sst.Session(READER)
    found = all_pids(session.id)
    session.stream()
    os.kill(found[1], signal.SIGSTOP)
    begin = time.monotonic()
    session.close()
    assert time.monotonic() - begin < 8
    assert nothing_left(session.id, found)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_session_ends_with_the_process_that_started_it(number: signal.Signals) -> None:
    with start_script(
        """
        import sys
        import statestream as sst
        s = sst.Session(NET)
        s.stream()
        print(s.id, flush=True)
        sys.stdin.read()
        """
    ) as owner:
        assert owner.stdout is not None
        session = int(owner.stdout.readline())
        found = all_pids(session)
        os.kill(owner.pid, number)
        owner.wait()
        assert eventually(lambda: nothing_left(session, found))


def test_ctrl_c_interrupts_a_wait_and_cleans_up() -> None:
    with start_script(
        """
        import statestream as sst
        s = sst.Session(NET)
        print(s.id, flush=True)
        s.step(10**9)
        """
    ) as owner:
        assert owner.stdout is not None
        session = int(owner.stdout.readline())
        found = all_pids(session)
        assert eventually(lambda: Arena.attach(registry.segment_name(session)).control.frame > 2)
        os.kill(owner.pid, signal.SIGINT)
        assert owner.wait(10) != 0
        assert eventually(lambda: nothing_left(session, found))


def test_a_session_survives_the_thread_that_started_it_and_a_fork_of_its_owner() -> None:
    with start_script(
        """
        import os, sys, threading
        import statestream as sst
        box = []
        thread = threading.Thread(target=lambda: box.append(sst.Session(NET)))
        thread.start(); thread.join()
        s = box[0]
        s.step(2)
        child = os.fork()
        if child == 0:
            sys.stdin.read()
            os._exit(0)
        s.step(2)
        print(s.id, s.frame, flush=True)
        sys.stdin.read()
        """
    ) as owner:
        assert owner.stdout is not None
        session, frame = map(int, owner.stdout.readline().split())
        assert frame == 4
        found = all_pids(session)
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
        # The fork still lives (it waits for its standard input), yet the session has ended with its owner.
        assert eventually(lambda: nothing_left(session, found))
        assert owner.stdin is not None
        owner.stdin.close()


def test_an_exception_in_a_step_is_told_with_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        dedent("""
        import sys
        if any("statestream.runtime.worker" in word for word in sys.orig_argv):
            import numpy as np
            from statestream.runtime import draws
            kept = draws.Draws.of
            def of(self, frame):
                if frame == 3:
                    raise ZeroDivisionError("made to fail")
                return kept(self, frame)
            draws.Draws.of = of
        """)
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with sst.Session(LEARNER) as session:
        found = all_pids(session.id)
        with pytest.raises(sst.SessionError, match="ZeroDivisionError: made to fail") as caught:
            session.step(10)
        assert "Traceback" in str(caught.value) and "worker 0" in str(caught.value) and "eye" in str(caught.value)
        assert session.frame == 3
        assert session["eye"].state.shape == (6, 1, 8, 8)
    assert nothing_left(session.id, found)


def test_a_participant_that_cannot_start_is_told_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nif any('statestream.runtime.worker' in word for word in sys.orig_argv):\n    os._exit(7)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(sst.SessionError, match=r"worker 0 .* ended with status 7"):
        sst.Session(COUNTER)
    assert not ours() and not orphans()


def test_an_arena_that_does_not_fit_is_refused_with_numbers() -> None:
    huge = {**changed(COUNTER, count={"shape": [512, 1024, 1024]}, behind={"shape": [512, 1024, 1024]}), "agents": 64}
    with pytest.raises(sst.SessionError, match=r"needs .* MiB of shared memory, /dev/shm has .* MiB free"):
        sst.Session(huge)
    assert not ours() and not orphans()


def test_two_sessions_at_once_do_not_meet() -> None:
    with sst.Session(COUNTER) as one, sst.Session(COUNTER) as other:
        one.step(3)
        other.step(5)
        assert one.id != other.id
        assert (one["count"].state.max(), other["count"].state.max()) == (3, 5)


def start_script(text: str) -> subprocess.Popen[str]:
    """A Python program with NET = READER, its standard input and output as pipes."""
    program = f"NET = {READER!r}\n" + dedent(text)
    return subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )


FULL = r"""
import sys
from statestream.memory import segment
segment.available = lambda: 1 << 40      # as if the space had been there a moment ago
try:
    segment.create("statestream.test.full", 8 << 20)
except segment.SegmentError as error:
    print(error)
print(segment.names("statestream"))
"""


def test_a_memory_file_system_that_fills_up_meanwhile_is_an_error_and_no_crash() -> None:
    """In a mount namespace of its own with 2 MiB of /dev/shm: the segment is reserved when it is made, or refused."""
    inside = f"mount -t tmpfs -o size=2m tmpfs /dev/shm && exec {shlex.quote(sys.executable)} -c '{FULL}'"
    done = subprocess.run(["unshare", "-rm", "sh", "-c", inside], capture_output=True, text=True)
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"no mount namespaces here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert "/dev/shm is full: 8.0 MiB could not be reserved (No space left on device)" in done.stdout
    assert done.stdout.endswith("[]\n")
