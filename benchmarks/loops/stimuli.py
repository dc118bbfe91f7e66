"""Images and labels for the hand-written loops, drawn before the clock starts: a new stimulus every 7 frames."""

import numpy as np

AGENTS = 128
FRAMES = 70


def stimuli() -> tuple[np.ndarray, np.ndarray]:
    """Images [FRAMES, agents, 1, 32, 32] and one-hot labels [FRAMES, agents, 10]."""
    generator = np.random.default_rng(0)
    images = (generator.random((FRAMES // 7, AGENTS, 1, 32, 32), dtype=np.float32) > 0.88).astype(np.float32)
    labels = np.eye(10, dtype=np.float32)[generator.integers(0, 10, (FRAMES // 7, AGENTS))]
    return np.repeat(images, 7, 0), np.repeat(labels, 7, 0)


def xavier(generator: np.random.Generator, *shape: int) -> np.ndarray:
    """Weights [out, in, kx, ky] as the demo draws them."""
    field = shape[2] * shape[3]
    bound = np.sqrt(6 / ((shape[0] + shape[1]) * field))
    return generator.uniform(-bound, bound, shape).astype(np.float32)


def weights() -> list[np.ndarray]:
    """The demo's four weights."""
    generator = np.random.default_rng(1)
    return [xavier(generator, *shape) for shape in ((16, 1, 5, 5), (32, 16, 5, 5), (64, 32, 4, 4), (10, 64, 1, 1))]
