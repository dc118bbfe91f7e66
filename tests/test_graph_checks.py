"""One test for each check of the specification (graph-language 6), by its number: place, subject and message."""

from __future__ import annotations

from pathlib import Path

import pytest
from graph_texts import HEAD, LOSS, graph, load, says, wrong

EMPTY = "neuron_pools: {}\nsynapse_pools: {}\nplasticities: {}\ninterfaces: {}\n"


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


def synapse(text: str) -> str:
    """The graph with one more synapse-pool `s`, given line by line."""
    return graph(synapses="    s:\n" + "\n".join(f"        {line.strip()}" for line in text.strip().splitlines()))


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
        says(finding, "s", key, "found", "a list of lists")
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


# --- plasticities ---


def plasticity(text: str) -> str:
    """The graph with one more plasticity `p`, given line by line."""
    return graph(plasticities="    p:\n" + "\n".join(f"        {line.strip()}" for line in text.strip().splitlines()))


COMPLETE = LOSS.replace(", ", "\n") + "\nparameter: [[sp, image_hidden, W_0_0]]"


def changed(key: str, value: str | None) -> str:
    """The complete loss with one parameter changed and marked, or left out."""
    lines = [line for line in COMPLETE.splitlines() if not line.startswith(f"{key}:")]
    if value is not None:
        return plasticity("\n".join([*lines, f"{key}: {value} #!"]))
    return plasticity("\n".join(lines)).replace("    p:\n", "    p: #!\n")


def test_check_31_samples_exceed_agents(tmp_path: Path) -> None:
    (finding,) = wrong(changed("samples", "4"), tmp_path)
    says(finding, "p", "samples", "found 4", "more than agents, 4")
    load(changed("samples", "5"), tmp_path)


def test_check_32_type_is_there(tmp_path: Path) -> None:
    (finding,) = wrong(changed("type", None), tmp_path)
    says(finding, "p", "type", "'type' is missing")


def test_check_32_type_exists(tmp_path: Path) -> None:
    (finding,) = wrong(changed("type", "los"), tmp_path)
    says(finding, "p", "type", "the plasticity type 'los' does not exist", "did you mean 'loss'?")


@pytest.mark.parametrize(("number", "key"), [(33, "source"), (34, "target")])
def test_check_33_34_source_and_target_exist(tmp_path: Path, number: int, key: str) -> None:
    (finding,) = wrong(changed(key, "poin"), tmp_path)
    says(finding, "p", key, "neuron-pool 'poin' does not exist", "did you mean 'point'?")


def test_check_35_equal_shapes(tmp_path: Path) -> None:
    (finding,) = wrong(changed("target", "mask"), tmp_path)
    says(finding, "p", "target", "'mask' has shape [1, 1, 1]", "[5, 1, 1]")


def test_check_36_parameter_is_there(tmp_path: Path) -> None:
    (finding,) = wrong(changed("parameter", None), tmp_path)
    says(finding, "p", "parameter", "'parameter' is missing")


@pytest.mark.parametrize(("value", "found"), [("[]", "an empty list"), ("", "nothing"), ("W_0_0", "the text 'W_0_0'")])
def test_check_36_parameter_is_not_empty(tmp_path: Path, value: str, found: str) -> None:
    (finding,) = wrong(changed("parameter", value), tmp_path)
    says(finding, "p", "parameter", f"found {found}")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("[sp, image_hidden]", ["found a list with 2 entries", "[np|sp, item, parameter]"]),
        ("[sp, image_hidden, 5]", ["found a list"]),
        ("image_hidden", ["found the text 'image_hidden'"]),
        ("[synapse, image_hidden, W_0_0]", ["found the text 'synapse' as the kind", "np, sp"]),
    ],
)
def test_check_37_entries_of_parameter(tmp_path: Path, entry: str, words: list[str]) -> None:
    (finding,) = wrong(changed("parameter", f"[{entry}]"), tmp_path)
    says(finding, "p", "parameter", *words)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("[sp, image_hiden, W_0_0]", ["synapse-pool 'image_hiden' does not exist", "did you mean 'image_hidden'?"]),
        ("[np, image_hidden, b]", ["neuron-pool 'image_hidden' does not exist", "write sp"]),
        ("[plast, nobody, lr]", ["plasticity 'nobody' does not exist"]),
        ("[if, nobody, mode]", ["interface 'nobody' does not exist"]),
        ("[plast, learn, lr]", ["cannot be trained"]),
    ],
)
def test_check_38_trained_items_exist(tmp_path: Path, entry: str, words: list[str]) -> None:
    (finding,) = wrong(changed("parameter", f"[[sp, hidden_point, W_0_0], {entry}]"), tmp_path)
    says(finding, "p", "parameter", *words)


