"""Files of other toolboxes that are damaged, or made to do damage: a message each, and nothing worse."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import external_files as files
from external_files import CLASSES, KINDS, SPACES, header, numbers, one, one_kernel, weights, write
from numerics_networks import network
from statestream import external, processes
from statestream.external import ExternalModelError, apart
from statestream.external.start_values import read

Wrong = Iterator[tuple[Path, str]]
"""Files, each with words of the message about it."""


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    return one_kernel(tmp_path)


def no_files_of_keras(folder: Path, good: Path) -> Wrong:
    yield folder / "gone.h5", "the file does not exist"
    (folder / "folder.h5").mkdir()
    yield folder / "folder.h5", "a folder"
    for name, content, words in (
        ("empty.h5", b"", "no Keras file"),
        ("text.h5", b"name: network\n", "no Keras file"),
        ("cut.h5", good.read_bytes()[:1500], "damaged HDF5 file"),
    ):
        (folder / name).write_bytes(content)
        yield folder / name, words


def archives(folder: Path, _: Path) -> Wrong:
    files.write_archive(folder / "good.keras", {"conv": {"kernel": numbers(3, 3, 4, 6)}}, {"conv": "Conv2D"})
    with zipfile.ZipFile(folder / "good.keras") as whole:
        config, weight = (
            ("config.json", whole.read("config.json")),
            ("model.weights.h5", whole.read("model.weights.h5")),
        )
    content = (folder / "good.keras").read_bytes()
    for name, changed in (
        ("cut.keras", content[: len(content) // 2]),
        ("changed.keras", content.replace(numbers(3, 3, 4, 6).tobytes(), b"\1" * 864)),
    ):
        (folder / name).write_bytes(changed)
        yield folder / name, "damaged archive"
    link = zipfile.ZipInfo("config.json")
    link.external_attr = 0o120777 << 16
    cases: dict[str, tuple[list[Any], str]] = {
        "inner": ([config, ("model.weights.h5", weight[1][:900])], "damaged HDF5 file"),
        "packed": ([config, weight], "compressed"),
        "less": ([config], "has 0 members model.weights.h5"),
        "nested": ([("config.json", b"[" * 100_000), weight], "no JSON"),
        "long": ([("config.json", b" " * (1 << 24) + b"{}"), weight], "longer than"),
        "link": ([(link, b"/etc/passwd"), weight], "symbolic link"),
        "twice": ([config, weight, config], "has 2 members config.json"),
    }
    for name, (members, words) in cases.items():
        method = zipfile.ZIP_DEFLATED if name == "packed" else zipfile.ZIP_STORED
        with zipfile.ZipFile(folder / f"{name}.keras", "w", method) as archive:
            for member in members:
                archive.writestr(*member)
        yield folder / f"{name}.keras", words


def arrays(folder: Path, good: Path) -> Wrong:
    values = numbers(3, 3, 4, 6)
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "huge": ({"shape": (10**9, 10**6), "dtype": "f4", "chunks": (1, 1)}, "has the shape [1000000000, 1000000]"),
        "packed": ({"data": values, "compression": "gzip"}, "compressed"),
        "whole": ({"data": values.astype(np.int32)}, "holds int32"),
        "outside": ({"shape": values.shape, "dtype": "f4", "external": str(good)}, "outside of the file"),
    }
    for name, (make, words) in cases.items():
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file.create_dataset("model_weights/conv/kernel:0", **make)
        yield folder / f"{name}.h5", words


def links(folder: Path, good: Path) -> Wrong:
    away = h5py.ExternalLink(str(good), "/model_weights")
    for name, target in (("soft.h5", h5py.SoftLink("/k")), ("far.h5", away)):
        with h5py.File(folder / name, "w") as file:
            file["model_weights/conv/bias"] = numbers(6)
            file["k"] = numbers(3, 3, 4, 6)
            file["model_weights/conv/kernel"] = target
        yield folder / name, "no array 'kernel'"
    with h5py.File(folder / "away.h5", "w") as file:
        file["model_weights"] = away
    yield folder / "away.h5", "no Keras file: it has neither"


def tensors(folder: Path, _: Path) -> Wrong:
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    once = json.dumps({"kernel": entry})[1:-1]
    cases: dict[str, tuple[Any, int, str]] = {
        "twice": (f"{{{once}, {once}}}".encode(), 8, "stands twice"),
        "cut": ({"kernel": entry}, 4, "no safetensors file"),
        "huge": ({"kernel": {**entry, "shape": [10**12]}}, 8, "no safetensors file"),
        "long": (f"{{{once}}}".encode() + b" " * (1 << 24), 8, "longer than"),
    }
    for name, (entries, length, words) in cases.items():
        yield header(folder / f"{name}.safetensors", entries, b"\0" * length), words
    for name, content in (("other", b"\x89HDF\r\n\x1a\n"), ("empty", b"")):
        (folder / f"{name}.safetensors").write_bytes(content)
        yield folder / f"{name}.safetensors", "no safetensors file"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("made", [no_files_of_keras, archives, arrays, links, tensors])
def test_files_that_are_damaged_or_made_to_do_damage(made: Any, tmp_path: Path, kernel: Path) -> None:
    for path, words in made(tmp_path, kernel):
        with pytest.raises(ExternalModelError) as found:
            one(path, ["" if path.suffix == ".safetensors" else "conv", "kernel"], rf=3)
        assert words in str(found.value), (path.name, str(found.value))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_cut_anywhere_never_crashes(kind: str, tmp_path: Path) -> None:
    space = SPACES[0]
    path = write(kind, tmp_path, weights(space), space)
    sections, whole = files.graph(path, space), path.read_bytes()
    net = network(**sections, agents=1)
    assert len(read(net)) == 2 * len(CLASSES)
    for length in np.linspace(0, len(whole) - 1, 40, dtype=int):
        path.write_bytes(whole[:length])
        with pytest.raises(ExternalModelError):
            read(net)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_with_changed_bytes_never_crashes(kind: str, tmp_path: Path) -> None:
    space = SPACES[0]
    path = write(kind, tmp_path, weights(space), space)
    net, whole = network(**files.graph(path, space), agents=1), path.read_bytes()
    generator, refused = np.random.default_rng(2), 0
    for _ in range(60):
        changed = bytearray(whole)
        for position in generator.integers(0, len(whole), 20):
            changed[position] = generator.integers(256)
        path.write_bytes(changed)
        try:
            read(net)
        except ExternalModelError:
            refused += 1
    assert refused


@pytest.mark.parametrize("position", [528, 0])
def test_a_file_that_hdf5_cannot_cope_with_costs_only_a_message(position: int, tmp_path: Path) -> None:
    """The byte at 528 (of a table of texts) makes HDF5 1.14 go round in circles."""
    space = SPACES[0]
    path = write("h5", tmp_path, weights(space), space)
    data = bytearray(path.read_bytes())
    data[data.index(b"GCOL") + position] = 255
    path.write_bytes(data)
    with pytest.raises(ExternalModelError, match=re.escape(str(path))):
        external.read_apart(network(**files.graph(path, space), agents=1), patience=2)


def test_a_reader_that_is_stopped_is_ended_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own clock stands still with it."""
    stopped = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"]
    monkeypatch.setattr(processes, "command", lambda *_: stopped)
    monkeypatch.setattr(apart, "_MARGIN", 0.2)
    path = write("h5", tmp_path, weights(SPACES[0]), SPACES[0])
    with pytest.raises(ExternalModelError, match=r"ended after 0 s without a result; the files .* may be damaged"):
        external.read_apart(network(**files.graph(path, SPACES[0]), agents=1), patience=0)


def test_reading_has_limited_memory(tmp_path: Path) -> None:
    space = SPACES[0]
    path = write("h5", tmp_path, weights(space), space)
    net = network(**files.graph(path, space), agents=1)
    with pytest.raises(ExternalModelError, match=r"ended with status 1; the files .* may be damaged|damaged"):
        external.read_apart(net, memory=0)
    assert external.read_apart(net).keys() == read(net).keys()


def test_a_reader_ends_with_the_process_that_wants_to_know() -> None:
    """It asks the kernel for that, and looks whether it is too late already."""
    command = [sys.executable, "-m", "statestream.external.reader", "1", "60", str(1 << 40)]
    done = subprocess.run(command, input="{}", capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "the process that started this one is gone\n"
