"""Whatever one does to a graph, loading it yields a network or a GraphError, and nothing else."""

from __future__ import annotations

import copy
import datetime
from collections import OrderedDict, UserDict, UserList, UserString
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph_texts import CATALOGUE, graph
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
    ),
    graph(
        pools="    rn_image: {shape: [1, 8, 8]}\n    rn_pred: {shape: [size * 2, 1, 1], tags: [x]}",
        synapses="""
    seen: {source: [[rn_image]], target: hidden, rf: 3, init W_0_0: normal_0_1, min W_0_0: -1, max W_0_0: 1}
    mixed: {source: [[hidden], [point]], target: hidden, M: [8, 1], avgout: 2, func: '$00 * B.sum($10)'}
    moved: {source: [[image], [grid]], target: image, tags: [TRANSFORMER]}
    placed: {source: [[image], [zoom], [where]], target: image, tags: [TRANSFORMER], pact: [[Id], [exp], [tanh]]}
    shrunk: {source: [[image]], target: small, pool: [max, 2, 2, same], ACT: tanh}
""",
        plasticities="    minus: {type: loss, loss_function: minimize, source: hidden, source_t: 1,"
        " lr: rate, parameter: [[np, hidden, b]], optimizer: rmsprop, samples: 5}",
        interfaces="    eye: {type: roman_numerals, in: [rn_pred], out: [rn_image], min_duration: 2}",
        more="""
globals: {rate: 2 * size, size: 5}
modules:
    cell:
        neuron_pools: {a: {shape: _shape, tags: [x]}, b: {shape: [4, 4, 4], device: 'cpu:1'}}
        synapse_pools:
            up: {source: [[a, _from], [b]], target: b, rf: [[3, 1], [1]]}
            twin: {source: [[a]], target: b, rf: 3, share params: {W_0_0: [up, W_0_0]}}
        plasticities:
            fit: {type: loss, loss_function: MAE, source: b, source_t: 1, target: hidden, target_t: 0,
                  parameter: [[sp, up, W_0_0], [np, b, b]]}
        interfaces: {i: {type: random, out: [random], in: [], remap: {random: a}}}
        core_clients: {c: {type: lr_scheduler, plast: fit}}
cell:
    one: {shape: [2, 8, 8], from: point}
    two: {shape: [2, 4, 4], from: one_b}
tag_specs: {x: {act: tanh, noise: normal, noise std: 0.5}}
import: []
seed: 3
""",
    ).replace(
        "    point:",
        "    grid: {shape: [2, 8, 8]}\n    zoom: {shape: [1, 1, 1]}\n"
        "    where: {shape: [2, 1, 1]}\n    small: {shape: [3, 4, 4], binary: true}\n    point:",
    ),
]

RESERVED = [
    "name", "agents", "backend", "seed", "info", "neuron_pools", "synapse_pools", "plasticities", "interfaces",
    "core_clients", "import", "modules", "tag_specs", "globals", "external_models", "__source_root__",
    "np", "sp", "plast", "if", "cc", "tags", "type", "source", "target", "mask", "parameter", "optimizer", "shape",
    "rf",
    "share params", "source_t", "target_t", "in", "out", "remap", "period", "period offset", "period_offset", "device",
    "unshare", "init W_0_0", "init ", "init", "min W_0_0", "max W_0_0", "noise", "noise mean", "noise_mean",
    "M", "func", "pool", "same", "avg", "binary", "TRANSFORMER", "settings", "<dict>",
]  # fmt: skip
WORDS = [
    "image", "hidden", "point", "learn", "None", "full", "loss", "_x", "x", "size", "$", "$00", "B.tanh($)", "a.b", "",
    " ", ".", "_", "W_0_0", "W_0_1", "b", "b_0", "adam", "9**9**9", "1e999", "cpu:1", "gpu:x", "normal", "id_2", "id_",
    "hebbian", "MSE", "ü", "²", "\ud800", "\0", "\u202e", "a" * 300, *RESERVED,
]  # fmt: skip
NUMBERS = [
    0, 1, -1, 2, 3, 2**31 - 1, 2**31, -(2**31), 2**63, 10**30, 10**400, -(10**4200), 0.0, -0.0, 0.5, 4.0, 1e-45, 1e39,
    1e308, float("inf"), -float("inf"), float("nan"), True, False, None,
]  # fmt: skip
FOREIGN = [
    b"", b"loss", bytearray(b"x"), {1, 2}, frozenset({"a"}), datetime.date(2001, 1, 1), datetime.timedelta(1), 1j,
    Decimal("1.5"), Decimal("NaN"), Fraction(3, 2), Fraction(10**400), range(3), (1, 2), object(), Path("x"),
    np.float32(0.5), np.int64(3), np.bool_(True), np.str_("image"), np.zeros(3), np.array(4),
    {1: 2}, {None: 1}, {(1,): 1}, {b"a": 1}, OrderedDict(), UserDict(a=1), UserList([1]), UserString("image"),
    MappingProxyType({"a": 1}), Ellipsis, int, len, iter([]),
]  # fmt: skip
"""What Python has and YAML has not; a graph as a dict may hold any of it."""

