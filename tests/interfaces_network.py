"""A stand-in for a network with one interface, for tests of interfaces alone; and a driver that plays the runtime."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from statestream.interfaces.base import load
from statestream.interfaces.declarations import INTERFACE, INTERFACES


class Item(dict):
    """An item as the graph gives it: the given keys, else the declared default."""

    def __init__(self, given):
        super().__init__(given)
        declared = (*INTERFACE, *INTERFACES[given["type"]].parameters)
        self.defaults = {parameter.name: parameter.default for parameter in declared}

    def __missing__(self, key):
        return self.defaults[key]

    def get(self, key, default=None):
        return self[key] if key in self or key in self.defaults else default


def network(pools, agents=4, name="eyes", **spec):
    """A network with the neuron-pools `pools` (name -> shape) and one interface."""
    return SimpleNamespace(agents=agents, interfaces={name: Item(spec)}, shape=lambda pool: tuple(pools[pool]))


def numerals(agents=4, image=(1, 32, 32), label=(10, 1, 1), answer=(10, 1, 1), **spec):
    """A network with a roman_numerals interface `eyes` and its three pools; None leaves one out."""
    pools = {"rn_image": image, "rn_label": label, "rn_pred": answer}
    given = {
        "type": "roman_numerals",
        "in": ["rn_pred"] if answer else [],
        "out": [name for name in ("rn_image", "rn_label") if pools[name]],
    }
    return network({name: shape for name, shape in pools.items() if shape}, agents, **(given | spec))


class Player:
    """Drives one interface as the runtime does: two copies of the variables, states one frame behind."""

    def __init__(self, network, name="eyes", seed=1):
        self.interface = load(network.interfaces[name]["type"])(network, name, seed)
        self.interface.initialize()
        self.frame = 0
        self.split = 0
        self.parameters = {spec.key[2]: float(self.interface.initial(spec.key)) for spec in self.interface.parameters()}
        self.variables = {spec.key[2]: self.interface.initial(spec.key) for spec in self.interface.variables()}

    def states(self, **given):
        """States of all input topics: the given ones, else 0."""
        shapes = self.interface.shapes
        return {topic: given.get(topic, np.zeros(shapes[topic], np.float32)) for topic in self.interface.inputs}

    def following(self, **states):
        """The variables of the next frame, without going there."""
        # NaN shows what a step leaves unfilled.
        result = {name: np.full_like(value, np.nan) for name, value in self.variables.items()}
        self.interface.step(self.frame, self.variables, self.states(**states), self.parameters, self.split, result)
        return result

    def step(self, **states):
        """Go on by one frame; returns the new variables."""
        self.variables = self.following(**states)
        self.frame += 1
        return self.variables
