"""The loss functions: element-wise errors e(x, y) of a prediction x against a target y, both [agents, F, X, Y].

The loss is the mean of e over all elements (`loss_plasticity` takes it). So negloglikelihood of
10 classes with p(correct) = 0.5 is ln(2) / 10. categorical_crossentropy, a sum over features, is on that same scale;
softmax_cross_entropy is a sum over features and a mean over agents and pixels only, hence its factor F.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Tensor = Any
Error = Callable[[Any, Tensor, Tensor], Tensor]

EPSILON = 1e-6
"""Probabilities are kept at least this far from 0 before a logarithm is taken."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A named loss. function(ops, x, y) -> e, of x's shape; without a target, y is None.

    negentropy(ops, x): Σ over features of p ln p belongs to the same scale; what `confidence_penalty` adds.
    """

    name: str
    function: Error
    needs_target: bool
    help: str
    negentropy: Callable[[Any, Tensor], Tensor]


def _features(ops: Any, x: Tensor) -> float:
    return float(ops.shape(x)[1])


def _negentropy(ops: Any, x: Tensor) -> Tensor:
    return x * ops.log(ops.maximum(x, EPSILON))


def _negentropy_of_logits(ops: Any, x: Tensor) -> Tensor:
    return _features(ops, x) * ops.softmax(x, axis=1) * ops.log_softmax(x, axis=1)


def _mse(ops: Any, x: Tensor, y: Tensor) -> Tensor:
    return ops.square(x - y)


def _mae(ops: Any, x: Tensor, y: Tensor) -> Tensor:
    return ops.abs(x - y)


def _hinge(ops: Any, x: Tensor, y: Tensor) -> Tensor:
    return ops.maximum(1.0 - x * y, 0.0)


def _negloglikelihood(ops: Any, x: Tensor, y: Tensor) -> Tensor:
    return -(y * ops.log(ops.maximum(x, EPSILON)))


def _categorical_crossentropy(ops: Any, x: Tensor, y: Tensor) -> Tensor:
    return -(y * ops.log(ops.clip(x, EPSILON, 1.0 - EPSILON)))


def _softmax_cross_entropy(ops: Any, x: Tensor, y: Tensor) -> Tensor:
    return -_features(ops, x) * (y * ops.log_softmax(x, axis=1))


def _minimize(ops: Any, x: Tensor, y: Tensor) -> Tensor:
    return x


def _maximize(ops: Any, x: Tensor, y: Tensor) -> Tensor:
    return -x


def _loss(name: str, function: Error, help: str, needs_target: bool = True) -> Loss:
    logits = function is _softmax_cross_entropy
    return Loss(name, function, needs_target, help, _negentropy_of_logits if logits else _negentropy)


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        _loss("MSE", _mse, "(x - y) squared"),
        _loss("MAE", _mae, "|x - y|"),
        _loss("hinge", _hinge, "max(1 - x y, 0), for targets -1 and 1"),
        _loss("negloglikelihood", _negloglikelihood, "-y ln(max(x, 1e-6)), x a probability"),
        _loss(
            "categorical_crossentropy",
            _categorical_crossentropy,
            "-y ln(clip(x, 1e-6, 1 - 1e-6)), x a probability; scaled like negloglikelihood",
        ),
        _loss(
            "softmax_cross_entropy",
            _softmax_cross_entropy,
            "-y ln(softmax(x)), x the logits: summed over features, a mean over agents and pixels",
        ),
        _loss("minimize", _minimize, "x itself: makes the source small", needs_target=False),
        _loss("maximize", _maximize, "-x: makes the source large", needs_target=False),
    )
}