SCALARS = (
    st.sampled_from(WORDS)
    | st.sampled_from(NUMBERS)
    | st.text(max_size=8)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.none()
)
VALUES = st.recursive(
    SCALARS | st.sampled_from(FOREIGN).map(lambda value: dict(value) if isinstance(value, dict) else value),
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


KINDS = ["replace", "delete", "add", "rename", "double", "name", "swap"]


def _mutate(data: st.DataObject, tree: Any, places: list[tuple[Any, ...]]) -> None:
    path = data.draw(st.sampled_from(places))
    whole = tree
    for key in path[:-1]:
        tree = tree[key] if isinstance(tree, dict) and key in tree else tree
        if isinstance(tree, list) and isinstance(key, int) and key < len(tree):
            tree = tree[key]
    _change(data, tree, path[-1], data.draw(st.sampled_from(KINDS)), _names(whole))


def _change(data: st.DataObject, tree: Any, key: Any, kind: str, names: list[str]) -> None:
    words = st.sampled_from(WORDS + names)
    if isinstance(tree, dict):
        if kind == "delete":
            tree.pop(key, None)
        elif kind == "rename":
            tree[data.draw(words)] = tree.pop(key, None)
        elif kind == "name":
            tree[key] = data.draw(words)
        elif kind == "double":
            tree[data.draw(words)] = tree.get(key)
        elif kind == "swap":
            tree[key] = tree.get(data.draw(st.sampled_from(sorted(tree, key=str) or [""])))
        else:
            tree[key if kind == "replace" else data.draw(words | st.sampled_from([None, 1, True, (), 1.5]))] = (
                data.draw(VALUES)
            )
    elif isinstance(tree, list):
        if kind == "delete" and tree:
            tree.pop()
        elif kind in ("replace", "name") and isinstance(key, int) and key < len(tree):
            tree[key] = data.draw(VALUES if kind == "replace" else words)
        else:
            tree.append(data.draw(VALUES))


def _names(tree: Any) -> list[str]:
    """The names of all items."""
    sections = [each for each in tree.values() if isinstance(each, dict)] if isinstance(tree, dict) else []
    return sorted({name for section in sections for name in section if isinstance(name, str)})


def _network_or_findings(source: Any, **options: Any) -> None:
    try:
        network = load_graph(source, catalogue=CATALOGUE, **options)
    except GraphError as error:
        assert error.findings and all(finding.message for finding in error.findings)
        assert all(part.isprintable() for finding in error.findings for part in finding[2:])
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
    network.replace(agents=2)
    for pool in network.neuron_pools:
        assert len(network.structure.clever_sort(pool)) == len(network.neuron_pools)
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


PIECES = [
    "\t", "&a ", "*a", "!!python/object:os.system ", "!!binary aGVsbG8=", "!!set {a, b}", "!!timestamp ", "2001-12-14",
    "2001-12-14t21:59:43.10-05:00", "0x1F", "0o17", "0b1", "1_000", "1:30", "-.inf", ".nan", "-0", "+1", "1e-4",
    "1e400", "9" * 500, "{", "}", "[", "]", ": ", "\n", "\r\n", "\r", "\n    ", "- ", "'", '"', "#", "? ",
    "%YAML 1.1\n---\n", "|\n", ">-\n", "---\n", "...\n", "<<: ", "~", "\ufeff", "\x00", "\x85", "\u2028", "''",
    '""', "[[]]", "{}", "null",
]  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_mutated_text(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    for _ in range(data.draw(st.integers(1, 4))):
        at, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
        end = data.draw(st.sampled_from([at, min(at + 3, len(text)), end]))
        piece = data.draw(st.sampled_from(PIECES) | st.sampled_from(WORDS) | st.text(max_size=4))
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
