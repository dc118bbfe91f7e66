"""Checks 31 to 44 of the specification (graph-language 6), one test for each: place, subject and message."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph_texts import (
    COMPLETE,
    EMPTY,
    HEAD,
    changed,
    graph,
    interface,
    load,
    odd,
    plasticity,
    says,
    wrong,
)

# --- plasticities ---


@pytest.mark.proves("plast.samples")
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


def test_check_35_a_loss_without_a_target(tmp_path: Path) -> None:
    """What tells of a target has no effect, and says so; it is still checked."""
    lines = COMPLETE.replace("MSE", "minimize").replace("target: goal", "target: goal #!")
    found = odd(plasticity(lines + "\nlabel_smoothing: 0.1 #!"), tmp_path)
    for finding, key in zip(found, ("target", "label_smoothing"), strict=True):
        says(finding, "p", key, "has no effect", "minimize has no target")


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


def test_check_38_one_wrong_entry_hides_no_other(tmp_path: Path) -> None:
    entries = "[[sp, nothing, W_0_0], [np, point, c], 7]"
    findings = wrong(changed("parameter", entries), tmp_path)
    messages = " ".join(finding.message for finding in findings)
    assert len(findings) == 3 and "'nothing' does not exist" in messages and "'point' has no parameter 'c'" in messages


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
