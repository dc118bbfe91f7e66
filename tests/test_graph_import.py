"""`import`: what is merged from other files, where they are looked for, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph_texts import (
    graph,
    load,
    odd,
    says,
    write,
    wrong,
)
from statestream.graph import GraphError

OTHER = """
name: other
agents: 7
globals: {size: 9, only: 2}
modules:
    column: {neuron_pools: {n: {shape: [1, 1, 1]}}}
    pair: {neuron_pools: {n: {shape: [1, 1, 1]}}}
tag_specs:
    wide: {act: tanh}
    thin: {act: relu}
core_clients:
    schedule: {type: lr_scheduler, plast: learn, decay: 0.5}
neuron_pools:
    image: {shape: [9, 9, 9], act: relu, dropout: 0.5}
    extra: {shape: [1, 1, 1], tags: [wide, special]}
    more: {shape: [1, 1, 1], tags: [special]}
synapse_pools:
    extra_more: {source: [[extra]], target: more, tags: [special]}
plasticities: {}
interfaces: {}
"""


def imported(folder: Path, *entries: str, more: str = "") -> dict:
    write(folder, "other", OTHER)
    text = graph(more="import:\n" + "".join(f"    - [other, {entry}]\n" for entry in entries) + more)
    return load(text, folder).expanded()


@pytest.mark.proves("top.import")
def test_import_of_a_section_fills_items_parameter_by_parameter(tmp_path: Path) -> None:
    pools = imported(tmp_path, "neuron_pools")["neuron_pools"]
    assert pools["image"] == {"shape": [3, 8, 8], "act": "relu", "dropout": 0.5}
    assert list(pools)[-2:] == ["extra", "more"]


def test_import_of_a_section_by_tag(tmp_path: Path) -> None:
    assert set(imported(tmp_path, "neuron_pools.wide")["neuron_pools"]) >= {"extra"}
    assert "more" not in imported(tmp_path, "neuron_pools.wide")["neuron_pools"]


@pytest.mark.proves("top.import")
def test_import_by_tag_takes_items_of_all_sections_whole(tmp_path: Path) -> None:
    expanded = imported(tmp_path, "special")
    assert {"extra", "more"} <= set(expanded["neuron_pools"]) and "extra_more" in expanded["synapse_pools"]
    more = "".join(["tag_specs: {}\n"])
    expanded = imported(tmp_path, "special", more=more)
    assert expanded["neuron_pools"]["extra"] == {"shape": [1, 1, 1], "tags": ["wide", "special"]}


@pytest.mark.proves("top.import")
def test_import_of_definitions(tmp_path: Path) -> None:
    instance = "column: {c: {}}\npair: {p: {}}\n"
    pools = imported(tmp_path, "modules", more=instance)["neuron_pools"]
    assert {"c_n", "p_n"} <= set(pools)
    (warning,) = odd(graph(more="import: [[other, modules.column]]\ncolumn: {c: {}}\npair: {p: {}} #!\n"), tmp_path)
    says(warning, "", "pair", "unknown key")
    assert imported(tmp_path, "core_clients")["core_clients"]["schedule"]["decay"] == 0.5
    assert imported(tmp_path, "core_clients.schedule")["core_clients"]["schedule"]["plast"] == "learn"
    expanded = imported(tmp_path, "tag_specs.wide", "special")
    assert expanded["neuron_pools"]["extra"]["act"] == "tanh"


def test_a_definition_of_ones_own_is_kept(tmp_path: Path) -> None:
    more = "tag_specs: {wide: {act: softmax}}\n"
    assert imported(tmp_path, "tag_specs", "special", more=more)["neuron_pools"]["extra"]["act"] == "softmax"
    more = "modules: {column: {neuron_pools: {own: {shape: [2, 1, 1]}}}}\ncolumn: {c: {}}\n"
    assert "c_own" in imported(tmp_path, "modules", more=more)["neuron_pools"]


def test_local_globals_win(tmp_path: Path) -> None:
    write(tmp_path, "other", OTHER)
    text = graph(pools="    p: {shape: [size, only, 1]}", more="globals: {size: 3}\nimport: [[other, globals]]\n")
    assert load(text, tmp_path).shape("p") == (3, 2, 1)
    text = graph(pools="    p: {shape: [size, 1, 1]}", more="import: [[other, globals.size]]\n")
    assert load(text, tmp_path).shape("p") == (9, 1, 1)


def test_an_earlier_import_wins(tmp_path: Path) -> None:
    write(tmp_path, "other", OTHER)
    write(
        tmp_path, "third", "neuron_pools: {extra: {shape: [2, 2, 2], act: elu, gain_shape: full}}\nglobals: {size: 1}\n"
    )
    text = graph(
        pools="    p: {shape: [size, 1, 1]}",
        more="""
