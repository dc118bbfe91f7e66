"""Cases of parameters: what a case is (see parameter_cases.py)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from numerics_networks import draw, network, start
from statestream.numerics.step import SPLIT, Step

AGENTS, SPLIT_AT = 3, 1


class Given:
    """What one frame starts from, in double precision: `given("a")` is a state, `given("a_t", "W_0_0")` a parameter."""

    def __init__(self, values, drawn):
        self.values = {key: np.asarray(value, np.float64) for key, value in values.items()}
        self.drawn = {key[1:]: np.asarray(value, np.float64) for key, value in drawn.items()}

    def __call__(self, item, parameter=None):
        return self.values[(item, "state", "") if parameter is None else (item, "parameter", parameter)]

    def draw(self, item, purpose):
        return self.drawn[item, purpose]


@dataclass(frozen=True)
class Case:
    """network: arguments of `numerics_networks.network`. expected(given) -> the next state of `t`, or {key: array}.

    proves: names for the table of proofs. change(values): other start values.
    """

    name: str
    proves: tuple[str, ...]
    network: tuple[Any, ...]
    expected: Callable[[Given], Any]
    change: Callable[[dict[Any, Any]], None] = field(default=lambda values: None)

    @functools.cached_property
    def step(self):
        """(its network's Step of everything, the values of all arrays and draws)."""
        net = network(*self.network, agents=AGENTS)
        step = Step(net, [*net.neuron_pools, *net.plasticities])
        values = start(net)
        self.change(values)
        return step, {**values, SPLIT: np.array(SPLIT_AT, np.float32), **draw(step)}

    def wanted(self):
        """{output key: array} of what the case foretells."""
        step, arrays = self.step
        found = self.expected(Given(arrays, {draw.key: arrays[draw.key] for draw in step.draws}))
        return found if isinstance(found, dict) else {("t", "state", ""): found}


GROUPS: dict[str, dict[str, Case]] = {"pools": {}, "synapses": {}, "activations": {}, "functions": {}, "learning": {}}


def case(group, name, proves, net, expected, **more):
    """Adds a case. proves: names, separated by ", "."""
    assert name not in GROUPS[group], name
    GROUPS[group][name] = Case(name, tuple(proves.split(", ")), net, expected, **more)
