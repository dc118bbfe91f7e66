"""The run in one process that verification stands on: the same bits as a session."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import statestream as sst
from nets import COUNTER, LEARNER, READER, changed
from statestream import backends
from statestream.memory import Arena
from statestream.runtime.increments import NotFinite
from statestream.verification.local_run import LocalRun
from test_runtime_frame_law import NETWORK

FRAMES = 12
SEED = 5
NETWORKS = {
    "interfaces, periods, an item that is paused": NETWORK,
    "training shared by three workers": changed(NETWORK, quick={"device": "cpu:1"}, slow={"device": "cpu:2"}),
    "noise, dropout, adam": LEARNER,
    "two workers that draw": changed(LEARNER, mid={"device": "cpu:1"}, flat={"device": "cpu:1"}),
    "an interface that reads": READER,
}


def arrays(arena: Arena) -> dict[Any, np.ndarray]:
    return {key: arena.committed(key).copy() for key in arena.layout.by_key}


@pytest.mark.parametrize("name", NETWORKS)
def test_it_has_the_bits_of_a_session(name: str) -> None:
    network = sst.load_graph(NETWORKS[name])
    with LocalRun(network, SEED, backends.load("numpy")) as run:
        for _ in range(FRAMES):
            run.commit(run.compute())
        assert run.frame == FRAMES
        found = arrays(run.arena)
    with sst.Session(network, seed=SEED) as session:
        session.step(FRAMES)
        expected = arrays(session._client.arena)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value, err_msg=str(key))
    assert any(value.any() for key, value in found.items() if key[1] in ("update", "state"))


def test_computing_changes_nothing() -> None:
    with LocalRun(sst.load_graph(LEARNER), SEED, backends.load("numpy")) as run:
        for _ in range(4):
            run.commit(run.compute())
        before = arrays(run.arena)
        first, second = run.compute(), run.compute()
        for key, value in arrays(run.arena).items():
            np.testing.assert_array_equal(value, before[key], err_msg=str(key))
        for key, value in first.items():
            np.testing.assert_array_equal(value, second[key], err_msg=str(key))


def test_a_frame_with_inf_is_not_committed() -> None:
    network = sst.load_graph(changed(COUNTER, behind={"act": "1 / ($ - 2)"}))
    with LocalRun(network, SEED, backends.load("numpy")) as run:
        for _ in range(2):
            run.commit(run.compute())
        before = arrays(run.arena)
        with pytest.raises(NotFinite):
            run.commit(run.compute())
        assert run.frame == 2
        for key, value in arrays(run.arena).items():
            np.testing.assert_array_equal(value, before[key], err_msg=str(key))


def test_interfaces_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    from statestream.interfaces.roman_numerals import RomanNumerals

    closed = []
    monkeypatch.setattr(RomanNumerals, "close", lambda self: closed.append(self.name))
    engine = backends.load("numpy")
    with LocalRun(sst.load_graph(NETWORK), SEED, engine):
        assert not closed
    assert sorted(closed) == ["left", "right"]

    class Broken(type(engine)):  # type: ignore[misc]
        def build(self, function: Any, inputs: Any) -> Any:
            raise backends.BackendError("no")

    closed.clear()
    with pytest.raises(backends.BackendError):
        LocalRun(sst.load_graph(NETWORK), SEED, Broken())
    assert sorted(closed) == ["left", "right"]
