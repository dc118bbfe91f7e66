"""A hand-written loop as a process: `python -m loops.serve ENGINE THREADS learn|forward numerals|predrawn`.

Each line on standard input is a number of frames; the answer is the seconds that they took.
"""

import importlib
import sys
import time

import numpy as np

from loops import stimuli
from loops.demo import AGENTS


def main() -> None:
    """Entry."""
    engine, threads, learn, feed = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "learn", sys.argv[4]
    step = importlib.import_module(f"loops.{engine}_loop").make(threads, learn)
    source = getattr(stimuli, feed)()
    prediction = np.zeros((AGENTS, 10), np.float32)

    def run(frames: int) -> float:
        nonlocal prediction
        begin = time.perf_counter()
        for _ in range(frames):
            prediction = step(*source(prediction))
        return time.perf_counter() - begin

    run(5)
    print("ready", flush=True)
    for line in sys.stdin:
        print(run(int(line)), flush=True)


if __name__ == "__main__":
    main()
