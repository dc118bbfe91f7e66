"""The package as it is installed: light to import, complete, and described truly."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML

import statestream

HEAVY = {
    "SharedArray", "h5py", "matplotlib", "numba", "numpy", "pytensor", "rich", "safetensors", "skimage", "tensorflow",
    "torch",
}  # fmt: skip


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = "import sys, statestream; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert HEAVY.isdisjoint(loaded.stdout.split())


def test_the_version_is_written_once() -> None:
    assert metadata.version("statestream") == statestream.__version__


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Sesion'"):
        _ = statestream.Sesion


@pytest.mark.parametrize("name", statestream.__all__)
def test_public_names_exist(name: str) -> None:
    assert name in dir(statestream)
    assert getattr(statestream, name) is not None


def test_every_c_file_is_built(root: Path) -> None:
    for source in (root / "statestream" / "ccpp").glob("*.c"):
        built = [source.with_name(f"_{source.stem}{suffix}") for suffix in EXTENSION_SUFFIXES]
        assert any(path.exists() for path in built), f"{source.name} is not built: run `make install`"


def test_constraints_lie_within_the_bounds(root: Path, project: dict[str, Any]) -> None:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    assert all(str(pin.marker) == 'python_version == "3.11"' for pin in pins)
    versions = {pin.name: next(iter(pin.specifier)).version for pin in pins}
    wanted = [*project["project"]["dependencies"]]
    for extra in ("test", "lint"):
        wanted += project["project"]["optional-dependencies"][extra]
    for requirement in map(Requirement, wanted):
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if requirement.marker and not requirement.marker.evaluate():
            continue
        assert name in versions, f"{name} is not in constraints.txt"
        assert versions[name] in requirement.specifier, f"constraints.txt: {name} {versions[name]}"


def test_the_demo_is_the_agreed_network(root: Path) -> None:
    demo = YAML(typ="safe", pure=True).load((root / "examples" / "demo.st_graph").read_text(encoding="utf-8"))
    assert (demo["name"], demo["agents"], demo["backend"]) == ("demo", 128, "tensorflow")
    assert {name: pool["shape"] for name, pool in demo["neuron_pools"].items()} == {
        "image": [1, 32, 32],
        "label": [10, 1, 1],
        "hidden1": [16, 16, 16],
        "hidden2": [32, 4, 4],
        "hidden3": [64, 1, 1],
        "prediction": [10, 1, 1],
    }
    image = demo["neuron_pools"]["image"]
    assert (image["noise"], image["noise_mean"], image["noise_std"]) == ("normal", 0.0, 0.1)
    assert {
        name: (pool["source"], pool["target"], pool.get("rf", 0)) for name, pool in demo["synapse_pools"].items()
    } == {
        "img_hidden1": ([["image"]], "hidden1", 5),
        "hidden1_2": ([["hidden1"]], "hidden2", 5),
        "hidden2_3": ([["hidden2"]], "hidden3", 0),
        "hidden3_pred": ([["hidden3"]], "prediction", 0),
    }
    loss = demo["plasticities"]["hidden_loss"]
    names = ("loss_function", "source", "source_t", "target", "target_t", "optimizer", "lr", "momentum", "decay")
    assert [loss[name] for name in names] == [
        "negloglikelihood", "prediction", 4, "label", 0, "adam", 1e-4, 0.99, 0.999,
    ]  # fmt: skip
    assert [item for _, item, _ in loss["parameter"]] == [*demo["synapse_pools"], "hidden3"]
    numerals = demo["interfaces"]["roman_numerals"]
    assert (numerals["min_duration"], numerals["max_duration"], numerals["fading"]) == (6, 6, 0)


def test_settings_are_documented(root: Path) -> None:
    from dataclasses import asdict

    from statestream.settings import Settings

    guide = (root / "docs" / "index.md").read_text(encoding="utf-8")
    block = re.search(r"```yaml\n(default_backend.*?)```", guide, re.DOTALL)
    assert block
    assert YAML(typ="safe", pure=True).load(block[1]) == asdict(Settings())


def python_files(root: Path) -> list[Path]:
    return [
        path for folder in ("statestream", "tests", "tools", "benchmarks") for path in (root / folder).rglob("*.py")
    ]


def test_modules_stay_readable(root: Path) -> None:
    """Modules below 400 lines, functions below 60."""
    findings = []
    for path in python_files(root):
        text = path.read_text(encoding="utf-8")
        if text.count("\n") >= 400:
            findings.append(f"{path.relative_to(root)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                length = node.end_lineno - node.lineno + 1
                if length >= 60:
                    findings.append(f"{path.relative_to(root)}:{node.lineno}: {node.name} has {length} lines")
    assert not findings, "\n".join(findings)


def test_licence_and_notice(root: Path, project: dict[str, Any]) -> None:
    licence = (root / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert "Copyright 2026 the statestream developers" in licence
    notice = (root / "NOTICE").read_text(encoding="utf-8").lower()
    for requirement in map(Requirement, project["project"]["dependencies"]):
        assert requirement.name.lower().removesuffix("-cpu") in notice, requirement.name
