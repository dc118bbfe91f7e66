"""The demo as a user starts it: time to ready, processes, memory (sum of PSS: shared pages counted once)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = ["engine", "compile cache", "start to ready: s", "processes", "memory: MB"]


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


def start(engine: str, home: str) -> list[str]:
    """Start the demo with its commands through a pipe; figures after 50 frames."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "statestream/core.py", "examples/demo.st_graph", "--backend", engine],
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
    return [f"{ready:.1f}", str(len(members)), f"{memory:.0f}"]


def measure(engine: str) -> list[list[str]]:
    """Two rows: with an empty settings folder, then with what the first start left in it."""
    with tempfile.TemporaryDirectory() as home:
        return [[engine, cache, *start(engine, home)] for cache in ("cold", "warm")]
