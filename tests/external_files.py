"""A small CNN in the files of other toolboxes, written with h5py, zipfile and safetensors alone; and in plain numpy.

image [X, Y, 2] -> first: 3x3, 3 features, relu -> second: 3x3, stride 2, 4 features, tanh -> flatten -> third: 5, relu
-> fourth: 3, softmax. Both convolutions have one row and column of zeros before the image, the first also after it.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from safetensors.numpy import save_file

from conformance import engine
from numerics_networks import network
from statestream.arrays import ArrayKey
from statestream.external import Taken
from statestream.external.start_values import read
from statestream.verification.local_run import LocalRun

Weights = Mapping[str, Mapping[str, np.ndarray]]
CLASSES = {"first": "Conv2D", "second": "Conv2D", "third": "Dense", "fourth": "Dense"}
SPACES = [(6, 6), (8, 6)]
KINDS = {"h5": "m.h5", "weights only": "m_weights.h5", "keras 3": "m.weights.h5", "archive": "m.keras"}
KINDS["safetensors"] = "m.safetensors"


def weights(space: tuple[int, int]) -> dict[str, dict[str, np.ndarray]]:
    """Random weights, as Keras lays them out."""
    generator = np.random.default_rng(3)
    flat = (space[0] // 2) * (space[1] // 2) * 4
    shapes = {"first": (3, 3, 2, 3), "second": (3, 3, 3, 4), "third": (flat, 5), "fourth": (5, 3)}
    return {
        name: {
            "kernel": generator.normal(0, 0.4, shape).astype(np.float32),
            "bias": generator.normal(0, 0.4, shape[-1:]).astype(np.float32),
        }
        for name, shape in shapes.items()
    }


def config(classes: Mapping[str, str]) -> str:
    """A model's configuration, as far as it is read."""
    layers = [{"class_name": kind, "config": {"name": name}} for name, kind in classes.items()]
    return json.dumps({"class_name": "Sequential", "config": {"name": "model", "layers": layers}})


def write_legacy(path: Path, layers: Weights, classes: Mapping[str, str] | None = None) -> None:
    """Keras 2's `.h5`: a whole model if classes are given, else weights only."""
    with h5py.File(path, "w") as file:
        root: Any = file
        if classes is not None:
            file.attrs["model_config"] = config(classes)
            root = file.create_group("model_weights")
        root.attrs["layer_names"] = np.array([name.encode() for name in layers])
        for name, arrays in layers.items():
            for parameter, values in arrays.items():
                root[f"{name}/{name}/{parameter}:0"] = values
            root.require_group(name).attrs["weight_names"] = [f"{name}/{each}:0".encode() for each in arrays]


def write_keras3(target: Any, layers: Weights, classes: Mapping[str, str], named: bool = True) -> None:
    """Keras 3's `.weights.h5`. named: the groups say the layers' own names (older versions do not write them)."""
    counts: dict[str, int] = {}
    with h5py.File(target, "w") as file:
        for name, arrays in layers.items():
            stem = {"BatchNormalization": "batch_normalization", "LayerNormalization": "layer_normalization"}.get(
                classes[name], classes[name].lower()
            )
            number = counts[stem] = counts.get(stem, -1) + 1
            group = file.create_group(f"layers/{stem}_{number}/vars" if number else f"layers/{stem}/vars")
            if named:
                group.attrs["name"] = name
            for position, values in enumerate(arrays.values()):
                group[str(position)] = values
        file["optimizer/vars/0"] = np.zeros(3, np.float32)


def write_archive(path: Path, layers: Weights, classes: Mapping[str, str], **options: Any) -> None:
    """Keras 3's `.keras`."""
    data = io.BytesIO()
    write_keras3(data, layers, classes)
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", config(classes))
        archive.writestr("model.weights.h5", data.getvalue())


