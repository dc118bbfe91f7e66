"""The numpy reference: gradients against central differences, convolution against its defining sum, equal bits."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import backends_cases
from statestream import backends
from statestream.backends._operators import Operators
from statestream.backends._tape import Tensor
from statestream.backends.numpy import Engine

pytestmark = pytest.mark.conformance
STEP = 1e-5


@functools.cache
def in_double_precision(group):
    """Inputs, results and the loss's parts of a group in float64."""
    compiled = Engine(dtype=np.float64).build(
        lambda ops, symbols: backends_cases.evaluate(ops, group, symbols), backends_cases.shapes(group)
    )
    arrays = backends_cases.arrays(group, np.float64)
    return arrays, compiled(arrays)


def loss_of(group, case):
    """The weighted sum whose gradients `evaluate` takes, as a function of the case's arrays."""
    function = backends_cases.GROUPS[group][case][0]

    def loss(ops, symbols):
        value = function(ops, *symbols.values())
        weights = backends_cases.draw(case, "weights", ops.shape(value), backends_cases.PLAIN)
        return {"loss": ops.sum(value * ops.constant(weights))}

    return loss


def differences(run, arrays, key, places):
    """Central differences of the loss at some places of one array."""
    slopes = []
    for place in places:
        losses = []
        for sign in (1, -1):
            moved = dict(arrays)
            moved[key] = arrays[key].copy()
            moved[key].flat[place] += sign * STEP
            losses.append(float(run(moved)["loss"]))
        slopes.append((losses[0] - losses[1]) / (2 * STEP))
    return np.array(slopes)


SMOOTH = [key for key in backends_cases.NAMES if key[0] != "steps" and "stop_gradient" not in key[1]]


@pytest.mark.parametrize("group, case", [pytest.param(*key, id="-".join(key)) for key in SMOOTH])
def test_gradients_are_those_of_differences(group, case):
    arrays, results = in_double_precision(group)
    own = {key: array for key, array in arrays.items() if key[0] == case}
    run = Engine(dtype=np.float64).build(loss_of(group, case), {key: array.shape for key, array in own.items()})
    for i, (key, array) in enumerate(own.items()):
        places = np.random.default_rng(i).permutation(array.size)[:12]
        wanted = differences(run, own, key, places)
        found = results[case, f"d{i}"].reshape(-1)[places]
        scale = max(1.0, np.max(np.abs(wanted)))
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=2e-7 * scale)


NO_DIFFERENCES = {
    "stop_gradient": "its gradient is not that of differences by intention; the group `steps` shows it",
    "gradients": "its results are values and pass no gradient; the group `steps` shows it",
}


def asked_for(keys, monkeypatch):
    """The operations and operators that some cases use, directly or within another operation."""
    used = set()

    def noting(name, function):
        def noted(*arguments, **keywords):
            used.add(name)
            return function(*arguments, **keywords)

        return noted

    with monkeypatch.context() as patch:
        for owner in (Operators, Tensor):
            for name in OPERATORS & vars(owner).keys():
                patch.setattr(owner, name, noting(name, vars(owner)[name]))
        for group, case in keys:

            def noted(ops, symbols, group=group, case=case):
                for name in backends.OPERATIONS:
                    setattr(ops, name, noting(name, getattr(ops, name)))
                return {"y": backends_cases.GROUPS[group][case][0](ops, *symbols.values())}

            shapes = {key: shape for key, shape in backends_cases.shapes(group).items() if key[0] == case}
            Engine().build(noted, shapes)
    return used


OPERATORS = {
    "__getitem__", *(name for name, value in vars(Operators).items() if name[:2] == "__" and hasattr(value, "__code__"))
}  # fmt: skip


def test_every_operation_and_operator_is_compared_with_differences(monkeypatch):
    """So that a new operation cannot be forgotten."""
    assert {"__add__", "__rtruediv__", "__pos__"} <= OPERATORS
    every = OPERATORS | backends.OPERATIONS
    assert every - asked_for(SMOOTH, monkeypatch) == set(NO_DIFFERENCES)
    assert every - asked_for(backends_cases.NAMES, monkeypatch) == set()


def test_steps_have_the_documented_gradients():
    def function(ops, symbols):
        x = symbols["x"]
        parts = {
            "relu": ops.maximum(x, 0),
            "swapped": ops.maximum(0, x),
            "minimum": ops.minimum(x, 0),
            "abs": ops.abs(x),
            "sqrt": ops.sqrt(ops.maximum(x, 0)),
            "max": ops.max(ops.reshape(x, (1, 3))),
            "floor": ops.floor(x),
        }
        return {name: ops.gradients(ops.sum(part), [x])[0] for name, part in parts.items()}

    found = backends.load("numpy").compile(function, {"x": (3,)})({"x": np.zeros(3, np.float32)})
    wanted = {"relu": 0, "swapped": 1, "minimum": 0, "abs": 0, "sqrt": 0, "max": 1 / 3, "floor": 0}
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, err_msg=name)


