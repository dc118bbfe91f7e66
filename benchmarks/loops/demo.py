"""What the loops share: sizes, settings of the optimizer, first weights."""

from collections.abc import Callable

import numpy as np

AGENTS = 128
RATE, BETA1, BETA2 = 1e-4, 0.99, 0.999
Step = Callable[[np.ndarray, np.ndarray], np.ndarray]


def xavier(generator: np.random.Generator, *shape: int) -> np.ndarray:
    """Weights [out, in, kx, ky] as the demo draws them."""
    field = shape[2] * shape[3]
    bound = np.sqrt(6 / ((shape[0] + shape[1]) * field))
    return generator.uniform(-bound, bound, shape).astype(np.float32)


def weights() -> list[np.ndarray]:
    """The demo's four weights."""
    generator = np.random.default_rng(1)
    return [xavier(generator, *shape) for shape in ((16, 1, 5, 5), (32, 16, 5, 5), (64, 32, 4, 4), (10, 64, 1, 1))]