def channels_first(layers: Weights, space: tuple[int, int]) -> dict[str, np.ndarray]:
    """The same weights as PyTorch has them, where flattening goes through features first."""
    result = {}
    for name, arrays in layers.items():
        kernel = arrays["kernel"]
        if name == "third":
            kernel = kernel.reshape(space[0] // 2, space[1] // 2, 4, 5).transpose(3, 2, 0, 1).reshape(5, -1)
        else:
            kernel = kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T
        result[f"net.{name}.weight"] = np.ascontiguousarray(kernel)
        result[f"net.{name}.bias"] = arrays["bias"]
    return result


def write(kind: str, folder: Path, layers: Weights, space: tuple[int, int]) -> Path:
    """The CNN in a file of that kind."""
    path = folder / KINDS[kind]
    if kind in ("h5", "weights only"):
        write_legacy(path, layers, CLASSES if kind == "h5" else None)
    elif kind == "keras 3":
        write_keras3(path, layers, CLASSES)
    elif kind == "archive":
        write_archive(path, layers, CLASSES)
    else:
        save_file(channels_first(layers, space), path)
    return path


def reference(layers: Weights, images: np.ndarray) -> np.ndarray:
    """The CNN in plain numpy, channels last: images [agents, X, Y, 2] -> [agents, 3]."""
    first = np.maximum(_convolve(images, 1, layers["first"], after=1), 0)
    second = np.tanh(_convolve(first, 2, layers["second"], after=0))
    flat = second.reshape(len(images), -1)
    third = np.maximum(flat @ layers["third"]["kernel"] + layers["third"]["bias"], 0)
    fourth = np.exp(third @ layers["fourth"]["kernel"] + layers["fourth"]["bias"])
    return fourth / fourth.sum(1, keepdims=True)


def _convolve(images: np.ndarray, stride: int, layer: Mapping[str, np.ndarray], after: int) -> np.ndarray:
    kernel = layer["kernel"]
    padded = np.pad(images, ((0, 0), (1, after), (1, after), (0, 0)))
    width, height = ((length - 3) // stride + 1 for length in padded.shape[1:3])
    result = np.zeros((len(images), width, height, kernel.shape[3]))
    for x in range(width):
        for y in range(height):
            field = padded[:, x * stride : x * stride + 3, y * stride : y * stride + 3]
            result[:, x, y] = np.tensordot(field, kernel, 3)
    return result + layer["bias"]


def graph(path: Path, space: tuple[int, int], names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The sections of a graph with the same CNN, its weights from the file. names: of the layers in it."""
    kind = "safetensors" if path.suffix == ".safetensors" else "keras"
    kernel, bias = ("weight", "bias") if kind == "safetensors" else ("kernel", "bias")

    def init(layer: str, parameter: str) -> list[str]:
        return ["cnn", (names or {}).get(layer, f"net.{layer}" if kind == "safetensors" else layer), parameter]

    x, y = space
    pools = {
        "image": {"shape": [2, x, y], "bias_shape": False},
        "first": {"shape": [3, x, y], "act": "relu"},
        "second": {"shape": [4, x // 2, y // 2], "act": "tanh"},
        "third": {"shape": [5, 1, 1], "act": "relu"},
        "fourth": {"shape": [3, 1, 1], "act": "softmax"},
    }
    synapses = {"keep": {"source": [["image"]], "target": "image", "rf": 1, "init W_0_0": "id"}}
    for source, target, rf in (("image", "first", 3), ("first", "second", 3), ("second", "third", 0)):
        synapses[f"{source}_{target}"] = {"rf": rf, "init W_0_0": init(target, kernel)}
    synapses["third_fourth"] = {"init W_0_0": init("fourth", kernel)}
    for name in CLASSES:
        pools[name]["init b"] = init(name, bias)
    return {
        "neuron_pools": pools,
        "synapse_pools": synapses,
        "external_models": {"cnn": {"type": kind, "model_file": str(path)}},
    }


def answer(path: Path, images: np.ndarray, names: Mapping[str, str] | None = None) -> np.ndarray:
    """What our network answers to images [agents, X, Y, 2] four frames after it sees them: [agents, 3]."""
    net = network(**graph(path, (images.shape[1], images.shape[2]), names), agents=len(images))
    with LocalRun(net, 1, engine("numpy")) as run:
        run.arena.committed(("image", "state", ""))[...] = images.transpose(0, 3, 1, 2)
        for _ in range(4):
            run.commit(run.compute())
        return run.arena.committed(("fourth", "state", ""))[:, :, 0, 0].copy()


def one(
    path: Path, init: list[str], agents: int = 3, pool: dict[str, Any] | None = None, **synapse: Any
) -> dict[ArrayKey, Taken]:
    """What `init` gives for the weight of a synapse-pool from [4, 3, 2] to [6, 3, 2]."""
    kind = "safetensors" if path.suffix == ".safetensors" else "keras"
    net = network(
        {"a": {"shape": [4, 3, 2]}, "t": {"shape": [6, 3, 2], **(pool or {})}},
        {"a_t": {"init W_0_0": ["m", *init], **synapse}},
        agents=agents,
        external_models={"m": {"type": kind, "model_file": str(path)}},
    )
    return read(net)


def numbers(*shape: int) -> np.ndarray:
    """0, 1, 2, ... in that shape."""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def header(path: Path, entries: Any, data: bytes) -> Path:
    """A safetensors file with that header."""
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def one_kernel(folder: Path) -> Path:
    """A model with one convolution, that fits what `one` asks for."""
    path = folder / "one.h5"
    write_legacy(path, {"conv": {"kernel": numbers(3, 3, 4, 6), "bias": numbers(6)}}, {"conv": "Conv2D"})
    return path
