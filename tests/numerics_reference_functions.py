"""Activations and losses written a second time, from their formulas: what numerics_reference computes with."""

from __future__ import annotations

import math

import numpy as np

ERF = np.vectorize(math.erf, otypes=[float])
SOFTPLUS = np.vectorize(lambda x: x + math.log1p(math.exp(-x)) if x > 0 else math.log1p(math.exp(x)), otypes=[float])


def softmax(x):
    raised = np.exp(x - x.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def log_softmax(x):
    shifted = x - x.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def linround(x, s=0.5, b=0.5):
    return np.where(x < b / (s + 1), s * x, np.where(x > (s + b) / (s + 1), s * x + 1 - s, x / s + b * (1 - 1 / s)))


def spiky(x, threshold=1, saturation=2):
    found = np.where(x < 0, 0, x)
    found = np.where((x > threshold) & (x < saturation), 2 * saturation, found)
    return np.where(x >= saturation, 0, found)


ACTIVATIONS = {
    "Id": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "exp": np.exp,
    "mexp": lambda x: -np.exp(x),
    "square": lambda x: x**2,
    "msquare": lambda x: -(x**2),
    "sqrt": lambda x: np.sqrt(np.maximum(x, 0)),
    "relu": lambda x: np.maximum(x, 0),
    "leakyrelu": lambda x: np.where(x > 0, x, 0.1 * x),
    "elu": lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1),
    "selu": lambda x: 1.0507 * np.where(x > 0, x, 1.6733 * (np.exp(np.minimum(x, 0)) - 1)),
    "softplus": SOFTPLUS,
    "gaussian": lambda x: np.exp(-(x**2)),
    "softmax": softmax,
    "log": lambda x: np.log(np.maximum(x, 1e-6)),
    "neglog": lambda x: -np.log(np.maximum(x, 1e-6)),
    "abs": np.abs,
    "sign": np.sign,
    "spiky": spiky,
    "switchsign": lambda x: np.where(x > 1, -x, x),
    "erf": ERF,
    "step": lambda x: np.where(x < 0, -1.0, 1.0),
    "rectangular": lambda x: ((x > 0) & (x < 1)).astype(float),
    "bilinear": lambda x: np.clip(1 - np.abs(x), 0, 1),
    "softround": lambda x: 0.5 + 0.5 * (np.tanh(2 * (x - 0.5)) + (x - 0.5) / 2) / (math.tanh(1) + 0.25),
    "linround": linround,
    "linroundint": lambda x: np.floor(x) + linround(x - np.floor(x)),
    "linroundpow2": lambda x: _linroundpow2(x),
    # expressions that the tests use
    "0.5 * B.tanh($) + $ ** 2": lambda x: 0.5 * np.tanh(x) + x**2,
    "$ - B.mean($, axis=1, keepdims=True)": lambda x: x - x.mean(axis=1, keepdims=True),
    "B.relu($, thresh=0.2) - B.sigmoid(-$)": lambda x: np.maximum(x - 0.2, 0) - 1 / (1 + np.exp(x)),
}


def _linroundpow2(x, n=8):
    found = linround(x)
    for low in (2.0**i for i in range(n - 1)):
        found = np.where(x >= low, low + low * linround((x - low) / low), found)
    return found


ERRORS = {
    "MSE": lambda x, y: (x - y) ** 2,
    "MAE": lambda x, y: np.abs(x - y),
    "hinge": lambda x, y: np.maximum(1 - x * y, 0),
    "negloglikelihood": lambda x, y: -y * np.log(np.maximum(x, 1e-6)),
    # a sum over features on the scale of a mean over all elements: the mean is left to the loss
    "categorical_crossentropy": lambda x, y: -y * np.log(np.clip(x, 1e-6, 1 - 1e-6)),
    # a sum over features, a mean over the rest: F times what a mean over everything gives
    "softmax_cross_entropy": lambda x, y: -x.shape[1] * y * log_softmax(x),
    "minimize": lambda x, y: x,
    "maximize": lambda x, y: -x,
}
