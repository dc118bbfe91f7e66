"""What a format offers: arrays by layer and parameter, and the layout they have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from statestream.external.errors import UnfitError
from statestream.external.layout import Form, Place

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Found:
    """An array in a file. name: as messages show it. read: its values; called only if the shape is the wanted one."""

    name: str
    shape: tuple[int, ...]
    read: Callable[[], Array]


class Model(ABC):
    """An open file."""

    @abstractmethod
    def forms(self, place: Place) -> list[Form]:
        """The shapes that its arrays may have for one of ours, and how they become ours."""

    @abstractmethod
    def find(self, layer: str, parameter: str) -> Found:
        """The array that a graph calls so. Raises UnfitError if there is none, or more than one, or none of use."""


def floats(values: NDArray[np.generic], name: str) -> Array:
    """Values as float32. Raises UnfitError if they are no floats, or not all finite."""
    if values.dtype.kind != "f":
        raise UnfitError(f"{name} holds {values.dtype}; floats are needed")
    with np.errstate(over="ignore"):
        result = values.astype(np.float32)
    if not np.isfinite(result).all():
        raise UnfitError(f"{name} holds values that are not finite as 32-bit floats")
    return result
