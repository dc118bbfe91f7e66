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


def everything(session: Any) -> dict[str, np.ndarray]:
    """All arrays of one frame, by name."""
    with session.frame_view() as view:
        found = {"frame": np.float32(view.frame)}
        for name in view.network.neuron_pools:
            found[f"{name}.state"] = view[name].state
        for name in view.network.items:
            for kind in ("parameter", "variable"):
                found |= {f"{name}.{kind}.{key}": np.asarray(value) for key, value in getattr(view[name], kind).items()}
    return found


def assert_equal_bits(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)
