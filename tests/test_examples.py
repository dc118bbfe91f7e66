"""All examples: each has its two lines of explanation, loads without a warning, and has a test of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import statestream as sst

FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = {path.stem: path for path in sorted(FOLDER.glob("*.st_graph"))}
WRONG = {name for name in EXAMPLES if name.startswith("test_everything_wrong")}
WITH_TESTS_ELSEWHERE = {"demo": "test_demo_learns.py", "mixed_backends": "test_runtime_mixed.py"}


def test_every_example_has_a_test() -> None:
    """Tests of examples are called as the file, with `test_` in front of names that do not begin so already."""
    modules = Path(__file__).parent.glob("test_examples_*.py")
    tests = {name for path in modules for name in re.findall(r"^def (test_\w+)\(", path.read_text("utf-8"), re.M)}
    named = {name if name.startswith("test_") else f"test_{name}": name for name in EXAMPLES}
    assert len(named) == len(EXAMPLES) > 50
    assert {named[test] for test in named.keys() - tests} == set(WITH_TESTS_ELSEWHERE)
    for name, module in WITH_TESTS_ELSEWHERE.items():
        assert f"{name}.st_graph" in (Path(__file__).parent / module).read_text("utf-8")


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - {"demo"}))
def test_the_first_two_lines(name: str) -> None:
    first, second, *_ = (lines := EXAMPLES[name].read_text(encoding="utf-8").splitlines())
    assert re.fullmatch(r"# [A-Z].+[:,].+\.", first)
    assert re.fullmatch(r"# Look at .+\.", second)
    assert max(map(len, lines)) <= 120
    assert name in WRONG or lines[2] == f"name: {name}"


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - WRONG))
def test_loads_without_a_warning(name: str) -> None:
    network = sst.load_graph(EXAMPLES[name], strict=True)
    assert network.warnings == () and network.name == name and len(network.neuron_pools) <= 40


def test_the_list_of_examples_is_up_to_date(tool: Callable[[str], ModuleType]) -> None:
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == tool("make_examples").readme(), "run `make docs`"
