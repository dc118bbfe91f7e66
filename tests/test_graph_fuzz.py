"""Whatever one does to a graph, loading it yields a network or a GraphError, and nothing else."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from graph_texts import CATALOGUE, graph
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statestream.graph import Expression, ExpressionError, GraphError, Network, arithmetic, load_graph, parse

TESTS = Path(__file__).resolve().parent
FILES = [TESTS.parent / "examples" / "demo.st_graph", *sorted(TESTS.glob("oracle/*/net.st_graph"))]
TEXTS = [path.read_text(encoding="utf-8") for path in FILES] + [
    graph(
        pools="    odd: {shape: [2, 8, 1], noise: normal, noise std: 0.5, unshare: [b], tags: [x]}",
        synapses="""
    many:
        source: [[image, hidden], [point]]
        target: hidden
        rf: [[3, 1], [1]]
        act: [tanh, 'B.relu($, thresh=0.5)']
        bias_shapes: [full, None]
        weight_shapes: [[full, feature], [scalar]]
        ppp: [[2, 0], [0]]
        tags: [x]
    twin: {source: [[image]], target: hidden, rf: 3, share params: {W_0_0: [image_hidden, W_0_0]}}
    far: {source: [[image]], target: odd, func: '$00 * 2'}
""".replace("    far: {source: [[image]], target: odd, func: '$00 * 2'}\n", ""),
        plasticities="""
    decay: {type: L_regularizer, parameter: [[sp, many, W_0_0]], L2: 1e-3}
    corr: {type: hebbian, modus: hebbian, source: hidden, target: point, parameter: [[sp, hidden_point, W_0_0]]}
""",
        interfaces="    rnd: {type: random, out: [random], in: [], remap: {random: image}}",
        more="""
core_clients:
    schedule: {type: lr_scheduler, plast: learn, decay: 0.5}
globals: {size: 4, rate: 0.5}
tag_specs:
    x: {period: 2}
