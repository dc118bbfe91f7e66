"""Checks 1 to 30 of the specification (graph-language 6), one test for each: place, subject and message."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph_texts import (
    EMPTY,
    HEAD,
    graph,
    load,
    says,
    synapse,
    wrong,
)


def test_the_sound_graph_has_no_findings(tmp_path: Path) -> None:
    assert load(graph(), tmp_path).warnings == ()
    assert load(HEAD + EMPTY, tmp_path).neuron_pools == {}


# --- general ---


@pytest.mark.parametrize(
    ("text", "found"), [("- a #!\n- b\n", "a list"), ("hello #!\n", "the text 'hello'"), ("5 #!\n", "the number 5")]
)
def test_check_01_root_is_a_mapping(tmp_path: Path, text: str, found: str) -> None:
    (finding,) = wrong(text, tmp_path)
    says(finding, "", "", f"found {found}", "mapping", "neuron_pools")


@pytest.mark.proves("top.name")
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("agents: 4 #!", "'name' is missing"),
        ("agents: 4\nname: 5 #!", "found the number 5; allowed: a text"),
        ("agents: 4\nname: #!", "found nothing"),
        ("agents: 4\nname: ../x #!", "file name"),
    ],
)
def test_check_02_name(tmp_path: Path, line: str, message: str) -> None:
    (finding,) = wrong(f"{line}\n{EMPTY}", tmp_path)
    says(finding, "", "name", message)


@pytest.mark.proves("top.agents")
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("name: n #!", "'agents' is missing"),
        ("name: n\nagents: 0 #!", "found the number 0; allowed: a whole number from 1"),
        ("name: n\nagents: 2.5 #!", "found the number 2.5"),
        ("name: n\nagents: true #!", "found true"),
        ("name: n\nagents: many #!", "found the text 'many'"),
    ],
)
def test_check_03_agents(tmp_path: Path, line: str, message: str) -> None:
    (finding,) = wrong(f"{line}\n{EMPTY}", tmp_path)
    says(finding, "", "agents", message)


@pytest.mark.proves("top.neuron_pools", "top.synapse_pools", "top.plasticities", "top.interfaces")
def test_check_04_sections_are_there(tmp_path: Path) -> None:
    findings = wrong("nothing: 1 #!\n", tmp_path)
    assert [finding.parameter for finding in findings] == [
        "name", "agents", "neuron_pools", "synapse_pools", "plasticities", "interfaces",
    ]  # fmt: skip
    assert all("is missing" in finding.message for finding in findings)


@pytest.mark.parametrize("section", ["neuron_pools", "synapse_pools", "plasticities", "interfaces"])
@pytest.mark.parametrize("value", ["", "[a]", "5"])
def test_check_05_sections_are_mappings(tmp_path: Path, section: str, value: str) -> None:
    (finding,) = wrong(HEAD + EMPTY.replace(f"{section}: {{}}", f"{section}: {value} #!"), tmp_path)
    says(finding, "", section, "found", "allowed: a mapping")


@pytest.mark.parametrize("section", ["neuron_pools", "synapse_pools", "plasticities", "interfaces"])
def test_check_06_empty_item(tmp_path: Path, section: str) -> None:
    (finding,) = wrong(HEAD + EMPTY.replace(f"{section}: {{}}", f"{section}:\n    thing: #!"), tmp_path)
    says(finding, "thing", "", "the item is empty")


@pytest.mark.parametrize("name", ["a-b", "a b", "a.b", "'a/b'", "''", "$x"])
def test_check_07_item_names(tmp_path: Path, name: str) -> None:
    (finding,) = wrong(graph(pools=f"    {name}: {{shape: [1, 1, 1]}} #!"), tmp_path)
    says(finding, name.strip("'"), "", "letters, digits, _")


def test_check_07_letters_of_all_scripts_pass(tmp_path: Path) -> None:
    assert "größe_1" in load(graph(pools="    größe_1: {shape: [1, 1, 1]}"), tmp_path).items


def test_check_08_item_names_are_unique(tmp_path: Path) -> None:
    text = graph(synapses="    image: {source: [[hidden]], target: point} #!")
    (finding,) = wrong(text, tmp_path)
    says(finding, "image", "", "given twice", "synapse_pools", "neuron_pools", "net.st_graph:4")


# --- neuron-pools ---


@pytest.mark.parametrize(
    ("number", "key"),
    [
        (9, "bias_shape"),
        (10, "gain_shape"),
        (11, "batchnorm_mean"),
        (12, "batchnorm_std"),
        (13, "layernorm_mean"),
        (14, "layernorm_std"),
    ],
)
def test_check_09_to_14_shapes_of_pool_parameters(tmp_path: Path, number: int, key: str) -> None:
    (finding,) = wrong(graph(pools=f"    p:\n        shape: [1, 1, 1]\n        {key}: featur #!"), tmp_path)
    says(finding, "p", key, "found the text 'featur'", "full, feature, spatial", "false", "did you mean 'feature'?")
    (finding,) = wrong(graph(pools=f"    p: {{shape: [1, 1, 1], {key}: true}} #!"), tmp_path)
    says(finding, "p", key, "found true")
    assert load(graph(pools=f"    p: {{shape: [1, 1, 1], {key}: False}}"), tmp_path).items["p"][key] is False
    assert load(graph(pools=f"    p: {{shape: [1, 1, 1], {key}: spatial}}"), tmp_path).items["p"][key] == "spatial"


def test_check_13_14_layernorm_has_no_scalar(tmp_path: Path) -> None:
    findings = wrong(
        graph(pools="    p: {shape: [1, 1, 1], layernorm_mean: scalar, layernorm_std: scalar} #!"), tmp_path
    )
    assert [finding.parameter for finding in findings] == ["layernorm_mean", "layernorm_std"]


# --- synapse-pools ---


def test_check_15_source_is_there(tmp_path: Path) -> None:
    (finding,) = wrong(graph(synapses="    s: {target: point} #!"), tmp_path)
    says(finding, "s", "source", "'source' is missing")


@pytest.mark.parametrize("value", ["image", "[image]", "[]", "[[]]", "[[image], []]", "5"])
def test_check_15_source_is_a_list_of_lists(tmp_path: Path, value: str) -> None:
    (finding,) = wrong(synapse(f"source: {value} #!\ntarget: hidden"), tmp_path)
    says(finding, "s", "source", "found", "list of lists")


@pytest.mark.parametrize(("number", "key"), [(16, "factor_shapes"), (19, "bias_shapes"), (26, "act")])
def test_check_16_19_26_lists_of_factors(tmp_path: Path, number: int, key: str) -> None:
    value = "tanh" if key == "act" else "full"
    (finding,) = wrong(synapse(f"source: [[image]]\ntarget: hidden\n{key}: {value} #!"), tmp_path)
    says(finding, "s", key, f"found the text '{value}'", "a list", "factors")


@pytest.mark.parametrize(("number", "key"), [(17, "factor_shapes"), (20, "bias_shapes"), (26, "act")])
def test_check_17_20_26_lengths_of_lists_of_factors(tmp_path: Path, number: int, key: str) -> None:
    value = "tanh" if key == "act" else "full"
    (finding,) = wrong(synapse(f"source: [[image], [hidden]]\ntarget: hidden\n{key}: [{value}] #!"), tmp_path)
    says(finding, "s", key, "a list with 1 entries", "allowed: 2", "factors")


def test_check_18_values_of_factor_shapes(tmp_path: Path) -> None:
    text = synapse("source: [[image], [hidden]]\ntarget: hidden\nfactor_shapes:\n  - full\n  - fetaure #!")
    text = text.replace("        - f", "            - f")
    (finding,) = wrong(text, tmp_path)
    says(finding, "s", "factor_shapes", "found the text 'fetaure'", "full, feature, spatial, scalar", "did you mean")


def test_check_18_values_of_bias_shapes(tmp_path: Path) -> None:
    (finding,) = wrong(synapse("source: [[image]]\ntarget: hidden\nbias_shapes: [fool] #!"), tmp_path)
    says(finding, "s", "bias_shapes", "found the text 'fool'", "None")


@pytest.mark.parametrize("none", ["None", "null", "False"])
def test_check_18_none_means_no_bias(tmp_path: Path, none: str) -> None:
    text = synapse(f"source: [[image], [hidden]]\ntarget: hidden\nbias_shapes: [full, {none}]")
    assert load(text, tmp_path).items["s"]["bias_shapes"] in (("full", None), ("full", False))


@pytest.mark.parametrize(
    ("factor", "bias", "fine"),
    [
        ("feature", "full", False), ("feature", "spatial", False), ("feature", "scalar", True),
        ("spatial", "feature", False), ("spatial", "spatial", True), ("scalar", "feature", False),
        ("scalar", "scalar", True), ("full", "spatial", True), ("feature", "None", True),
    ],
)  # fmt: skip
def test_check_21_bias_fits_the_factor(tmp_path: Path, factor: str, bias: str, fine: bool) -> None:
    mark = "" if fine else "#!"
    text = synapse(
        "source: [[image], [point]]\ntarget: hidden\n"
        f"factor_shapes: [full, {factor}]\nbias_shapes: [full, {bias}] {mark}"
    )
    if fine:
        load(text, tmp_path)
    else:
        (finding,) = wrong(text, tmp_path)
        says(finding, "s", "bias_shapes", f"found '{bias}' for factor 1", f"'{factor}'", "scalar")


def test_check_22_target_is_there(tmp_path: Path) -> None:
    (finding,) = wrong(graph(synapses="    s: {source: [[image]]} #!"), tmp_path)
    says(finding, "s", "target", "'target' is missing")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("hiden", ["neuron-pool 'hiden' does not exist", "did you mean 'hidden'?"]),
        ("None", ["neuron-pool 'None' does not exist"]),
        ("image_hidden", ["neuron-pool 'image_hidden' does not exist"]),
        ("", ["found nothing", "name of a neuron-pool"]),
        ("[hidden]", ["found a list"]),
    ],
)
def test_check_23_target_exists(tmp_path: Path, target: str, words: list[str]) -> None:
    (finding,) = wrong(synapse(f"source: [[image]]\ntarget: {target} #!"), tmp_path)
    says(finding, "s", "target", *words)


def test_check_24_every_source_exists(tmp_path: Path) -> None:
    text = graph(
        synapses="""
    s:
        source:
            - [image, imag] #!
            - [nobody] #!
            - [7] #!
        target: hidden
        rf: [[1, 1], [1], [1]]
