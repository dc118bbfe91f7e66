"""Backends with one thing wrong, and small networks that use that thing: for tests of verification.

A wrong value is 1.001 times what it should be, a wrong slope lets 1.001 times the gradient pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from statestream.backends import numpy as reference
from statestream.backends._tape import Primitive, Tape, Tensor
from statestream.backends.base import Operations
from statestream.verification import Report

WRONG = np.float32(1.001)
VALUE = Primitive("wrong value", lambda x: x * WRONG, (lambda g, y, x: g,))
SLOPE = Primitive("wrong slope", lambda x: x, (lambda g, y, x: g * WRONG,))
LEAK = Primitive("leak", lambda x: x, (lambda g, y, x: g,))


class WrongEngine(reference.Engine):
    """Plain numpy, but for its operations."""

    name = "wrong"

    def __init__(self, operations: type[Any]) -> None:
        super().__init__()
        self.operations = operations  # type: ignore[misc]


def with_wrong_operation(name: str, wrong: Primitive) -> WrongEngine:
    """One operation's results go through `wrong`."""
    right = getattr(reference._NumpyOperations, name)

    def operation(self: Any, *arguments: Any, **keywords: Any) -> Any:
        result = right(self, *arguments, **keywords)
        several = isinstance(result, list)
        bent = [self.tape.apply(wrong, one) for one in (result if several else [result])]
        return bent if several else bent[0]

    return WrongEngine(type("Wrong", (reference._NumpyOperations,), {name: operation}))


def without_own_patches(engine: WrongEngine) -> WrongEngine:
    """The engine, with the patches that engines have which do not bring their own."""
    engine.operations.patches = Operations.patches  # type: ignore[method-assign]
    return engine


def passing_gradients(name: str, wrong: Primitive) -> WrongEngine:
    """An operation that shall stop gradients lets them pass."""
    operation = lambda self, x: self.tape.apply(LEAK, x)  # noqa: E731
    return WrongEngine(type("Wrong", (reference._NumpyOperations,), {name: operation}))


def with_wrong_operator(name: str, wrong: Primitive) -> WrongEngine:
    """One operator of tensors, by the name that the tape knows it by."""

    class WrongTape(Tape):
        def record(self, primitive: Primitive, sources: tuple[Tensor, ...], settings: Mapping[str, Any]) -> Tensor:
            if primitive.name == name:
                primitive = bent(primitive, wrong)
            return super().record(primitive, sources, settings)

    class WrongOperations(reference._NumpyOperations):
        def __init__(self, tape: Tape) -> None:
            super().__init__(WrongTape(tape.dtype))

    return WrongEngine(WrongOperations)


def bent(primitive: Primitive, wrong: Primitive) -> Primitive:
    """A primitive whose result goes through `wrong`."""
    (bend,) = wrong.pulls

    def bent_pull(pull: Any) -> Any:
        return lambda g, *values, **settings: pull(bend(g, *values[:2]), *values, **settings)

    pulls = [pull and bent_pull(pull) for pull in primitive.pulls]
    return Primitive(primitive.name, lambda *a, **k: wrong.forward(primitive.forward(*a, **k)), pulls)


def failures(report: Report) -> list[tuple[str, str]]:
    """(item, aspect) of what is wrong with the first backend, worst first."""
    return [(one.item, one.aspect) for one in report.backends[0].failures]


class Meddling(reference.Engine):
    """Plain numpy, but some results are changed afterwards: meddle(call number, results); call 0 is before frame 0."""

    name = "meddling"

    def __init__(self, meddle: Callable[[int, dict[Any, np.ndarray]], None]) -> None:
        super().__init__()
        self.meddle = meddle

    def build(self, function: Any, inputs: Any) -> Any:
        run, calls = super().build(function, inputs), iter(range(10**6))

        def call(arrays: Any) -> Any:
            results = run(arrays)
            self.meddle(next(calls), results)
            return results

        return call


def probe(
    func: str | None = None,
    synapse: dict[str, Any] | None = None,
    pool: dict[str, Any] | None = None,
    source: list[int] | None = None,
    **plasticity: Any,
) -> dict[str, Any]:
    """x, noise, through trained weights to a, then through what is looked at to z; `learn` trains by z's distance to y.

    func: of the synapse-pool a_z, or else synapse: its keys. pool: keys of z. source: a's shape.
    """
    shape = [4, 4, 4]
    last = {"func": func} if func else synapse or {"rf": 1}
    return {
        "name": "probe",
        "agents": 3,
        "backend": "numpy",
        "neuron_pools": {
            "x": {"shape": source or shape, "noise": "normal", "noise_std": 1.0, "bias_shape": False},
            "y": {"shape": shape, "noise": "uniform", "noise_max": 1.0, "bias_shape": False},
            "a": {"shape": source or shape, "bias_shape": False},
            "z": {"shape": shape, "bias_shape": False, **(pool or {})},
        },
        "synapse_pools": {
            "x_a": {"source": [["x"]], "target": "a", "rf": 1, "init W_0_0": "normal_0_0.5"},
            "a_z": {"source": [["a"]], "target": "z", **last},
        },
        "plasticities": {
            "learn": {
                "type": "loss", "loss_function": "MSE", "source": "z", "source_t": 2, "target": "y", "target_t": 0,
                "startframe": 0, "parameter": [["sp", "x_a", "W_0_0"]], **plasticity,
            }
        },
        "interfaces": {},
    }  # fmt: skip
