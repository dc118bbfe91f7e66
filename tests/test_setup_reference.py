"""docs/reference.md is what the declarations say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from statestream.graph.catalogue import (
    ActivationDeclaration,
    Catalogue,
    ClientDeclaration,
    InterfaceDeclaration,
    OptimizerDeclaration,
    Parameter,
    PlasticityDeclaration,
    Topic,
    Variable,
)


@pytest.fixture(scope="module")
def generator(tool: Callable[[str], ModuleType]) -> ModuleType:
    return tool("make_reference")


def test_the_reference_is_up_to_date(root: Path, generator: ModuleType) -> None:
    from statestream.catalogue import default_catalogue

    written = (root / "docs" / "reference.md").read_text(encoding="utf-8")
    assert written == generator.reference(default_catalogue()), "run `make docs`"


def test_what_a_declaration_says_is_printed(generator: ModuleType) -> None:
    rate = Parameter("lr", "float", 1e-3, minimum=0, array=True, help="learning rate")
    catalogue = Catalogue(
        neuron_pool=(
            Parameter("noise", "choice", None, ("normal", "uniform"), help="a | b"),
            Parameter("noise_mean", "float", 0.0, aliases=("noise mean",), when=("noise", ("normal",))),
        ),
        synapse_pool=(Parameter("init", "init", "xavier", per_array=True), Parameter("rf", "int", 0, layout="inputs")),
        plasticities={
            "loss": PlasticityDeclaration(
                "loss",
                "loss",
                (Parameter("source", "pool", required=True),),
                variables=(Variable("loss1", "of learners"), Variable("seen", "the last state", "source")),
            )
        },
        optimizers={"grad_desc": OptimizerDeclaration("grad_desc", (rate,), "steepest descent")},
        activations={"relu": ActivationDeclaration("relu", {"thresh": 0}, "max(x - thresh, 0)")},
        interfaces={
            "eye": InterfaceDeclaration(
                "eye", outputs=(Topic("light", "what it sees", ((1, 3), None, "width"), 4, "dark"),), available=False
            )
        },
        core_clients={"watch": ClientDeclaration("watch", "it watches")},
    )
    text = generator.reference(catalogue)
    for expected in (
        "| `noise` | `normal` `uniform` |  | a \\| b. |",
        "| `noise_mean` | float | `0.0` | With `noise` `normal`. Also spelt `noise mean`. |",
        "| `init ARRAY` | init | `xavier` |",
        "a list of lists laid out as `source`",
        "| `source` | pool | required |",
        "| `loss1` | a number | of learners |",
        "| `seen` | of the state of `source` | the last state |",
        "| `lr` | float, at least 0 | `0.001` | learning rate. Can be changed while the session runs. |",
        "| `relu` | `thresh=0` | max(x - thresh, 0) |",
        "| `light` | out (into the network) | [1 or 3, any, width], X and Y multiples of 4, X and Y as `dark` |",
        "not built yet",
        "### `type: watch`\n\nit watches\n",
    ):
        assert expected in text


def test_the_tables_of_the_numerics_page_are_up_to_date(root: Path, tmp_path: Path) -> None:
    tool = root / "tools" / "make_numerics.py"
    command = [sys.executable, str(tool), "--check"]
    found = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(root)})
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
    for folder in ("docs", "tools"):
        (tmp_path / folder).mkdir()
    for name in ("make_numerics.py", "make_reference.py"):
        shutil.copy(root / "tools" / name, tmp_path / "tools" / name)
    page = (root / "docs" / "numerics.md").read_text(encoding="utf-8")
    (tmp_path / "docs" / "numerics.md").write_text(page.replace("| `tanh` |", "| `tan` |"), encoding="utf-8")
    command[1] = str(tmp_path / "tools" / "make_numerics.py")
    found = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(root)})
    assert (found.returncode, found.stderr) == (1, "") and "not current" in found.stdout
