"""Where sessions begin: the registry of ids, folders that cannot be used, many sessions and what they leave."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

import statestream as sst
from nets import COUNTER
from processes import nothing_left, orphans, ours, pids
from statestream import settings
from statestream.runtime import registry


def everything(session: int) -> list[int]:
    core, participants = pids(session)
    return [core, *participants]


def test_a_lock_file_that_somebody_removed_changes_nothing_for_the_session() -> None:
    with sst.Session(COUNTER) as session:
        found = everything(session.id)
        registry.socket_path(session.id).with_suffix(".lock").unlink()
        with sst.Session(COUNTER) as other:
            assert other.id != session.id
            assert {session.id, other.id} <= set(registry.running())
        session.step(2)
        with sst.attach(session.id) as client:
            assert client.frame == 2
    assert nothing_left(session.id, found)


def test_a_lock_file_that_vanishes_while_dead_sessions_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with sst.Session(COUNTER) as session:
        registry.socket_path(session.id).with_suffix(".lock").unlink()
        with monkeypatch.context() as patch:
            patch.setattr(registry, "_sessions_with_lock", lambda: {session.id})  # as it was a moment before
            assert session.id not in registry.reap()
        with sst.attach(session.id) as client:
            client.step()


def test_a_session_whose_socket_somebody_removed_goes_on_but_cannot_be_attached_to() -> None:
    with sst.Session(COUNTER) as session:
        found = everything(session.id)
        registry.socket_path(session.id).unlink()
        registry.socket_path(session.id).with_suffix(".lock").unlink()
        session.step(2)
        with pytest.raises(sst.SessionError, match=rf"no session {session.id} to attach to .*No such file"):
            sst.attach(session.id)
    assert nothing_left(session.id, found)


@pytest.fixture
def another_user(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """This process takes itself for a user of another number; yields that user's folder of sessions."""
    real = os.getuid()
    number = real + 1_000_000 + os.getpid()  # another one for each suite that runs at the same time
    folder = Path(f"/tmp/statestream-{number}")
    monkeypatch.setattr(os, "getuid", lambda: number)
    yield folder
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("kind", ["somebody else's", "open to all", "a link", "a file"])
def test_a_folder_of_sessions_that_is_not_safe_is_not_used(kind: str, another_user: Path, tmp_path: Path) -> None:
    if kind == "a link":
        another_user.symlink_to(tmp_path)
    elif kind == "a file":
        another_user.touch()
    else:
        another_user.mkdir(mode=0o700)
        if kind == "open to all":
            another_user.chmod(0o777)
            os.chown(another_user, os.getuid(), -1) if os.geteuid() == 0 else None
    with pytest.raises(registry.RegistryError, match=str(another_user)):
        registry.running()
    with pytest.raises(sst.SessionError, match=str(another_user)):
        sst.attach(0)


def test_a_registry_that_a_stopped_process_holds_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_PATIENCE", 0.2)
    registry.running()
    with (registry.socket_path(0).parent / "registry").open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(registry.RegistryError, match=r"has been locked by another process for 0.2 s"):
            registry.running()
    registry.running()


@pytest.mark.parametrize("what", ["home", "core.log", "session log", "settings"])
def test_a_home_that_cannot_be_used_is_told_and_nothing_is_left(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = sst.load_graph(COUNTER)
    monkeypatch.setenv("STATESTREAM_HOME", str(tmp_path / "home"))
    log = tmp_path / "home" / "log"
    if what == "home":
        (tmp_path / "home").touch()
    elif what == "core.log":
        (log / "core.log").mkdir(parents=True)
    elif what == "session log":
        for session in range(100):
            (log / f"session-{session}.log").mkdir(parents=True)
    else:
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / settings.FILE).write_text("threads: many\n")
    words = r"threads is 'many', allowed is a value of type int" if what == "settings" else rf"{tmp_path}/home"
    with pytest.raises(sst.SessionError, match=words):
        sst.Session(network)
    assert not ours() and not orphans()


def test_settings_appear_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several sessions may start in a fresh home at the same time, each reads what another is just writing."""
    monkeypatch.setenv("STATESTREAM_HOME", str(tmp_path))
    wanted = settings.Settings()
    write = Path.write_text

    def slowly(path: Path, text: str, encoding: str) -> int:
        for length in range(0, len(text), 7):
            write(path, text[:length], encoding)
            assert settings.FILE not in os.listdir(tmp_path)
        return write(path, text, encoding)

    monkeypatch.setattr(Path, "write_text", slowly)
    assert settings.load() == wanted
    assert os.listdir(tmp_path) == [settings.FILE]
    assert settings.load() == wanted
    assert (tmp_path / settings.FILE).read_text() == (
        "default_backend: 'theano'\nrandom_seed: 42\nthreads: 0\nsave_path: ''\n"
    )


def test_one_session_after_another_leaves_nothing_in_this_process() -> None:
    def held() -> tuple[int, int, int]:
        maps = sum("statestream" in line for line in Path("/proc/self/maps").read_text().splitlines() if "shm" in line)
        return len(os.listdir("/proc/self/fd")), threading.active_count(), maps

    found = []
    for _ in range(5):
        with sst.Session(COUNTER) as session:
            session.step()
        del session
        found.append(held())
    assert found[-1] == found[0]
    assert not ours() and not orphans()


MANY = dedent("""
    import sys, threading
    import statestream as sst
    ids, troubles = [], []
    start = threading.Barrier({threads})
    def work():
        try:
            start.wait()
            with sst.Session(NET) as s:
                s.step(5)
                assert (s["count"].state == 5).all()
                ids.append(s.id)
                start.wait()
        except BaseException as error:
            troubles.append(repr(error))
            start.abort()
    threads = [threading.Thread(target=work) for _ in range({threads})]
    [t.start() for t in threads]
    [t.join() for t in threads]
    print(troubles or len(set(ids)))
""")


@pytest.mark.slow
def test_many_sessions_that_start_at_the_same_moment_in_threads() -> None:
    program = f"NET = {COUNTER!r}\n" + MANY.format(threads=12)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=200)
    assert (done.stdout, done.stderr) == ("12\n", "")
    assert not ours() and not orphans()


@pytest.mark.slow
def test_many_sessions_that_start_at_the_same_moment_in_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a fresh home: the folders and the settings are made at the same moment too."""
    monkeypatch.setenv("STATESTREAM_HOME", str(tmp_path))
    program = f"NET = {COUNTER!r}\n" + MANY.format(threads=1)
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(8)
    ]
    assert [process.communicate(timeout=200)[0] for process in running] == ["1\n"] * 8
    assert not ours() and not orphans()
