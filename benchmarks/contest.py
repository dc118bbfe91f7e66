"""Frames per second of the demo here against plain hand-written loops: interleaved, in one run, as ratios.

All contestants are alive all the time and idle while another computes; they take turns in short rounds, so that
whatever else the machine does hits all of them. A ratio is the median over the rounds.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import statestream as sst

HERE = Path(__file__).resolve().parent
DEMO = HERE.parent / "examples" / "demo.st_graph"
ENGINES = ("tensorflow", "theano", "numpy")
SECONDS = 0.8
"""Of one contestant's turn, about."""

Run = Callable[[int], float]


@contextmanager
def loop(engine: str, threads: int, learn: bool, feed: str) -> Iterator[Run]:
    """A hand-written loop: seconds for so many frames."""
    command = [sys.executable, "-m", "loops.serve", engine, str(threads), "learn" if learn else "forward", feed]
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    process = subprocess.Popen(
        command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, **limits},
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise RuntimeError(f"the hand-written loop {engine} did not start")

    def run(frames: int) -> float:
        print(frames, file=process.stdin, flush=True)
        return float(process.stdout.readline())

    yield run
    process.stdin.close()
    process.wait()


@contextmanager
def session(engine: str, threads: int, learn: bool) -> Iterator[Run]:
    """The demo as a session."""
    graph = sst.load_graph(DEMO).expanded()
    graph["backend"] = engine
    if not learn:
        graph["plasticities"] = {}
    with sst.Session(graph, threads=threads, seed=1) as running:

        def run(frames: int) -> float:
            begin = time.perf_counter()
            running.step(frames)
            return time.perf_counter() - begin

        run(5)
        yield run


def contest(runs: dict[str, Run], rounds: int) -> dict[str, list[float]]:
    """Milliseconds per frame of each contestant in each round."""
    frames = {}
    for name, run in runs.items():
        frames[name] = max(5, int(SECONDS / (run(10) / 10)))
    found: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        order = list(runs) if number % 2 == 0 else list(runs)[::-1]
        for name in order:
            found[name].append(runs[name](frames[name]) / frames[name] * 1000)
    return found


def measure(engine: str, threads: int, rounds: int) -> list[list[str]]:
    """Rows of the table for one engine: with learning and without."""
    rows = []
    for learn in (True, False):
        with ExitStack() as stack:
            runs = {"statestream": stack.enter_context(session(engine, threads, learn))}
            runs["loop"] = stack.enter_context(loop(engine, threads, learn, "numerals"))
            runs["bare loop"] = stack.enter_context(loop(engine, threads, learn, "predrawn"))
            if find_spec("torch"):
                runs["torch loop"] = stack.enter_context(loop("torch", threads, learn, "numerals"))
            found = contest(runs, rounds)
        own = found.pop("statestream")
        row = [
            engine,
            "yes" if learn else "no",
            f"{statistics.median(own):.1f}",
            f"{1000 / statistics.median(own):.0f}",
        ]
        for name in ("loop", "bare loop", "torch loop"):
            times = found.get(name)
            row.append("–" if times is None else f"{statistics.median(times):.1f}")
            row.append(
                "–" if times is None else f"{statistics.median(t / o for t, o in zip(times, own, strict=True)):.2f}"
            )
        rows.append(row)
    return rows


HEADER = [
    "engine", "learning", "ms/frame", "frames/s", "loop, same stimuli: ms", "ratio", "loop, no stimuli: ms", "ratio",
    "PyTorch loop, same stimuli: ms", "ratio",
]  # fmt: skip
