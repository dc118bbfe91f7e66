"""What the numerics room raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from statestream.backends import UnsupportedOperation


class UnsupportedError(Exception):
    """A valid parameter of an item asks for mathematics that cannot be computed; raised when a Step is built."""

    def __init__(self, item: str, parameter: str, message: str) -> None:
        super().__init__(f"{item}.{parameter}: {message}")
        self.item = item
        self.parameter = parameter
        self.message = message

    def __reduce__(self) -> tuple[type[UnsupportedError], tuple[str, str, str]]:
        return type(self), (self.item, self.parameter, self.message)


@contextmanager
def naming(item: str) -> Iterator[None]:
    """Turns an operation that the item's engine lacks into an UnsupportedError that names the item."""
    try:
        yield
    except UnsupportedOperation as problem:
        raise UnsupportedError(item, "backend", str(problem)) from problem
