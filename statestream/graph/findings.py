"""What is wrong with a graph: findings, their places, and the error that carries all of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that is wrong, or in a warning odd. Iterates as (file, line, item, parameter, message).

    line counts from 1, None where there is none (a graph given as a dict, a setting). item, parameter: "" where the
    finding is about the whole graph or item.
    """

    file: str
    line: int | None
    item: str
    parameter: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        subject = ".".join(part for part in (self.item, self.parameter) if part)
        return ": ".join(part for part in (place, subject, self.message) if part)


class GraphError(Exception):
    """The graph is no network. findings: everything that is wrong; warnings: what would only have been odd."""

    def __init__(self, findings: Iterable[Finding], warnings: Iterable[Finding] = ()) -> None:
        self.findings = tuple(findings)
        self.warnings = tuple(warnings)
        super().__init__("\n".join(map(str, self.findings)))


class Mark(NamedTuple):
    """Where a value was written. notes: how it came from there to its item ("in instance ...", "by tag spec ...")."""

    file: str
    line: int | None = None
    notes: tuple[str, ...] = ()

    def noted(self, note: str) -> Mark:
        """The same place, reached by one more step."""
        return self if note in self.notes else Mark(self.file, self.line, (*self.notes, note))

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


MAXIMUM = 1000
"""Most errors, and most warnings: nobody reads more, and a hostile file could ask for millions."""


class TooManyFindings(Exception):
    """The checks end here, as if they were complete."""


@dataclass
class Collector:
    """Gathers findings while a graph is read; nothing is raised before everything was looked at."""

    errors: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    ended: bool = False
    _seen: set[Finding] = field(default_factory=set)

    def error(self, mark: Mark, item: str, parameter: str, message: str) -> None:
        """Note something wrong. Raises TooManyFindings."""
        self._add(self.errors, mark, item, parameter, message)

    def warn(self, mark: Mark, item: str, parameter: str, message: str) -> None:
        """Note something odd, which `strict` makes wrong."""
        self._add(self.warnings, mark, item, parameter, message)

    def _add(self, to: list[Finding], mark: Mark, item: str, parameter: str, message: str) -> None:
        notes = f" ({'; '.join(mark.notes)})" if mark.notes else ""
        finding = Finding(mark.file, mark.line, shorten(item), shorten(parameter), _printable(message + notes))
        if finding in self._seen:
            return
        if len(to) < MAXIMUM:
            self._seen.add(finding)
            to.append(finding)
        elif to is self.errors:
            self.ended = True
            raise TooManyFindings

    @property
    def full_of_warnings(self) -> bool:
        """Whether further warnings are dropped, so that nobody needs to form them."""
        return len(self.warnings) >= MAXIMUM

    def check(self, strict: bool = False) -> tuple[Finding, ...]:
        """Raise GraphError if anything is wrong, else return the warnings."""
        warnings = _ordered(self.warnings)
        errors = _ordered([*self.errors, *warnings] if strict else self.errors)
        if errors:
            if self.ended:
                errors.append(Finding(errors[0].file, None, "", "", f"more than {MAXIMUM} findings; the checks ended"))
            raise GraphError(errors, () if strict else warnings)
        return tuple(warnings)


def _ordered(findings: list[Finding]) -> list[Finding]:
    """By file in the order of first mention, then by line."""
    files = {file: position for position, file in enumerate(dict.fromkeys(each.file for each in findings))}
    return sorted(findings, key=lambda each: (files[each.file], each.line or 0))


def _printable(text: str) -> str:
    """The text with nothing in it that a terminal would obey, or that cannot be encoded."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def shorten(text: object, limit: int = 80) -> str:
    """The text on one line, cut in the middle if it is long, printable throughout."""
    shown = _printable(str(text)[: 2 * limit])
    return shown if len(shown) <= limit else f"{shown[: limit // 2]}...{shown[limit // 2 - limit + 3 :][-limit // 2 :]}"


def listing(names: Iterable[object], limit: int = 16) -> str:
    """Names for a message: 'a, b, c', cut after `limit`."""
    shown = [shorten(name, 40) for name in names]
    return ", ".join(shown[:limit]) + (f", ... ({len(shown)} in all)" if len(shown) > limit else "")


def nearest(name: object, known: Iterable[object]) -> str:
    """The end of a message about an unknown name: '; did you mean ...?', or the known names if they are few."""
    names = [text for text in known if isinstance(text, str)]
    close = difflib.get_close_matches(name, names) if isinstance(name, str) and _comparable(name, names) else []
    if not close and isinstance(name, str) and len(name) > 2:
        close = [text for text in names if text.startswith(name)][:3]
    if close:
        return f"; did you mean {' or '.join(repr(each) for each in close)}?"
    if names and len(names) <= 40:
        return f"; known: {listing(names, 40)}"
    return ""


def _comparable(name: str, names: list[str]) -> bool:
    """Whether comparing is cheap: difflib takes time with the product of the lengths."""
    return len(name) <= 60 and len(names) <= 1000 and sum(map(len, names)) <= 40_000
