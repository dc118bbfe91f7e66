"""All findings at once: none hides another, each has its place, and there is an end to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graph_texts import (
    graph,
    load,
    odd,
    says,
    synapse,
    wrong,
)
from statestream.graph import GraphError


@pytest.mark.proves("sp.device")
def test_a_device_of_a_synapse_pool_is_ignored(tmp_path: Path) -> None:
    (warning,) = odd(synapse("source: [[image]]\ntarget: hidden\ndevice: gpu:1 #!"), tmp_path)
    says(warning, "s", "device", "'gpu:1' has no effect", "'hidden'")
    assert load(synapse("source: [[image]]\ntarget: hidden\ndevice: gpu:1"), tmp_path).group_of("s").device == "cpu"
    load(synapse("source: [[image]]\ntarget: hidden\ndevice: cpu"), tmp_path)


def test_all_findings_at_once_also_in_one_item(tmp_path: Path) -> None:
    text = """
name: broken
agents: none #!
neuron_pools:
    a:
        shape: [1, 1] #!
        act: tanhh #!
        bias_shape: fat #!
        dropout: 7 #!
    b: {shape: [1, 1, 1]}
    c-d: {shape: [1, 1, 1], period: 0} #!
synapse_pools:
    s:
        source: [[a], [nobody]] #!
        target: nowhere #!
        rf: [[x], [1]] #!
        act: [tanh] #!
        weight_fnc: [[Id], [nothing]] #!
        init W_0_0: what #!
    t: #!
plasticities:
    p:
        type: loss
        loss_function: MES #!
        source: b
        source_t: -1 #!
        lr: high #!
        parameter:
            - [sp, s] #!
            - [xx, b, b] #!
interfaces:
    i: #!
        type: random
        out: random #!
        mode: 9 #!
"""
    findings = wrong(text, tmp_path)
    assert {(each.item, each.parameter) for each in findings} == {
        ("", "agents"), ("a", "shape"), ("a", "act"), ("a", "bias_shape"), ("a", "dropout"),
        ("c-d", ""), ("c-d", "period"),
        ("s", "source"), ("s", "target"), ("s", "rf"), ("s", "act"), ("s", "weight_fnc"),
        ("s", "init W_0_0"), ("t", ""),
        ("p", "loss_function"), ("p", "source_t"), ("p", "lr"), ("p", "parameter"),
        ("i", "in"), ("i", "out"), ("i", "mode"),
    }  # fmt: skip
    assert [each.line for each in findings] == sorted(each.line or 0 for each in findings)


def test_a_bad_parameter_does_not_hide_checks_between_items(tmp_path: Path) -> None:
    text = synapse("source: [[hidden]]\ntarget: point\nrf: 3 #!\nACT: nothing #!\nppp: [[-1]] #!")
    assert len(wrong(text, tmp_path)) == 3


def test_a_graph_as_a_dict_has_no_lines() -> None:
    source: dict[str, Any] = {
        "name": "n", "agents": 2, "neuron_pools": {"a": {"shape": [1, 1]}},
        "synapse_pools": {}, "plasticities": {}, "interfaces": {},
    }  # fmt: skip
    (finding,) = wrong(source)
    assert tuple(finding) == ("<dict>", None, "a", "shape", finding.message)
    assert str(finding).startswith("<dict>: a.shape: found a list with 2 entries")
    source["neuron_pools"]["a"]["shape"] = (1, 1, 1)
    assert load(source).shape("a") == (1, 1, 1)


def test_there_is_an_end_to_findings(tmp_path: Path) -> None:
    pools = "".join(f"    p{i}: {{shape: [1, 1, 1], act: tanhh}} #!\n" for i in range(1000))
    with pytest.raises(GraphError) as caught:
        load(graph(pools=pools + "    q: {shape: 5}"), tmp_path)
    assert len(caught.value.findings) == 1001 and "the checks ended" in caught.value.findings[-1].message
    network = load(graph(pools=pools.replace("act: tanhh", "actt: tanh, acttt: tanh")), tmp_path)
    assert len(network.warnings) == 1000
