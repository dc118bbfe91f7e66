"""Spatial transformers: by hand, against a second computation, gradients to maps and positions, the graph's checks."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from graph_texts import graph, load, odd, says, wrong
from numerics_networks import compute, draw, loss, network, start, state
from numerics_reference import Reference
from numerics_reference_kinds import transformed
from statestream.catalogue import default_catalogue
from statestream.graph import load_graph
from statestream.numerics.arrays import array_table
from statestream.numerics.step import Step

pytestmark = pytest.mark.proves("sp.TRANSFORMER")
ENGINES = ["numpy", *(pytest.param(name, marks=pytest.mark.slow) for name in ("tensorflow", "theano"))]

MAP = (10 * np.arange(3)[:, None] + np.arange(4.0))[None, None]  # pixel (i, j) is 10 i + j; X 3, Y 4


def grid(x, y):
    """Positions [1, 2, X', Y'] of lists of lists."""
    return np.stack([np.array(x, float), np.array(y, float)])[None]


def column(*values):
    return np.array(values, float).reshape(1, -1, 1, 1)


# name: map, what says where, what comes out
BY_HAND = {
    # x 3, y 4: pixels (1, 2) and (0.5, 1.25)
    "grid": (MAP, [grid([[1 / 3, 1 / 6]], [[2 / 4, 1.25 / 4]])], [[12, 6.25]]),
    "grid_identity": (
        MAP,
        [grid(np.repeat(np.arange(3)[:, None] / 3, 4, 1), np.repeat(np.arange(4)[None] / 4, 3, 0))],
        MAP[0, 0],
    ),
    "beyond_is_the_border": (MAP, [grid([[-1, 2, 1, 0.5]], [[-0.1, 9, 0.25, 1]])], [[0, 23, 21, 18]]),
    "grid_of_other_form": (MAP, [grid([[1 / 3]] * 3, [[0], [1 / 4], [1.5 / 4]])], [[10], [11], [11.5]]),
    "grid_of_one_pixel": (MAP, [grid([[2 / 3]], [[3 / 4]])], [[23]]),
    "one_pixel_map": (MAP[:, :, :1, :1] + 7, [grid([[0.3, 2]], [[0.9, -1]])], [[7, 7]]),
    "affine_identity": (MAP, [column(1, 0, 0, 0, 1, 0)], MAP[0, 0]),
    "affine_mirrored": (MAP, [column(-1, 0, 0, 0, 1, 0)], MAP[0, 0, ::-1]),
    "affine_shifted": (MAP, [column(1, 0, 1, 0, 1, 0)], [MAP[0, 0, 1], MAP[0, 0, 2], MAP[0, 0, 2]]),
    "affine_zoomed": (MAP, [column(0, 0, -1, 0, 0, 1)], np.full((3, 4), 3.0)),
    "affine_turned": (MAP[:, :, :, :3], [column(0, 1, 0, 1, 0, 0)], MAP[0, 0, :, :3].T),
    "affine_to_more": (MAP[:, :, :, :2], [column(1, 0, 0, 0, 1, 0)], [[0, 1], [5, 6], [10, 11], [15, 16], [20, 21]]),
    "affine_to_a_pixel": (MAP, [column(9, 9, 0, 9, 9, 1 / 3)], [[12]]),
    # canvas 3 x 4, window 2 x 2: from -1 to 1 around (1.5, 2)
    "canvas": (MAP, [column(1), column(0, 0)], [[6, 8], [21, 23]]),
    "canvas_scaled": (MAP, [column(0.5), column(0, 0)], [[11.5, 12.5], [21.5, 22.5]]),
    "canvas_moved": (MAP, [column(0), column(-1, 1)], np.full((2, 2), 7.5 + 3)),
    "canvas_of_a_pixel": (MAP, [column(5), column(0, 0.5)], [[17.5]]),
}  # fmt: skip


def named(kind, number):
    return f"{kind}{number}"


@functools.cache
def by_hand(backend):
    """All cases in one network."""
    pools, synapses, values = {}, {}, {}
    for n, (source, controls, wanted) in enumerate(BY_HAND.values()):
        pools[named("m", n)] = {"shape": list(source.shape[1:])}
        pools[named("t", n)] = {"shape": [1, *np.shape(wanted)]}
        values[named("m", n), "state", ""] = source.astype(np.float32)
        for i, control in enumerate(controls):
            pools[named(f"c{i}_", n)] = {"shape": list(control.shape[1:])}
            values[named(f"c{i}_", n), "state", ""] = control.astype(np.float32)
        rows = [[named("m", n)], *([named(f"c{i}_", n)] for i in range(len(controls)))]
        synapses[named("s", n)] = {"source": rows, "target": named("t", n), "tags": ["TRANSFORMER"]}
    net = network(pools, synapses, agents=1)
    assert not [spec for spec in array_table(net) if spec.key[0] in synapses]  # nothing is allocated
    return compute(net, {**start(net), **values}, backend=backend)


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("backend", ENGINES)
def test_by_hand(backend, name):
    number, (source, controls, wanted) = list(BY_HAND).index(name), BY_HAND[name]
    found = state(by_hand(backend), named("t", number))[0, 0]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-5)
    np.testing.assert_allclose(transformed(source, controls, np.shape(wanted))[0, 0], wanted, atol=1e-9)


# --- with everything around, and gradients --------------------------------------------------------------------------

CONTROLS = {"grid": ([2, 3, 5],), "affine": ([6, 1, 1],), "canvas": ([1, 1, 1], [2, 1, 1])}


@functools.cache
def trained(form):
    """(network, values) of a transformer whose map, positions and all are computed from trained weights."""
    controls = {f"c{i}": {"shape": shape, "act": "tanh"} for i, shape in enumerate(CONTROLS[form])}
    pools = {"z": {"shape": [3, 1, 1]}, "m": {"shape": [2, 6, 4]}, **controls, "t": {"shape": [2, 3, 5]}}
    synapses = {f"z_{name}": {"init W_0_0": "normal_0_0.5"} for name in ("m", *controls)}
    for name in ("m", *controls):  # a bias that differs from pixel to pixel
        pools[name] |= {"bias_shape": "full", "init b": "normal"}
    synapses["move"] = {
        "source": [["m"], *([name] for name in controls)],
        "target": "t",
        "tags": ["TRANSFORMER"],
        "pact": [["square"], *(["sigmoid"] for _ in controls)],
        "ACT": "tanh",
        "noise": "normal",
        "noise_std": 0.1,
    }
    entries = [["sp", f"z_{name}", "W_0_0"] for name in ("m", *controls)]
    entries += [["np", name, "b"] for name in ("m", *controls)]
    net = network(pools, synapses, {"l": loss("t", 2, entries, "MSE", target="t", target_t=0)}, agents=3)
    return net, start(net)


@pytest.mark.parametrize("form", CONTROLS)
@pytest.mark.parametrize("backend", ENGINES)
def test_gradients_to_the_map_and_to_what_says_where(backend, form):
    net, values = trained(form)
    outputs = compute(net, values, backend=backend)
    reference = Reference(net, values, draw(Step(net, [*net.neuron_pools, "l"])), 0)
    np.testing.assert_allclose(state(outputs, "t"), reference.next_state("t"), rtol=1e-5, atol=1e-5)
    assert outputs["l", "variable", "loss1"] == pytest.approx(reference.losses("l")[1], rel=1e-5)
    for kind, item, parameter in net.plasticities["l"]["parameter"]:
        gradient = outputs["l", "variable", f"grad.{kind}.{item}.{parameter}"]
        assert np.abs(gradient).max() > 1e-4, item
        for place in list(np.ndindex(gradient.shape))[:: max(gradient.size // 4, 1)]:
            slope = reference.slope("l", (item, "parameter", parameter), place)
            if slope is not None:
                assert gradient[place] == pytest.approx(slope, rel=2e-3, abs=1e-4 * float(np.abs(gradient).max())), item


def test_what_is_no_number_stays_none():
    """A NaN among the positions gives NaN there, and nothing else."""
    pools = {"m": {"shape": [2, 3, 3]}, "c": {"shape": [2, 2, 1]}, "t": {"shape": [2, 2, 1]}}
    net = network(pools, {"s": {"source": [["m"], ["c"]], "target": "t", "tags": ["TRANSFORMER"]}}, agents=1)
    values = start(net)
    values["c", "state", ""] = np.array([[[[np.nan], [0.5]], [[0.5], [0.5]]]], np.float32)
    assert np.isnan(state(compute(net, values), "t")).tolist() == [[[[True], [False]], [[True], [False]]]]


@pytest.mark.parametrize("backend", ENGINES)
def test_an_old_graph_is_computed(backend):
    path = Path(__file__).parent / "old_graphs" / "transformer.st_graph"
    net = load_graph(path, catalogue=default_catalogue(), agents=2)
    values = start(net)
    shape = (2, 1, 32, 32)
    x, y = (np.broadcast_to(one / 32, shape) for one in np.indices((32, 32)))
    values["tcf10_transform", "state", ""] = np.ascontiguousarray(np.concatenate([x, y], 1), np.float32)
    values["tcf10_crop", "state", ""] = values["tcf10_transform", "state", ""][:, :, 8:24, 4:20].copy()
    outputs, image = compute(net, values, backend=backend), values["tcf10_image", "state", ""]
    np.testing.assert_allclose(state(outputs, "moved"), image, atol=1e-5)
    np.testing.assert_allclose(state(outputs, "cropped"), image[:, :, 8:24, 4:20], atol=1e-5)


# --- the graph ------------------------------------------------------------------------------------------------------

POOLS = """
    large: {shape: [3, 6, 4]}
    narrow: {shape: [2, 6, 4]}
    theta: {shape: [6, 1, 1]}
    scale: {shape: [1, 1, 1]}
    place: {shape: [2, 1, 1]}
    huge: {shape: [3, 8192, 4096]}
    t: {shape: [3, 6, 4]}
