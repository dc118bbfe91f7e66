"""Interfaces in real graphs: all types load, and the demo's arrays are known from its graph alone."""

from pathlib import Path

import numpy as np
import pytest

from interfaces_network import Player
from statestream.catalogue import default_catalogue
from statestream.graph import GraphError, load_graph
from statestream.interfaces import InterfaceError, load
from statestream.interfaces.declarations import INTERFACES

DEMO = Path(__file__).parent.parent / "examples" / "demo.st_graph"
NEEDED = {"source_file": "data.gz", "source_path": "data", "image_path": "images", "label_path": "labels"}


def shape(topic, declaration):
    """Some shape that fits a topic."""
    defaults = {parameter.name: parameter.default for parameter in declaration.parameters}
    found = []
    for axis, length in enumerate(topic.shape or (None, None, None)):
        if isinstance(length, str):
            length = defaults[length]
        elif isinstance(length, tuple):
            length = length[0]
        found.append(length or (3 if axis == 0 else 28))
    return found


def graph(type, **change):
    """A graph with one interface of that type, all its topics mapped to pools of their own names."""
    declaration = INTERFACES[type]
    spec = {
        "type": type,
        "in": [topic.name for topic in declaration.inputs],
        "out": [topic.name for topic in declaration.outputs],
        **{p.name: NEEDED[p.name] for p in declaration.parameters if p.required},
    }
    topics = declaration.inputs + declaration.outputs
    return {
        "name": "test",
        "agents": 4,
        "backend": "numpy",
        "neuron_pools": {topic.name: {"shape": shape(topic, declaration)} for topic in topics},
        "synapse_pools": {},
        "plasticities": {},
        "interfaces": {"world": spec | change},
    }


@pytest.mark.parametrize("type", INTERFACES)
def test_graphs_with_every_type_load(type):
    network = load_graph(graph(type), catalogue=default_catalogue(), strict=True)
    if not INTERFACES[type].available:
        with pytest.raises(InterfaceError, match="not built yet"):
            load(type)
        return
    player = Player(network, "world")
    player.step()
    assert all(np.isfinite(value).all() for value in player.variables.values())


def test_fractions_of_the_random_interface_are_kept():
    given = {"p": 0.2, "mean": -1, "min": -2.0, "std": 0.5}
    network = load_graph(graph("random", **given), catalogue=default_catalogue())
    assert {key: network.interfaces["world"][key] for key in given} == given


def test_values_outside_their_bounds_are_found_in_the_graph():
    with pytest.raises(GraphError, match="min_duration"):
        load_graph(graph("roman_numerals", min_duration=0), catalogue=default_catalogue())


def test_the_demo_plays():
    network = load_graph(DEMO, catalogue=default_catalogue(), agents=8)
    player = Player(network, "roman_numerals")
    assert player.interface.outputs == {"rn_image": "image", "rn_label": "label"}
    assert player.interface.inputs == {"rn_pred": "prediction"}
    assert player.variables["_acc_"].shape == (9,)
    assert player.step()["rn_image"].any(axis=(1, 2, 3)).all()
    # The first right delay must lie within a numeral, and within the window.
    first = network.distance("image", "prediction") + 1
    assert first == 5
    assert first <= player.parameters["min_duration"] < player.variables["_acc_"].size