external_models: {other: {type: keras, model_file: a.h5}}
""",
    )
]

WORDS = [
    "image", "hidden", "point", "learn", "None", "full", "loss", "_x", "x", "size", "$", "$00", "B.tanh($)", "a.b",
    "", "np",
    "sp", "W_0_0", "adam", "9**9**9", "1e999", "cpu:1", "gpu:x", "normal", "id_2", "hebbian", "MSE", "ü", "\ud800",
    "neuron_pools",
    "tags", "type", "source", "target", "parameter", "shape", "rf", "modules", "import", "globals", "share params",
    "source_t",
]  # fmt: skip

SCALARS = (
    st.sampled_from(WORDS)
    | st.text(max_size=8)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.none()
    | st.sampled_from([10**30, -1, 0, 1, 2, 3, 10**400, float("inf")])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)


def _plain(text: str) -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(text)


TREES = [_plain(text) for text in TEXTS]


def _places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        found += _places(value, (*path, key))
    return found


PLACES = [_places(tree)[1:] for tree in TREES]


def _mutate(data: st.DataObject, tree: Any, places: list[tuple[Any, ...]]) -> None:
    path = data.draw(st.sampled_from(places))
    for key in path[:-1]:
        tree = tree[key] if isinstance(tree, dict) and key in tree else tree
        if isinstance(tree, list) and isinstance(key, int) and key < len(tree):
            tree = tree[key]
    key = path[-1]
    kind = data.draw(st.sampled_from(["replace", "delete", "add", "rename", "double"]))
    if isinstance(tree, dict):
        if kind == "delete":
            tree.pop(key, None)
        elif kind == "rename":
            tree[data.draw(st.sampled_from(WORDS))] = tree.pop(key, None)
        elif kind == "double":
            tree[data.draw(st.sampled_from(WORDS))] = copy.deepcopy(tree.get(key))
        else:
            tree[key if kind == "replace" else data.draw(st.sampled_from(WORDS))] = data.draw(VALUES)
    elif isinstance(tree, list):
        if kind == "delete" and tree:
            tree.pop()
        elif kind == "replace" and isinstance(key, int) and key < len(tree):
            tree[key] = data.draw(VALUES)
        else:
            tree.append(data.draw(VALUES))


def _network_or_findings(source: Any, **options: Any) -> None:
    try:
        network = load_graph(source, catalogue=CATALOGUE, **options)
    except GraphError as error:
        assert error.findings and all(finding.message for finding in error.findings)
        return
    _exercise(network)


def _exercise(network: Network) -> None:
    """A network that was accepted holds what it promises."""
    for pool in network.neuron_pools:
        assert len(network.shape(pool)) == 3
        network.incoming(pool)
    for plasticity in network.plasticities:
        assert network.rollout(plasticity).depth >= 0
    assert CATALOGUE.parameter_shapes is not None
    for item in network.items:
        for name in CATALOGUE.parameter_shapes(network, item):
            network.parameter_owner(item, name)
    network.groups()
    again = load_graph(network.expanded(), catalogue=CATALOGUE)
    assert again.expanded() == network.expanded() or "nan" in str(network.expanded())
    assert Network.from_json(network.to_json()).to_json() == network.to_json()


@pytest.mark.parametrize("number", range(len(TREES)))
def test_the_unchanged_graphs_load(number: int) -> None:
    _exercise(load_graph(TREES[number], catalogue=CATALOGUE))


@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_mutated_structure(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(TREES) - 1))
    tree = copy.deepcopy(TREES[number])
    for _ in range(data.draw(st.integers(1, 4))):
        _mutate(data, tree, PLACES[number])
    _network_or_findings(tree)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_mutated_text(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    for _ in range(data.draw(st.integers(1, 4))):
        at, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
        end = data.draw(st.sampled_from([at, min(at + 3, len(text)), end]))
        piece = data.draw(
            st.sampled_from(
                [
                    "\t",
                    "&a ",
                    "*a",
                    "!!python/object:os.system ",
                    "{",
                    "}",
                    "[",
                    ": ",
                    "\n",
                    "- ",
                    "'",
                    "#",
                    "? ",
                    "%",
                    "|\n",
                ]
            )
            | st.sampled_from(WORDS).filter(str.isascii)
            | st.text(max_size=4)
        )
        text = text[:at] + piece + text[end:]
    path = tmp_path_factory.mktemp("fuzz") / "net.st_graph"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    _network_or_findings(path)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.binary(max_size=60))
def test_any_bytes(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("bytes") / "net.st_graph"
    path.write_bytes(data)
    _network_or_findings(path)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    overrides=st.dictionaries(
        st.sampled_from(["hidden_loss.lr", "hidden1.shape", "a.b", "x", "hidden1.act"]) | st.text(max_size=9), VALUES
    )
)
def test_any_settings(overrides: dict[str, Any]) -> None:
    _network_or_findings(TREES[0], settings=overrides)


TOKENS = [
    "$",
    "$00",
    "1",
    "2.5",
    "(",
    ")",
    ",",
    "+",
    "-",
    "*",
    "**",
    "/",
    "//",
    "%",
    "B.",
    "relu",
    "sum",
    "=",
    "axis",
    "[",
    "]",
    "'a'",
    " ",
]


@settings(max_examples=500, deadline=None, derandomize=True)
@given(text=st.lists(st.sampled_from(TOKENS), max_size=14).map("".join) | st.text(max_size=20))
def test_any_expression(text: str) -> None:
    try:
        assert isinstance(parse(text), Expression)
    except ExpressionError as error:
        assert str(error)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    text=st.text("0123456789.e+-*/%() ", max_size=20)
    | st.lists(st.sampled_from(["9", "**", "(", ")", "int", "max", ",", "1e308", "*"]), max_size=12).map("".join)
)
def test_any_arithmetic(text: str) -> None:
    try:
        assert isinstance(arithmetic(text), int | float)
    except ExpressionError as error:
        assert str(error)
