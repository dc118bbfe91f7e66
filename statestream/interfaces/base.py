"""The base of all interfaces: what one is, what it reads, writes and remembers, and how a step is made.

An interface is a pure function of a frame. All that it remembers is in its variables, which the arena holds twice: a
step reads the copy of frame n and fills the copy of frame n + 1, so that a frame can be repeated, saved and resumed.
Topics and shapes are known without its data; data is loaded by `initialize`, in the interface's own process.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from inspect import isclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from statestream.arrays import ArrayKey, ArraySpec
from statestream.graph.catalogue import InterfaceDeclaration, Topic
from statestream.interfaces.common import INTERFACE, MODES
from statestream.interfaces.errors import InterfaceError
from statestream.streams import stream

if TYPE_CHECKING:
    from statestream.graph import Network

Array = NDArray[np.float32]
Shape = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Moment:
    """What a step sees of frame n.

    previous: own variables at n, by name. inputs: states at n of the pools that the input topics are mapped to, by
    topic, [agents, features, X, Y]. parameters: own scalars by name. split: agents from this index on are learning.
    """

    frame: int
    previous: Mapping[str, Array]
    inputs: Mapping[str, Array]
    parameters: Mapping[str, float]
    split: int

    @property
    def single(self) -> bool:
        """Whether all agents are to show what agent 0 shows."""
        return int(self.parameters["mode"]) == MODES["single"]


class Interface(ABC):
    """One interface of a network, without its data until `initialize` is called. Raises InterfaceError.

    Attributes: name, item (its entry in the network), agents, seed; inputs and outputs (topic -> neuron-pool);
    shapes (topic -> [agents, features, X, Y] of that pool).
    """

    declaration: ClassVar[InterfaceDeclaration]
    resumable: ClassVar[bool] = True
    """False for one that depends on the clock or the world, and cannot repeat its past."""

    def __init__(self, network: Network, name: str, seed: int = 0) -> None:
        self.name = name
        self.item = network.interfaces[name]
        self.agents = network.agents
        self.seed = seed
        self.inputs = self._topics("in", self.declaration.inputs)
        self.outputs = self._topics("out", self.declaration.outputs)
        self.shapes: dict[str, Shape] = {
            topic: (self.agents, *network.shape(pool)) for topic, pool in (self.inputs | self.outputs).items()
        }
        for topic in (*self.declaration.inputs, *self.declaration.outputs):
            if topic.name in self.shapes:
                self._check_shape(topic)
        for parameter in self.declaration.parameters:
            if parameter.not_below:
                self._check_order(parameter.not_below, parameter.name)

    # --- what it is made of: known without data ---

    @classmethod
    def arrays(cls, network: Network, name: str) -> tuple[ArraySpec, ...]:
        """All arrays of this interface in the arena. Raises InterfaceError."""
        interface = cls(network, name)
        return interface.parameters() + interface.variables()

    def parameters(self) -> tuple[ArraySpec, ...]:
        """The scalars that may be set while the session runs: those that the declarations mark so."""
        return tuple(
            ArraySpec((self.name, "parameter", parameter.name), (), parameter.minimum, parameter.maximum)
            for parameter in (*INTERFACE, *self.declaration.parameters)
            if parameter.array
        )

    def variables(self) -> tuple[ArraySpec, ...]:
        """Its outputs, in the shapes of their pools; a type adds what it measures and what it remembers."""
        return tuple(self.variable(topic, self.shapes[topic]) for topic in self.outputs)

    def variable(self, name: str, shape: tuple[int, ...], internal: bool = False, meaning: str = "") -> ArraySpec:
        """The description of one variable. internal: memory that listings leave out. meaning: in a few words."""
        return ArraySpec((self.name, "variable", name), shape, internal=internal, help=meaning)

    def initial(self, key: ArrayKey) -> Array:
        """The value of one of its arrays at frame 0; needs no data. Variables start at 0 if a type says nothing else.

        Raises KeyError for an array that it has not, and InterfaceError for a parameter's value that is not allowed.
        """
        for spec in self.parameters() + self.variables():
            if spec.key == key:
                value = self._start(spec) if key[1] == "parameter" else 0.0
                return np.full(spec.shape, value, np.float32)
        raise KeyError(key)

    def generator(self, purpose: str, frame: int) -> np.random.Generator:
        """The random numbers of one purpose in one frame: equal in every run with the same seed."""
        return stream(self.seed, self.name, purpose, frame)

    # --- what it does ---

    def initialize(self) -> None:  # noqa: B027 (many types have nothing to load)
        """Load data, once, before the first step. Raises InterfaceError."""

    def close(self) -> None:  # noqa: B027 (many types hold nothing)
        """Give back what `initialize` took."""

    def step(
        self,
        frame: int,
        previous: Mapping[str, Array],
        inputs: Mapping[str, Array],
        parameters: Mapping[str, float],
        split: int,
        following: Mapping[str, Array],
    ) -> None:
        """Make frame n + 1 of the own variables from frame n: fill every array of `following`, change nothing else.

        The other arguments are those of `Moment`. An output filled here is variable v[n + 1], which its pool adds to
        its state of frame n + 2.
        """
        moment = Moment(frame, previous, inputs, parameters, split)
        self.advance(moment, following)
        if moment.single:
            for topic in self.outputs:
                following[topic][1:] = following[topic][:1]

    @abstractmethod
    def advance(self, moment: Moment, following: Mapping[str, Array]) -> None:
        """The step of this type, without what is common to all."""

    # --- checks ---

    def error(self, problem: str) -> InterfaceError:
        """The error that says this of this interface."""
        return InterfaceError(f"{self.name} ({self.declaration.type})", problem)

    def _topics(self, key: str, declared: tuple[Topic, ...]) -> dict[str, str]:
        allowed = [topic.name for topic in declared]
        given = list(self.item.get(key) or ())
        for topic in given:
            if topic not in allowed:
                known = ", ".join(allowed) or "none"
                raise self.error(f"unknown topic {topic!r} in {key!r}; allowed there: {known}")
        remap = self.item.get("remap") or {}
        return {topic: remap.get(topic, topic) for topic in given}

    def _check_shape(self, topic: Topic) -> None:
        found = self.shapes[topic.name][1:]
        text = f"topic {topic.name} is mapped to a neuron-pool of shape {list(found)}"
        for axis, length, wanted in zip(("features", "X", "Y"), found, topic.shape or (None,) * 3, strict=True):
            value = self.item.get(wanted) if isinstance(wanted, str) else wanted
            if value is not None and length not in (value if isinstance(value, tuple) else (value,)):
                allowed = " or ".join(map(str, value)) if isinstance(value, tuple) else value
                raise self.error(f"{text}; allowed for {axis}: {allowed}")
        if any(length % topic.multiple_of for length in found[1:]):
            raise self.error(f"{text}; X and Y must be multiples of {topic.multiple_of}")
        other = self.shapes.get(topic.space_of)
        if other is not None and other[2:] != found[1:]:
            raise self.error(f"{text}; X and Y must be those of {topic.space_of}, {list(other[2:])}")

    def _check_order(self, lower: str, upper: str) -> None:
        least, greatest = self.item.get(lower), self.item.get(upper)
        if least > greatest:
            raise self.error(f"{lower} is {least}, {upper} is {greatest}; {lower} must not be above {upper}")

    def _start(self, spec: ArraySpec) -> float:
        name = spec.key[2]
        value = self.item.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(f"{name} is {value!r}; a number is needed")
        below = spec.minimum is not None and not value >= spec.minimum
        above = spec.maximum is not None and not value <= spec.maximum
        if below or above:
            bounds = [f"at least {spec.minimum:g}"] if spec.minimum is not None else []
            bounds += [f"at most {spec.maximum:g}"] if spec.maximum is not None else []
            raise self.error(f"{name} is {value}; it must be {' and '.join(bounds)}")
        return float(value)


def load(type: str) -> type[Interface]:
    """The class of an interface type: from the module of that name in this package, else from an entry point.

    Raises InterfaceError, with what there is, for a type that is not built yet or not known.
    """
    from statestream.interfaces.declarations import GROUP, INTERFACES  # they import the types, which import this

    declared = INTERFACES.get(type)
    if declared is None:
        raise InterfaceError(type, f"there is no such type; the types are {', '.join(sorted(INTERFACES))}")
    if not declared.available:
        built = ", ".join(sorted(name for name, known in INTERFACES.items() if known.available))
        raise InterfaceError(type, f"this type is not built yet; there are {built}")
    if find_spec(f"{__package__}.{type}") is None:
        found = entry_points(group=GROUP)[type].load()
    else:
        module = import_module(f"{__package__}.{type}")
        found = next((value for value in vars(module).values() if _implements(value, declared)), None)
    if not _implements(found, declared):
        raise InterfaceError(type, f"{found!r} is not a class derived from statestream.interfaces.Interface")
    return found


def _implements(value: object, declared: InterfaceDeclaration) -> bool:
    return isclass(value) and issubclass(value, Interface) and getattr(value, "declaration", None) is declared
