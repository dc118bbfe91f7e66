"""PyTensor: one function of all arrays per frame; the engine's linker and convolutions are statestream's own.

PyTensor has no convolution of this kind. Its own linkers were no faster here (docs/decisions.md), so the loop gets the
best there is, with the same settings as the backend: explicit inputs and outputs, results copied into the state.
"""

from typing import Any

import numpy as np

from loops.demo import AGENTS, BETA1, BETA2, RATE, Step, weights
from statestream import backends


class Arrays:
    """All arrays of the loop, with the symbol of each."""

    def __init__(self) -> None:
        self.values: list[np.ndarray] = []
        self.symbols: list[Any] = []

    def __call__(self, value: Any) -> Any:
        """A new array with that value; its symbol."""
        import pytensor.tensor as pt

        self.values.append(np.array(value, np.float32))
        self.symbols.append(pt.tensor(dtype="float32", shape=np.shape(value)))
        return self.symbols[-1]


def adam(array: Arrays, trained: list[Any], loss: Any) -> list[tuple[Any, Any]]:
    """Symbols and their next values."""
    import pytensor
    import pytensor.tensor as pt

    count = array(0.0)
    now = count + 1
    rate = -RATE * pt.sqrt(1 - BETA2**now) / (1 - BETA1**now)
    changes = [(count, now)]
    for parameter, gradient in zip(trained, pytensor.grad(loss, trained), strict=True):
        m, v = (array(np.zeros(parameter.type.shape)) for _ in range(2))
        m2, v2 = BETA1 * m + (1 - BETA1) * gradient, BETA2 * v + (1 - BETA2) * gradient * gradient
        changes += [(parameter, parameter + rate * m2 / (pt.sqrt(v2) + 1e-6)), (m, m2), (v, v2)]
    return changes


def make(threads: int, learn: bool) -> Step:
    """See the package."""
    backends.load("theano", threads=threads)
    import pytensor
    import pytensor.tensor as pt
    from pytensor.compile.mode import Mode
    from pytensor.tensor.special import softmax

    from statestream.backends._shapes import Span
    from statestream.backends._theano_linker import NumpyLinker
    from statestream.backends._theano_ops import convolve

    array = Arrays()
    w1, w2, *dense = weights()
    w1, w2 = array(w1), array(w2)
    w3, w4 = (array(w.reshape(w.shape[0], -1).T) for w in dense)
    b1, b2, b3, b4 = (array(np.zeros(n)) for n in (16, 32, 64, 10))
    shapes = ((1, 32, 32), (16, 16, 16), (32, 4, 4), (64,), (10,), (10,))
    image, h1, h2, h3, prediction, label = (array(np.zeros((AGENTS, *shape))) for shape in shapes)
    shown, noise = (array(np.zeros((AGENTS, 1, 32, 32))) for _ in range(2))

    def l1(x: Any) -> Any:
        return convolve(x, w1, Span(32, 5, 2), Span(32, 5, 2)) + b1.dimshuffle("x", 0, "x", "x")

    def l2(x: Any) -> Any:
        return convolve(x, w2, Span(16, 5, 4), Span(16, 5, 4)) + b2.dimshuffle("x", 0, "x", "x")

    def l3(x: Any) -> Any:
        return pt.dot(x.reshape((AGENTS, 512)), w3) + b3

    def l4(x: Any) -> Any:
        return softmax(pt.dot(x, w4) + b4, axis=1)

    n1 = l1(image)
    changes = [(h1, n1), (h2, l2(h1)), (h3, l3(h2)), (prediction, l4(h3)), (image, 0.1 * noise + shown)]
    if learn:
        loss = pt.mean(-label * pt.log(pt.maximum(l4(l3(l2(n1))), 1e-6)))
        changes += adam(array, [w1, w2, w3, w4, b3], loss)
    mode = Mode(NumpyLinker(), "merge").excluding("fusion", "inplace", "BlasOpt")
    results = [pt.cast(value, "float32") for _, value in changes]
    frame = pytensor.function(array.symbols, results, mode=mode, on_unused_input="ignore")
    frame.trust_input = True
    return stepper(frame, array, [symbol for symbol, _ in changes], (shown, noise, label, prediction))


def stepper(frame: Any, array: Arrays, changing: list[Any], topics: tuple[Any, Any, Any, Any]) -> Step:
    """The loop's step around the compiled function; topics: symbols of image, noise, label, prediction."""
    values = array.values
    place = {symbol: position for position, symbol in enumerate(array.symbols)}
    shown, noise, label, prediction = (place[symbol] for symbol in topics)
    targets = [values[place[symbol]] for symbol in changing]
    generator = np.random.default_rng(2)

    def step(new_image: np.ndarray, new_label: np.ndarray) -> np.ndarray:
        values[shown] = new_image
        generator.standard_normal(dtype=np.float32, out=values[noise])
        for target, value in zip(targets, frame(*values), strict=True):
            np.copyto(target, value)
        np.copyto(values[label], new_label)
        return values[prediction]

    return step
