"""The network: items, rollouts as the original's, structure, device groups, overrides, transport."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graph_texts import CATALOGUE, graph, load, odd, says
from statestream.graph import GraphError, Network, load_graph

CASES = ["factors", "feedforward", "geometry", "language", "learning", "pools"]


@pytest.mark.parametrize("case", CASES)
def test_rollouts_as_the_original(oracle: Path, case: str) -> None:
    network = load(oracle / case / "net.st_graph")
    expected = json.loads((oracle / case / "rollout.json").read_text(encoding="utf-8"))
    assert set(network.plasticities) == set(expected["depth"])
    for name in network.plasticities:
        rollout = network.rollout(name)
        assert rollout.depth == expected["depth"][name]
        assert [sorted(pools) for pools in rollout.neuron_pools] == expected["neuron_pools"][name]
        assert [sorted(pools) for pools in rollout.synapse_pools] == expected["synapse_pools"][name]


MULTIPATH = """
name: multipath
agents: 2
neuron_pools:
    image: {shape: [3, 32, 32]}
    label: {shape: [10, 1, 1]}
    conv1_1: {shape: [4, 32, 32]}
    conv1_2: {shape: [4, 32, 32]}
    conv2_1: {shape: [4, 16, 16]}
    conv2_2: {shape: [4, 16, 16]}
    dense: {shape: [8, 1, 1]}
    prediction: {shape: [10, 1, 1]}
synapse_pools:
    ret_c11: {source: [[image]], target: conv1_1, rf: 3}
    c11_c12: {source: [[conv1_1]], target: conv1_2, rf: 3}
    c12_c21: {source: [[conv1_2]], target: conv2_1, rf: 3}
    c21_c22: {source: [[conv2_1]], target: conv2_2, rf: 3}
    c11_d: {source: [[conv1_1]], target: dense}
    c12_d: {source: [[conv1_2]], target: dense}
    c21_d: {source: [[conv2_1]], target: dense}
    c22_d: {source: [[conv2_2]], target: dense}
    d_pred: {source: [[dense]], target: prediction}
plasticities:
    loss_c21:
        {type: loss, loss_function: negloglikelihood, source: prediction, source_t: 5, target: label, target_t: 0,
         parameter: [[sp, ret_c11, W_0_0]]}
interfaces: {}
"""


def test_the_rollout_of_the_specification(tmp_path: Path) -> None:
    rollout = load(MULTIPATH, tmp_path).rollout("loss_c21")
    assert [set(pools) for pools in rollout.neuron_pools] == [
        {"label", "image", "conv1_1"}, {"conv1_1", "conv1_2"}, {"conv1_2", "conv2_1"}, {"conv2_1", "conv2_2"},
        {"dense"}, {"prediction"},
    ]  # fmt: skip
    assert [set(pools) for pools in rollout.synapse_pools] == [
        set(), {"ret_c11", "c11_c12"}, {"c11_c12", "c12_c21"}, {"c12_c21", "c21_c22"}, {"c21_d", "c22_d"}, {"d_pred"},
    ]  # fmt: skip
    assert rollout.steps == range(1, 6)


def test_a_synapse_pool_missing_at_a_level(tmp_path: Path) -> None:
    text = """
name: n
agents: 1
neuron_pools: {in: {shape: [1, 1, 1]}, A: {shape: [1, 1, 1]}, B: {shape: [1, 1, 1]}}
synapse_pools:
    in_A: {source: [[in]], target: A}
    A_A: {source: [[A]], target: A}
    A_B: {source: [[A]], target: B}
plasticities:
    p: {type: loss, loss_function: minimize, source: B, source_t: 3, parameter: [[sp, A_A, W_0_0]]}
interfaces: {}
"""
    rollout = load(text, tmp_path).rollout("p")
    assert rollout.synapse_pools == ((), ("in_A", "A_A"), ("A_A",), ("A_B",))
    assert rollout.neuron_pools == (("in", "A"), ("A",), ("A",), ("B",))


def test_rollouts_of_the_other_types(tmp_path: Path) -> None:
    text = graph(
        plasticities="""
    decay: {type: L_regularizer, parameter: [[sp, image_hidden, W_0_0], [np, goal, b]]}
    corr: {type: hebbian, modus: hebbian, source: hidden, target: point, parameter: [[sp, hidden_point, W_0_0]]}
