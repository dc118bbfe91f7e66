"""Plain numpy: convolution by gathered windows and matrix products, gradients by hand."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from loops.demo import AGENTS, BETA1, BETA2, RATE, Step, weights


def windows(x: np.ndarray, stride: int, out: int) -> np.ndarray:
    """The 5x5 windows of x [B, C, X, Y] as rows [B * out * out, C * 25]; two zeros before, what is needed after."""
    after = max((out - 1) * stride + 5 - 2 - x.shape[2], 0)
    padded = np.pad(x, ((0, 0), (0, 0), (2, after), (2, after)))
    seen = sliding_window_view(padded, (5, 5), (2, 3))[:, :, ::stride, ::stride][:, :, :out, :out]
    return np.ascontiguousarray(seen.transpose(0, 2, 3, 1, 4, 5)).reshape(AGENTS * out * out, -1)


def softmax(x: np.ndarray) -> np.ndarray:
    """Over the second axis."""
    e = np.exp(x - x.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def scatter(rows: np.ndarray) -> np.ndarray:
    """Sum of window gradients [B * 16, 16 * 25] back into the source [B, 16, 16, 16] (stride 4)."""
    grid = rows.reshape(AGENTS, 4, 4, 16, 5, 5).transpose(0, 3, 1, 4, 2, 5)
    padded = np.zeros((AGENTS, 16, 20, 20), np.float32)
    for i in range(5):
        for j in range(5):
            padded[:, :, i : i + 13 : 4, j : j + 13 : 4] += grid[:, :, :, i, :, j]
    return padded[:, :, 2:18, 2:18]


def make(threads: int, learn: bool) -> Step:
    """See the package. The threads are those of numpy's BLAS, set by the process's environment."""
    generator = np.random.default_rng(2)
    w1, w2, w3, w4 = (w.reshape(w.shape[0], -1) for w in weights())
    b1, b2, b3, b4 = (np.zeros(n, np.float32) for n in (16, 32, 64, 10))
    trained = [w1, w2, w3, w4, b3]
    first, second = ([np.zeros_like(p) for p in trained] for _ in range(2))
    shapes = ((1, 32, 32), (16, 16, 16), (32, 4, 4), (64,), (10,))
    state = [np.zeros((AGENTS, *shape), np.float32) for shape in shapes]
    count, label = 0, np.zeros((AGENTS, 10), np.float32)

    def maps(rows: np.ndarray, out: int) -> np.ndarray:
        return rows.reshape(AGENTS, out, out, -1).transpose(0, 3, 1, 2)

    def update(gradients: list[np.ndarray]) -> None:
        rate = np.float32(-RATE * (1 - BETA2**count) ** 0.5 / (1 - BETA1**count))
        for parameter, gradient, m, v in zip(trained, gradients, first, second, strict=True):
            m += np.float32(1 - BETA1) * (gradient - m)
            v += np.float32(1 - BETA2) * (gradient * gradient - v)
            parameter += rate * m / (np.sqrt(v) + np.float32(1e-6))

    def gradients(c1: np.ndarray, n1: np.ndarray, label: np.ndarray) -> list[np.ndarray]:
        c2 = windows(n1, 4, 4)
        x2 = maps(c2 @ w2.T + b2, 4).reshape(AGENTS, 512)
        x3 = x2 @ w3.T + b3
        y = softmax(x3 @ w4.T + b4)
        dy = np.where(y > 1e-6, -label / np.maximum(y, 1e-6), 0) / np.float32(y.size)
        d4 = y * (dy - (dy * y).sum(1, keepdims=True))
        d3 = d4 @ w4
        d2 = (d3 @ w3).reshape(AGENTS, 32, 16).transpose(0, 2, 1).reshape(AGENTS * 16, 32)
        d1 = scatter(d2 @ w2).transpose(0, 2, 3, 1).reshape(AGENTS * 256, 16)
        return [d1.T @ c1, d2.T @ c2, d3.T @ x2, d4.T @ x3, d3.sum(0)]

    def step(image: np.ndarray, new_label: np.ndarray) -> np.ndarray:
        nonlocal count, label
        count += 1
        c1 = windows(state[0], 2, 16)
        n1 = maps(c1 @ w1.T + b1, 16)
        noise = generator.standard_normal(image.shape, dtype=np.float32)
        following = [noise * np.float32(0.1) + image, n1, maps(windows(state[1], 4, 4) @ w2.T + b2, 4)]
        following += [state[2].reshape(AGENTS, 512) @ w3.T + b3, softmax(state[3] @ w4.T + b4)]
        if learn:
            update(gradients(c1, n1, label))
        state[:], label = following, new_label.copy()
        return state[4]

    return step
