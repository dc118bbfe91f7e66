"""Pooling and spatial transformers a second time, element by element in float64, from the specification alone."""

from __future__ import annotations

import numpy as np


def pooled(x, pool):
    """pool: [max or avg, size, stride, same or valid], as TensorFlow pools; along X only where Y is 1."""
    statistic, size, stride, padding = pool
    sizes, strides = ((size, 1), (stride, 1)) if x.shape[3] == 1 else ((size, size), (stride, stride))
    outs, befores = [], []
    for length, k, s in zip(x.shape[2:], sizes, strides, strict=True):
        out = -(-length // s) if padding == "same" else (length - k) // s + 1
        missing = max((out - 1) * s + k - length, 0) if padding == "same" else 0
        outs.append(out)
        befores.append(missing // 2)
    result = np.zeros((*x.shape[:2], *outs))
    for i, j in np.ndindex(*outs):
        seen = [
            x[:, :, p, q]
            for p in range(i * strides[0] - befores[0], i * strides[0] - befores[0] + sizes[0])
            for q in range(j * strides[1] - befores[1], j * strides[1] - befores[1] + sizes[1])
            if 0 <= p < x.shape[2] and 0 <= q < x.shape[3]
        ]
        result[:, :, i, j] = np.max(seen, axis=0) if statistic == "max" else np.mean(seen, axis=0)
    return result


def tent(distance):
    return max(0.0, 1.0 - abs(distance))


def line(end, count, i):
    """Number i of `count` values from -end to end; 0 if there is one."""
    return 0.0 if count == 1 else -end + 2 * end * i / (count - 1)


def place(controls, a, p, q, size, out):
    """Where target pixel (p, q) of agent a is sampled, in pixels of the map."""
    if len(controls) == 2:
        scale, position = controls
        return [
            line(out[axis] / 2, out[axis], (p, q)[axis]) * scale[a, 0, 0, 0]
            + position[a, axis, 0, 0] * size[axis] / 4
            + size[axis] / 2
            for axis in (0, 1)
        ]
    if controls[0].shape[1] == 2:
        return [controls[0][a, axis, p, q] * size[axis] for axis in (0, 1)]
    u, v = line(1, out[0], p), line(1, out[1], q)
    theta = controls[0][a, :, 0, 0].reshape(2, 3)
    return [(theta[axis] @ [u, v, 1] + 1) / 2 * (size[axis] - 1) for axis in (0, 1)]


def transformed(x, controls, out):
    """The map x sampled with the tent kernel of the transformer paper (equation 5), clamped to the map."""
    size = x.shape[2:]
    result = np.zeros((*x.shape[:2], *out))
    for a, p, q in np.ndindex(x.shape[0], *out):
        where = [min(max(w, 0), s - 1) for w, s in zip(place(controls, a, p, q, size, out), size, strict=True)]
        for i, j in np.ndindex(*size):
            result[a, :, p, q] += x[a, :, i, j] * tent(where[0] - i) * tent(where[1] - j)
    return result
