"""One engine under test, frame by frame beside the reference; remembers its largest deviations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from statestream.arrays import ArrayKey, describe
from statestream.backends import Backend, BackendError
from statestream.numerics.apply import apply_updates
from statestream.numerics.errors import UnsupportedError
from statestream.runtime.plan import Plan, Training
from statestream.verification.deviation import FACTORS, aspect, distances, magnitude
from statestream.verification.engines import Engine, on_backend
from statestream.verification.local_run import Groups, LocalRun, Outputs
from statestream.verification.optimizer import Optimizer
from statestream.verification.report import BackendReport, Deviation
from statestream.verification.rounding import Rounding


@dataclass(frozen=True)
class Measures:
    """What the judges of one verification share. optimizers: by plasticity."""

    run: LocalRun
    tolerance: float
    rounding: Rounding
    optimizers: dict[str, Optimizer]

    @staticmethod
    def of(run: LocalRun, reference: Backend, tolerance: float) -> Measures:
        """The measures for a run of the reference."""
        optimizers = {name: Optimizer(run.plan, run.arena, name, reference) for name in run.network.plasticities}
        rounding = Rounding(run.network, run.arena, run.seed)
        run.when_closed(rounding.close)
        return Measures(run, tolerance, rounding, optimizers)


class Judge:
    """See the module. Compiles the network for the engine, which computes every frame from the reference's values."""

    def __init__(self, measures: Measures, engine: Engine) -> None:
        self.name = engine.name
        self._measures, self._run = measures, measures.run
        self._worst: dict[tuple[str, str], Deviation] = {}
        self.trouble = ""
        """Why the engine cannot go on."""
        plan = Plan(on_backend(self._run.network, engine.name))
        with self._noting_trouble("while it was prepared"):
            self._groups = Groups(self._run.arena, plan, self._run.seed, engine.load)
            self._run.when_closed(self._groups.close)

    @property
    def report(self) -> BackendReport:
        """What was found so far."""
        worst_first = sorted(self._worst.values(), key=lambda one: -one.severity)
        return BackendReport(self.name, tuple(worst_first), self.trouble)

    @contextmanager
    def _noting_trouble(self, when: str) -> Iterator[None]:
        try:
            yield
        except (BackendError, UnsupportedError) as error:
            self.trouble = str(error)
        except Exception as error:  # whatever an engine raises: it is what it did in this frame
            self.trouble = f"{type(error).__name__} {when}: {error}"

    def frame(self, expected: Outputs) -> None:
        """Compute the run's coming frame, and compare with what the reference computes in it."""
        found: Outputs = {}
        if not self.trouble:
            with self._noting_trouble(f"in frame {self._run.frame}"):
                found = self._groups.compute(self._run.frame, self._run.due)
        self._compare_all(found, expected)

    def _compare_all(self, found: Outputs, expected: Outputs) -> None:
        accepted: dict[ArrayKey, np.ndarray] = {}
        for item in dict.fromkeys(key[0] for key in found):
            optimizer = self._measures.optimizers.get(item)
            results = optimizer.of(found) if optimizer else {}
            for key in (key for key in found if key[0] == item):
                if optimizer and key in results:
                    kind, wanted = "memory" if key[1] == "variable" else "updates", results[key]
                    allows = partial(optimizer.allows, found)
                else:
                    kind, wanted = aspect(key), expected[key]
                    allows = partial(self._measures.rounding.allows, item, self._run.frame, expected)
                unclear = self._compare(kind, key, found[key], wanted, allows)
                accepted[key] = np.where(unclear, found[key], wanted)
        for training in self._run.plan.trainings.values():
            self._compare_parameter(training, found, accepted)

    def _compare_parameter(self, training: Training, found: Outputs, expected: Outputs) -> None:
        """A trained parameter, after the increments of both."""
        due = [key for key in training.increments if key in found]
        if not due:
            return
        before = self._run.arena.committed(training.parameter)

        def after(outputs: Outputs) -> np.ndarray:
            increments = [outputs[key] for key in due]
            return apply_updates(before, increments, training.minimum, training.maximum, np.empty_like(before))

        self._compare("parameters", training.parameter, after(found), after(expected), at_least=magnitude(before))

    def _compare(
        self,
        kind: str,
        key: ArrayKey,
        found: np.ndarray,
        expected: np.ndarray,
        allows: Callable[[], Outputs] | None = None,
        at_least: float = 0.0,
    ) -> np.ndarray:
        """Note how far an array is off; which elements are unclear.

        allows: what rounding explains. at_least: the magnitude to measure by, if the expected array's is below.
        """
        scale = max(magnitude(expected), at_least)
        tolerance = FACTORS[kind] * self._measures.tolerance
        off = distances(found, expected) / scale
        unclear = np.zeros(off.shape, bool)
        if allows is not None and (off > tolerance).any():
            unclear = (off > tolerance) & (off * scale <= allows()[key])
        position = np.unravel_index(int(np.where(unclear, -1.0, off).argmax()), off.shape)
        self._note(
            Deviation(
                item=key[0],
                aspect=kind,
                array=describe(key),
                frame=self._run.frame,
                position=tuple(map(int, position)),
                deviation=0.0 if unclear[position] else float(off[position]),
                tolerance=tolerance,
                found=float(found[position]),
                expected=float(expected[position]),
                unclear=int(unclear.sum()),
            )
        )
        return unclear

    def _note(self, new: Deviation) -> None:
        old = self._worst.get((new.item, new.aspect))
        if old is not None:
            worst = new if new.severity > old.severity else old
            new = replace(worst, unclear=old.unclear + new.unclear)
        self._worst[new.item, new.aspect] = new
