"""A session's network is replaced: what runs then, what stays, and that nothing is lost if it goes wrong (law 7)."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import statestream as sst
from engines import assert_equal_bits, everything, fresh
from nets import APART, COUNTER, LEARNER, READER, changed
from processes import eventually, lives, pids
from sabotage import sabotage
from statestream.memory import Arena, Record, RunState, Word, segment
from statestream.runtime import opening, registry
from statestream.runtime.opening import create_arena, plan_of
from statestream.runtime.participant import Order, _obey
from statestream.runtime.session_core import SessionCore


@pytest.fixture
def session() -> Iterator[sst.Session]:
    with sst.Session(COUNTER) as one:
        yield one


def log_of_loading(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """A file that has an x for each engine that a worker loads from now on."""
    log = folder / "loaded"
    code = f"""
        kept = load
        def load(*arguments, **options):
            open({str(log)!r}, "a").write("x")
            return kept(*arguments, **options)
        """
    sabotage(folder, patch, "worker", "backends", code)
    return log


def workers(session: Any) -> list[int]:
    _, participants = pids(session.id)
    return participants[: len(session.network.groups())]


def maps(pid: int) -> list[str]:
    """The sessions' segments that a process holds."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return [line.split(maxsplit=5)[5] for line in lines if "/statestream." in line]


# --- what runs then -------------------------------------------------------------------------------------------------


def test_each_network_runs_as_in_a_session_of_its_own(session: sst.Session) -> None:
    """To other items, fewer agents, an interface, another partition, more and fewer workers, and back."""
    wanted = {
        "learner": fresh(LEARNER, 8, seed=3),
        "reader": fresh(READER, 8),
        "counter": fresh(COUNTER, 8),
        "few": fresh(LEARNER, 8, seed=3, agents=2),
    }
    assert session.replace(LEARNER, seed=3) == "learner has taken the place of counter"
    for name, network, options in [
        ("learner", LEARNER, {"seed": 3}),
        ("few", LEARNER, {"seed": 3, "agents": 2}),
        ("reader", READER, {}),
        ("learner", APART, {"seed": 3}),
        ("learner", LEARNER, {"seed": 3}),
        ("counter", sst.load_graph(COUNTER), {}),
    ]:
        session.replace(network, **options)
        assert session.status.state == "paused" and session.frame == 0
        assert session.seed == options.get("seed", 42)
        session.step(8)
        assert_equal_bits(everything(session), wanted[name])


def test_options_are_those_of_a_session(session: sst.Session) -> None:
    session.replace({**LEARNER, "backend": "theano"}, backend="numpy", overrides={"deep.lr": 0.5}, threads=1)
    assert (session.network.backend, session["deep"].parameter["lr"], session.threads) == ("numpy", 0.5, 1)
    session.replace({**COUNTER, "random_seed": 11})
    assert (session.seed, session.threads) == (11, 1)
    with pytest.raises(sst.GraphError, match="speed"):
        session.replace(changed(LEARNER, mid={"speed": 1}), strict=True)
    given = sst.load_graph(COUNTER)
    session.replace(given)
    assert session.network is given


def test_processes_stay_where_backend_device_and_threads_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_of_loading(tmp_path, monkeypatch)
    with sst.Session(READER, threads=1) as session:
        (worker,), interface = workers(session), pids(session.id)[1][1]
        session.replace(LEARNER)
        assert pids(session.id)[1] == [worker] and not lives(interface)
        session.replace(APART)
        first, *others = workers(session)
        assert first == worker and len(others) == 2
        session.replace(changed(LEARNER, **{name: {"device": "cpu:2"} for name in LEARNER["neuron_pools"]}))
        kept = set(workers(session))
        assert kept == {worker, others[1]} and not lives(others[0])
        assert log.read_text() == "xxx"
        session.replace(LEARNER, threads=2)
        assert worker not in workers(session) and not lives(worker)
        session.step(2)
        assert session.command_data("cstat")["processes"][0]["pid"] == workers(session)[0]


def test_it_is_replaced_while_it_streams(session: sst.Session) -> None:
    session.stream()
    assert eventually(lambda: session.frame > 20)
    session.replace(COUNTER)
    assert (session.frame, session.status.state) == (0, "paused")
    session.stream(3)
    assert eventually(lambda: session.frame == 3)


