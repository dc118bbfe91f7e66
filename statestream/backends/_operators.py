"""Python's operators for the tensors of every engine, stated once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class Operators(ABC):
    """`+ - * / **`, unary minus and plus, with numbers on either side, in terms of one method."""

    __slots__ = ()
    __iter__ = None  # Python would otherwise try x[0], x[1], ... until an engine complains, and some never do
    __array_ufunc__ = None  # an array beside an operator is an error, not an array of tensors

    @abstractmethod
    def combine(self, name: str, *operands: Any) -> Any:
        """The result of "add", "subtract", "multiply", "divide", "power" or "negative"."""

    def __add__(self, other: Any) -> Any:
        return self.combine("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self.combine("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self.combine("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.combine("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return self.combine("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.combine("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.combine("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.combine("divide", other, self)

    def __pow__(self, other: Any) -> Any:
        return self.combine("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return self.combine("power", other, self)

    def __neg__(self) -> Any:
        return self.combine("negative", self)

    def __pos__(self) -> Any:
        return self
