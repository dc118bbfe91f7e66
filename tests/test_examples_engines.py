"""Law 6 on every example: TensorFlow and PyTensor compute some frames as numpy does, each from the same values."""

# `statestream.verify` does the same from a session's own programs; the loop below can become one call of it.

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from numerics_networks import agree, compiled, start
from statestream.catalogue import default_catalogue
from statestream.graph import load_graph
from statestream.numerics.apply import apply_updates
from statestream.numerics.arrays import array_table

FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.st_graph") if "wrong" not in path.stem and path.stem != "demo")
FRAMES = 3


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
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_engine_agrees_with_numpy(name, backend):
    net = load_graph(FOLDER / f"{name}.st_graph", catalogue=default_catalogue(), backend=backend)
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
