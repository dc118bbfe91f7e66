"""Keras' files: `.h5` (a whole model, or weights only), and Keras 3's `.keras` and `.weights.h5`, told by contents.

Read with h5py and zipfile: no engine is loaded, and nothing in the file (it may hold code) is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import h5py

from statestream.external import hdf5, keras_archive
from statestream.external.errors import UnfitError
from statestream.external.keras_layers import Layer, class_of_group, layers, standard
from statestream.external.layout import Form, Place, keras
from statestream.external.model import Found, Model
from statestream.graph.findings import listing, nearest, shorten

_MOST_NAMES = 12


@contextmanager
def open_model(path: Path) -> Iterator[Model]:
    """A Keras file of any kind. Raises UnfitError if it is none."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise UnfitError(f"cannot be opened: {error.strerror}") from error
    with stream:
        magic = stream.read(8)
        stream.seek(0)
        if magic.startswith(keras_archive.MAGIC):
            with keras_archive.opened(stream) as (config, weights), _weights(weights, config) as model:
                yield model
        elif magic == hdf5.MAGIC:
            with _weights(stream, "") as model:
                yield model
        else:
            raise UnfitError("no Keras file: neither HDF5 (.h5) nor an archive (.keras)")


@contextmanager
def _weights(stream: IO[bytes], config: str) -> Iterator[Model]:
    with hdf5.opened(stream) as file:
        with hdf5.guarded("damaged HDF5 file"):
            model = _model(file, config)
        yield model


def _model(file: h5py.File, config: str) -> Model:
    if isinstance(file.get("model_weights", getlink=True), h5py.HardLink):
        return Legacy(file["model_weights"], layers(hdf5.text(file, "model_config")))
    if "layer_names" in file.attrs:
        return Legacy(file, {})
    if isinstance(file.get("layers", getlink=True), h5py.HardLink):
        return Keras3(file, layers(config))
    raise UnfitError("no Keras file: it has neither the group model_weights nor layers, nor a list layer_names")


class Legacy(Model):
    """One group per layer, arrays below it by the names of variables: `conv1` / `conv1/kernel:0`."""

    def __init__(self, group: h5py.Group, known: dict[str, Layer]) -> None:
        self._group, self._layers = group, known
        self._paths = hdf5.arrays(group)

    def forms(self, place: Place) -> list[Form]:
        """Channels last."""
        return keras(place)

    def find(self, layer: str, parameter: str) -> Found:
        """parameter: the path below the layer's group; or an end of it, without `:0`, where only one array has it."""
        below = [path.removeprefix(f"{layer}/") for path in self._paths if path.startswith(f"{layer}/")]
        if not below:
            every = dict.fromkeys(path.split("/")[0] for path in self._paths)
            raise UnfitError(f"there is no layer '{shorten(layer)}' with arrays{nearest(layer, every)}")
        fitting = [path for path in below if path == parameter]
        if not fitting:
            ending = f"/{parameter.removesuffix(':0')}"
            fitting = [path for path in below if f"/{path.removesuffix(':0')}".endswith(ending)]
        path = _only(fitting, below, layer, parameter)
        for name in reversed((layer, *path.split("/")[:-1])):
            known = self._layers.get(name.split("/")[-1])
            if known is not None and not known.container:
                known.require_readable(name)
                break
        return hdf5.found(self._group, f"{layer}/{path}", f"{layer} {path}")


class Keras3(Model):
    """Groups `layers/<class>_<number>/vars`, with arrays by number; the layers' names are attributes of the groups."""

    def __init__(self, file: h5py.File, known: dict[str, Layer]) -> None:
        self._file, self._layers = file, known
        self._counts: dict[str, int] = {}
        for path in hdf5.arrays(file):
            match = re.fullmatch(r"(layers/.+)/vars/\d+", path)
            if match:
                self._counts[match[1]] = self._counts.get(match[1], 0) + 1
        self._names = {group: self._name(group) for group in self._counts}

    def _name(self, group: str) -> str:
        """The layer's name, after those of the models that it lies in: `encoder/conv1`."""
        parts = group.removeprefix("layers/").split("/layers/")
        names = []
        for number, part in enumerate(parts):
            path = "layers/" + "/layers/".join(parts[: number + 1])
            own = self._file[path].get("vars", getlink=True)
            names.append(
                (hdf5.text(self._file[path]["vars"], "name") if isinstance(own, h5py.HardLink) else "") or part
            )
        return "/".join(names)

    def forms(self, place: Place) -> list[Form]:
        """Channels last."""
        return keras(place)

    def find(self, layer: str, parameter: str) -> Found:
        """layer: its name, after that of a model within the model if needed, or its group. parameter: `kernel`, ..."""
        fitting = [group for group, name in self._names.items() if layer in (name, group)]
        if not fitting:
            fitting = [group for group, name in self._names.items() if name.endswith(f"/{layer}")]
        if len(fitting) != 1:
            if fitting:
                raise UnfitError(f"several layers are called '{shorten(layer)}': {listing(fitting, _MOST_NAMES)}")
            hint = nearest(layer, self._names.values())
            raise UnfitError(f"there is no layer '{shorten(layer)}' with arrays{hint}")
        group = fitting[0]
        own = self._names[group].split("/")[-1]
        about = self._layers.get(own) or Layer(class_of_group(group.split("/")[-1]))
        names = about.variables(f"the layer '{shorten(layer)}'", self._counts[group])
        wanted = standard(parameter)
        name = _only([each for each in names if each == wanted], names, layer, parameter)
        return hdf5.found(self._file, f"{group}/vars/{names.index(name)}", f"{layer} {name}")


def _only(fitting: list[str], every: list[str], layer: str, parameter: str) -> str:
    """The one array that fits. Raises UnfitError."""
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UnfitError(f"several arrays of '{shorten(layer)}' fit '{shorten(parameter)}': {listing(fitting)}")
    raise UnfitError(f"'{shorten(layer)}' has no array '{shorten(parameter)}'; it has: {listing(every, _MOST_NAMES)}")
