"""What a frame costs beside the computing: clock, barrier, commit. A ring of tiny pools in processes of their own."""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

import statestream as sst
from statestream.memory import Arena, Record
from statestream.runtime import registry

FRAMES = 1000
PARTICIPANTS = (1, 2, 4, 8)
HEADER = ["participants", "µs/frame", "work of the busiest: µs", "work of all: µs", "clock and barrier: µs"]


def ring(participants: int) -> dict[str, Any]:
    """At least two pools of one number each, spread over so many workers."""
    names = [f"pool{index}" for index in range(max(2, participants))]
    pools = {
        name: {"shape": [1, 1, 1], "bias_shape": False, "device": f"cpu:{index % participants}"}
        for index, name in enumerate(names)
    }
    synapses = {
        f"synapse{index}": {"source": [[names[index - 1]]], "target": name, "rf": 1, "init W_0_0": 1.0}
        for index, name in enumerate(names)
    }
    return {
        "name": "ring", "agents": 1, "backend": "numpy", "neuron_pools": pools, "synapse_pools": synapses,
        "plasticities": {}, "interfaces": {},
    }  # fmt: skip


def measure(participants: int, rounds: int) -> list[str]:
    """One row: the median over the rounds of each figure.

    The cost of clock and barrier is the frame's time less the time that computing would take on these cores if nothing
    had to be waited for: that of the busiest participant, or of all shared by the cores if there are more than cores.
    """
    cores = len(os.sched_getaffinity(0))
    figures = []
    with sst.Session(ring(participants)) as session:
        control = Arena.attach(registry.segment_name(session.id)).control
        session.step(200)
        for _ in range(rounds):
            before = [control.record(index, Record.TOTAL) for index in range(participants)]
            begin = time.perf_counter()
            session.step(FRAMES)
            frame = (time.perf_counter() - begin) / FRAMES * 1e6
            after = [control.record(index, Record.TOTAL) for index in range(participants)]
            work = [(b - a) / FRAMES / 1e3 for a, b in zip(before, after, strict=True)]
            least = max(max(work), sum(work) / cores)
            figures.append((frame, max(work), sum(work), frame - least))
    medians = [statistics.median(column) for column in zip(*figures, strict=True)]
    return [str(participants), *(f"{value:.0f}" for value in medians)]
