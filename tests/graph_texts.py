"""What the tests of `graph/` share: the catalogue, graphs as texts, and findings at marked lines.

In a graph's text the comment `#!` marks the lines at which findings are expected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from statestream.catalogue import default_catalogue
from statestream.graph import Finding, GraphError, Network, load_graph
from statestream.graph.catalogue import Catalogue

CATALOGUE: Catalogue = replace(default_catalogue(), backends=("numpy", "tensorflow", "theano"))
"""The real one, with the backends by name: they need not be there to check a graph."""

HEAD = "name: test\nagents: 4\n"
EMPTY = "neuron_pools: {}\nsynapse_pools: {}\nplasticities: {}\ninterfaces: {}\n"

POOLS = """
    image: {shape: [3, 8, 8]}
    hidden: {shape: [4, 4, 4]}
    point: {shape: [5, 1, 1]}
    goal: {shape: [5, 1, 1]}
    mask: {shape: [1, 1, 1]}
"""

SYNAPSES = """
    image_hidden: {source: [[image]], target: hidden, rf: 3}
    hidden_point: {source: [[hidden]], target: point}
"""

LOSS = """type: loss, loss_function: MSE, source: point, source_t: 2, target: goal, target_t: 0"""

PLASTICITIES = f"""
    learn: {{{LOSS}, parameter: [[sp, image_hidden, W_0_0]]}}
"""


def graph(pools: str = "", synapses: str = "", plasticities: str = "", interfaces: str = "", more: str = "") -> str:
    """A sound graph, with further items and top-level text."""

    def section(name: str, *parts: str) -> str:
        body = "".join(f"\n{part.strip(chr(10))}" for part in parts if part.strip())
        return f"{name}:{body}\n" if body else f"{name}: {{}}\n"

    return (
        HEAD
        + section("neuron_pools", POOLS, pools)
        + section("synapse_pools", SYNAPSES, synapses)
        + section("plasticities", PLASTICITIES, plasticities)
        + section("interfaces", interfaces)
        + more
    )


def pool(text: str) -> str:
    """The graph with one more neuron-pool `p`, given line by line."""
    return graph(pools="    p:\n" + "\n".join(f"        {line.strip()}" for line in text.strip().splitlines()))


def synapse(text: str) -> str:
    """The graph with one more synapse-pool `s`, given line by line."""
    return graph(synapses="    s:\n" + "\n".join(f"        {line.strip()}" for line in text.strip().splitlines()))


def plasticity(text: str, **others: str) -> str:
    """The graph with one more plasticity `p`, given line by line, and other items as `graph` takes them."""
    lines = "\n".join(f"        {line.strip()}" for line in text.strip().splitlines())
    return graph(plasticities="    p:\n" + lines, **others)


COMPLETE = LOSS.replace(", ", "\n") + "\nparameter: [[sp, image_hidden, W_0_0]]"


def changed(key: str, value: str | None) -> str:
    """The complete loss with one parameter changed and marked, or left out."""
    lines = [line for line in COMPLETE.splitlines() if not line.startswith(f"{key}:")]
    if value is not None:
        return plasticity("\n".join([*lines, f"{key}: {value} #!"]))
    return plasticity("\n".join(lines)).replace("    p:\n", "    p: #!\n")


def interface(text: str) -> str:
    """The graph with one interface `i`, given line by line."""
    return graph(interfaces="    i:\n" + "\n".join(f"        {line.strip()}" for line in text.strip().splitlines()))


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.st_graph"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def load(source: str | Path | Mapping[str, Any], folder: Path | None = None, **options: Any) -> Network:
    """Load a text (written into the folder), a file or a dict."""
    if isinstance(source, str):
        assert folder is not None
        path = folder / "net.st_graph"
        path.write_text(source, encoding="utf-8")
        source = path
    return load_graph(source, catalogue=CATALOGUE, **options)


def wrong(source: str | Mapping[str, Any], folder: Path | None = None, **options: Any) -> tuple[Finding, ...]:
    """The findings on a graph that must be wrong; of a text, exactly at the lines marked `#!`."""
    with pytest.raises(GraphError) as caught:
        load(source, folder, **options)
    findings = caught.value.findings
    assert findings and str(caught.value) == "\n".join(map(str, findings))
    if isinstance(source, str) and folder is not None:
        check_marks(source, findings, folder / "net.st_graph")
    return findings


def odd(source: str | Mapping[str, Any], folder: Path | None = None, **options: Any) -> tuple[Finding, ...]:
    """The warnings on a graph that loads all the same; with `strict`, they are findings."""
    network = load(source, folder, **options)
    assert network.warnings
    if isinstance(source, str) and folder is not None:
        check_marks(source, network.warnings, folder / "net.st_graph")
    assert wrong(source, folder, strict=True, **options) == network.warnings
    return network.warnings


def check_marks(text: str, findings: tuple[Finding, ...], path: Path) -> None:
    """Every finding stands at a marked line, and every marked line has one."""
    marked = {number for number, line in enumerate(text.splitlines(), 1) if "#!" in line}
    found = {finding.line for finding in findings if finding.file == str(path)}
    assert found == marked, "\n".join(map(str, findings))


def says(finding: Finding, item: str, parameter: str, *words: str) -> None:
    """Assert what a finding is about, and words of its message."""
    assert (finding.item, finding.parameter) == (item, parameter), finding
    for word in words:
        assert word in finding.message, (word, finding.message)
