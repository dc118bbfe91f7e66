"""The demo as a user starts it: time to ready, processes, memory (sum of PSS: shared pages counted once).

Then another network in its place: the demo once more, its worker with the engine loaded stays.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import statestream as sst

ROOT = Path(__file__).resolve().parent.parent
DEMO = "examples/demo.st_graph"
HEADER = ["engine", "compile cache", "start to ready: s", "replaced to ready: s", "processes", "memory: MB"]
AIMS = {("theano", "cold"): 60.0, ("theano", "warm"): 10.0}
"""Seconds from start to ready, at most."""
TOO_LATE = "too late"
"""What a table says of a start that took longer."""


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for parent in found:
        for entry in Path(f"/proc/{parent}/task").glob("*/children"):
            found += [int(word) for word in entry.read_text().split()]
    return found


def pss(pid: int) -> float:
    """Proportional set size in MB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"no Pss of process {pid}")


def start(engine: str, home: str) -> tuple[float, float, int, float]:
    """Start the demo with its commands through a pipe.

    Seconds to ready, seconds to ready of its replacement, processes and MB of memory after 50 frames.
    """
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "statestream/core.py", DEMO, "--backend", engine],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "STATESTREAM_HOME": home},
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    print("stream 1\nsplit 0", file=process.stdin, flush=True)
    process.stdout.readline()
    ready = time.perf_counter() - begin
    print("stream 50\nsplit 0", file=process.stdin, flush=True)
    process.stdout.readline()
    members = family(process.pid)
    memory = sum(map(pss, members))
    process.communicate("exit\n")
    return ready, replaced(engine, home), len(members), memory


def replaced(engine: str, home: str) -> float:
    """Seconds until a session whose network is replaced by the demo is ready; the middle one of five."""
    os.environ["STATESTREAM_HOME"] = home
    seconds = []
    with sst.Session(ROOT / DEMO, backend=engine) as session:
        for _ in range(5):
            begin = time.perf_counter()
            session.replace(ROOT / DEMO, backend=engine)
            seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def measure(engine: str) -> list[list[str]]:
    """Two rows: with an empty settings folder, then with what the first start left in it."""
    rows = []
    with tempfile.TemporaryDirectory() as home:
        for cache in ("cold", "warm"):
            ready, again, processes, memory = start(engine, home)
            aim = AIMS.get((engine, cache), float("inf"))
            remark = f" ({TOO_LATE}: at most {aim:g})" if ready > aim else ""
            rows.append([engine, cache, f"{ready:.1f}{remark}", f"{again:.2f}", str(processes), f"{memory:.0f}"])
    return rows
