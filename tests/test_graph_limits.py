"""Large and hostile graphs: answers within seconds, and nothing in a message that a terminal would obey."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from graph_texts import graph, load, says, wrong
from statestream.graph import GraphError
from statestream.graph.rollout import unroll
from statestream.graph.structure import Structure, Synapse


def bare(pools: int, synapses: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A graph as a dict, with pools n0, n1, ... of four features."""
    return {
        "name": "bare", "agents": 2, "neuron_pools": {f"n{i}": {"shape": [4, 1, 1]} for i in range(pools)},
        "synapse_pools": synapses, "plasticities": {}, "interfaces": {},
    } | more  # fmt: skip


def test_a_big_graph_loads_in_seconds() -> None:
    """2000 pools, 5000 synapse-pools, 200 plasticities: 2 s on one core of 2020, if nothing grows with the square."""
    draw = random.Random(1)
    synapses = {f"s{i}": {"source": [[f"n{i % 2000}"]], "target": f"n{draw.randrange(2000)}"} for i in range(5000)}
    synapses |= {f"c{i}": {"source": [[f"n{i}"]], "target": f"n{i + 1}"} for i in range(50)}
    loss = {"type": "loss", "loss_function": "minimize", "parameter": [["sp", "c9", "W_0_0"]]}
    plasticities = {f"p{i}": loss | {"source": f"n{10 + i % 5}", "source_t": 1 + i % 5} for i in range(200)}
    begin = process_time()
    network = load(bare(2000, synapses, plasticities=plasticities))
    assert len(network.items) == 7250 and process_time() - begin < 60


def test_a_long_chain_of_shared_parameters() -> None:
    synapses: dict[str, Any] = {
        f"s{i}": {"source": [["n0"]], "target": "n1", "share params": {"W_0_0": [f"s{i + 1}", "W_0_0"]}}
        for i in range(3000)
    }
    synapses["s3000"] = {"source": [["n0"]], "target": "n1"}
    begin = process_time()
    network = load(bare(2, synapses))
    assert process_time() - begin < 30  # it took more than two minutes
    assert network.parameter_owner("s0", "W_0_0") == ("s3000", "W_0_0")
    synapses["s3000"]["share params"] = {"W_0_0": ["s0", "W_0_0"]}
    synapses["lead"] = {"source": [["n0"]], "target": "n1", "share params": {"W_0_0": ["s7", "W_0_0"]}}
    synapses = {name: synapses[name] for name in ("lead", *(f"s{i}" for i in range(3001)))}
    with pytest.raises(GraphError, match="in a circle") as caught:
        load(bare(2, {**{f"s{i}": synapses[f"s{i}"] for i in range(2990, 3000)}, **synapses}))
    assert "lead" not in {finding.item for finding in caught.value.findings}


def test_a_tag_as_long_as_a_file(tmp_path: Path) -> None:
    begin = process_time()
    (finding,) = wrong(f"name: n\nagents: !{'a' * 2_000_000} 5 #!\n", tmp_path)
    says(finding, "", "", "a YAML tag of more than 4000 characters")
    assert process_time() - begin < 20  # the parser alone takes minutes


def test_a_trained_parameter_is_found_twice_among_many() -> None:
    synapses = {f"s{i}": {"source": [["n0"]], "target": "n1"} for i in range(3000)}
    trained = [["sp", name, "W_0_0"] for name in (*synapses, "s7")]
    loss = {"type": "loss", "loss_function": "minimize", "source": "n1", "source_t": 1, "parameter": trained}
    (finding,) = wrong(bare(2, synapses, plasticities={"p": loss}))
    says(finding, "p", "parameter", "sp, s7, W_0_0 is listed twice")


@pytest.mark.parametrize("seed", range(20))
def test_last_steps_agree_with_rollouts(seed: int) -> None:
    draw = random.Random(seed)
    pools = tuple("abcdefg")
    synapses = {}
    for i in range(draw.randrange(1, 9)):
        sources = tuple(draw.sample(pools, draw.choice([1, 1, 2])))
        synapses[f"s{i}"] = Synapse(f"s{i}", sources, draw.choice(pools))
    structure = Structure(pools, synapses)
    for pool in pools:
        for depth in range(1, 10):
            rollout = unroll(structure, depth, {depth: {pool}})
            fed = pool in {synapses[name].target for name in rollout.synapse_pools[depth]}
            assert fed == (depth <= structure.last_steps.get(pool, depth)), (pool, depth)


def test_messages_hold_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    name = '"a\\e[2J\\r\\u202e"'
    text = graph(
        pools=f"    {name}: {{shape: [3, 1, 1], {name}: 1, act: {name}}}",
        synapses=f"    s: {{source: [[image]], target: hidden, {name}: 1, share params: {{{name}: [s, {name}]}}}}",
        plasticities=f"    p: {{type: loss, loss_function: MSE, source: point, source_t: 2, target: {name},"
        f" target_t: 0, parameter: [[np, {name}, b]]}}",
        more=f"globals: {{{name}: [1]}}\nimport: [[{name}, {name}]]\ntag_specs: {{{name}: 1}}\n{name}: 1\n",
    )
    with pytest.raises(GraphError) as caught:
        load(text, tmp_path)
    assert len(caught.value.findings) > 5
    assert all(part.isprintable() for finding in caught.value.findings for part in finding[2:])
    assert any("has shape [3, 1, 1]" in finding.message for finding in caught.value.findings)


def test_a_huge_fraction_is_no_number() -> None:
    (finding,) = wrong(bare(0, {}, agents=Fraction(10**400, 3)))
    says(finding, "", "agents", "found a value of type Fraction")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_newlines_of_all_systems(tmp_path: Path, newline: str) -> None:
    text = graph(pools="    p:\n        shape: [1, 1, 1]\n        act: tanhh")
    path = tmp_path / "net.st_graph"
    path.write_bytes(text.replace("\n", newline).encode())
    with pytest.raises(GraphError) as caught:
        load(path)
    assert [finding.line for finding in caught.value.findings] == [11]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_other_encodings_are_refused(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "net.st_graph"
    path.write_bytes(graph().encode(encoding))
    with pytest.raises(GraphError, match=r"UTF-8|not valid YAML"):
        load(path)


def test_imports_are_graph_files_only(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("neuron_pools: {leaked: {shape: [1, 1, 1]}}\n", encoding="utf-8")
    (tmp_path / "folder.st_graph").mkdir()
    for source in ("secret", str(tmp_path / "secret"), "folder", "../../../../../etc/passwd", "'a\\0b'", "."):
        (finding,) = wrong(graph(more=f"import: [[{source}, neuron_pools]] #!\n"), tmp_path)
        says(finding, "", "import", ".st_graph' is not there")
