"""Expansion as the original made it; tag specs and globals, and places through them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graph_texts import (
    HEAD,
    graph,
    load,
    says,
    wrong,
)
from statestream.graph import GraphError

CASES = ["factors", "feedforward", "geometry", "language", "learning", "pools"]


@pytest.mark.parametrize("case", CASES)
def test_expanded_as_the_original(oracle: Path, case: str) -> None:
    network = load(oracle / case / "net.st_graph")
    expected = json.loads((oracle / case / "expanded.json").read_text(encoding="utf-8"))
    expanded = network.expanded()
    assert {section: expanded[section] for section in expected} == expected
    assert network.warnings == ()


@pytest.mark.parametrize("case", CASES)
def test_expanding_again_changes_nothing(oracle: Path, case: str) -> None:
    network = load(oracle / case / "net.st_graph")
    assert load(network.expanded()).expanded() == network.expanded()
    full = network.expanded(defaults=True)
    again = load(full)
    assert again.expanded(defaults=True) == full
    for section in ("neuron_pools", "synapse_pools", "plasticities", "interfaces"):
        assert full[section] != network.expanded()[section] or not full[section]


# --- tag specs ---


@pytest.mark.proves("top.tag_specs", "np.tags", "sp.tags")
def test_tag_specs_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = graph(
        pools="    p: {shape: [1, 1, 1], tags: [b, a], gain_shape: full, noise mean: 0.5}",
        more="tag_specs:\n    a: {act: tanh, gain_shape: scalar}\n"
        "    b: {act: relu, bias_shape: full, noise_mean: 7, noise: normal}\n",
    )
    item = load(text, tmp_path).items["p"]
    assert (item["act"], item["gain_shape"], item["bias_shape"], item["noise_mean"]) == ("tanh", "full", "full", 0.5)


def test_findings_on_tag_specs(tmp_path: Path) -> None:
    text = graph(
        pools="    p: {shape: [1, 1, 1], tags: [a]}",
        more="tag_specs:\n    a:\n        act: tanhh #!\n    b: 5 #!\n    c: {act: 7}\n",
    )
    first, second = wrong(text, tmp_path)
    says(first, "p", "act", "'tanhh' does not exist", "by tag spec 'a'")
    says(second, "", "tag_specs.b", "found the number 5", "mapping")
    (finding,) = wrong(graph(more="tag_specs: [a] #!\n"), tmp_path)
    says(finding, "", "tag_specs", "mapping")


# --- globals ---


def tags_with(folder: Path, definitions: str, *texts: str) -> list:
    quoted = ", ".join(f'"{text}"' for text in texts)
    text = graph(
        pools=f"    p: {{shape: [1, 1, 1], any: [{quoted}], own: {{k: {quoted}}}}}", more=f"globals: {definitions}\n"
    )
    expanded = load(text, folder).expanded()["neuron_pools"]["p"]
    assert expanded["own"] == {"k": texts[0]}  # mappings are not processed
    return expanded["any"]


@pytest.mark.proves("top.globals")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("G", 8), ("G // 3", 2), ("int(G)", 8), ("0.5 * L", 0.125), ("-G", -8), ("gpu:G", "gpu:8"), ("GX", "8X"),
        ("G / 2", 4.0),
        ("G ** 2", 64), ("G % 3", 2), ("(G + 1) * 2", 18), ("max(G, 9)", 9), ("round(L)", 0), ("abs(-G)", 8),
        ("min(1, G)", 1),
        ("float(G)", 8.0), ("name", "name"), ("Txt", "some text"), ("1e-3", 1e-3), ("H", "G*2"),
        ("xavier_2.0", "xavier_2.0"),
        ("W_0_0", "W_0_0"), ("e", "e"), ("ee", "ee"), ("G / 0", "8 / 0"), ("G G", "8 8"), ("9**9**9", "9**9**9"),
        ("int.__class__", "int.__class__"), ("2 ** 99999", "2 ** 99999"), ("G + True", "8 + True"),
    ],
)  # fmt: skip
def test_globals(tmp_path: Path, text: str, value: object) -> None:
    (found,) = tags_with(tmp_path, "{G: 8, L: 0.25, Txt: some text, H: 'G*2'}", text)
    assert found == value and type(found) is type(value)


def test_boolean_globals(tmp_path: Path) -> None:
    pools = "    p: {shape: [1, 1, 1], bias_shape: biased, binary: either}"
    item = load(graph(pools=pools, more="globals: {biased: false, either: True}\n"), tmp_path).items["p"]
    assert item["bias_shape"] is False and item["binary"] is True


def test_globals_act_in_the_order_of_the_file(tmp_path: Path) -> None:
    assert tags_with(tmp_path, "{H: G + 1, G: 2}", "H") == [3]
    assert tags_with(tmp_path, "{G: 2, H: G + 1}", "H") == ["G + 1"]


def test_whole_results_are_whole_numbers_in_shapes(tmp_path: Path) -> None:
    text = graph(
        pools="    p: {shape: [G / 2, 8, 8]}",
        synapses="    s: {source: [[image]], target: p, rf: G - 1.0}",
        more="globals: {G: 4}\n",
    )
    network = load(text, tmp_path)
    assert network.shape("p") == (2, 8, 8) and network.expanded()["synapse_pools"]["s"]["rf"] == 3
    assert type(network.items["s"]["rf"]) is int


def test_globals_are_not_for_the_top_level_nor_for_clients(tmp_path: Path) -> None:
    text = graph(
        more="globals: {MSE: 3}\nbackend: numpy\ncore_clients: {c: {type: lr_scheduler, plast: learn, note: MSE}}\n"
    )
    text = text.replace("loss_function: MSE", "loss_function: MAE")
    assert load(text, tmp_path).expanded()["core_clients"]["c"]["note"] == "MSE"
    text = (
        HEAD.replace("4", "G")
        + "neuron_pools: {}\nsynapse_pools: {}\nplasticities: {}\ninterfaces: {}\nglobals: {G: 4}\n"
    )
    (finding,) = wrong(text.replace("agents: G", "agents: G #!"), tmp_path)
    says(finding, "", "agents", "found the text 'G'")


def test_findings_through_globals(tmp_path: Path) -> None:
    text = graph(
        pools="    p:\n        shape: [1, 1, 1]\n        dropout: rate\n        noise_prob: 2 * rate #!",
        more="globals:\n    rate: 5 #!\n",
    )
    in_item, in_global = wrong(text, tmp_path)
    says(in_item, "p", "noise_prob", "found the number 10", "written as '2 * rate'", "'rate' of", "net.st_graph:20")
    says(in_global, "p", "dropout", "found the number 5", "global 'rate', used in", "net.st_graph:11")


@pytest.mark.parametrize(
    ("value", "subject", "words"),
    [
        ("[a]", "globals", ["mapping"]),
        ("{a: [1]}", "globals.a", ["a number, a text"]),
        ("{'': 1}", "globals.", ["a name"]),
    ],
)
def test_wrong_globals(tmp_path: Path, value: str, subject: str, words: list[str]) -> None:
    (finding,) = wrong(graph(more=f"globals: {value} #!\n"), tmp_path)
    says(finding, "", subject, *words)


def test_globals_that_explode(tmp_path: Path) -> None:
    names = "".join(f"    g{i:02}: g{i + 1:02}g{i + 1:02}g{i + 1:02}\n" for i in range(60))
    with pytest.raises(GraphError, match="grows beyond"):
        load(graph(pools="    p: {shape: [1, 1, 1], act: g00}", more="globals:\n" + names), tmp_path)


def test_globals_within_modules_and_instances(tmp_path: Path) -> None:
    text = graph(
        more="""
globals: {res: 4}
modules:
    m: {neuron_pools: {n: {shape: [_f, 2 * res, res]}}}
m: {one: {f: res // 2}}
"""
    )
    assert load(text, tmp_path).shape("one_n") == (2, 8, 4)
