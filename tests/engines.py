"""Sessions for tests, and what they hold: one session for each backend, whose network is replaced.

Starting an engine takes seconds; a test whose subject is neither starting nor ending asks for `running`. These sessions
have a $STATESTREAM_HOME of their own, so that tests which look for processes that were left do not find theirs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import statestream as sst
from statestream.arrays import ArrayKey, describe
from statestream.session import Source

_sessions: dict[str, sst.Session] = {}


@contextmanager
def running(backend: str, network: Source, **options: Any) -> Iterator[sst.Session]:
    """A session that runs the network, all of it on this backend, from frame 0; what a new one would compute.

    options: those of `Session.replace`. The session stays for the next test that asks for the backend, unless it broke.
    """
    options = {"threads": 0, **options}  # whatever the test before had
    session = _sessions.get(backend)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STATESTREAM_HOME", os.environ["STATESTREAM_HOME"] + "-engines")
        if session is None:
            session = _sessions[backend] = sst.Session(network, backend=backend, **options)
        else:
            session.replace(network, backend=backend, **options)
    try:
        yield session
    finally:
        if not session.alive or session.status.state == "broken":
            _sessions.pop(backend).close()


def close_all() -> None:
    """End them; the one who runs the tests does that."""
    while _sessions:
        _sessions.popitem()[1].close()


def fresh(network: Source, frames: int, **options: Any) -> dict[ArrayKey, np.ndarray]:
    """What a session of its own holds after some frames. options: those of a Session."""
    with sst.Session(network, **options) as session:
        session.step(frames)
        return everything(session)


def everything(session: Any) -> dict[ArrayKey, np.ndarray]:
    """The number of a frame and all arrays of it; a shared parameter stands under each of its names."""
    with session.frame_view() as view:
        found: dict[ArrayKey, np.ndarray] = {("", "session", "frame"): np.float32(view.frame)}
        for item in view.network.items:
            if item in view.network.neuron_pools:
                found[item, "state", ""] = view[item].state
            for kind in ("parameter", "variable", "update"):
                for name in view.names(item, kind):
                    found[item, kind, name] = np.asarray(view.get((item, kind, name)), np.float32)
    return found


def assert_equal_bits(one: dict[ArrayKey, np.ndarray], other: dict[ArrayKey, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for key, value in one.items():
        np.testing.assert_array_equal(value, other[key], err_msg=describe(key))
