"""What a verification found: plain data, and the same as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from statestream.runtime.listing import aligned


@dataclass(frozen=True)
class Deviation:
    """The largest deviation of one aspect of an item on one backend.

    aspect: states, losses, gradients, variables, memory (an optimizer's), updates or parameters. array, frame,
    position: where it is. deviation: |found - expected| / the array's largest magnitude; inf if only one of the two is
    a finite number. unclear: elements in all frames whose difference rounding explains; they do not count.
    """

    item: str
    aspect: str
    array: str
    frame: int
    position: tuple[int, ...]
    deviation: float
    tolerance: float
    found: float
    expected: float
    unclear: int = 0

    @property
    def severity(self) -> float:
        """In units of what is allowed."""
        return self.deviation / self.tolerance

    @property
    def passed(self) -> bool:
        """Whether it is within its tolerance."""
        return self.deviation <= self.tolerance


@dataclass(frozen=True)
class BackendReport:
    """What was found of one backend.

    deviations: one for each aspect of each item, worst first. trouble: why it could not go on; empty if it could.
    """

    backend: str
    deviations: tuple[Deviation, ...]
    trouble: str = ""

    @property
    def failures(self) -> tuple[Deviation, ...]:
        """Those that are larger than allowed."""
        return tuple(one for one in self.deviations if not one.passed)

    @property
    def passed(self) -> bool:
        """Whether something was compared, all of it is within its tolerance, and nothing kept it from going on."""
        return bool(self.deviations) and not self.failures and not self.trouble


@dataclass(frozen=True)
class Report:
    """What a verification found.

    frames: completed ones. stopped: why there are not as many as asked for; empty otherwise. not_verified: items and
    backends that were not compared, and why. zeros: items that were compared at values of 0 only.
    """

    network: str
    agents: int
    seed: int
    frames: int
    backends: tuple[BackendReport, ...]
    stopped: str = ""
    not_verified: Mapping[str, str] = field(default_factory=dict)
    zeros: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all backends passed."""
        return all(one.passed for one in self.backends)

    @property
    def text(self) -> str:
        """For people."""
        counts = f"{self.frames} frames, {self.agents} agents, seed {self.seed}"
        lines = [f"{self.network}: {counts}; reference: numpy"]
        for one in self.backends:
            lines += ["", *_section(one)]
        notes = [f"stopped: {self.stopped}"] if self.stopped else []
        notes += [f"not verified: {name}: {reason}" for name, reason in self.not_verified.items()]
        if self.zeros:
            notes.append(f"verified at 0 only, where nothing flows: {', '.join(self.zeros)}")
        return "\n".join([*lines, *([""] if notes else []), *notes])

    def data(self) -> dict[str, Any]:
        """The same as plain data."""
        backends = {
            one.backend: {
                "passed": one.passed,
                "trouble": one.trouble,
                "deviations": [{**asdict(each), "passed": each.passed} for each in one.deviations],
            }
            for one in self.backends
        }
        return {"passed": self.passed, **asdict(self), "backends": backends}


def _section(report: BackendReport) -> list[str]:
    """A backend's verdict, and its table."""
    count = len(report.failures)
    if report.trouble:
        verdict = f"FAILED: {report.trouble}"
    elif not report.deviations:
        verdict = "FAILED: nothing was compared"
    elif count:
        verdict = f"FAILED: {count} of {len(report.deviations)} are off by more than is allowed"
    else:
        verdict = "passed"
    head = ("item", "what", "deviation", "allowed", "", "where it is largest")
    table = aligned([head, *map(_row, report.deviations)]) if report.deviations else []
    return [f"{report.backend}: {verdict}", *(f"  {line}" for line in table)]


def _row(one: Deviation) -> tuple[str, ...]:
    position = f"[{', '.join(map(str, one.position))}]" if one.position else ""
    notes = [f"{one.array}{position}, frame {one.frame}"] if one.deviation else []
    if not one.passed:
        notes.append(f"found {one.found:.7g}, expected {one.expected:.7g}")
    if one.unclear:
        notes.append(f"{one.unclear} unclear")
    return (
        one.item,
        one.aspect,
        f"{one.deviation:.1e}",
        f"{one.tolerance:.0e}",
        "" if one.passed else "!",
        "; ".join(notes),
    )
