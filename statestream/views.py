"""Items of a network by name, with their states, parameters and variables as Python sees them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from statestream.arrays import ArrayKey
from statestream.graph import Network
from statestream.runtime.attached import Attached


class Arrays(Mapping[str, Any]):
    """An item's parameters or variables by name. Reading copies; scalars read as numbers and take numbers."""

    def __init__(self, handle: Reader, item: str, kind: str) -> None:
        self._handle, self._item, self._kind = handle, item, kind

    def __iter__(self) -> Iterator[str]:
        return iter(self._handle.names(self._item, self._kind))

    def __len__(self) -> int:
        return len(self._handle.names(self._item, self._kind))

    def __getitem__(self, name: str) -> Any:
        return self._handle.get(self._key(name))

    def __setitem__(self, name: str, value: Any) -> None:
        self._handle.put(self._key(name), value)

    def __repr__(self) -> str:
        return f"<{self._kind}s of {self._item}: {', '.join(self)}>"

    def _key(self, name: str) -> ArrayKey:
        names = self._handle.names(self._item, self._kind)
        if name not in names:
            raise KeyError(f"{self._item} has no {self._kind} {name!r}; it has: {', '.join(names) or 'none'}")
        return self._item, self._kind, name


class ItemView:
    """One item of a running network."""

    def __init__(self, handle: Reader, name: str) -> None:
        self._handle, self.name = handle, name
        self.parameter = Arrays(handle, name, "parameter")
        self.variable = Arrays(handle, name, "variable")

    @property
    def state(self) -> np.ndarray:
        """Copy of a neuron-pool's state, [agents, features, X, Y], of one whole frame."""
        return self._handle.get(self._state_key())

    @state.setter
    def state(self, value: Any) -> None:
        self._handle.put(self._state_key(), value)

    def update(self, item: str, parameter: str) -> Any:
        """The increment of that parameter which this plasticity computed in the last frame."""
        network, names = self._handle.network, self._handle.names(self.name, "update")
        wanted = f"{item}.{parameter}"
        for name in names:
            # Of two names of one shared array, a plasticity keeps the increment under the first.
            if name == wanted or network.parameter_owner(*name.split(".")) == network.parameter_owner(item, parameter):
                return self._handle.get((self.name, "update", name))
        raise KeyError(f"{self.name} does not train {wanted}; it trains: {', '.join(names) or 'nothing'}")

    def __repr__(self) -> str:
        return f"<item {self.name}>"

    def _state_key(self) -> ArrayKey:
        if self.name not in self._handle.network.neuron_pools:
            raise AttributeError(f"{self.name} has no state, only neuron-pools have")
        return self.name, "state", ""


class Reader(ABC):
    """What a session and a view of one of its frames have in common: items by name."""

    @property
    @abstractmethod
    def network(self) -> Network:
        """The network that runs."""

    def __getitem__(self, name: str) -> ItemView:
        if name not in self.network.items:
            raise KeyError(f"there is no item {name!r}; there are: {', '.join(self.network.items)}")
        return ItemView(self, name)

    @abstractmethod
    def names(self, item: str, kind: str) -> list[str]:
        """Names of an item's arrays of one kind."""

    @abstractmethod
    def get(self, key: ArrayKey) -> Any:
        """Value of an array."""

    @abstractmethod
    def put(self, key: ArrayKey, value: Any) -> None:
        """Overwrite an array."""


class FrameView(Reader):
    """Arrays of one and the same frame."""

    def __init__(self, attached: Attached, frame: int, values: Mapping[ArrayKey, np.ndarray]) -> None:
        self._attached, self.frame, self._values = attached, frame, values

    @property
    def network(self) -> Network:
        """The network that ran."""
        return self._attached.network

    def names(self, item: str, kind: str) -> list[str]:
        """Names of an item's arrays of one kind."""
        return self._attached.names(item, kind)

    def get(self, key: ArrayKey) -> Any:
        """Copy of an array as it was in this frame."""
        return plain(self._values[self._attached.resolve(key)].copy())

    def put(self, key: ArrayKey, value: Any) -> None:
        """A past frame cannot be changed."""
        raise TypeError("a frame view is a record of one frame; set values on the session")


def plain(array: np.ndarray) -> Any:
    """The array; a number if it is a scalar."""
    # str() of a float32 is the shortest text that means it: 1e-4 reads back as 1e-4, not as 9.999999747e-05.
    return float(str(array[()])) if array.shape == () else array
