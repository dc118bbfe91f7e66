"""PyTensor: one function of all arrays per frame; the engine's linker and convolutions are statestream's own.

PyTensor has no convolution of this kind. Its own linkers were no faster here (docs/decisions.md), so the loop gets the
best there is, with the same settings as the backend: explicit inputs and outputs, results copied into the state.
"""

from typing import Any

import numpy as np

from loops.demo import AGENTS, BETA1, BETA2, RATE, Step, weights
from statestream import backends


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

    arrays: list[np.ndarray] = []
    symbols: list[Any] = []

    def array(value: Any) -> Any:
        arrays.append(np.array(value, np.float32))
        symbols.append(pt.tensor(dtype="float32", shape=np.shape(value)))
        return symbols[-1]

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

    def adam(loss: Any) -> list[tuple[Any, Any]]:
        trained = [w1, w2, w3, w4, b3]
        count = array(0.0)
        now = count + 1
        rate = -RATE * pt.sqrt(1 - BETA2**now) / (1 - BETA1**now)
        changes = [(count, now)]
        for parameter, gradient in zip(trained, pytensor.grad(loss, trained), strict=True):
            m, v = (array(np.zeros(parameter.type.shape)) for _ in range(2))
            m2, v2 = BETA1 * m + (1 - BETA1) * gradient, BETA2 * v + (1 - BETA2) * gradient * gradient
            changes += [(parameter, parameter + rate * m2 / (pt.sqrt(v2) + 1e-6)), (m, m2), (v, v2)]
        return changes

    n1 = l1(image)
    changes = [(h1, n1), (h2, l2(h1)), (h3, l3(h2)), (prediction, l4(h3)), (image, 0.1 * noise + shown)]
    if learn:
        changes += adam(pt.mean(-label * pt.log(pt.maximum(l4(l3(l2(n1))), 1e-6))))
    mode = Mode(NumpyLinker(), "merge").excluding("fusion", "inplace", "BlasOpt")
    results = [pt.cast(value, "float32") for _, value in changes]
    frame = pytensor.function(symbols, results, mode=mode, on_unused_input="ignore")
    frame.trust_input = True
    place = {symbol: position for position, symbol in enumerate(symbols)}
    targets = [arrays[place[symbol]] for symbol, _ in changes]
    generator = np.random.default_rng(2)

    def step(new_image: np.ndarray, new_label: np.ndarray) -> np.ndarray:
        arrays[place[shown]] = new_image
        generator.standard_normal(dtype=np.float32, out=arrays[place[noise]])
        for target, value in zip(targets, frame(*arrays), strict=True):
            np.copyto(target, value)
        np.copyto(arrays[place[label]], new_label)
        return arrays[place[prediction]]

    return step
