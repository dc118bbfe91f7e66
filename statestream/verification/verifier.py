"""Verification of a network: plain numpy runs it, and each engine computes every frame from the same values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from statestream import backends, external, interfaces
from statestream.arrays import describe
from statestream.backends import Backend, BackendError
from statestream.graph import Network
from statestream.numerics.errors import UnsupportedError
from statestream.runtime.increments import NotFinite
from statestream.runtime.plan import SPLIT
from statestream.runtime.schedule import Column, clocked_items, initial_schedule
from statestream.session import Source, as_network, as_run
from statestream.streams import fill_normal, stream
from statestream.verification.deviation import TOLERANCE
from statestream.verification.engines import REFERENCE, choose, on_backend
from statestream.verification.errors import VerificationError, WrongOption
from statestream.verification.judge import Judge, Measures
from statestream.verification.local_run import LocalRun, Outputs
from statestream.verification.report import Report

FEWEST, MOST = 10, 100
"""Frames of a verification that is not told how many."""


def verify(
    source: Source,
    backends: str | Backend | Iterable[str | Backend] | None = None,
    frames: int | None = None,
    *,
    agents: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    strict: bool = False,
    seed: int | None = None,
    threads: int | None = None,
    tolerance: float = TOLERANCE,
    random_states: bool = False,
    split: int = 0,
) -> Report:
    """Whether engines compute a network as plain numpy does.

    source, agents, overrides, strict, seed: as for a Session. backends: names, or backends that you made, one or
    several; None for all that are installed. frames: None for as many as it takes until each item ran, at least 10.
    threads: of each engine; 0 or None leave it to the settings. tolerance: of states, relative to the largest
    magnitude of an array; losses and gradients may be off by ten times as much. random_states: every frame begins with
    standard normal states, not with those that the frame before left: for networks that wait for a stimulus. split:
    agents below do not learn.

    Raises GraphError for a wrong graph, EngineMissing for a backend that is not there, WrongOption for a split,
    frames or tolerance that cannot be, VerificationError if the network cannot be computed.
    """
    network = as_network(source, None, agents, overrides, strict)
    seed, threads = as_run(network, seed, threads)
    if not 0 <= split <= network.agents:
        raise WrongOption(f"split is {split}, allowed is 0 to {network.agents} (the number of agents)")
    if frames is not None and frames < 0:
        raise WrongOption(f"frames is {frames}, allowed is a whole number of at least 0")
    if not tolerance > 0:
        raise WrongOption(f"tolerance is {tolerance}, allowed is a number greater than 0")
    engines, not_verified = choose(backends, threads or None)
    with _refusals():
        reference = _reference()
        run = LocalRun(on_backend(network, REFERENCE), seed, reference)
    with run:
        run.arena.committed(SPLIT)[...] = split
        with _refusals():
            measures = Measures.of(run, reference, tolerance)
        judges = [Judge(measures, engine) for engine in engines]
        course = _Course(run, judges, random_states)
        course.follow(frames_for(network) if frames is None else frames)
    return Report(
        network=network.name,
        agents=network.agents,
        seed=seed,
        frames=run.frame,
        backends=tuple(judge.report for judge in judges),
        stopped=course.stopped,
        not_verified=not_verified | _never_due(network, course.seen, run.frame),
        zeros=tuple(name for name in network.items if name in course.seen - course.nonzero and _fed(network, name)),
    )


class _Course:
    """The frames of a verification. seen: items that were compared; nonzero: at other values than 0."""

    def __init__(self, run: LocalRun, judges: list[Judge], random_states: bool) -> None:
        self._run, self._judges, self._random_states = run, judges, random_states
        self.stopped = ""
        self.seen: set[str] = set()
        self.nonzero: set[str] = set()

    def follow(self, frames: int) -> None:
        """Compute that many frames, or up to the first that a session would not commit."""
        for _ in range(frames):
            if all(judge.trouble for judge in self._judges):
                return
            if self._random_states:
                _randomize(self._run)
            expected = self._run.compute()
            self._look(expected)
            for judge in self._judges:
                judge.frame(expected)
            try:
                self._run.commit(expected)
            except NotFinite as found:
                name = describe(self._run.arena.layout.slots[found.slot].spec.key)
                self.stopped = f"{name} became NaN or Inf in frame {self._run.frame}, where a session pauses"
                return

    def _look(self, expected: Outputs) -> None:
        for key, value in expected.items():
            self.seen.add(key[0])
            if key[1] in ("state", "update") and np.any(value):
                self.nonzero.add(key[0])


def _fed(network: Network, name: str) -> bool:
    """Whether anything should flow: into a pool from others (what an interface adds is no backend's work)."""
    return name not in network.neuron_pools or bool(network.incoming(name))


def frames_for(network: Network) -> int:
    """Frames until each item ran twice, as far as that is reached in MOST."""
    table = initial_schedule(network)
    last = [_first_due(row) + row[Column.PERIOD] + 1 for row in table if not row[Column.PAUSE]]
    return int(min(max([FEWEST, *last]), MOST))


def _first_due(row: np.ndarray) -> int:
    first, period, offset = (int(row[column]) for column in (Column.FIRST, Column.PERIOD, Column.OFFSET))
    return first + (offset - first) % max(period, 1)


def _never_due(network: Network, seen: set[str], frames: int) -> dict[str, str]:
    """Items that no frame compared, and why. Interfaces are no backend's work."""
    reasons = {}
    for name, row in zip(clocked_items(network), initial_schedule(network), strict=True):
        if name not in seen and name not in network.interfaces:
            paused = "it is paused at start"
            reasons[name] = paused if row[Column.PAUSE] else f"it runs in frame {_first_due(row)} for the first time"
    return reasons


def _randomize(run: LocalRun) -> None:
    for name in run.network.neuron_pools:
        fill_normal(stream(run.seed, name, "verification", run.frame), run.arena.committed((name, "state", "")))


def _reference() -> Backend:
    return backends.load(REFERENCE)


@contextmanager
def _refusals() -> Iterator[None]:
    """What the user can do something about, as one kind of error."""
    try:
        yield
    except (UnsupportedError, interfaces.InterfaceError, external.ExternalModelError, BackendError) as error:
        raise VerificationError(str(error)) from error
