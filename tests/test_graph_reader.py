"""Reading: YAML 1.2 scalars, line numbers, and files that are no graphs."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from graph_texts import CATALOGUE, HEAD, graph, load, says, wrong
from statestream.graph import GraphError, load_graph
from statestream.graph.reader import scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4), ("1E5", 1e5), ("-.5", -0.5), ("1.", 1.0), ("+3", 3), ("010", 10), ("0o10", 8), ("0x1F", 31),
        ("-0x10", -16),
        ("true", True), ("False", False), ("TRUE", True), ("yes", "yes"), ("no", "no"), ("on", "on"),
        ("off", "off"), ("tRue", "tRue"),
        ("null", None), ("~", None), ("", None), ("None", "None"), ("1:30", "1:30"), ("2001-12-14", "2001-12-14"),
        ("1_000", "1_000"),
        ("-", "-"), (".", "."), ("e5", "e5"), ("1e", "1e"), ("0x", "0x"), ("0b12", "0b12"), (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("<<", "<<"), ("=", "="), ("1" * 500, "1" * 500),
    ],
)  # fmt: skip
def test_scalars_by_the_rules_of_yaml_1_2(text: str, value: object) -> None:
    assert scalar(text) == value and type(scalar(text)) is type(value)


def test_not_a_number() -> None:
    assert math.isnan(scalar(".nan"))


def test_numbers_without_a_dot_are_numbers_and_none_is_a_text(tmp_path: Path) -> None:
    text = graph(plasticities="    p: {type: L_regularizer, L2: 1e-3, lr: 1e-4, parameter: [[np, point, b]]}")
    assert load(text, tmp_path).items["p"]["lr"] == 1e-4
    text = graph(pools="    p: {shape: [1, 1, 1], bias_shape: False, noise: None, dropout: ~}")
    pool = load(text, tmp_path).items["p"]
    assert pool["bias_shape"] is False and pool.get("noise") is None and "noise" not in pool and "dropout" not in pool


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty: no dictionary"),
        ("# only a comment\n", "the file is empty: no dictionary"),
        ("---\n", "no dictionary"),
        ("name: a\nagents:\n\t- 1 #!\n", "not valid YAML"),
        ("name: a\nagents: [1, 2 #!\n", "not valid YAML"),
        ("name: 'a #!\n", "not valid YAML"),
        ("name: a\x00b\n", "not valid YAML"),
        ("name: a: b #!\n", "not valid YAML"),
        ("name: @a #!\n", "not valid YAML"),
        ("name: a\n--- #!\nname: b\n", "second YAML document"),
    ],
)
def test_texts_that_are_no_graphs(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "net.st_graph"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(GraphError) as caught:
        load_graph(path, catalogue=CATALOGUE)
    finding = next(each for each in caught.value.findings if message in each.message)
    assert finding.file == str(path) and finding.line is not None and finding.line >= 1
    marked = [number for number, line in enumerate(text.splitlines(), 1) if "#!" in line]
    if marked:
        assert abs(finding.line - marked[0]) <= 1, finding


@pytest.mark.parametrize("data", [b"name: \xff\n", b"name: n\nagents: 4\n\n# \xc3(\n", b"\xff\xfen\x00a\x00"])
def test_bytes_that_are_no_text(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "net.st_graph"
    path.write_bytes(data)
    with pytest.raises(GraphError) as caught:
        load_graph(path, catalogue=CATALOGUE)
    (finding,) = caught.value.findings
    says(finding, "", "", "is not valid UTF-8")
    assert finding.line == data.count(b"\n", 0, data.find(b"\xc3") if b"\xc3" in data else 0) + 1


def test_a_byte_order_mark_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "net.st_graph"
    path.write_bytes(b"\xef\xbb\xbf" + graph().encode())
    assert load_graph(path, catalogue=CATALOGUE).name == "test"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, message in [
        (tmp_path / "missing.st_graph", "No such file"),
        (tmp_path, "Is a directory"),
        (tmp_path / "pipe", "no regular file"),
        (Path("/dev/zero"), "no regular file"),
        (tmp_path / ("long" * 200), "cannot be read"),
        (Path("a\0b"), "cannot be read"),
    ]:
        with pytest.raises(GraphError, match=message) as caught:
            load_graph(str(path), catalogue=CATALOGUE)
        assert caught.value.findings[0].file == str(path) and caught.value.findings[0].line is None


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.st_graph"
    path.write_bytes(b"#" * (5 * 2**20))
    with pytest.raises(GraphError, match="larger than 4 MiB"):
        load_graph(path, catalogue=CATALOGUE)


def test_duplicate_keys(tmp_path: Path) -> None:
    text = graph(
        pools="    p:\n        shape: [1, 1, 1]\n        act: tanh\n        act: relu #!\n"
        "    image: {shape: [1, 1, 1]} #!"
    )
    first, second = wrong(text, tmp_path)
    says(first, "", "act", "the key 'act' is here twice", "line 11")
    says(second, "", "image", "'image' is here twice", "line 4")


@pytest.mark.parametrize("key", ["1", "2.5", "true", "null", "~", "[a]", "{a: b}", ""])
def test_keys_that_are_no_texts(tmp_path: Path, key: str) -> None:
    (finding,) = wrong(
        graph(pools=f"    p:\n        shape: [1, 1, 1]\n        ? {key}\n        : 5").replace(
            f"? {key}\n", f"? {key} #!\n"
        ),
        tmp_path,
    )
    says(finding, "", "", "as a key; a key must be a text")


def test_anchors_aliases_and_tags(tmp_path: Path) -> None:
    text = graph(
        pools="""
    p: &pool {shape: [1, 1, 1]} #!
    q: *pool #!
    r: {shape: !!python/tuple [1, 1, 1]} #!
    s: {shape: [1, 1, 1], act: !!python/object/apply:os.system [ls]} #!
    t: {shape: [1, 1, 1], tags: &t [*t]} #!
