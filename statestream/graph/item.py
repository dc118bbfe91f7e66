"""One item of a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """An item: `item["lr"]` is the given value, or else the declared default, by the parameter's declared name.

    kind: "np", "sp", "plast", "if" or "cc". spec: the given keys as written, with their values (lists are tuples,
    mappings read-only). defaults: declared name -> default. spellings: other spelling -> declared name.
    """

    name: str
    kind: str
    spec: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=_nothing, repr=False)
    spellings: Mapping[str, str] = field(default_factory=_nothing, repr=False)
    _given: Mapping[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        given = {self.spellings.get(key, key): value for key, value in self.spec.items()}
        object.__setattr__(self, "_given", MappingProxyType(given))

    def __getitem__(self, key: str) -> Any:
        name = self.spellings.get(key, key)
        for values in (self._given, self.defaults):
            if name in values:
                return values[name]
        raise KeyError(
            f"{self.name} has no parameter '{key}'; it has {', '.join(sorted({*self._given, *self.defaults}))}"
        )

    def get(self, key: str, fallback: Any = None) -> Any:
        """The given value, else the declared default, else the fallback; a value None counts as absent."""
        name = self.spellings.get(key, key)
        value = self._given.get(name)
        if value is None:
            value = self.defaults.get(name)
        return fallback if value is None else value

    def __contains__(self, key: object) -> bool:
        """Whether the graph gives the parameter."""
        return isinstance(key, str) and self._given.get(self.spellings.get(key, key)) is not None

    def __iter__(self) -> Iterator[str]:
        """The declared names of the given parameters."""
        return iter(self._given)
