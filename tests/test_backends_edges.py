"""Where engines are tempted to differ or to crash: NaN and Inf, threads, odd arguments, the C loops' bounds."""

from __future__ import annotations

import ctypes
import functools
import threading
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest

import backends_cases
from conformance import BACKENDS, OTHERS, allowing_gaps, engine
from statestream import backends
from statestream.backends._threads import SETTERS, Crew, limit_blas
from statestream.ccpp import _convolution

pytestmark = pytest.mark.conformance
SPECIAL = (np.nan, np.inf, -np.inf, 3e38, -3e38)
# Where only the order of operations decides whether 3e38 overflows, or a derivative at Inf or NaN is 0 or NaN.
LOOSE = {"multiply_number", "prod_agents_kept", "prod_spatial", "power_fraction"}


@functools.cache
def values_of(backend, group):
    """A function of the group's arrays: the value of each case."""

    def function(ops, symbols):
        values = {}
        for case, spec in backends_cases.GROUPS[group].items():
            if case not in LOOSE:
                with allowing_gaps(engine(backend)):
                    values[case] = spec[0](ops, *[symbols[case, i] for i in range(len(spec) - 1)])
        return values

    return engine(backend).compile(function, backends_cases.shapes(group))


@pytest.mark.parametrize("backend", OTHERS)
@pytest.mark.parametrize("group", backends_cases.GROUPS)
@pytest.mark.parametrize("special", SPECIAL)
def test_what_is_not_finite_on_numpy_is_not_on_any_engine(backend, group, special):
    """Law 1: a frame with NaN or Inf is not committed, so no engine may hide them, nor make some of its own."""
    # Not the kernels: whether an infinite weight meets the zeros around a source is an engine's own affair.
    for argument in (0,) if group in ("products", "conv2d") else (0, 1):
        arrays = backends_cases.arrays(group)
        for (_, place), array in arrays.items():
            if place == argument and array.size:
                array.flat[array.size // 2] = special
        wanted = {case: np.isfinite(value).all() for case, value in values_of("numpy", group)(arrays).items()}
        found = {case: np.isfinite(value).all() for case, value in values_of(backend, group)(arrays).items()}
        assert found == {case: finite for case, finite in wanted.items() if case in found}


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_comparison_hides_gives_no_gradient(backend):
    """The gradient of a branch not taken is 0, and a condition has none, even where it was Inf."""

    def function(ops, symbols):
        x, y, far = symbols["x"], symbols["y"], ops.exp(symbols["y"])
        value = ops.where(ops.greater(far, 1.0), x, -x) + ops.where(far, x, -x) + ops.greater_equal(far, 1.0)
        value = value + ops.sign(far) + ops.floor(ops.minimum(far, 9.0)) + ops.argmax(far, 0)
        value = value + ops.max(ops.concatenate([x, -y * y], 0))
        return {"dy": ops.gradients(ops.sum(value), [y])[0], "value": value}

    compiled = engine(backend).compile(function, {"x": (3,), "y": (3,)})
    found = compiled({"x": np.ones(3, np.float32), "y": np.array([0.5, 2, 100], np.float32)})
    assert found["dy"].tolist() == [0, 0, 0]
    assert np.isfinite(found["value"]).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_mean_of_equal_values_is_that_value(backend):
    """So that a constant map is exactly 0 after its mean was subtracted; a deviation of 0 would magnify the rest."""
    compiled = engine(backend).compile(lambda ops, s: {"y": ops.mean(s["x"], 1)}, {"x": (4, 10)})
    x = np.repeat(np.array([[0.1], [0.7], [1.3], [3.3]], np.float32), 10, 1)
    np.testing.assert_array_almost_equal_nulp(compiled({"x": x})["y"], x[:, 0], 1 if backend != "numpy" else 0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_long_sums_lose_no_digits(backend):
    """Over the agents, and where a bias that all of them share collects its gradient."""

    def function(ops, symbols):
        x, b = symbols["x"], symbols["b"]
        return {"sum": ops.sum(x, 0), "db": ops.gradients(ops.sum((x + b) * x), [b])[0]}

    x = np.random.default_rng(2).uniform(0.9, 1, (200_000, 2)).astype(np.float32)
    found = engine(backend).compile(function, {"x": x.shape, "b": (1, 2)})({"x": x, "b": np.zeros((1, 2), np.float32)})
    wanted = x.sum(axis=0, dtype=np.float64)
    limit = 2e-7 if backend in ("numpy", "theano") else 1e-4  # adding up in double precision, or law 6
    np.testing.assert_allclose(found["sum"], wanted, rtol=limit)
    np.testing.assert_allclose(found["db"][0], wanted, rtol=limit)


@pytest.mark.slow
def test_memory_that_nobody_reads_any_more_serves_again():
    """Forty intermediate results of a megabyte each need a few megabytes."""

    def function(ops, symbols):
        x = symbols["x"]
        for _ in range(20):
            x = ops.tanh(x) + symbols["x"]
        return {"y": x}

    backend = engine("theano")
    tracemalloc.start()
    try:
        compiled = backend.compile(function, {"x": (256, 1024)})
        assert tracemalloc.get_traced_memory()[0] < 8 * 2**20
    finally:
        tracemalloc.stop()
    x = np.ones((256, 1024), np.float32)
    wanted = np.float32(1)
    for _ in range(20):
        wanted = np.tanh(wanted) + np.float32(1)
    np.testing.assert_allclose(compiled({"x": x})["y"], wanted, rtol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_constants_beyond_float32_are_inf_without_a_word(backend):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled = engine(backend).compile(
            lambda ops, s: {"y": s["x"] * 1e300, "z": s["x"] + ops.constant(-1e300)}, {"x": ()}
        )
    found = compiled({"x": np.ones((), np.float32)})
    assert (float(found["y"]), float(found["z"])) == (np.inf, -np.inf)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "function",
    [
        lambda ops, x: ops.concatenate(x, 0),  # a tensor is no list of tensors, and nobody may try to make it one
        lambda ops, x: sum(x),
        lambda ops, x: ops.softmax(ops.sum(x)),
        lambda ops, x: ops.matmul(ops.reshape(x, (6, 1)), ops.reshape(x, (3, 2))),
        lambda ops, x: ops.exp(None),
        lambda ops, x: np.ones((2, 3), np.float32) * x,
        lambda ops, x: ops.transpose(x, (0, 0)),
    ],
)
def test_misuse_ends_at_once(backend, function):
    with pytest.raises((backends.BackendError, TypeError)):
        engine(backend).compile(lambda ops, s: {"y": function(ops, s["x"])}, {"x": (2, 3)})


@pytest.mark.parametrize("backend", ["numpy", pytest.param("theano", marks=pytest.mark.slow)])
def test_blas_uses_one_thread(backend):
    """BLAS adds up in another order with more, so bits would depend on how many there are."""
    libraries = limit_blas(2)  # none where numpy stands on another BLAS
    assert blas_threads() == ({2} if libraries else set())
    engine.__wrapped__(backend)
    assert blas_threads() == ({1} if libraries else set())


def blas_threads():
    """How many threads each OpenBLAS of this process uses."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    libraries = [ctypes.CDLL(path) for path in {line.split(maxsplit=5)[-1] for line in lines if "openblas" in line}]
    getters = [name.replace("_set_", "_get_") for name in SETTERS]
    return {getattr(one, name)() for one in libraries for name in getters if hasattr(one, name)}


@pytest.mark.parametrize("backend", BACKENDS)
def test_constants_are_copied(backend):
    array = np.ones(3, np.float32)
    compiled = engine(backend).compile(lambda ops, s: {"y": s["x"] + ops.constant(array)}, {"x": (3,)})
    array[...] = 5
    assert compiled({"x": np.zeros(3, np.float32)})["y"].tolist() == [1, 1, 1]


def test_numpy_says_when_memory_is_not_enough():
    def function(ops, symbols):
        x = ops.broadcast_to(symbols["x"], (2**20, 2**20))
        return {"y": x + 1.0}

    with pytest.raises(backends.BackendError, match="add of"):
        backends.load("numpy").compile(function, {"x": ()})


def test_numpy_computes_nothing_twice_and_runs_the_function_once():
    runs = []

    def function(ops, symbols):
        runs.append(1)
        return {"y": ops.exp(symbols["x"]) + ops.exp(symbols["x"]), "c": ops.constant([2.0])}

    compiled = backends.load("numpy").compile(function, {"x": (2,)})
    for value in (0, 1):
        found = compiled({"x": np.full(2, value, np.float32)})
        np.testing.assert_allclose(found["y"], 2 * np.exp(value), rtol=1e-6)
        assert found["c"] == 2
        found["c"][...] = 0  # results are the caller's
    assert len(runs) == 1


# --- threads --------------------------------------------------------------------------------------------------------


def test_a_crew_covers_everything_once_and_tells_errors():
    crew = Crew()
    for threads in (1, 2, 3, 5):
        crew.resize(threads)
        for count in (1, 2, 7):
            done = np.zeros(count)

            def part(rows, done=done):
                done[rows] += 1

            crew.share(count, part)
            assert (done == 1).all()
    finished = []
    begin = threading.Event()

    def fails(rows):
        if rows.start == 0:
            raise ValueError("first")
        begin.wait(5)
        finished.append(rows.start)

    threading.Timer(0.05, begin.set).start()
    with pytest.raises(ValueError, match="first"):
        crew.share(5, fails)
    assert sorted(finished) == [1, 2, 3, 4]  # nobody still writes when the error arrives

    def fails_elsewhere(rows):
        if rows.start == 1:
            raise ValueError("second")

    with pytest.raises(ValueError, match="second"):
        crew.share(5, fails_elsewhere)
    crew.resize(1)


@pytest.mark.slow
def test_overflow_in_another_thread_is_a_result_like_any_other():
    """Large enough to be shared by the crew; its threads must heed what the caller says about warnings."""
    compiled = engine("theano").compile(
        lambda ops, s: {"y": ops.matmul(s["a"], s["b"])}, {"a": (2000, 64), "b": (64, 64)}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compiled({"a": np.full((2000, 64), 3e38, np.float32), "b": np.full((64, 64), 3e38, np.float32)})
    assert np.isinf(found["y"]).all()


# --- the C loops ----------------------------------------------------------------------------------------------------

POINT = (1,) * 10 + (0, 0, 1, 1)


@pytest.mark.parametrize("work", [_convolution.unfold, _convolution.fold])
@pytest.mark.parametrize(
    "geometry",
    [
        (1,) * 13,
        (1, 1, -1, *POINT[3:]),
        (1, 0, *POINT[2:]),
        (2, *POINT[1:]),
        (1, 1, 1, 1, 2, *POINT[5:]),
        (2**62, 4, *POINT[2:]),  # four times more than fits a number: the product would be 0
        (2**63, *POINT[1:]),
    ],
)
def test_the_loops_refuse_what_does_not_fit(work, geometry):
    for size in (0, 1):
        with pytest.raises((TypeError, ValueError, OverflowError)):
            work(np.zeros(size, np.float32), np.zeros(size, np.float32), geometry, 0)


def test_the_loops_refuse_memory_of_the_wrong_kind():
    source, rows = np.zeros((1, 1, 1, 1), np.float32), np.zeros(1, np.float32)
    fixed = np.zeros(1, np.float32)
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        _convolution.unfold(source, fixed, POINT, 0)
    with pytest.raises(ValueError, match="read-only"):
        _convolution.fold(fixed, rows, POINT, 0)
    with pytest.raises(ValueError, match="contiguous"):
        _convolution.unfold(np.zeros((2, 2), np.float32).T, np.zeros(4, np.float32), (2, 2, *POINT[2:]), 0)
    _convolution.unfold(source[:0], rows[:0], (0, *POINT[1:]), 1)  # no agents, no work
