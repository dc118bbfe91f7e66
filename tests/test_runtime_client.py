"""The Python client: reading and writing by name, commands, attaching, scripts, threads."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

import statestream as sst
from nets import COUNTER, LEARNER, READER, changed
from processes import ours
from statestream.runtime import registry


@pytest.fixture(scope="module")
def learner() -> Iterator[sst.Session]:
    with sst.Session(LEARNER, seed=4) as session:
        yield session


def test_step_blocks_until_the_frames_are_complete(learner: sst.Session) -> None:
    before = learner.frame
    learner.step(10)
    assert learner.frame == before + 10
    learner.step(0)
    assert learner.frame == before + 10


def test_states_are_copies_and_can_be_set(learner: sst.Session) -> None:
    state = learner["mid"].state
    assert (state.shape, state.dtype) == ((6, 4, 4, 4), np.float32)
    state[...] = 7
    assert not (learner["mid"].state == 7).any()
    learner["mid"].state = state
    assert (learner["mid"].state == 7).all()
    learner["mid"].state = 0.5
    assert (learner["mid"].state == 0.5).all()


def test_scalars_are_numbers_and_take_numbers_or_arrays_of_size_one(learner: sst.Session) -> None:
    parameters = learner["deep"].parameter
    assert parameters["lr"] == 0.01 and isinstance(parameters["lr"], float)
    for value in (0.02, np.float64(0.03), np.array([0.04]), np.array(0.05), 1):
        parameters["lr"] = value
        assert parameters["lr"] == pytest.approx(float(np.ravel(value)[0]))
    parameters["lr"] = 0.01


def test_parameter_and_variable_are_mappings(learner: sst.Session) -> None:
    parameters = learner["eye_mid"].parameter
    assert list(parameters) == ["W_0_0"] and "W_0_0" in parameters and len(parameters) == 1
    assert "loss1" in learner["deep"].variable
    with pytest.raises(KeyError, match=r"eye_mid has no parameter 'W_9_9'; it has: W_0_0"):
        parameters["W_9_9"]
    with pytest.raises(KeyError, match="no item 'nobody'; there are: eye, goal"):
        learner["nobody"]
    with pytest.raises(KeyError, match=r"deep does not train eye.b; it trains: eye_mid.W_0_0"):
        learner["deep"].update("eye", "b")
    with pytest.raises(AttributeError, match="deep has no state"):
        _ = learner["deep"].state


def test_wrong_values_are_refused_and_change_nothing(learner: sst.Session) -> None:
    before = learner["eye_mid"].parameter["W_0_0"]
    with pytest.raises(sst.CommandError, match=r"has shape \[4, 1, 3, 3\], the given values \[2, 2\]"):
        learner["eye_mid"].parameter["W_0_0"] = np.zeros((2, 2))
    with pytest.raises(sst.CommandError, match=r"found 0.7, allowed is from -inf to 0.5"):
        learner["eye_mid"].parameter["W_0_0"] = 0.7
    with pytest.raises(sst.CommandError, match="not all finite"):
        learner["eye_mid"].parameter["W_0_0"] = np.nan
    np.testing.assert_array_equal(learner["eye_mid"].parameter["W_0_0"], before)


def test_update_is_what_the_parameter_moved_by(learner: sst.Session) -> None:
    before = learner["out"].parameter["b"]
    learner.step()
    np.testing.assert_array_equal(learner["out"].parameter["b"], before + learner["deep"].update("out", "b"))


def test_split_keeps_agents_out_of_learning(learner: sst.Session) -> None:
    learner.split = 2
    assert learner.split == 2
    learner.step()
    assert learner["deep"].variable["loss0"] > 0
    learner.split = 0
    learner.step()
    assert learner["deep"].variable["loss0"] == 0
    with pytest.raises(sst.CommandError, match="split is 7, allowed is 0 to 6"):
        learner.split = 7


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("help", ["stream", "show ITEM", "set ITEM PARAMETER VALUE"]),
        ("?", ["exit"]),
        ("help set", ["change a parameter"]),
        ("state", ["learner", "paused", "agents", "split"]),
        ("nps", ["4 neuron-pools", "mid", "[4, 4, 4]"]),
        ("sps", ["3 synapse-pools", "eye_mid"]),
        ("plasts", ["2 plasticities", "adam", "mid_out.W_0_0"]),
        ("ifs", ["0 interfaces"]),
        ("cstat", ["worker 0 (numpy, cpu)", "mean ms"]),
        ("show deep", ["loss1", "lr", "plasticity"]),
        ("show mid", ["state", "[6x4x4x4]", "dropout"]),
        ("set deep lr 1e-3", ["deep lr = 0.001"]),
        ("", []),
    ],
)
def test_commands_answer_with_text(learner: sst.Session, command: str, words: list[str]) -> None:
    text = learner.command(command)
    for word in words:
        assert word in text
    learner.command("set deep lr 0.01")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("strem", "no command 'strem'; did you mean 'stream'"),
        ("qqqq", "'help' lists the commands"),
        ("show", "usage: show ITEM"),
        ("show eyes", "no item 'eyes'; nearest: eye"),
        ("stream many", "the number of frames is 'many', an integer is needed"),
        ("stream -1", "must not be negative"),
        ("split 99", "allowed is 0 to 6"),
        ("set deep lr fast", "a number is needed"),
        ("set deep speed 1", "deep has no parameter 'speed'; it has: lr, "),
        ("set deep lr -1", "allowed is from 0"),
        ("set deep lr nan", "not all finite"),
        ("set nobody lr 1", "no item 'nobody'"),
    ],
)
def test_a_wrong_command_says_what_is_allowed_and_the_session_goes_on(
    learner: sst.Session, command: str, message: str
) -> None:
    network = changed(LEARNER, deep={"optimizer": "grad_desc"}) if "-1" in command and "lr" in command else None
    if network is not None:
        with sst.Session(network) as session, pytest.raises(sst.CommandError, match=message):
            session.command(command)
        return
    with pytest.raises(sst.CommandError, match=message):
        learner.command(command)
    learner.step()


def test_stream_and_pause() -> None:
    with sst.Session(COUNTER) as session:
        session.stream()
        session.step(50)
        assert session.frame >= 50
        session.pause()
        at = session.frame
        assert "paused" in session.command("state")
        assert session.frame == at
        session.command("stream 20")
        assert session.frame == at + 20
        session.stream()
        with pytest.raises(sst.CommandError, match="is streaming"):
            session.command("step")


def test_a_value_set_while_streaming_takes_effect() -> None:
    with sst.Session(COUNTER) as session:
        session.stream()
        session["count"].state = 1e6
        session.step(2)
        session.pause()
        assert (session["count"].state >= 1e6 + 2).all()


def test_pause_ends_a_wait_with_an_error() -> None:
    with sst.Session(COUNTER) as session:
        timer = threading.Timer(0.3, session.pause)
        timer.start()
        with pytest.raises(sst.CommandError, match="paused at frame"):
            session.step(100_000_000)
        timer.join()


def test_shared_parameters_are_aliases() -> None:
    shared = changed(LEARNER)
    shared["synapse_pools"]["again"] = {
        "source": [["eye"]], "target": "mid", "rf": 3, "share params": {"W_0_0": ["eye_mid", "W_0_0"]},
    }  # fmt: skip
    with sst.Session(shared) as session:
        session["again"].parameter["W_0_0"] = 0.25
        assert (session["eye_mid"].parameter["W_0_0"] == 0.25).all()
        assert list(session["again"].parameter) == ["W_0_0"]
        with session.frame_view("again") as view:
            assert (view["again"].parameter["W_0_0"] == 0.25).all()


def test_backend_and_agents_replace_the_networks_own() -> None:
    other = changed({**LEARNER, "backend": "tensorflow"}, deep={"backend": "numpy"})
    with sst.Session(other, backend="numpy", agents=3) as session:
        assert session["eye"].state.shape[0] == 3
        assert session.network.expanded()["agents"] == 3
        session.step(2)


def test_sources_a_network_and_a_file(tmp_path: Path) -> None:
    path = tmp_path / "small.st_graph"
    path.write_text(
        "name: small\nagents: 2\nbackend: numpy\nneuron_pools: {a: {shape: [1, 2, 2], noise: normal}}\n"
        "synapse_pools: {}\nplasticities: {}\ninterfaces: {}\nrandom_seed: 11\n"
    )
    states = []
    for source in (str(path), path, sst.load_graph(path)):
        with sst.Session(source) as session:
            session.step(2)
            states.append(session["a"].state)
    with sst.Session(path, seed=12) as session:
        session.step(2)
        assert not np.array_equal(states[0], session["a"].state)
    with sst.Session(path, seed=11) as session:
        session.step(2)
        states.append(session["a"].state)
    for state in states[1:]:
        np.testing.assert_array_equal(state, states[0])


def test_a_wrong_graph_starts_nothing() -> None:
    before = ours()
    with pytest.raises(sst.GraphError) as caught:
        sst.Session({**COUNTER, "agents": 0, "neuron_pools": {"a b": {}}})
    assert len(caught.value.findings) >= 2
    assert ours() == before


def test_what_is_not_built_says_so(learner: sst.Session, tmp_path: Path) -> None:
    with pytest.raises(sst.CommandError, match="not built yet"):
        learner.save(tmp_path / "x.st_net")
    with pytest.raises(sst.SessionError, match="not built yet"):
        sst.Session(tmp_path / "x.st_net")
    with pytest.raises(sst.SessionError, match=r"oscillator.*not built yet"):
        sst.Session(
            {
                **COUNTER,
                "interfaces": {"o": {"type": "oscillator", "in": [], "out": ["osci"], "remap": {"osci": "count"}}},
            }
        )


def test_attach_is_the_same_handle_and_owns_nothing() -> None:
    with sst.Session(READER, seed=1) as session:
        session.step(3)
        program = dedent(f"""
            import statestream as sst
            client = sst.attach({session.id})
            assert client.frame == 3
            client.step(2)
            client["learn"].parameter["lr"] = 0.5
            print(client.frame, float(client["image"].state.sum()), client.network.name)
            client.close()
        """)
        said = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.split()
        assert said == ["5", str(float(session["image"].state.sum())), "reader"]
        assert session["learn"].parameter["lr"] == 0.5
        session.step()
    with pytest.raises(sst.SessionError, match="there is no session"):
        sst.attach(session.id)


def test_the_control_socket_is_private() -> None:
    with sst.Session(COUNTER) as session:
        found = os.stat(registry.socket_path(session.id))
        assert stat.S_ISSOCK(found.st_mode) and found.st_mode & 0o777 == 0o600


def test_it_works_from_standard_input_and_from_any_thread() -> None:
    program = dedent(f"""
        import threading
        import statestream as sst
        with sst.Session({COUNTER!r}) as s:
            def work():
                for _ in range(20):
                    s.step(1)
                    assert s["count"].state.shape == (2, 1, 1, 1)
            threads = [threading.Thread(target=work) for _ in range(4)]
            [t.start() for t in threads]
            [t.join() for t in threads]
            print("frames", s.frame)
    """)
    done = subprocess.run([sys.executable], input=program, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    # Calls that wait at the same time share the frames they wait for.
    assert 20 <= int(done.stdout.split()[1]) <= 80


def test_a_client_that_reads_nothing_does_not_hold_up_the_network() -> None:
    import socket

    with sst.Session(LEARNER) as session:
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(str(registry.socket_path(session.id)))
        for _ in range(2000):
            stream.sendall(b'{"id": 1, "op": "read", "keys": [["eye", "state", ""]]}\n')
        session.step(20)
        stream.sendall(b"this is no JSON\n")
        session.step(20)
        stream.close()
        session.step(5)