"""
    )
    messages = [finding.message for finding in wrong(text, tmp_path)]
    assert any("an anchor (&) named 'pool'" in each and "modules, tag_specs" in each for each in messages)
    assert any("an alias (*) named 'pool'" in each for each in messages)
    assert sum("the YAML tag" in each for each in messages) == 2
    assert any("an alias (*) named 't'" in each for each in messages)


def test_a_billion_laughs(tmp_path: Path) -> None:
    lines = ["a0: &a0 [ha, ha]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    with pytest.raises(GraphError, match="an alias"):
        load(HEAD + "\n".join(lines), tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 50_000,
        "- " * 50_000,
        "? " * 20_000,
        "a:\n" + "".join(" " * i + "a:\n" for i in range(1, 2000)),
    ],
)
def test_deep_nesting(tmp_path: Path, text: str) -> None:
    with pytest.raises(GraphError, match=r"nested deeper than 40|not valid YAML"):
        load("name: n\nagents: " + text if not text.startswith(("- ", "? ", "a:")) else text, tmp_path)


def test_a_dict_that_holds_itself() -> None:
    source: dict[str, object] = {"name": "n"}
    source["agents"] = source
    with pytest.raises(GraphError, match="nested deeper"):
        load(source)
    wide: list[object] = [1]
    for _ in range(30):
        wide = [wide] * 10
    with pytest.raises(GraphError, match="more than 400000 values"):
        load({"name": "n", "agents": wide})


def test_values_of_other_types_in_a_dict() -> None:
    numpy = pytest.importorskip("numpy")
    source = {
        "name": "n",
        "agents": numpy.int64(4), "neuron_pools": {"a": {"shape": (2, 1, 1), "dropout": numpy.float32(0.5)}},
        "synapse_pools": {}, "plasticities": {}, "interfaces": {},
    }  # fmt: skip
    network = load(source)
    assert network.agents == 4 and network.items["a"]["dropout"] == 0.5
    source["neuron_pools"]["a"]["act"] = object()  # type: ignore[index]
    source["neuron_pools"][3] = {}  # type: ignore[index]
    first, second = wrong(source)
    assert "found a value of type object" in first.message + second.message
    assert "found the number 3 as a key" in first.message + second.message


def test_the_text_is_kept(tmp_path: Path) -> None:
    text = "# a comment\n" + graph()
    network = load(text, tmp_path)
    assert network.text == text and network.path == str(tmp_path / "net.st_graph")