"""


def text(source, more="", target="t"):
    lines = f"    s:\n        source: {source}\n        target: {target}\n        tags: [TRANSFORMER]\n{more}"
    return graph(pools=POOLS, synapses=lines)


@pytest.mark.parametrize(
    "source", ["[[large], [narrow]]", "[[image], [narrow]]", "[[large], [theta]]", "[[image], [scale], [place]]"]
)
def test_what_a_transformer_is(tmp_path: Path, source: str) -> None:
    assert not load(text(source), tmp_path).warnings


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("[[large]] #!", ["2 factors (map, positions) or 3", "found 1"]),
        ("[[large], [narrow], [scale], [place]] #!", ["found 4"]),
        ("[[large, large], [narrow]] #!", ["found 2 inputs in a factor", "one in each"]),
        ("[[narrow], [narrow]] #!", ["'narrow' has 2 features and the target 't' 3"]),
        ("[[large], [place]] #!", ["'place' has shape [2, 1, 1]", "[2, 6, 4] (positions) or [6, 1, 1] (theta)"]),
        ("[[large], [large]] #!", ["'large' has shape [3, 6, 4]"]),
        ("[[large], [place], [place]] #!", ["'place' has shape [2, 1, 1]", "[1, 1, 1] (scale)"]),
        ("[[large], [scale], [scale]] #!", ["'scale' has shape [1, 1, 1]", "[2, 1, 1] (position)"]),
        ("[[huge], [narrow]] #!", ["'huge' has 33554432 pixels", "at most 16777216"]),
    ],
)
def test_what_is_no_transformer(tmp_path: Path, source: str, words: list[str]) -> None:
    (finding,) = wrong(text(source), tmp_path)
    says(finding, "s", "source", *words)


@pytest.mark.parametrize("line", ["rf: [[3], [1]]", "act: [tanh, tanh]", "M: [3, 1]", "bias_shapes: [full, full]"])
def test_weights_have_no_effect(tmp_path: Path, line: str) -> None:
    key = line.partition(":")[0]
    (warning,) = odd(text("[[large], [narrow]]", f"        {line} #!\n"), tmp_path)
    says(warning, "s", key, f"'{key}' has no effect", "a spatial transformer has no weights")


def test_start_values_of_weights_have_no_effect(tmp_path: Path) -> None:
    (warning,) = odd(text("[[large], [narrow]]", "        init W_0_0: 1 #!\n"), tmp_path)
    says(warning, "s", "init W_0_0", "no array parameter")


@pytest.mark.parametrize("line", ["ACT: tanh", "pact: [[tanh]]", "noise: normal", "rf: 1", "weight_shapes: [[full]]"])
def test_a_function_has_nothing_beside(tmp_path: Path, line: str) -> None:
    lines = f"    s:\n        source: [[large]]\n        target: t\n        func: '$00'\n        {line} #!\n"
    (warning,) = odd(graph(pools=POOLS, synapses=lines), tmp_path)
    says(warning, "s", line.partition(":")[0], "has no effect", "nothing but its expression")
