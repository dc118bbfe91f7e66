"""How the arrays of a session are named and described: the vocabulary that all rooms share."""

from __future__ import annotations

from dataclasses import dataclass, field

ArrayKey = tuple[str, str, str]
"""(item, kind, name). Kind is one of KINDS; a state's name is empty, an update's is "<item>.<parameter>"."""

KINDS = ("state", "parameter", "variable", "update")


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """One float32 array of a session.

    shape: () for a scalar. minimum / maximum: bounds of its values, None where there is none. internal: memory an
    item keeps for itself, which listings leave out. help: what its values mean, in a few words.
    """

    key: ArrayKey
    shape: tuple[int, ...]
    minimum: float | None = None
    maximum: float | None = None
    internal: bool = False
    help: str = field(default="", compare=False)

    @property
    def size(self) -> int:
        """Number of elements."""
        count = 1
        for length in self.shape:
            count *= length
        return count


def describe(key: ArrayKey) -> str:
    """The array's name as messages show it, for example `hidden1.state` or `img_hidden1.parameter.W_0_0`."""
    item, kind, name = key
    return f"{item}.{kind}.{name}" if name else f"{item}.{kind}"