def test_every_client_follows(session: sst.Session) -> None:
    events: list[dict[str, Any]] = []
    with sst.attach(session.id) as other:
        other._client._listener = events.append
        count, whole = other["count"], other.frame_view("count")
        other.step(4)
        with whole as before:
            other.replace(LEARNER, seed=2)
            assert before.network.name == "counter" and before.names("count", "state") == [""]
            assert (before["count"].state == 4).all()
        with sst.attach(session.id) as late:
            for handle in (session, other, late):
                assert handle.network.name == "learner" and handle.frame == 0 and handle.seed == 2
                assert handle["mid"].state.shape == (6, 4, 4, 4)
                assert "eye" in handle.command("nps")
            late.step(2)
        assert session.frame == other.frame == 2
        assert eventually(lambda: {"event": "network", "name": "learner"} in events)
        with pytest.raises(AttributeError, match="count has no state"):
            _ = count.state
        session.replace(COUNTER)
        other.step()
        assert (count.state == 1).all()


def test_readers_get_whole_frames_of_one_network(session: sst.Session) -> None:
    """Law 2, also for a read that the replacement overtakes."""
    other = changed(COUNTER, count={"shape": [3, 1, 1]}, again={"init W_0_0": "id"})
    done, troubles = threading.Event(), []

    def read() -> None:
        try:
            while not done.is_set():
                with session.frame_view() as view:
                    state, shape = view["count"].state, view.network.shape("count")
                    assert state.shape == (2, *shape)
                    assert (state == view.frame).all()
        except BaseException as error:
            troubles.append(error)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for network in [other, COUNTER] * 3:
        session.replace(network)
        session.step(20)
    done.set()
    for thread in threads:
        thread.join(20)
    assert not troubles, troubles


def test_who_waits_for_frames_is_told(session: sst.Session) -> None:
    said: list[str] = []

    def work() -> None:
        with pytest.raises(sst.CommandError) as caught:
            session.step(10**9)
        said.append(str(caught.value))

    thread = threading.Thread(target=work)
    thread.start()
    assert eventually(lambda: session.frame > 0)
    session.replace(LEARNER)
    thread.join(10)
    assert said == ["the network was replaced, by learner, before this was done"]


def test_who_waits_for_a_session_to_be_ready_gets_the_next_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that still prepares a network is not waited for, nor is its engine's: another process takes over."""
    sabotage(tmp_path, monkeypatch, "worker", "runtime.draws", HANGS_WHILE_PREPARING)
    session = sst.Session(READER, seed=13, wait=False)
    assert eventually(lambda: all(pids(session.id)[1]))
    first = pids(session.id)[1]
    with sst.attach(session.id) as other:
        waiting = threading.Thread(target=session.wait_ready)
        waiting.start()
        other.replace(COUNTER)
        waiting.join(10)
        assert not waiting.is_alive() and session.alive
        assert not any(map(lives, first))
        session.step(2)
    session.close()


HANGS_WHILE_PREPARING = """
    kept = Draws.__init__
    def prepare(self, draws, seed):
        if seed == 13:
            import threading
            threading.Event().wait()
        kept(self, draws, seed)
    Draws.__init__ = prepare
"""
"""A worker never gets ready where the seed is 13."""


# --- what cannot run leaves all as it is ----------------------------------------------------------------------------

HUGE = {**changed(COUNTER, count={"shape": [512, 1024, 1024]}, behind={"shape": [512, 1024, 1024]}), "agents": 64}

NOT_BUILT = {
    **COUNTER,
    "interfaces": {"o": {"type": "oscillator", "in": [], "out": ["osci"], "remap": {"osci": "count"}}},
}


@pytest.mark.parametrize(
    ("network", "kind", "words"),
    [
        ({**COUNTER, "agents": 0}, sst.GraphError, "agents"),
        ("nothing.st_graph", sst.GraphError, "nothing.st_graph"),
        ("old.st_net", sst.SessionError, "saved network"),
        (changed(LEARNER, mid={"act": "$ + [1, 2, 3]"}), (sst.GraphError, sst.CommandError), r"mid.act: '\$ \+ \["),
        (NOT_BUILT, sst.CommandError, r"cannot run here: interface oscillator: this type is not built yet"),
        (HUGE, sst.CommandError, r"cannot run here: .*needs .* MiB of shared memory, /dev/shm has .* MiB free"),
    ],
)
def test_a_network_that_cannot_run_leaves_all_as_it_is(
    session: sst.Session, network: Any, kind: Any, words: str
) -> None:
    before = pids(session.id)
    session.stream()
    with pytest.raises(kind, match=words):
        session.replace(network)
    frame = session.frame
    assert eventually(lambda: session.frame > frame + 10) and session.status.state == "streaming"
    assert (pids(session.id), session.network.name) == (before, "counter")
    assert segment.names(registry.draft_name(session.id)) == []
    with session.frame_view() as view:
        assert (view["count"].state == view.frame).all()


