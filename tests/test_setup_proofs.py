"""docs/proofs.md is complete, and what the marks of the tests say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from statestream.graph.catalogue import (
    ActivationDeclaration,
    Catalogue,
    InterfaceDeclaration,
    Parameter,
    PlasticityDeclaration,
)


@pytest.fixture(scope="module")
def generator(tool: Callable[[str], ModuleType]) -> ModuleType:
    return tool("make_proofs")


def test_everything_is_proven_and_the_page_is_current(root: Path) -> None:
    """In a process of its own: there the tests are collected as a user would, and no engine may be loaded by that."""
    found = subprocess.run(
        [sys.executable, str(root / "tools" / "make_proofs.py"), "--check"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert (found.returncode, found.stdout.strip(), found.stderr) == (0, "", "")


CATALOGUE = Catalogue(
    neuron_pool=(Parameter("dropout", "float"), Parameter("period", "int")),
    activations={"tanh": ActivationDeclaration("tanh")},
    plasticities={"loss": PlasticityDeclaration("loss", "loss", (Parameter("mask", "pool"),))},
    interfaces={
        "eye": InterfaceDeclaration("eye", parameters=(Parameter("width", "int"),)),
        "dream": InterfaceDeclaration("dream", parameters=(Parameter("depth", "int"),), available=False),
    },
    backends=("numpy", "theano"),
)


@pytest.fixture
def proofs(generator: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Enough for the catalogue above."""
    monkeypatch.setattr(generator, "NOT_BUILT", {})
    monkeypatch.setattr(generator, "TOP_LEVEL", ("name",))
    found = generator.Proofs()
    for backend in CATALOGUE.backends:
        found.add("np.dropout", backend, "test_a::one")
    found.add("np.period", "numpy", "test_a::two")
    found.add("act.tanh", "numpy", "test_a::three")
    found.add("loss.mask", "", "test_a::four")
    found.add("eye.width", "numpy", "test_a::five")
    found.add("top.name", "numpy", "test_a::six")
    found.add("sp.TRANSFORMER", "", "test_a::nine")
    return found


def test_a_row_tells_the_backends_apart(generator: ModuleType, proofs: Any) -> None:
    text = generator.page(CATALOGUE, proofs)
    for line in (
        "| parameter | numpy | theano |",
        "| `np.dropout` | `test_a::one` | the same |",
        "| `np.period` | All: `test_a::two` |  |",
        "| `act.tanh` | `test_a::three` | – |",
        "| `loss.mask` | All: `test_a::four` |  |",
        "| `eye.width` | All: `test_a::five` |  |",
        "* `dream`: `depth`",
    ):
        assert line in text.splitlines()
    for case in ("one", "two", "x|y"):
        proofs.add("act.tanh", "theano", f"test_b::many[{case}]")
        proofs.add("act.tanh", "theano", f"test_b::odd[|{case}]")
    for number in range(3):
        proofs.add("act.tanh", "theano", f"test_c::{number}")
    last = "`test_b::many[one]` (+2), `test_b::odd` (3 cases), `test_c::0` and 2 more"
    assert f"| `act.tanh` | `test_a::three` | {last} |" in generator.page(CATALOGUE, proofs).splitlines()


def test_what_is_missing_or_misnamed_is_found(generator: ModuleType, proofs: Any) -> None:
    assert generator.faults(CATALOGUE, proofs) == []
    assert generator.missing(CATALOGUE, proofs) == ([], ["act.tanh: not on theano"])
    del proofs.tests["loss.mask", ""]
    proofs.add("np.droput", "numpy", "test_a::seven")
    proofs.add("dream.depth", "numpy", "test_a::eight")
    assert generator.faults(CATALOGUE, proofs) == [
        "loss.mask: no test proves it",
        "dream.depth: proven, but its type is declared as not available",
        "np.droput: there is no such thing, but test_a::seven proves it; did you mean np.dropout?",
    ]


def test_what_is_not_built_is_listed_until_it_is_proven(
    generator: ModuleType, proofs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "NOT_BUILT", {"np.period": "soon", "np.nothing": "never"})
    assert "| `np.period` | *not built yet: soon* |  |" in generator.page(CATALOGUE, proofs)
    assert generator.faults(CATALOGUE, proofs) == [
        "np.nothing: not declared, so it must leave NOT_BUILT in tools/make_proofs.py",
        "np.period: proven, so it must leave NOT_BUILT in tools/make_proofs.py",
    ]


def test_marks_are_read_as_they_are_meant(root: Path, tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(
        "import pytest\n"
        "@pytest.mark.proves('np.a', 'np.b')\n"
        "@pytest.mark.parametrize('backend', ['numpy', 'theano'])\n"
        "@pytest.mark.parametrize('case', ['one', 'two'])\n"
        "def test_both(backend, case): raise AssertionError\n"
        "@pytest.mark.proves('top.c', every_backend=True)\n"
        "def test_free(): raise AssertionError\n"
        "@pytest.mark.proves('np.d')\n"
        "def test_numpy(): raise AssertionError\n"
    )
    code = (
        "import json, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from make_proofs import collect\n"
        "print(json.dumps([[*key, tests] for key, tests in collect(sys.argv[2]).tests.items()]))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(root / "tools"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    both = ["test_x::test_both[one]", "test_x::test_both[two]"]
    wanted = {(name, backend, *both) for name in ("np.a", "np.b") for backend in ("numpy", "theano")}
    wanted |= {("top.c", "", "test_x::test_free"), ("np.d", "numpy", "test_x::test_numpy")}
    assert {(name, backend, *tests) for name, backend, tests in json.loads(found.stdout)} == wanted
