"""The core's view of its children: what they report arrives whole, and their end is seen at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from statestream.runtime import children
from statestream.runtime.children import Child, Children
from statestream.runtime.plan import Participant


@pytest.fixture
def family() -> Iterator[tuple[Children, Child, int]]:
    """A child that does nothing until it is killed, and the writing end of its pipe."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = Children(lambda event: None, lambda descriptor, read: None, sys.stderr.buffer)
    found.all = [Child(Participant(0, "worker 0", ("a", "b")), process, reading)]
    yield found, found.all[0], writing
    process.kill()
    process.communicate()
    os.close(reading)


def test_a_child_whose_pipe_closed_is_taken_for_dead_before_it_can_be_waited_for(
    family: tuple[Children, Child, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The closing wakes the core, once: while the network streams without that child, nothing else would."""
    monkeypatch.setattr(children, "_LAST_WORDS", 0.1)
    found, child, writing = family
    assert found.dead() == []
    os.close(writing)
    assert not found.read(child)
    assert found.dead() == [child]
    assert "worker 0" in found.explain(child) and "does not report any more (items: a, b)" in found.explain(child)


def test_a_long_report_is_read_whole(family: tuple[Children, Child, int]) -> None:
    found, child, writing = family
    text = "x" * 3_000_000 + "end"

    def write() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(json.dumps({"failure": text, "traceback": "where"}).encode() + b"\n")

    thread = threading.Thread(target=write)
    thread.start()
    while not child.closed:
        found.read(child)
    thread.join(20)
    assert f"worker 0 failed: {text} (items: a, b)\nwhere" == found.explain(child)
