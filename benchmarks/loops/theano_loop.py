"""PyTensor: one function with shared variables and updates; the engine's mode and convolutions are statestream's own.

PyTensor has no convolution of this kind, and its own linkers were slower here: the loop gets the best there is.
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

    first_span, second_span = Span(32, 5, 2), Span(16, 5, 4)

    def shared(value: Any) -> Any:
        return pytensor.shared(np.asarray(value, "float32"), shape=np.shape(value), borrow=True)

    drawn = weights()
    w1, w2 = shared(drawn[0]), shared(drawn[1])
    w3, w4 = (shared(np.ascontiguousarray(w.reshape(w.shape[0], -1).T)) for w in drawn[2:])
    b1, b2, b3, b4 = (shared(np.zeros(n)) for n in (16, 32, 64, 10))
    trained = [w1, w2, w3, w4, b3]
    count = shared(0.0)
    shapes = ((1, 32, 32), (16, 16, 16), (32, 4, 4), (64,), (10,), (10,))
    image, h1, h2, h3, prediction, label = (shared(np.zeros((AGENTS, *shape))) for shape in shapes)

    def l1(x: Any) -> Any:
        return convolve(x, w1, first_span, first_span) + b1.dimshuffle("x", 0, "x", "x")

    def l2(x: Any) -> Any:
        return convolve(x, w2, second_span, second_span) + b2.dimshuffle("x", 0, "x", "x")

    def l3(x: Any) -> Any:
        return pt.dot(x.reshape((AGENTS, 512)), w3) + b3

    def l4(x: Any) -> Any:
        return softmax(pt.dot(x, w4) + b4, axis=1)

    def adam(loss: Any) -> list[tuple[Any, Any]]:
        now = count + 1
        rate = -RATE * pt.sqrt(1 - BETA2**now) / (1 - BETA1**now)
        updates = [(count, now)]
        for parameter, gradient in zip(trained, pytensor.grad(loss, trained), strict=True):
            m, v = (shared(np.zeros(parameter.get_value().shape)) for _ in range(2))
            m2, v2 = BETA1 * m + (1 - BETA1) * gradient, BETA2 * v + (1 - BETA2) * gradient * gradient
            updates += [(parameter, parameter + rate * m2 / (pt.sqrt(v2) + 1e-6)), (m, m2), (v, v2)]
        return updates

    new_image, noise = (pt.tensor(dtype="float32", shape=(AGENTS, 1, 32, 32)) for _ in range(2))
    new_label = pt.tensor(dtype="float32", shape=(AGENTS, 10))
    n1 = l1(image)
    n4 = l4(h3)
    updates = [(h1, n1), (h2, l2(h1)), (h3, l3(h2)), (prediction, n4)]
    updates += [(image, 0.1 * noise + new_image), (label, new_label)]
    if learn:
        updates += adam(pt.mean(-label * pt.log(pt.maximum(l4(l3(l2(n1))), 1e-6))))
    updates = [(variable, pt.cast(value, "float32")) for variable, value in updates]
    mode = Mode(NumpyLinker(), "fast_run").excluding("fusion", "inplace", "BlasOpt")
    frame = pytensor.function([new_image, new_label, noise], n4, updates=updates, mode=mode)
    frame.trust_input = True
    generator = np.random.default_rng(2)

    def step(image: np.ndarray, label: np.ndarray) -> np.ndarray:
        noise = generator.standard_normal((AGENTS, 1, 32, 32), dtype=np.float32)
        return np.array(frame(image.copy(), label.copy(), noise))

    return step
