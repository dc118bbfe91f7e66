"""Picking elements by number: what it refuses, and that its gradient has the same bits in every run."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from statestream import backends

ENGINES = ["numpy", *(pytest.param(name, marks=pytest.mark.slow) for name in ("tensorflow", "theano"))]


@functools.cache
def engine(name):
    return backends.load(name, threads=2)


@pytest.mark.parametrize("backend", ENGINES)
@pytest.mark.parametrize(
    ("source", "index"), [((2, 3, 4), (3, 5)), ((2, 3, 4), (2, 5, 1)), ((2, 3, 2, 2), (2, 5)), ((2, 3), (2, 5))]
)
def test_what_does_not_fit_is_refused(backend, source, index):
    with pytest.raises(backends.BackendError, match="pick"):
        engine(backend).compile(lambda ops, s: {"y": ops.pick(s["x"], s["i"])}, {"x": source, "i": index})


@pytest.mark.parametrize("backend", ENGINES)
def test_no_index_leaves_the_array(backend):
    """Numbers beyond the ends are the ends, whatever is beyond; so is the gradient."""
    shapes = {"x": (1, 1, 3), "i": (1, 6)}

    def function(ops, s):
        y = ops.pick(s["x"], s["i"])
        return {"y": y, "g": ops.gradients(ops.sum(y), [s["x"]])[0]}

    index = np.array([[-1, 3, 1e30, -np.inf, np.inf, np.nan]], np.float32)
    found = engine(backend).compile(function, shapes)({"x": np.array([[[5, 6, 7]]], np.float32), "i": index})
    assert found["y"].tolist() == [[[5, 7, 7, 5, 7, 5]]]
    assert found["g"].tolist() == [[[3, 0, 3]]]


@pytest.mark.parametrize("backend", ENGINES)
def test_sums_over_what_was_picked_often_have_the_same_bits_in_every_run(backend):
    """Law 5: nothing is added in the order in which threads happen to come."""
    shapes = {"x": (8, 16, 64), "i": (8, 4096), "w": (8, 16, 4096)}

    def function(ops, s):
        return {"g": ops.gradients(ops.sum(ops.pick(s["x"], s["i"]) * s["w"]), [s["x"]])[0]}

    generator = np.random.default_rng(1)
    arrays = {key: generator.standard_normal(shape).astype(np.float32) for key, shape in shapes.items()}
    arrays["i"] = generator.integers(0, 64, shapes["i"]).astype(np.float32)
    run = engine(backend).compile(function, shapes)
    results = {run(arrays)["g"].tobytes() for _ in range(100 if backend == "tensorflow" else 5)}
    assert len(results) == 1
