"""A hand-written loop as a process of its own: `python -m loops.serve ENGINE THREADS LEARN`.

Each line on standard input is a number of frames; the answer is the seconds that they took.
"""

import importlib
import sys
import time


def main() -> None:
    """Entry."""
    engine, threads, learn = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "learn"
    step = importlib.import_module(f"loops.{engine}_loop").make(threads, learn)
    for _ in range(5):
        step()
    print("ready", flush=True)
    for line in sys.stdin:
        begin = time.perf_counter()
        for _ in range(int(line)):
            step()
        print(time.perf_counter() - begin, flush=True)


if __name__ == "__main__":
    main()
