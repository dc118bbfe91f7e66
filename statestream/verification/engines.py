"""The engines under test: found by name, and put in the place of the backends that a network names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from statestream import backends, settings
from statestream.backends import Backend, BackendError
from statestream.graph import Network
from statestream.graph.item import Item
from statestream.verification.errors import EngineMissing

REFERENCE = "numpy"


@dataclass(frozen=True)
class Engine:
    """A backend under test. load: makes it, for a device."""

    name: str
    load: Callable[[str], Backend]


def choose(
    asked: str | Backend | Iterable[str | Backend] | None, threads: int | None
) -> tuple[list[Engine], dict[str, str]]:
    """The engines asked for, and why others are left out; None for all that are installed, beside the reference.

    Raises EngineMissing for one that was asked for by a wrong name or is not installed.
    """
    asked = [asked] if isinstance(asked, str | Backend) else asked
    chosen: dict[str, Engine] = {}
    missing: dict[str, str] = {}
    names = [name for name in backends.NAMES if name != REFERENCE]
    for one in names if asked is None else asked:
        if isinstance(one, Backend):
            chosen[one.name] = Engine(one.name, _same(one))
            continue
        engine = Engine(one, _by_name(one, threads))
        try:
            engine.load("cpu")
        except BackendError as error:
            if asked is not None:
                raise EngineMissing(str(error)) from error
            missing[one] = str(error)
        else:
            chosen[one] = engine
    if not chosen:
        raise EngineMissing(f"there is no backend to verify; there are {', '.join(backends.NAMES)}")
    return list(chosen.values()), missing


def _by_name(name: str, threads: int | None) -> Callable[[str], Backend]:
    cache = settings.home() / "compiled"
    return lambda device: backends.load(name, threads=threads, device=device, cache=cache)


def _same(backend: Backend) -> Callable[[str], Backend]:
    return lambda device: backend


def on_backend(network: Network, name: str) -> Network:
    """The network with all of its items on that backend, each on its own device."""
    return replace(
        network, backend=name, neuron_pools=_free(network.neuron_pools), plasticities=_free(network.plasticities)
    )


def _free(items: Mapping[str, Item]) -> Mapping[str, Item]:
    """The items without a backend of their own."""

    def freed(item: Item) -> Item:
        spec = {key: value for key, value in item.spec.items() if item.spellings.get(key, key) != "backend"}
        return replace(item, spec=MappingProxyType(spec))

    return MappingProxyType({name: freed(item) for name, item in items.items()})
