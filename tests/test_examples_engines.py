"""Law 6 on every example: TensorFlow and PyTensor compute some frames as numpy does, each from the same values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from frames_in_process import Frames
from numerics_networks import agree, compiled, start
from statestream.catalogue import default_catalogue
from statestream.graph import load_graph
from statestream.graph.common import ITEM

FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.st_graph") if "wrong" not in path.stem and path.stem != "demo")
FRAMES = 3
BEGIN = 60
"""The first frame: by then all plasticities have begun, and items of many periods are due."""
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


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.proves(*used(name))) for name in EXAMPLES])
def test_an_engine_agrees_with_numpy(name, backend):
    net = load_graph(FOLDER / f"{name}.st_graph", catalogue=CATALOGUE, backend=backend)
    frames = Frames(net, split=net.agents // 4, number=BEGIN)
    frames.values |= start(net)
    engine = compiled(net, backend=backend)
    for _ in range(FRAMES):
        expected = frames.compute()
        agree(engine(frames.values, frames.split, frames.seed, frames.number), expected)
        frames.commit(expected)
