"""Frames of a network without any process: what sessions of one or several workers must agree with, bit for bit."""

from __future__ import annotations

import numpy as np

from conformance import engine
from numerics_networks import draw
from statestream.numerics.apply import apply_updates
from statestream.numerics.arrays import array_table, increments
from statestream.numerics.initialisation import initial_value
from statestream.numerics.step import SPLIT, Step


class Frames:
    """A network, advanced frame by frame; `values` are the committed arrays by key.

    groups: the items (neuron-pools and plasticities) of each worker; None: one worker has them all.
    """

    def __init__(self, net, groups=None, backend="numpy", seed=5, split=0, number=0):
        self.net, self.seed, self.split, self.number = net, seed, split, number
        everything = [*net.neuron_pools, *net.plasticities]
        self.steps = [Step(net, group) for group in groups or [everything] if group]
        self.runs = [engine(backend).compile(step.function, step.shapes) for step in self.steps]
        self.specs = {spec.key: spec for spec in array_table(net)}
        self.values = {key: initial_value(net, key, seed) for key in self.specs}

    def due(self, name):
        """Whether an item runs in the present frame."""
        item = self.net.items[name]
        begun = item.kind != "plast" or self.number > item.get("startframe")
        return begun and self.number % item.get("period") == item.get("period offset")

    def advance(self, count=1):
        """Some frames."""
        for _ in range(count):
            self.commit(self.compute())
        return self

    def compute(self):
        """What everybody computes from the present values, whether it is due or not."""
        found = {}
        for step, run in zip(self.steps, self.runs, strict=True):
            drawn = draw(step, self.seed, self.number)
            given = {**self.values, SPLIT: np.array(self.split, np.float32), **drawn}
            found |= {key: value.copy() for key, value in run({key: given[key] for key in step.shapes}).items()}
        return found

    def commit(self, found):
        """The next frame's values: of what is due, and with all increments of a parameter added."""
        following = self.values | {key: value for key, value in found.items() if self.due(key[0])}
        for key in (key for key in self.specs if key[1] == "parameter"):
            added = [found[one] for one in increments(self.net, key[0], key[2]) if self.due(one[0])]
            spec = self.specs[key]
            following[key] = np.empty_like(self.values[key])
            apply_updates(self.values[key], added, spec.minimum, spec.maximum, following[key])
        self.values = following
        self.number += 1

    @property
    def finite(self):
        """Whether a session would have committed all this."""
        return all(np.isfinite(value).all() for value in self.values.values())


def different(one, other):
    """The keys of two sets of values whose bits differ."""
    assert one.keys() == other.keys()
    return [key for key, value in one.items() if value.tobytes() != other[key].tobytes()]
