"""What every compiled function keeps: no aliasing, clear errors, equal bits, read-only and unaligned inputs."""

from __future__ import annotations

import functools
import subprocess
import sys

import numpy as np
import pytest

from conformance import BACKENDS, OTHERS, engine
from statestream import backends

pytestmark = pytest.mark.conformance
SHAPES = {("a", "state", ""): (4, 2, 6, 6), ("w", "parameter", "W_0_0"): (3, 2, 3, 3), "scalar": ()}


def step(ops, symbols):
    """Results that are computed, and results that an engine may be tempted to hand back in an input's memory."""
    a, w, scalar = symbols.values()
    loss = ops.mean(ops.square(ops.conv2d(a, w, (2, 2)))) * scalar
    return {
        "loss": loss,
        "gradient": ops.gradients(loss, [w])[0],
        "same": a,
        "again": a,
        "flat": ops.reshape(a, (4, 72)),
        "part": a[1:3],
        "stopped": ops.stop_gradient(w),
        "times_one": a * 1.0,
        "scalar": scalar,
        "constant": ops.constant([1.0, 2.0]),
        "number": 3.0,
        "zeros": ops.gradients(loss, [a + 0.5])[0],
    }


@functools.cache
def compiled(backend):
    return engine(backend).compile(step, SHAPES)


def aligned(shape, offset=0):
    memory = np.zeros(4 * int(np.prod(shape)) + 128, np.uint8)
    start = -memory.ctypes.data % 64 + offset
    return memory[start : start + 4 * int(np.prod(shape))].view(np.float32).reshape(shape)


def inputs(offset=0):
    arrays = {key: aligned(shape, offset) for key, shape in SHAPES.items()}
    for number, array in enumerate(arrays.values()):
        array[...] = np.random.default_rng(number).standard_normal(array.shape)
    return arrays


@pytest.mark.parametrize("backend", BACKENDS)
def test_results_are_float32_arrays_of_their_own(backend):
    arrays = inputs()
    found = compiled(backend)(arrays)
    kept = {key: array.copy() for key, array in found.items()}
    for key, result in found.items():
        assert isinstance(result, np.ndarray) and result.dtype == np.float32 and result.flags.c_contiguous, key
        assert not any(np.shares_memory(result, array) for array in arrays.values()), key
    for array in arrays.values():
        array[...] = np.nan
    for key, result in found.items():
        np.testing.assert_array_equal(result, kept[key], err_msg=key)
    np.testing.assert_array_equal(found["zeros"], np.zeros((4, 2, 6, 6)))
    assert found["number"].shape == () and found["number"] == 3 and found["constant"].tolist() == [1, 2]