"""
    )
    network = load(text, tmp_path)
    decay, corr = network.rollout("decay"), network.rollout("corr")
    assert (decay.depth, decay.neuron_pools, decay.synapse_pools) == (
        0,
        (("image", "hidden", "goal"),),
        (("image_hidden",),),
    )
    assert (corr.depth, corr.neuron_pools, corr.synapse_pools) == (0, (("hidden", "point"),), (("hidden_point",),))
    masked = graph(
        plasticities="    m: {type: loss, loss_function: minimize, source: point, source_t: 0, mask: mask,"
        " parameter: [[np, point, b]]}"
    )
    with pytest.raises(GraphError, match="depends on none"):
        load(masked, tmp_path)


# --- items ---


def test_items(tmp_path: Path) -> None:
    network = load(graph(interfaces="    i: {type: random, in: [], out: [random], remap: {random: image}}"), tmp_path)
    assert list(network.items) == [
        "image",
        "hidden",
        "point",
        "goal",
        "mask",
        "image_hidden",
        "hidden_point",
        "learn",
        "i",
    ]
    assert [network.items[name].kind for name in ("image", "image_hidden", "learn", "i")] == ["np", "sp", "plast", "if"]
    image, synapse, learn = network.items["image"], network.items["image_hidden"], network.items["learn"]
    assert network.shape("image") == (3, 8, 8) == image["shape"] and network.incoming("hidden") == ("image_hidden",)
    assert image["act"] == "Id" and "act" not in image and "shape" in image and image.get("period") == 1
    assert image.get("dropout") is None and image.get("dropout", 0.5) == 0.5 and image.get("nothing", 3) == 3
    assert (
        synapse["source"] == (("image",),)
        and synapse["rf"] == 3
        and synapse["dilation"] == ((1,),)
        and synapse["act"] == ("Id",)
    )
    assert learn["lr"] == 1e-3 and learn["startframe"] == 2
    with pytest.raises(KeyError, match="image has no parameter 'shap'"):
        image["shap"]


def test_a_network_cannot_be_changed(tmp_path: Path) -> None:
    network = load(graph(), tmp_path)
    with pytest.raises(AttributeError):
        network.agents = 5  # type: ignore[misc]
    with pytest.raises(TypeError):
        network.items["image"].spec["act"] = "tanh"  # type: ignore[index]
    with pytest.raises(TypeError):
        network.neuron_pools["other"] = network.items["image"]  # type: ignore[index]
    expanded = network.expanded()
    expanded["neuron_pools"]["image"]["shape"][0] = 99
    assert network.shape("image") == (3, 8, 8) and network.expanded()["neuron_pools"]["image"]["shape"] == [3, 8, 8]


@pytest.mark.proves("top.info", "top.rollout_factor")
def test_expanded_holds_what_is_given(tmp_path: Path) -> None:
    expanded = load(graph(more="seed: 5\nrollout_factor: 3\ninfo: {a: b}\n"), tmp_path).expanded()
    assert list(expanded) == [
        "name",
        "agents",
        "random_seed",
        "neuron_pools",
        "synapse_pools",
        "plasticities",
        "interfaces",
    ]
    assert expanded["random_seed"] == 5 and expanded["synapse_pools"]["image_hidden"] == {
        "source": [["image"]],
        "target": "hidden",
        "rf": 3,
    }
    full = load(graph(), tmp_path).expanded(defaults=True)
    assert full["backend"] == "theano" and full["neuron_pools"]["image"]["act"] == "Id"
    assert full["plasticities"]["learn"]["optimizer"] == "grad_desc"


@pytest.mark.proves("top.random_seed", "top.backend")
def test_seed_and_backend(tmp_path: Path) -> None:
    network = load(graph(), tmp_path)
    assert network.random_seed is None and network.backend == "theano"
    assert load(graph(), tmp_path, default_backend="numpy").backend == "numpy"
    network = load(graph(more="random_seed: 7\nbackend: tensorflow\n"), tmp_path, default_backend="numpy")
    assert (
        network.random_seed == 7 and network.backend == "tensorflow" and network.expanded()["backend"] == "tensorflow"
    )
    with pytest.raises(GraphError, match="default_backend: found 'nothing'"):
        load(graph(), tmp_path, default_backend="nothing")


@pytest.mark.proves("np.tags")
def test_tags(tmp_path: Path) -> None:
    network = load(
        graph(pools="    p: {shape: [1, 1, 1], tags: [x, y], device: gpu:1}\n    q: {shape: [1, 1, 1], tags: [x]}"),
        tmp_path,
    )
    assert network.tags["x"] == ("p", "q") and network.tags["gpu:1"] == ("p",) and "p" not in network.tags["cpu"]
    assert (
        network.filter(["#x"]) == ["p", "q"]
        and network.filter(["#x", "!y"]) == ["q"]
        and network.filter(["#x!", "#cpu"]) == ["q"]
    )
    assert network.expanded()["neuron_pools"]["q"]["tags"] == ["x"]


# --- structure ---


def test_paths_and_distances(tmp_path: Path) -> None:
    network = load(MULTIPATH, tmp_path)
    assert network.shortest_path("image", "prediction") == ["prediction", "dense", "conv1_1", "image"]
    assert network.shortest_path("prediction", "image") == []
    assert network.distance("image", "prediction") == 3 and network.distance("image", "conv2_2") == 4
    assert network.distance("prediction", "image") is None and network.distance("image", "image") is None
    assert network.structure.farthest_source() == "image"
    assert network.structure.between("conv1_1", "dense") == ("c11_d",)
    matrix = network.structure.distance_matrix()
    assert matrix["image", "dense"] == 2 and matrix["dense", "image"] is None and len(matrix) == 64
    order = network.structure.clever_sort("dense")
    assert (
        order[0] == "image"
        and order[-1] == "label"
        and order.index("conv1_1") < order.index("dense") < order.index("prediction")
    )
    assert set(order) == set(network.neuron_pools)


def test_the_shortest_cycle(tmp_path: Path) -> None:
    text = graph(synapses="    back: {source: [[point]], target: hidden}\n    self_: {source: [[goal]], target: goal}")
    network = load(text, tmp_path)
    assert network.shortest_path("hidden", "hidden") == ["hidden", "point", "hidden"]
    assert network.distance("hidden", "hidden") == 2 and network.distance("goal", "goal") == 1
    assert network.shortest_path("goal", "goal") == ["goal", "goal"]


# --- device groups ---


@pytest.mark.proves("np.device", "np.backend", "sp.device")
def test_groups(tmp_path: Path) -> None:
    text = graph(
        pools="    far: {shape: [4, 4, 4], device: cpu:1}\n    alien: {shape: [1, 1, 1], backend: numpy}",
        synapses="    image_far: {source: [[image]], target: far, rf: 3}",
    )
    network = load(text, tmp_path)
    first, second, third = network.groups()
    assert (first.index, first.backend, first.device) == (0, "theano", "cpu")
    assert first.items == ("image", "hidden", "point", "goal", "mask", "image_hidden", "hidden_point", "learn")
    assert (second.device, second.items) == ("cpu:1", ("far", "image_far")) and (third.backend, third.items) == (
        "numpy",
        ("alien",),
    )
    assert network.group_of("image_far") == second and network.group_of("learn") == first
    assert {item for group in network.groups() for item in group.items} == set(network.items)


# --- overrides ---


@pytest.mark.proves("top.agents", "top.backend")
def test_agents_and_backend(tmp_path: Path) -> None:
    text = graph(pools="    p: {shape: [1, 1, 1], backend: numpy}", more="backend: theano\n")
    network = load(text, tmp_path, agents=9, backend="tensorflow")
    assert network.agents == 9 and network.backend == "tensorflow" and network.group_of("p").backend == "numpy"
    again = network.replace(agents=3)
    assert again.agents == 3 and again.backend == "tensorflow" and network.agents == 9
    again = again.replace(settings={"p.act": "tanh"}).replace(backend="numpy")
    assert again.agents == 3 and again.backend == "numpy" and again.items["p"]["act"] == "tanh"
    for options, subject in (({"agents": 0}, "agents"), ({"backend": "torch"}, "backend")):
        (finding,) = _findings(text, tmp_path, **options)
        assert (finding.file, finding.line, finding.parameter) == ("settings", None, subject)


def _findings(text: str, folder: Path, **options: Any) -> tuple:
    with pytest.raises(GraphError) as caught:
        load(text, folder, **options)
    return caught.value.findings


def test_settings(tmp_path: Path) -> None:
    settings = {
        "learn.lr": "1e-3",
        "image.shape": "[3, 8, 8]",
        "hidden.act": "relu",
        "point.noise": "normal",
        "point.noise_std": 0.25,
    }
    network = load(graph(), tmp_path, settings=settings)
    assert network.items["learn"]["lr"] == 1e-3 and network.items["hidden"]["act"] == "relu"
    assert network.items["point"]["noise_std"] == 0.25
    assert network.expanded()["plasticities"]["learn"]["lr"] == 1e-3
    changed = network.replace(settings={"learn.optimizer": "adam", "learn.momentum": 0.5})
    assert changed.items["learn"]["momentum"] == 0.5 and "momentum" not in network.items["learn"]


@pytest.mark.parametrize("nothing", ["null", "~", "None", " null "])
def test_a_setting_of_nothing(tmp_path: Path, nothing: str) -> None:
    text = graph(pools="    p: {shape: [1, 1, 1], dropout: 0.5}")
    assert "dropout" not in load(text, tmp_path, settings={"p.dropout": nothing}).items["p"]


def test_a_setting_replaces_the_other_spelling(tmp_path: Path) -> None:
    text = graph(pools="    p: {shape: [1, 1, 1], noise: normal, noise mean: 3}")
    network = load(text, tmp_path, settings={"p.noise_mean": 5})
    assert network.items["p"]["noise_mean"] == 5 and network.items["p"]["noise mean"] == 5
    for number, spelling in enumerate(("noise mean", "noise_mean", "noise mean", "noise_mean")):
        network = network.replace(settings={f"p.{spelling}": number})
        assert network.items["p"]["noise_mean"] == number


def test_a_setting_heals_a_wrong_file(tmp_path: Path) -> None:
    text = graph(pools="    p: {shape: [1, 1, 1], act: tanhh}")
    assert load(text, tmp_path, settings={"p.act": "tanh"}).items["p"]["act"] == "tanh"


@pytest.mark.parametrize(
    ("setting", "value", "item", "parameter", "words"),
    [
        ("lern.lr", 1, "lern", "lr", ["the item 'lern' does not exist", "'learn'"]),
        ("learn.lrr", 1, "learn", "lrr", ["unknown parameter 'lrr'", "'lr'"]),
        ("learn.momentum", 1, "learn", "momentum", ["unknown parameter 'momentum'"]),
        ("learn.lr", "fast", "learn", "lr", ["found the text 'fast'"]),
        ("learn.lr", -1, "learn", "lr", ["at least 0"]),
        ("hidden.shape", "[4, 4", "hidden", "shape", ["found the text '[4, 4'"]),
        ("learn", 1, "", "learn", ["ITEM.PARAMETER"]),
        ("image_hidden.rf", [[3, 3]], "image_hidden", "rf", ["allowed: 1"]),
        ("learn.lr", object(), "", "", ["found a value of type object"]),
    ],
)
def test_wrong_settings(tmp_path: Path, setting: str, value: Any, item: str, parameter: str, words: list[str]) -> None:
    (finding,) = _findings(graph(), tmp_path, settings={setting: value})
    assert (finding.file, finding.line) == ("settings", None)
    says(finding, item, parameter, *words)


# --- transport ---


@pytest.mark.parametrize("case", [*CASES, "demo"])
def test_transport(oracle: Path, root: Path, case: str) -> None:
    path = root / "examples" / "demo.st_graph" if case == "demo" else oracle / case / "net.st_graph"
    network = load(path, agents=3)
    other = Network.from_json(network.to_json())
    assert other.to_json() == network.to_json() and other.expanded(defaults=True) == network.expanded(defaults=True)
    assert other.groups() == network.groups() and other.warnings == network.warnings and other.text == network.text
    for name, item in network.items.items():
        twin = other.items[name]
        assert (twin.kind, dict(twin.spec), dict(twin.defaults)) == (item.kind, dict(item.spec), dict(item.defaults))
    assert all(other.rollout(name) == network.rollout(name) for name in network.plasticities)
    with pytest.raises(ValueError, match="transported"):
        other.replace(agents=5)


def test_warnings_travel(tmp_path: Path) -> None:
    text = graph(pools="    p: {shape: [1, 1, 1], odd: 1} #!")
    odd(text, tmp_path)
    network = load(text, tmp_path)
    assert Network.from_json(network.to_json()).warnings == network.warnings


# --- the room ---


def test_the_room_needs_no_numpy_and_no_other_room() -> None:
    code = (
        "import sys, statestream.graph\n"
        "rooms = {'numerics', 'interfaces', 'clients', 'backends', 'memory', 'runtime'}\n"
        "loaded = {m.split('.')[1] for m in sys.modules if m.startswith('statestream.')}\n"
        "print(sorted(loaded & rooms), 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] False"


def test_the_catalogue_loads_no_engine() -> None:
    code = (
        "import sys\nfrom statestream.catalogue import default_catalogue\ndefault_catalogue()\n"
        "print(sorted({'tensorflow', 'pytensor', 'skimage', 'h5py', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_demo_loads_strictly(root: Path) -> None:
    network = load_graph(root / "examples" / "demo.st_graph", catalogue=CATALOGUE, strict=True)
    assert (
        network.agents == 128 and network.shape("hidden1") == (16, 16, 16) and network.rollout("hidden_loss").depth == 4
    )


def test_a_network_is_shown_on_one_line(tmp_path: Path) -> None:
    network = load(graph(), tmp_path)
    assert repr(network).startswith("Network(name='test', agents=4, backend=") and "hidden" not in repr(network)