@pytest.mark.parametrize(
    "fields",
    [{}, {"network": "x"}, {"network": 5, "seed": 1}, {"network": "{}", "seed": 1}, {"network": "", "seed": "1"}],
)
def test_a_wrong_request_leaves_all_as_it_is(session: sst.Session, fields: dict[str, Any]) -> None:
    with pytest.raises(sst.CommandError):
        session._client.request("replace", **fields)
    session.step(3)
    assert (session["count"].state == 3).all()


# --- many times -----------------------------------------------------------------------------------------------------


def memory(pid: int) -> float:
    """MiB of its own (not shared)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def test_memory_descriptors_and_segments_do_not_grow() -> None:
    large = {**changed(LEARNER, eye={"shape": [16, 32, 32]}), "agents": 16}  # 17 MiB of draws, an arena of 5 MiB
    with sst.Session(large, threads=1) as session:
        core, (worker,) = pids(session.id)

        def held() -> tuple[list[tuple[int, int]], list[float]]:
            gc.collect()  # our own: earlier tests' sessions
            pids = [core, worker, os.getpid()]
            return [(len(os.listdir(f"/proc/{pid}/fd")), len(maps(pid))) for pid in pids], [memory(pid) for pid in pids]

        def again(count: int) -> None:
            for _ in range(count):
                session.replace(large)
                session.step(4)

        again(6)
        counted, before = held()
        again(20)
        found, after = held()
        assert found == counted
        assert all(b - a < 25 for a, b in zip(before, after, strict=True)), (before, after)
        for pid in (core, worker):
            assert maps(pid) == [f"/dev/shm/{registry.segment_name(session.id)}"]
        assert pids(session.id) == (core, [worker])


def test_a_capture_does_not_keep_the_arena_of_the_network_it_was_of(session: sst.Session, tmp_path: Path) -> None:
    core, _ = pids(session.id)
    for index in range(3):
        session.command(f"capture start {tmp_path}/{index}.h5")
        session.step()
        session.replace(COUNTER)
    session.step()
    assert eventually(lambda: maps(core) == [f"/dev/shm/{registry.segment_name(session.id)}"])


# --- single parts ---------------------------------------------------------------------------------------------------


def test_an_order_for_a_network_that_is_gone_is_not_obeyed() -> None:
    network = sst.load_graph(COUNTER)
    start = {"network": network.to_json(), "seed": 1, "threads": 1}
    name = registry.segment_name(1_000_000)
    arena = create_arena(name, plan_of(network.to_json()), start, 3, {})
    asked: list[int] = []

    def life(arena: Arena, index: int, reporter: Any) -> bool:
        asked.append(index)
        return False

    try:
        assert _obey(Order(name, 2, 0), life, None) is True  # type: ignore[arg-type]
        assert asked == [] and arena.control.record(0, Record.PID) == 0
        assert _obey(Order(name, 3, 0), life, None) is False  # type: ignore[arg-type]
        assert asked == [0] and arena.control.record(0, Record.PID) == os.getpid()
    finally:
        arena.remove()


def test_an_arena_that_cannot_be_filled_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    network = sst.load_graph(COUNTER)
    name = registry.segment_name(1_000_001)

    def fail(*_: Any) -> None:
        raise MemoryError("full")

    monkeypatch.setattr(opening, "initial_value", fail)
    with pytest.raises(MemoryError):
        create_arena(name, plan_of(network.to_json()), {"network": "", "seed": 1, "threads": 1}, 0, {})
    assert segment.names(name) == []


def test_a_recording_is_stopped_before_the_network_is_left() -> None:
    """At the end of the session and when another network comes."""
    core = SessionCore.__new__(SessionCore)
    told: list[str] = []

    class Control:
        def set(self, word: Word, state: RunState) -> None:
            told.append(state.name)

    class Fake:
        control = Control()

        def stop(self) -> None:
            told.append("stop")

        def release_all(self) -> None:
            told.append("release")

    core.arena = core._clock = core.recorder = Fake()  # type: ignore[assignment]
    core._leave_network(RunState.REPLACED)
    assert told == ["REPLACED", "release", "stop"]


# --- engines --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
def test_an_engine_is_loaded_once(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_of_loading(tmp_path, monkeypatch)
    wanted = fresh({**LEARNER, "backend": backend}, 6, seed=3)
    with sst.Session({**READER, "backend": backend}) as session:
        (worker,) = workers(session)
        session.step(3)
        session.replace({**LEARNER, "backend": backend}, seed=3)
        session.step(6)
        assert_equal_bits(everything(session), wanted)
        session.replace({**READER, "backend": backend}, agents=3)
        session.step(3)
        assert workers(session) == [worker] and log.read_text() == "xx"
