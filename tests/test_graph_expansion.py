"""Import, modules, tag specs and globals, as the original made them; and places through them all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from graph_texts import HEAD, graph, load, odd, says, wrong

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


# --- import ---


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.st_graph"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


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


def test_import_of_a_section_fills_items_parameter_by_parameter(tmp_path: Path) -> None:
    pools = imported(tmp_path, "neuron_pools")["neuron_pools"]
    assert pools["image"] == {"shape": [3, 8, 8], "act": "relu", "dropout": 0.5}
    assert list(pools)[-2:] == ["extra", "more"]


def test_import_of_a_section_by_tag(tmp_path: Path) -> None:
    assert set(imported(tmp_path, "neuron_pools.wide")["neuron_pools"]) >= {"extra"}
    assert "more" not in imported(tmp_path, "neuron_pools.wide")["neuron_pools"]


def test_import_by_tag_takes_items_of_all_sections_whole(tmp_path: Path) -> None:
    expanded = imported(tmp_path, "special")
    assert {"extra", "more"} <= set(expanded["neuron_pools"]) and "extra_more" in expanded["synapse_pools"]
    more = "".join(["tag_specs: {}\n"])
    expanded = imported(tmp_path, "special", more=more)
    assert expanded["neuron_pools"]["extra"] == {"shape": [1, 1, 1], "tags": ["wide", "special"]}


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


# --- modules ---

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


# --- tag specs ---


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
