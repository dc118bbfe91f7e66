"""All measurements of docs/performance.md: `make bench`, or `python benchmarks/run.py [--rounds N] [--write]`."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import clock
import contest
import footprint

PERFORMANCE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine() -> str:
    """What it was measured on."""
    packages = ("numpy", "tensorflow_cpu", "pytensor", *(("torch",) if find_spec("torch") else ()))
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "?",
    )
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{len(os.sched_getaffinity(0))} cores ({model}), Python {platform.python_version()}, {versions}."


def report(rounds: int, threads: int) -> str:
    """Everything, as Markdown."""
    parts = [f"Measured on {machine()} {rounds} rounds, {threads} threads per engine.", "### Frames per second"]
    rows = [row for engine in contest.ENGINES for row in contest.measure(engine, threads, rounds)]
    parts += [table(contest.HEADER, rows), "### Clock and barrier"]
    parts += [table(clock.HEADER, [clock.measure(count, rounds) for count in clock.PARTICIPANTS])]
    parts += ["### Start, processes, memory"]
    parts += [table(footprint.HEADER, [row for engine in contest.ENGINES for row in footprint.measure(engine)])]
    return "\n\n".join(parts)


def main() -> None:
    """Entry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args()
    text = report(options.rounds, options.threads)
    print(text)
    if options.write:
        page = PERFORMANCE.read_text(encoding="utf-8")
        head, rest = page.split(BEGIN)
        PERFORMANCE.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")
    if footprint.TOO_LATE in text:
        sys.exit("an engine was ready too late")


if __name__ == "__main__":
    main()