@pytest.mark.parametrize("backend", BACKENDS)
def test_inputs_are_read_again_at_each_call_and_never_written(backend):
    arrays = inputs()
    first = compiled(backend)(arrays)["loss"].copy()
    before = {key: array.tobytes() for key, array in arrays.items()}
    compiled(backend)(arrays)
    assert before == {key: array.tobytes() for key, array in arrays.items()}
    arrays["scalar"][...] *= 2
    np.testing.assert_allclose(compiled(backend)(arrays)["loss"], 2 * first, rtol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_read_only_and_unaligned_inputs_are_allowed(backend):
    wanted = {key: array.copy() for key, array in compiled(backend)(inputs()).items()}
    for offset in (0, 4):
        arrays = inputs(offset)
        for array in arrays.values():
            array.flags.writeable = False
        found = compiled(backend)(arrays)
        for key, result in found.items():
            np.testing.assert_allclose(result, wanted[key], rtol=1e-6, atol=1e-7, err_msg=key)
            assert not any(np.shares_memory(result, array) for array in arrays.values()), key


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_reference_to_inputs_is_kept(backend):
    """The runtime unmaps the arena, and may do so only when nothing points into it any more."""
    arrays = inputs()

    def references():
        return [sys.getrefcount(one) for array in arrays.values() for one in (array, array.base)]

    before = references()
    found = compiled(backend)(arrays)
    assert references() == before and len(found) == 12


@pytest.mark.parametrize("backend", BACKENDS)
def test_equal_inputs_give_equal_bits(backend):
    first = {key: array.tobytes() for key, array in compiled(backend)(inputs()).items()}
    for _ in range(5):
        assert first == {key: array.tobytes() for key, array in compiled(backend)(inputs()).items()}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "change, message",
    [
        (lambda arrays: arrays.pop("scalar"), "input scalar is missing"),
        (lambda arrays: arrays.update(scalar=np.zeros(2, np.float32)), r"input scalar: float32 \(2,\) given"),
        (lambda arrays: arrays.update(scalar=np.zeros(())), "input scalar: float64"),
        (
            lambda arrays: arrays.update({("a", "state", ""): np.zeros((6, 6, 2, 4), np.float32).T}),
            "input a.state: .* not contiguous",
        ),
    ],
)
def test_wrong_inputs_are_refused_by_name(backend, change, message):
    arrays = inputs()
    change(arrays)
    with pytest.raises(backends.BackendError, match=message):
        compiled(backend)(arrays)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "function",
    [
        lambda ops, s: {"y": ops.conv2d(s["a"], s["b"])},
        lambda ops, s: {"y": ops.dense(s["a"], s["b"])},
        lambda ops, s: {"y": s["a"] + s["c"]},
        lambda ops, s: {"y": ops.reshape(s["a"], (7, -1))},
        lambda ops, s: {"y": ops.sum(s["a"], 4)},
        lambda ops, s: {"y": ops.matmul(s["c"], s["c"])},
        lambda ops, s: {"y": ops.gradients(s["a"], [s["b"]])[0]},
        lambda ops, s: {"y": ops.exp("text")},
        lambda ops, s: {"y": ops.conv2d(s["a"], s["a"], (0, 1))},
    ],
)
def test_shapes_that_do_not_fit_are_found_when_compiling(backend, function):
    with pytest.raises(backends.BackendError):
        engine(backend).compile(function, {"a": (2, 3, 4, 4), "b": (2, 4, 3, 3), "c": (3, 5)})


def test_unknown_backends_and_devices_are_refused():
    with pytest.raises(backends.BackendError, match="unknown backend 'caffe'"):
        backends.load("caffe")
    with pytest.raises(backends.BackendError, match="not on gpu:0"):
        backends.load("numpy", device="gpu:0")


def test_names_need_no_engine():
    code = (
        "import sys; from statestream import backends\n"
        "print(*backends.NAMES, bool({'tensorflow', 'pytensor', 'torch'} & {*sys.modules}))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == [*backends.NAMES, "False"]


@pytest.mark.slow
def test_threads_of_tensorflow_are_set_once():
    backends.load("tensorflow", threads=2)
    with pytest.raises(backends.BackendError, match="already set up"):
        backends.load("tensorflow", threads=3)


@pytest.mark.parametrize("backend", OTHERS)
def test_engines_start_silently(backend, tmp_path):
    code = (
        "import sys, numpy as np; from statestream import backends\n"
        f"engine = backends.load({backend!r}, threads=2, cache=sys.argv[1])\n"
        "run = engine.compile(lambda ops, s: {'y': ops.log_softmax(ops.softmax(ops.conv2d(s['x'], s['w'])))}, "
        "{'x': (2, 1, 4, 4), 'w': (1, 1, 3, 3)})\n"
        "run({'x': np.ones((2, 1, 4, 4), 'f'), 'w': np.ones((1, 1, 3, 3), 'f')})\n"
        "assert 'numba' not in sys.modules  # PyTensor would compile softmax with it, for ten seconds\n"
    )
    shown = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", code, str(tmp_path)], capture_output=True, text=True
    )
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")
