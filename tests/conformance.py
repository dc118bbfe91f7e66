"""What every backend must do, as far as several test modules need it: `pytest -m conformance` is the whole suite.

A backend takes part by being found (`backends.NAMES`). It passes everything, or lists what it lacks in
`Engine.unsupported`, with reasons; what needs a listed operation is excused, and nothing else.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

import backends_cases
from statestream import backends
from statestream.backends import BackendError, UnsupportedOperation
from statestream.numerics.errors import UnsupportedError

OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in backends.NAMES if name != "numpy"]
BACKENDS = ["numpy", *OTHERS]
"""Values of the parameter `backend`."""


@functools.cache
def engine(name):
    """The backend; all tests of one process ask for the same number of threads, for TensorFlow has one only.

    Where it is not installed the test is skipped, which tests/allowed_skips.txt has to expect.
    """
    try:
        return backends.load(name, threads=2)
    except BackendError as problem:
        if "cannot be loaded" in str(problem):
            pytest.skip(str(problem))
        raise


@contextmanager
def allowing_gaps(backend) -> Iterator[None]:
    """What is done inside may end with an operation that the engine says it lacks."""
    try:
        yield
    except (UnsupportedError, UnsupportedOperation) as problem:
        lacking = problem if isinstance(problem, UnsupportedOperation) else problem.__cause__
        if not isinstance(lacking, UnsupportedOperation) or lacking.operation not in backend.unsupported:
            raise


def results_of(backend, group):
    """All values and gradients of a group's cases on one engine: {(case, part): array}; excused cases are absent."""
    compiled = backend.compile(
        lambda ops, symbols: backends_cases.evaluate(ops, group, symbols, functools.partial(allowing_gaps, backend)),
        backends_cases.shapes(group),
    )
    return {key: array.copy() for key, array in compiled(backends_cases.arrays(group)).items()}


def disagreement(case, found, wanted):
    """How far the results of a case are from those of the reference, if too far; "" for agreement or an excuse.

    Law 6: values within 1e-5, gradients within 1e-4 of an array's largest magnitude.
    """
    parts = [part for key, part in wanted if key == case]
    assert parts
    if not any(key == case for key, _ in found):
        return ""
    for part in parts:
        one, other = wanted[case, part], found[case, part]
        assert np.isfinite(one).all()
        if other.shape != one.shape or other.dtype != np.float32:
            return f"{case}, {part}: {other.dtype} {other.shape} instead of {one.shape}"
        scale = max(float(np.max(np.abs(one), initial=0)), 1e-3)
        difference = float(np.max(np.abs(other - one), initial=0)) / scale
        if not difference <= (1e-5 if part == "value" else 1e-4):
            return f"{case}, {part}: differs by {difference:g}"
    return ""


def faults_of_gaps(backend):
    """What is wrong with the engine's list of what it lacks: one line each."""
    faults = []
    for operation, reason in backend.unsupported.items():
        if operation not in backends.OPERATIONS:
            faults.append(f"{operation} is no operation")
        elif not isinstance(reason, str) or len(reason.split()) < 2:
            faults.append(f"{operation} has no reason")
        else:
            try:
                backend.compile(lambda ops, s, name=operation: {"y": getattr(ops, name)(s["x"])}, {"x": (1,)})
            except UnsupportedOperation as problem:
                if not all(text in str(problem) for text in (operation, backend.name, reason)):
                    faults.append(f"{operation}: the message {str(problem)!r} says too little")
            else:
                faults.append(f"{operation} is listed but works")
    return faults
