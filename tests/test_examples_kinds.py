"""Examples of synapse-pools without weights, and of binary pools: each runs, and shows what its first lines say."""

from __future__ import annotations

from math import erf

import numpy as np
import pytest

from example_frames import around, close


@pytest.mark.proves("sp.pool")
def test_pooling(example):
    before, after = around(example)
    x = before["values"]
    blocks = x.reshape(2, 2, 3, 2, 3, 2)
    close(after["largest"], blocks.max((3, 5)))
    close(after["mean"], blocks.mean((3, 5)))
    for i, j in np.ndindex(6, 6):
        window = x[:, :, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
        close(after["around"][:, :, i, j], window.mean((2, 3)))
    for i, j in np.ndindex(4, 4):
        close(after["inside"][:, :, i, j], x[:, :, i : i + 3, j : j + 3].max((2, 3)))


def bilinear(image, x, y):
    """An image [F, X, Y] between its pixels; beyond them its border."""
    x, y = (min(max(value, 0), length - 1) for value, length in zip((x, y), image.shape[1:], strict=True))
    i, j = int(x), int(y)
    k, m = min(i + 1, image.shape[1] - 1), min(j + 1, image.shape[2] - 1)
    p, q = x - i, y - j
    low = (1 - q) * image[:, i, j] + q * image[:, i, m]
    return (1 - p) * low + p * ((1 - q) * image[:, k, j] + q * image[:, k, m])


@pytest.mark.proves("sp.tags", "sp.source")
def test_transformer_grid(example):
    before, after = around(example)
    for agent, i, j in np.ndindex(2, 3, 4):
        x, y = before["positions"][agent, :, i, j]
        close(after["seen"][agent, :, i, j], bilinear(before["map"][agent], 6 * x, 8 * y))


@pytest.mark.proves("sp.tags", "sp.source", "sp.func")
def test_transformer_affine(example):
    before, after = around(example)
    close(after["seen"], before["map"])
    example.command("set zoom b -1")
    before, after = around(example)
    close(after["seen"], before["map"][:, :, ::-1, ::-1])
    example["zoom"].parameter["b"] = [0.5]
    before, after = around(example)
    for i, j in np.ndindex(5, 5):
        close(after["seen"][0, :, i, j], bilinear(before["map"][0], 1 + i / 2, 1 + j / 2))


@pytest.mark.proves("sp.tags", "sp.source")
def test_transformer_canvas(example):
    for scale, position in ((1, 0), (2, -1)):
        example["scale"].parameter["b"] = [scale]
        example["position"].parameter["b"] = [position, 0]
        before, after = around(example)
        for i, j in np.ndindex(5, 5):
            x, y = (2.5 * (place / 2 - 1) * scale for place in (i, j))
            close(after["window"][0, :, i, j], bilinear(before["canvas"][0], x + 6 + 3 * position, y + 6))


@pytest.mark.proves("np.binary")
def test_noisy_or(example):
    before, after = around(example, 5)
    close(after["either"], np.maximum(before["a"], before["b"]))
    assert set(np.unique(after["either"])) == {0, 1}

    def cause(x):  # the chance that a normal variable with mean x and variance x - x² exceeds a half
        return 0.5 + 0.5 * np.vectorize(erf)((x - 0.5) / np.sqrt(2 * (x - x**2)))

    close(after["likely"], 1 - (1 - cause(before["p"])) * (1 - cause(before["q"])))
