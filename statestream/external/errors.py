"""What goes wrong with external models."""

from __future__ import annotations

from collections.abc import Iterable


class UnfitError(ValueError):
    """A file, or an array in it, cannot be used: what was found and what is needed. Others say where and for what."""


class ExternalModelError(ValueError):
    """Start values cannot be taken from external models; `problems` are all of them, a line each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(("start values cannot be read from external models:", *self.problems)))
