"""The control socket: what a client may do wrong, and what others notice of it (nothing). Listeners, forks, garbage."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

import statestream as sst
from nets import COUNTER, READER
from processes import eventually, nothing_left, ours, pids
from statestream.runtime import registry


@pytest.fixture(scope="module")
def counter() -> Iterator[sst.Session]:
    with sst.Session(COUNTER) as session:
        yield session


def connect(session: sst.Session) -> socket.socket:
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(str(registry.socket_path(session.id)))
    stream.settimeout(10)
    return stream


def answers(stream: socket.socket) -> Iterator[dict[str, Any]]:
    with stream.makefile("r") as lines:
        for line in lines:
            message = json.loads(line)
            if "event" not in message:
                yield message


GARBAGE = {
    "binary": bytes(range(256)) * 100 + b"\n",
    "no JSON": b"state\n",
    "not an object": b"[1, 2]\n",
    "very deep": b"[" * 1_000_000 + b"\n",
    "a number too long": b'{"id": ' + b"9" * 10_000 + b"}\n",
    "half a message": b'{"id": 1, "op": "comm',
    "half a large message": b'{"id": 1, "op": "write", "array": "' + b"A" * 3_000_000,
    "nothing": b"",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_costs_only_its_sender_the_connection(counter: sst.Session, garbage: bytes) -> None:
    with connect(counter) as stream:
        stream.sendall(garbage)
    counter.step()
    assert "paused" in counter.command("state")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({}, "unknown operation None"),
        ({"op": "fly"}, "unknown operation 'fly'"),
        ({"op": ["command"]}, "unknown operation"),
        ({"op": "command", "text": 5}, "no command '5'"),
        ({"op": "command"}, ""),
        ({"op": "advance"}, "the number of frames is None"),
        ({"op": "advance", "frames": 1.5}, "the number of frames is 1.5"),
        ({"op": "advance", "frames": -1}, "the number of frames is -1"),
        ({"op": "read", "keys": [["count", "state"]]}, "is not the key of an array"),
        ({"op": "read", "keys": 5}, "5 is no list of keys"),
        ({"op": "read", "keys": [["count", "state", "x"]]}, "count has no state 'x'"),
        ({"op": "write", "key": ["", "session", "schedule"], "array": {}}, "cannot be written"),
        ({"op": "write", "key": ["count", "state", ""], "array": {"shape": [1], "data": "?"}}, "not an array"),
        ({"op": "write", "key": ["count", "state", ""], "array": {"shape": [2], "data": "AAAA"}}, "not an array"),
        ({"op": "write", "key": ["count", "state", ""]}, "not an array"),
        ({"op": "write", "key": ["count", "state", ""], "array": {"shape": [0], "data": ""}}, "has shape [2, 1, 1, 1]"),
    ],
)
def test_a_wrong_request_is_refused_in_words(counter: sst.Session, message: dict[str, Any], words: str) -> None:
    with connect(counter) as stream:
        stream.sendall(json.dumps({"id": "mine", **message} if message else {}).encode() + b"\n")
        answer = next(answers(stream))
        assert answer["id"] == ("mine" if message else None)
        assert words in answer.get("error", "") and "internal" not in answer.get("error", "")
    counter.step()


def test_more_clients_than_a_session_takes_are_refused(counter: sst.Session) -> None:
    streams = []
    try:
        for _ in range(210):
            streams.append(connect(counter))
        assert b"200 clients already" in streams[-1].recv(1000)
        with pytest.raises(sst.SessionError, match=r"200 clients already|has ended|does not answer"):
            sst.attach(counter.id).step()
        counter.step()
    finally:
        for stream in streams:
            stream.close()
    assert eventually(lambda: _answers(counter))


def _answers(session: sst.Session) -> bool:
    try:
        client = sst.attach(session.id)
        client.command("state")
    except sst.SessionError:
        return False
    client.close()
    return True


def test_clients_may_use_a_session_at_the_same_time(counter: sst.Session) -> None:
    clients = [sst.attach(counter.id) for _ in range(3)]
    start, troubles = counter.frame, []

    def work(client: sst.session.Handle, value: float) -> None:
        try:
            for _ in range(30):
                client["behind"].state = value
                client.step(2)
                with client.frame_view() as view:
                    difference = view["count"].state - view["behind"].state
                    assert (difference == difference.flat[0]).all()
        except BaseException as error:
            troubles.append(error)

    threads = [threading.Thread(target=work, args=(client, 100.0 * i)) for i, client in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()
    assert not troubles
    assert 60 <= counter.frame - start <= 180


def test_a_short_step_does_not_cut_another_clients_long_one(counter: sst.Session) -> None:
    start, troubles = counter.frame, []

    def work() -> None:
        try:
            with sst.attach(counter.id) as client:
                client.step(3000)
        except BaseException as error:
            troubles.append(error)

    long = threading.Thread(target=work)
    long.start()
    assert eventually(lambda: counter.frame > start)
    for _ in range(10):
        counter.step()
    long.join()
    assert not troubles and counter.frame >= start + 3000


def test_close_ends_the_wait_of_another_thread_and_may_be_called_again() -> None:
    session = sst.Session(COUNTER)
    core, participants = pids(session.id)
    caught: list[BaseException] = []

    def wait() -> None:
        try:
            session.step(10**9)
        except sst.SessionError as error:
            caught.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert eventually(lambda: session.frame > 0)
    closing = [threading.Thread(target=session.close) for _ in range(3)]
    for thread in closing:
        thread.start()
    for thread in (*closing, waiting):
        thread.join(30)  # a core has ten seconds to take leave and ten to end, which a busy machine may need
        assert not thread.is_alive()
    session.close()
    assert len(caught) == 1 and nothing_left(session.id, [core, *participants])
    assert session["count"].state.shape == (2, 1, 1, 1)  # the last frame stays readable in this process


def test_a_listeners_mistake_is_shown_and_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", shown.append)

    def listen(event: dict[str, Any]) -> None:
        raise ZeroDivisionError(event["event"])

    with sst.Session(COUNTER, listener=listen) as session:
        session.step(3)
        assert session.frame == 3
    assert shown and all(each.exc_type is ZeroDivisionError for each in shown)


def test_a_listener_that_waits_for_its_own_session_is_told_so() -> None:
    told: list[BaseException] = []

    def listen(event: dict[str, Any]) -> None:
        if event.get("state") == "streaming":
            try:
                session.command("state")
            except RuntimeError as error:
                told.append(error)

    with sst.Session(COUNTER, listener=listen) as session:
        session.step(3)
    assert "a listener cannot wait for its own session" in str(told[0])


def test_a_listener_may_close_the_session() -> None:
    def listen(event: dict[str, Any]) -> None:
        if event.get("state") == "streaming":
            session.close()

    session = sst.Session(COUNTER, listener=listen)
    core, participants = pids(session.id)
    begin = time.monotonic()
    with pytest.raises(sst.SessionError):
        session.step(10**9)
    assert eventually(lambda: nothing_left(session.id, [core, *participants]))
    assert time.monotonic() - begin < 5
    session.close()


def test_a_handle_that_nobody_holds_any_more_leaves_the_session(counter: sst.Session) -> None:
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(3):
        sst.attach(counter.id).step()
    assert eventually(lambda: set(os.listdir("/proc/self/fd")) == before)
    counter.step()


def test_a_session_that_nobody_holds_any_more_ends() -> None:
    session = sst.Session(COUNTER)
    found = session.id, [pids(session.id)[0], *pids(session.id)[1]]
    del session
    assert eventually(lambda: nothing_left(*found))


def test_a_fork_that_exits_leaves_its_parents_session_alone_and_at_once() -> None:
    program = dedent(f"""
        import os, sys, time
        import statestream as sst
        with sst.Session({COUNTER!r}) as s:
            s.step(2)
            child = os.fork()
            if child == 0:
                try:
                    s.step(1)
                except sst.SessionError as error:
                    assert "belongs to the process that this one was forked from" in str(error), error
                    s.close()
                    sys.exit(7)
            begin = time.monotonic()
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            assert time.monotonic() - begin < 5
            s.step(2)
            print(status, s.frame)
    """)
    before = ours()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("7 4\n", "")
    assert ours() == before


def test_numbers_of_other_types_do(counter: sst.Session) -> None:
    before = counter.frame
    counter.step(np.int64(2))
    counter.split = np.int32(1)
    assert (counter.frame - before, counter.split) == (2, 1)
    counter.split = 0
    with sst.Session({**COUNTER, "agents": 1}, seed=np.int64(3), threads=np.int64(1)) as session:
        session.step()
    with pytest.raises(TypeError):
        sst.Session(COUNTER, seed=0.5)


def test_a_step_in_a_stopped_network_ends_with_the_network() -> None:
    """A client that asked for frames is answered, whoever stops them: pause, another stream N, or the end."""
    with sst.Session(READER) as session, sst.attach(session.id) as client:
        for stop in (client.pause, lambda: client.command("stream 2"), lambda: client.stream(0)):
            timer = threading.Timer(0.2, stop)
            timer.start()
            with pytest.raises(sst.CommandError, match="paused at frame"):
                session.step(10**9)
            timer.join()