"""
    )
    first, second, third = wrong(text, tmp_path)
    says(first, "s", "source", "'imag' does not exist", "did you mean 'image'?")
    says(second, "s", "source", "'nobody' does not exist")
    says(third, "s", "source", "found the number 7")


@pytest.mark.parametrize("key", ["target_shapes", "weight_shapes", "dilation", "weight_fnc", "ppp", "pact", "rf"])
def test_check_25_layouts_like_source(tmp_path: Path, key: str) -> None:
    good = {"dilation": "1", "ppp": "2", "rf": "3", "weight_fnc": "exp", "pact": "tanh"}.get(key, "full")
    two = "source: [[image, image], [hidden]]\ntarget: hidden\n"
    load(synapse(f"{two}{key}: [[{good}, {good}], [{good}]]"), tmp_path)
    if key != "rf":
        (finding,) = wrong(synapse(f"source: [[image]]\ntarget: hidden\n{key}: {good} #!"), tmp_path)
        says(finding, "s", key, "found", f"a list of lists like 'source', such as [[{good}]]")
    (finding,) = wrong(synapse(f"{two}{key}: {good} #!"), tmp_path)
    says(finding, "s", key, "found", f"a list of lists like 'source', such as [[{good}, {good}], [{good}]]")
    (finding,) = wrong(synapse(f"{two}{key}: [[{good}, {good}]] #!"), tmp_path)
    says(finding, "s", key, "the outer list has 1 entries", "2 factors")
    (finding,) = wrong(synapse(f"{two}{key}: [[{good}, {good}], {good}] #!"), tmp_path)
    says(finding, "s", key, "a list of lists", "inputs in factor 1")
    (finding,) = wrong(synapse(f"{two}{key}: [[{good}], [{good}]] #!"), tmp_path)
    says(finding, "s", key, "found a list with 1 entries; allowed: 2", "inputs in factor 0")


def test_check_27_single_pixel_target_has_rf_1(tmp_path: Path) -> None:
    (finding,) = wrong(synapse("source: [[hidden]]\ntarget: point\nrf: 3 #!"), tmp_path)
    says(finding, "s", "rf", "found 3", "'hidden'", "the target has a single pixel", "allowed: 1")
    for rf in ("1", "[[1]]", "0"):
        load(synapse(f"source: [[hidden]]\ntarget: point\nrf: {rf}"), tmp_path)


@pytest.mark.parametrize("rf", ["3", "three"])
def test_check_28_several_inputs_need_a_list_of_rf(tmp_path: Path, rf: str) -> None:
    findings = wrong(synapse(f"source: [[image, hidden]]\ntarget: hidden\nrf: {rf} #!"), tmp_path)
    says(findings[0], "s", "rf", "for 2 inputs", "a list of lists")


def test_check_28_flat_list_of_rf(tmp_path: Path) -> None:
    (finding,) = wrong(synapse("source: [[image]]\ntarget: hidden\nrf: [3] #!"), tmp_path)
    says(finding, "s", "rf", "found the number 3", "a list of lists")


def test_check_29_single_pixel_source_has_rf_1(tmp_path: Path) -> None:
    text = synapse("source: [[image], [point]]\ntarget: hidden\nrf: [[3], [3]] #!")
    (finding,) = wrong(text, tmp_path)
    says(finding, "s", "rf", "found 3", "'point'", "the source has a single pixel")
    load(text.replace("[[3], [3]] #!", "[[3], [1]]"), tmp_path)


@pytest.mark.parametrize(
    ("source", "target", "fine"),
    [
        ("8, 8", "4, 4", True), ("4, 4", "8, 8", True), ("8, 4", "4, 2", True), ("8, 8", "8, 8", True),
        ("9, 9", "3, 3", True),
        ("8, 8", "3, 3", False), ("8, 8", "4, 2", False), ("3, 3", "8, 8", False), ("8, 8", "4, 8", False),
        ("8, 1", "4, 1", True), ("4, 1", "8, 1", True), ("8, 1", "3, 1", False), ("8, 2", "4, 1", True),
    ],
)  # fmt: skip
def test_check_30_sizes_differ_by_one_whole_factor(tmp_path: Path, source: str, target: str, fine: bool) -> None:
    mark = "" if fine else "#!"
    text = graph(
        pools=f"    big: {{shape: [1, {source}]}}\n    small: {{shape: [1, {target}]}}",
        synapses=f"    s: {{source: [[big]], target: small, rf: 3}} {mark}",
    )
    if fine:
        load(text, tmp_path)
    else:
        (finding,) = wrong(text, tmp_path)
        says(finding, "s", "source", f"'big' has X, Y = {source}", target, "whole factor")


def test_check_30_a_single_pixel_source_does_not_end_the_check(tmp_path: Path) -> None:
    text = graph(
        pools="    three: {shape: [1, 3, 3]}",
        synapses="    s:\n        source: [[point, three]] #!\n        target: hidden\n        rf: [[1, 3]]",
    )
    (finding,) = wrong(text, tmp_path)
    says(finding, "s", "source", "'three' has X, Y = 3, 3 and the target 4, 4")