def naive_convolution(x, w, stride, dilation):
    """The design's rule, element by element: out[i] = sum_k x[i * stride + k * dilation - k_eff // 2] * w[k]."""
    (sx, sy), (dx, dy) = stride, dilation
    agents, _, width, height = x.shape
    target, _, kx, ky = w.shape
    bx, by = ((kx - 1) * dx + 1) // 2, ((ky - 1) * dy + 1) // 2
    out = np.zeros((agents, target, -(-width // sx), -(-height // sy)))
    for i, j, k, m in np.ndindex(out.shape[2], out.shape[3], kx, ky):
        p, q = i * sx + k * dx - bx, j * sy + m * dy - by
        if 0 <= p < width and 0 <= q < height:
            out[:, :, i, j] += x[:, :, p, q] @ w[:, :, k, m].T
    return out


@pytest.mark.parametrize("name", backends_cases.GEOMETRIES)
def test_convolution_is_its_defining_sum(name):
    source, kernel, stride, dilation = backends_cases.GEOMETRIES[name]
    stride, dilation = backends_cases.pair(stride), backends_cases.pair(dilation)
    x, w = (backends_cases.draw(name, i, shape, "plain").astype(np.float32) for i, shape in enumerate((source, kernel)))
    compiled = backends.load("numpy").compile(
        lambda ops, symbols: {"y": ops.conv2d(symbols["x"], symbols["w"], stride, dilation)},
        {"x": source, "w": kernel},
    )
    np.testing.assert_allclose(compiled({"x": x, "w": w})["y"], naive_convolution(x, w, stride, dilation), atol=2e-5)


def test_own_kernels_are_one_convolution_per_agent():
    x, w = backends_cases.draw("own", 0, (3, 2, 6, 6), "plain"), backends_cases.draw("own", 1, (3, 4, 2, 3, 3), "plain")
    compiled = backends.load("numpy").compile(
        lambda ops, symbols: {"y": ops.conv2d(symbols["x"], symbols["w"], (2, 2))}, {"x": x.shape, "w": w.shape}
    )
    found = compiled({"x": x.astype(np.float32), "w": w.astype(np.float32)})["y"]
    wanted = [naive_convolution(x[a : a + 1], w[a], (2, 2), (1, 1))[0] for a in range(3)]
    np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_what_is_computed_beside_changes_no_bit():
    """Law 3: a gradient that is computed alone has the bits that it has beside other results, in any order."""

    def network(ops, s):
        first = ops.tanh(ops.conv2d(s["x"], s["w"], (2, 2)))
        second = ops.tanh(ops.conv2d(first, s["v"]) + first)
        return first, second, ops.mean(ops.square(second * first + second))

    def alone(ops, s):
        return {"g": ops.gradients(network(ops, s)[2], [s["w"]])[0]}

    def beside(ops, s):
        other = ops.exp(ops.conv2d(s["x"], s["w"], (2, 2)) * 0.5) + ops.sum(s["v"])
        second = ops.tanh(ops.tanh(ops.conv2d(s["x"], s["w"], (2, 2))) * 1.0)
        g = ops.gradients(network(ops, s)[2], [s["v"], s["w"]])
        return {"other": other, "second": second, "gv": g[0], "g": g[1]}

    shapes = {"x": (4, 2, 8, 8), "w": (3, 2, 5, 5), "v": (3, 3, 3, 3)}
    arrays = {key: backends_cases.draw(key, 0, shape, "plain").astype(np.float32) for key, shape in shapes.items()}
    engine = backends.load("numpy")
    one, two = engine.compile(alone, shapes)(arrays)["g"], engine.compile(beside, shapes)(arrays)["g"]
    assert one.tobytes() == two.tobytes()


def test_memory_addresses_change_no_bit():
    shapes = {"x": (5, 3, 7, 9), "w": (4, 3, 3, 3)}
    compiled = backends.load("numpy").compile(
        lambda ops, s: {"y": ops.softmax(ops.conv2d(s["x"], s["w"])), "l": ops.mean(ops.exp(s["x"]), 1)}, shapes
    )
    results = []
    for offset in range(0, 64, 4):
        arrays = {}
        for key, shape in shapes.items():
            memory = np.zeros(4 * int(np.prod(shape)) + 128, np.uint8)
            start = -memory.ctypes.data % 64 + offset
            arrays[key] = memory[start : start + 4 * int(np.prod(shape))].view(np.float32).reshape(shape)
            arrays[key][...] = backends_cases.draw(key, 1, shape, "plain")
        found = compiled(arrays)
        results.append(found["y"].tobytes() + found["l"].tobytes())
    assert len(set(results)) == 1


def test_an_array_beside_an_operator_is_refused():
    with pytest.raises((backends.BackendError, TypeError)):
        backends.load("numpy").compile(lambda ops, s: {"y": s["x"] * np.ones(3)}, {"x": (3,)})
