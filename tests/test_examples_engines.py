"""Law 6 on every example: TensorFlow and PyTensor compute some frames as numpy does, each from the same values."""

# `statestream.verify` does the same from a session's own programs; the loop below can become one call of it.

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from numerics_networks import agree, compiled, start
from statestream.catalogue import default_catalogue
from statestream.graph import load_graph
from statestream.graph.common import ITEM
from statestream.numerics.apply import apply_updates
from statestream.numerics.arrays import array_table

FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.st_graph") if "wrong" not in path.stem and path.stem != "demo")
FRAMES = 3
CATALOGUE = default_catalogue()
KINDS = {"np": "neuron_pool", "sp": "synapse_pool", "plast": "plasticity"}
ITEM_KEYS = {parameter.name for parameter in ITEM}


def used(name):
    """What of the language an example uses that is mathematics, by the names of `proves`."""
    net = load_graph(FOLDER / f"{name}.st_graph", catalogue=CATALOGUE)
    found = set()
    for item in (*net.neuron_pools.values(), *net.synapse_pools.values(), *net.plasticities.values()):
        own = {item.kind: getattr(CATALOGUE, KINDS[item.kind])}
        if item.kind == "plast":
            optimizer = item.get("optimizer")
            own |= {item["type"]: CATALOGUE.plasticities[item["type"]].parameters}
            own |= {optimizer: CATALOGUE.optimizers[optimizer].parameters}
            found |= {f"optimizer.{optimizer}"}
        if "loss_function" in item:
            found |= {f"lossfn.{item['loss_function']}"}
        for prefix, parameters in own.items():
            keys = {each.name for each in parameters if each.name not in ITEM_KEYS and each.name in item}
            found |= {f"{prefix}.{key}" for key in keys - {"startframe", "samples"}}
        for text in _texts([item.get(key) for key in ("act", "ACT", "pact", "weight_fnc") if item.get(key)]):
            names = {text} if text in CATALOGUE.activations else set(re.findall(r"B\.(\w+)", text))
            found |= {f"act.{each}" for each in names & CATALOGUE.activations.keys()}
            found |= {f"function.{each}" for each in names & CATALOGUE.functions.keys()}
    return sorted(found)


def _texts(value):
    """All texts within lists of lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def follow(values, outputs, bounds):
    """The values after a frame: states, variables, and parameters with their increments."""
    following = dict(values)
    for (item, kind, name), value in outputs.items():
        if kind == "update":
            owner, _, parameter = name.partition(".")
            key = bounds["owner"](owner, parameter)
            low, high = bounds[key]
            following[key] = apply_updates(following[key], [value], low, high, np.empty_like(value))
        else:
            following[item, kind, name] = value
    return following


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.proves(*used(name))) for name in EXAMPLES])
def test_an_engine_agrees_with_numpy(name, backend):
    net = load_graph(FOLDER / f"{name}.st_graph", catalogue=CATALOGUE, backend=backend)
    bounds = {spec.key: (spec.minimum, spec.maximum) for spec in array_table(net)}

    def owner(item, parameter):
        whose, which = net.parameter_owner(item, parameter)
        return whose, "parameter", which

    bounds["owner"] = owner
    values = start(net)
    reference, engine = compiled(net), compiled(net, backend=backend)
    split = net.agents // 4
    for frame in range(FRAMES):
        expected = reference(values, split, frame=frame)
        agree(engine(values, split, frame=frame), expected)
        values = follow(values, expected, bounds)