# --- interfaces ---


def interface(text: str) -> str:
    """The graph with one interface `i`, given line by line."""
    return graph(interfaces="    i:\n" + "\n".join(f"        {line.strip()}" for line in text.strip().splitlines()))


@pytest.mark.parametrize("section", ["neuron_pools", "synapse_pools", "plasticities", "interfaces"])
def test_check_39_items_are_mappings(tmp_path: Path, section: str) -> None:
    (finding,) = wrong(HEAD + EMPTY.replace(f"{section}: {{}}", f"{section}:\n    thing: [a] #!"), tmp_path)
    says(finding, "thing", "", "found a list", "mapping")


@pytest.mark.parametrize("key", ["in", "out"])
def test_check_40_in_and_out_are_there(tmp_path: Path, key: str) -> None:
    other = "out: [random]\nremap: {random: image}" if key == "in" else "in: []"
    (finding,) = wrong(interface(f"type: random\n{other}").replace("    i:\n", "    i: #!\n"), tmp_path)
    says(finding, "i", key, f"'{key}' is missing")


@pytest.mark.parametrize("key", ["in", "out"])
@pytest.mark.parametrize("value", ["image", "{image: image}", "", "[5]"])
def test_check_41_in_and_out_are_lists(tmp_path: Path, key: str, value: str) -> None:
    other = "out" if key == "in" else "in"
    (finding,) = wrong(interface(f"type: random\n{other}: []\n{key}: {value} #!"), tmp_path)
    says(finding, "i", key, "found", "text")


def test_check_42_topics_name_pools(tmp_path: Path) -> None:
    (finding,) = wrong(interface("type: random\nin: []\nout: [random] #!"), tmp_path)
    says(finding, "i", "out", "'random' names no neuron-pool", "remap")


@pytest.mark.parametrize("pool", ["imag", "image_hidden", "7"])
def test_check_42_remapped_topics_name_pools(tmp_path: Path, pool: str) -> None:
    (finding,) = wrong(
        interface(
            f"type: random\nin: []\nout: [random]\nremap:\n  random: {pool} #!".replace("  random", "random")
        ).replace("        random: ", "            random: "),
        tmp_path,
    )
    says(finding, "i", "remap", "topic random", "neuron-pool")
    load(interface("type: random\nin: []\nout: [random]\nremap: {random: image}"), tmp_path)


# --- modules ---


@pytest.mark.parametrize("value", ["", "[a]", "column"])
def test_check_43_modules_is_a_mapping(tmp_path: Path, value: str) -> None:
    (finding,) = wrong(graph(more=f"modules: {value} #!\n"), tmp_path)
    says(finding, "", "modules", "found", "mapping")


@pytest.mark.parametrize("value", ["", "[a]", "column"])
def test_check_44_a_module_is_a_mapping(tmp_path: Path, value: str) -> None:
    (finding,) = wrong(graph(more=f"modules:\n    column: {value} #!\n"), tmp_path)
    says(finding, "", "modules.column", "found", "mapping")
