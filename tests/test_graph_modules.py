"""`modules`: the items of instances, variables, local names, and where their values were written."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph_texts import (
    graph,
    load,
    odd,
    says,
    wrong,
)
from statestream.graph import GraphError

MODULE = """
modules:
    column:
        neuron_pools:
            low: {shape: [_features, _size, _size], tags: [_tag, low]}
            high: {shape: _shape, act: _act}
        synapse_pools:
            up: {source: [[low, _source]], target: high, rf: [[3, _rf]], init W_0_0: _init}
            twin: {source: [[low]], target: high, rf: 3, share params: {W_0_0: [up, W_0_0]}}
        plasticities:
            fit:
                type: loss
                loss_function: MSE
                source: high
                source_t: 1
                target: _source
                target_t: 0
                mask: low
                parameter: [[sp, up, W_0_0], [np, high, b], [_kind, _item, _name]]
        interfaces:
            eye: {type: random, out: [random], in: [], remap: {random: low}}
        core_clients:
            slow: {type: lr_scheduler, plast: fit}
column:
    left:
        features: 4
        size: 8
        tag: side
        shape: [4, 8, 8]
        act: tanh
        source: ground
        rf: 3
        init: id
        kind: sp
        item: left_up
        name: W_0_1
"""


@pytest.mark.proves("top.modules")
def test_modules(tmp_path: Path) -> None:
    expanded = load(graph(pools="    ground: {shape: [4, 8, 8]}", more=MODULE), tmp_path).expanded()
    assert expanded["neuron_pools"]["left_low"] == {"shape": [4, 8, 8], "tags": ["side", "low"]}
    assert expanded["neuron_pools"]["left_high"] == {"shape": [4, 8, 8], "act": "tanh"}
    assert expanded["synapse_pools"]["left_up"] == {
        "source": [["left_low", "ground"]], "target": "left_high", "rf": [[3, 3]], "init W_0_0": "id",
    }  # fmt: skip
    assert expanded["synapse_pools"]["left_twin"]["share params"] == {"W_0_0": ["left_up", "W_0_0"]}
    fit = expanded["plasticities"]["left_fit"]
    assert (fit["source"], fit["target"], fit["mask"]) == ("left_high", "ground", "left_low")
    assert fit["parameter"] == [["sp", "left_up", "W_0_0"], ["np", "left_high", "b"], ["sp", "left_up", "W_0_1"]]
    assert expanded["interfaces"]["left_eye"]["remap"] == {"random": "left_low"}
    assert expanded["core_clients"]["left_slow"]["plast"] == "left_fit"


def test_nested_lists_in_modules_are_kept(tmp_path: Path) -> None:
    text = graph(
        more="""
modules:
    m:
        neuron_pools: {n: {shape: [1, 1, 1], deep: [[_a, [b, _a]], {k: [_a]}]}}
        interfaces: {i: {type: random, in: [], out: [], deep: [[_a, x]]}}
m: {one: {a: [7]}}
"""
    )
    network = load(text, tmp_path)
    assert network.expanded()["neuron_pools"]["one_n"]["deep"] == [[[7], ["b", [7]]], {"k": [[7]]}]
    assert network.expanded()["interfaces"]["one_i"]["deep"] == [[[7], "x"]]


def test_instances_without_variables_and_existing_items(tmp_path: Path) -> None:
    text = graph(
        pools="    one_n: {shape: [2, 2, 2]}",
        more="modules: {m: {neuron_pools: {n: {shape: [1, 1, 1], act: tanh}, k: {shape: [1, 1, 1]}}}}\n"
        "m:\n    one:\n    two: {}\n",
    )
    pools = load(text, tmp_path).expanded()["neuron_pools"]
    assert pools["one_n"] == {"shape": [2, 2, 2]} and {"one_k", "two_n", "two_k"} <= set(pools)


def test_variables_are_inserted_as_they_are(tmp_path: Path) -> None:
    more = "modules: {m: {neuron_pools: {low: {shape: [1, 1, 1], tags: [_a, _b]}}}}\nm: {one: {a: _b, b: low}}\n"
    assert load(graph(more=more), tmp_path).items["one_low"]["tags"] == ("_b", "low")


def test_a_missing_variable(tmp_path: Path) -> None:
    text = graph(
        more="""
modules:
    m:
        neuron_pools:
            n:
                shape: [1, 1, 1]
                act: _acct #!
                dropout: 7 #!
m:
    one: {act: tanh}
    two: {act: relu}
"""
    )
    findings = wrong(text, tmp_path)
    assert len(findings) == 4
    says(
        findings[0],
        "one_n",
        "act",
        "the variable 'acct' is not given",
        "did you mean 'act'?",
        "in instance 'one' of module 'm'",
    )
    assert {finding.item for finding in findings} == {"one_n", "two_n"}


def test_findings_on_generated_items_name_where_the_value_was_written(tmp_path: Path) -> None:
    text = graph(
        more="""
modules:
    m:
        neuron_pools:
            n:
                shape: [1, 1, 1]
                act: _act
                gain_shape: huge #!
m:
    one:
        act: tanhh #!
"""
    )
    in_module, in_instance = wrong(text, tmp_path)
    says(
        in_module, "one_n", "gain_shape", "found the text 'huge'", "in instance 'one' of module 'm'", "net.st_graph:24"
    )
    says(in_instance, "one_n", "act", "'tanhh' does not exist", "given by instance 'one' of module 'm'")


@pytest.mark.parametrize(
    ("more", "subject", "words"),
    [
        ("modules: {m: {}}\nm: [one] #!\n", "m", ["found a list", "instances"]),
        ("modules: {m: {}}\nm: {one: 5} #!\n", "m.one", ["variables"]),
        ("modules: {neuron_pools: {}} #!\n", "modules.neuron_pools", ["cannot name a module"]),
        ("modules: {m: {neuron_pools: [n]}} #!\nm: {one: {}}\n", "modules.m.neuron_pools", ["found a list"]),
    ],
)
def test_wrong_modules(tmp_path: Path, more: str, subject: str, words: list[str]) -> None:
    (finding,) = wrong(graph(more=more), tmp_path)
    says(finding, "", subject, *words)


def test_an_unknown_section_of_a_module_is_odd(tmp_path: Path) -> None:
    (warning,) = odd(graph(more="modules: {m: {neuron_pool: {}}} #!\nm: {one: {}}\n"), tmp_path)
    says(warning, "", "modules.m.neuron_pool", "'neuron_pools'")


def test_modules_that_explode(tmp_path: Path) -> None:
    body = ", ".join(f"n{i}: {{shape: _s, tags: [_t, _t, _t, _t]}}" for i in range(300))
    values = ", ".join(["x"] * 300)
    text = graph(
        more=f"modules: {{m: {{neuron_pools: {{{body}}}}}}}\n"
        + "m:\n"
        + "".join(f"    i{i}: {{s: [1, 1, 1], t: [{values}]}}\n" for i in range(40))
    )
    with pytest.raises(GraphError, match="the modules make more than 400000 values"):
        load(text, tmp_path)