import: [[other, neuron_pools], [third, neuron_pools], [other, globals], [third, globals]]
""",
    )
    network = load(text, tmp_path)
    assert network.shape("extra") == (1, 1, 1) and network.items["extra"]["gain_shape"] == "full"
    assert network.shape("p") == (9, 1, 1)


def test_imports_are_resolved_in_the_imported_file_first(tmp_path: Path) -> None:
    write(tmp_path, "deep/low", "neuron_pools: {low: {shape: [2, 1, 1]}}\n")
    write(tmp_path, "deep/middle", "import: [[low, neuron_pools]]\nneuron_pools: {middle: {shape: [1, 1, 1]}}\n")
    network = load(graph(more="import: [[deep/middle, neuron_pools]]\n"), tmp_path)
    assert network.shape("low") == (2, 1, 1)


def test_where_imports_are_looked_for(tmp_path: Path) -> None:
    write(tmp_path / "a", "one", "neuron_pools: {near: {shape: [1, 1, 1]}}\n")
    write(tmp_path / "b", "one", "neuron_pools: {far: {shape: [1, 1, 1]}}\n")
    write(tmp_path / "b", "two", "neuron_pools: {far: {shape: [1, 1, 1]}}\n")
    text = graph(more="import: [[one, neuron_pools], [two, neuron_pools]]\n")
    network = load(text, tmp_path / "a", search=[tmp_path / "b"])
    assert {"near", "far"} <= set(network.neuron_pools)
    (finding,) = wrong(
        text.replace("two,", "three,").replace("]]\n", "]] #!\n"), tmp_path / "a", search=[tmp_path / "b"]
    )
    says(finding, "", "import", "'three.st_graph' is not there", str(tmp_path / "b"))


def test_import_loops(tmp_path: Path) -> None:
    write(tmp_path, "b", "import: [[c, neuron_pools]]\nneuron_pools: {}\n")
    write(tmp_path, "c", "import: [[net, neuron_pools]]\nneuron_pools: {}\n")
    with pytest.raises(GraphError) as caught:
        load(graph(more="import: [[b, neuron_pools]]\n"), tmp_path)
    (finding,) = caught.value.findings
    says(finding, "", "import", "in a circle: net.st_graph -> b.st_graph -> c.st_graph -> net.st_graph")
    assert finding.file == str(tmp_path / "c.st_graph") and finding.line == 1
    with pytest.raises(GraphError, match="in a circle"):
        load(graph(more="import: [[net, neuron_pools]]\n"), tmp_path)


def test_many_ways_to_one_file_are_read_once(tmp_path: Path) -> None:
    for level in range(18):
        lower = f"l{level + 1}"
        write(
            tmp_path,
            f"l{level}",
            f"import: [[{lower}, neuron_pools], [./{lower}, x], [{lower}, neuron_pools.x]]\nneuron_pools: {{}}\n",
        )
    write(tmp_path, "l18", "neuron_pools: {low: {shape: [1, 1, 1], tags: [x]}}\n")
    assert "low" in load(graph(more="import: [[l0, neuron_pools]]\n"), tmp_path).neuron_pools


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("[other]", ["[source, what]"]),
        ("other", ["[source, what]"]),
        ("[other, 5]", ["[source, what]"]),
        ("[nothere, neuron_pools]", ["'nothere.st_graph' is not there"]),
        ("[other, modules.colum]", ["no 'colum' in modules", "'column'"]),
        ("[other, globals.siz]", ["no 'siz' in globals", "'size'"]),
        ("[other, specal]", ["nothing in 'other' has the tag 'specal'", "'special'"]),
        ("[other, neuron_pool]", ["has the tag 'neuron_pool'", "'neuron_pools'"]),
        ("[other, neuron_pools.wid]", ["has the tag 'wid'", "'wide'"]),
    ],
)
def test_wrong_imports(tmp_path: Path, entry: str, words: list[str]) -> None:
    write(tmp_path, "other", OTHER)
    (finding,) = wrong(graph(more=f"import:\n    - {entry} #!\n"), tmp_path)
    says(finding, "", "import", *words)


def test_a_tag_that_no_item_can_have(tmp_path: Path) -> None:
    write(tmp_path, "other", "interfaces: {}\nmodules: {m: {interfaces: {i: {tags: [x]}}}}\nm: {one: {}}\n")
    (finding,) = wrong(graph(more="import: [[other, interfaces.x]] #!\n"), tmp_path)
    says(finding, "", "import", "has the tag 'x'; no item there has one")


def test_imports_that_are_no_list(tmp_path: Path) -> None:
    (finding,) = wrong(graph(more="import: other #!\n"), tmp_path)
    says(finding, "", "import", "found the text 'other'", "a list")


def test_findings_in_imported_files_name_them(tmp_path: Path) -> None:
    path = write(tmp_path, "other", "neuron_pools:\n    bad:\n        shape: [1, 1, 1]\n        act: tanhh\n")
    with pytest.raises(GraphError) as caught:
        load(graph(more="import: [[other, neuron_pools]]\n"), tmp_path)
    (finding,) = caught.value.findings
    assert (finding.file, finding.line) == (str(path), 4)
    says(finding, "bad", "act", "'tanhh' does not exist", f"imported by {tmp_path / 'net.st_graph'}:")
    write(tmp_path, "other", "neuron_pools: {a: b: c}\n")
    with pytest.raises(GraphError, match="not valid YAML") as caught:
        load(graph(more="import: [[other, neuron_pools]]\n"), tmp_path)
    assert caught.value.findings[0].file == str(path)
