"""Start values of a network's parameters from external models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from statestream.arrays import ArrayKey, ArraySpec
from statestream.external.errors import ExternalModelError, UnfitError
from statestream.external.formats import open_model
from statestream.external.layout import Place, wanted
from statestream.external.model import Array, Model
from statestream.graph import Network
from statestream.graph.findings import shorten
from statestream.numerics.arrays import array_table
from statestream.numerics.shapes import inputs


@dataclass(frozen=True)
class Taken:
    """A start value from a file, within its parameter's bounds, and the message that tells where it came from."""

    value: Array
    message: str


@dataclass(frozen=True)
class _Wish:
    """One parameter whose `init` names an external model."""

    spec: ArraySpec
    model: str
    layer: str
    parameter: str

    @property
    def name(self) -> str:
        return f"{self.spec.key[0]}.init {self.spec.key[2]}"


def files(network: Network) -> list[Path]:
    """The places where files with wanted start values may be; empty if none are wanted."""
    models = dict.fromkeys(wish.model for wish in _wishes(network))
    return [path for model in models for path in _places(network.external_models[model]["model_file"], network.path)]


def read(network: Network) -> dict[ArrayKey, Taken]:
    """The start values that come from external models, in the order of the items.

    No model that nothing is taken from is opened. Raises ExternalModelError with all that is wrong.
    """
    wishes = list(_wishes(network))
    taken: dict[ArrayKey, Taken] = {}
    problems: dict[str, list[str]] = {}
    for model in dict.fromkeys(wish.model for wish in wishes):
        mine = [wish for wish in wishes if wish.model == model]
        kind, file = network.external_models[model]["type"], network.external_models[model]["model_file"]
        with ExitStack() as stack:
            try:
                path = _locate(file, network.path)
                opened = stack.enter_context(open_model(kind, path))
            except UnfitError as error:
                names = ", ".join(wish.name for wish in mine)
                problems.setdefault(mine[0].name, []).append(f"{names}: external model {model}, {file}: {error}")
                continue
            for wish in mine:
                try:
                    taken[wish.spec.key] = _take(network, wish, opened)
                except UnfitError as error:
                    problems.setdefault(wish.name, []).append(f"{wish.name}: external model {model}, {path}: {error}")
    if problems:
        raise ExternalModelError(line for wish in wishes for line in problems.pop(wish.name, ()))
    return {wish.spec.key: taken[wish.spec.key] for wish in wishes}


def _wishes(network: Network) -> Iterator[_Wish]:
    for spec in array_table(network):
        item, kind, name = spec.key
        init = network.items[item].get(f"init {name}") if kind == "parameter" else None
        if isinstance(init, (list, tuple)):
            yield _Wish(spec, *init)


def _places(file: str, graph: str | None) -> list[Path]:
    """Where a file is looked for: beside the graph, then in the current folder."""
    places = [Path(file)] if graph is None else [Path(graph).parent / file, Path(file)]
    return list(dict.fromkeys(place.absolute() for place in places))


def _locate(file: str, graph: str | None) -> Path:
    """The file. Raises UnfitError if it is nowhere."""
    places = _places(file, graph)
    try:
        found = next((place for place in places if place.exists()), None)
    except (OSError, ValueError) as error:
        raise UnfitError(f"the path cannot be used: {error}") from error
    if found is None:
        raise UnfitError(f"the file does not exist; looked for {' and '.join(map(str, places))}")
    return found


def _take(network: Network, wish: _Wish, model: Model) -> Taken:
    found = model.find(wish.layer, wish.parameter)
    place = _place(network, wish.spec)
    forms = model.forms(place)
    form = next((form for form in forms if form.shape == found.shape), None)
    if form is None:
        needed = f"for {list(wish.spec.shape)}, needed is {wanted(forms)}"
        raise UnfitError(f"{shorten(found.name)} has the shape {list(found.shape)}; {needed}")
    value = form.arrange(found.read(), place)
    bounded = np.ascontiguousarray(value, np.float32)
    low, high = wish.spec.minimum, wish.spec.maximum
    if low is not None or high is not None:
        bounded = np.clip(bounded, low, high)
    item, _, name = wish.spec.key
    source = f"from model {wish.model}, {shorten(found.name)}"
    clipped = "" if np.array_equal(bounded, value) else ", clipped to the parameter's bounds"
    return Taken(bounded, f"{item}.{name}: {source}, {list(found.shape)} -> {list(wish.spec.shape)}{clipped}")


def _place(network: Network, spec: ArraySpec) -> Place:
    name, _, parameter = spec.key
    item = network.items[name]
    copies = network.agents if parameter in (item.get("unshare") or ()) else 0
    shape = spec.shape[1:] if copies else spec.shape
    weight = item.kind == "sp" and parameter[0] in "WPM"
    # Of a weight that all pixels of its kernel share, [targets, sources, 1, 1], a fully connected layer has all values.
    covering = weight and shape[2:] == (1, 1)
    if weight and parameter[0] == "W" and not covering:
        entry = next(entry for row in inputs(network, item) for entry in row if entry.weight == parameter)
        covering = entry.dense and entry.kernel == shape[2:]
    return Place(shape, copies, weight, covering)
