"""The optimizers: from a gradient to the increment that is added to a parameter.

`step` works on tensors of any shape, so that a plasticity can hand over all its parameters as one flat vector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from statestream.graph.catalogue import Parameter

Tensor = Any
Tensors = Mapping[str, Tensor]
Step = Callable[[Any, Tensor, Tensors, Tensors], tuple[Tensor, dict[str, Tensor]]]


@dataclass(frozen=True, slots=True)
class Optimizer:
    """A named optimizer. Its memory, all 0 at first: counters (scalars) and moments (one per parameter, its shape).

    step(ops, gradient, variables, parameters) -> (increment, new variables); variables by the names in counters and
    moments, parameters by the names in parameters.
    """

    name: str
    parameters: tuple[Parameter, ...]
    counters: tuple[str, ...]
    moments: tuple[str, ...]
    step: Step
    help: str

    def variables(self, trained: str) -> tuple[str, ...]:
        """Names of the moments kept for one trained parameter, `trained` being "<np|sp>.<item>.<parameter>"."""
        return tuple(f"{moment}.{trained}" for moment in self.moments)


def _grad_desc(ops: Any, gradient: Tensor, variables: Tensors, parameters: Tensors) -> tuple[Tensor, dict[str, Tensor]]:
    """Δ = clip(-lr g, -1, 1)."""
    return ops.clip(-(parameters["lr"] * gradient), -1.0, 1.0), {}


def _adam(ops: Any, gradient: Tensor, variables: Tensors, parameters: Tensors) -> tuple[Tensor, dict[str, Tensor]]:
    """m ← β1 m + (1-β1) g, v ← β2 v + (1-β2) g², Δ = -lr sqrt(1-β2^t)/(1-β1^t) m/(sqrt(v) + 1e-6).

    Kingma & Ba 2015, section 2, last remark (epsilon outside the correction); β1 = momentum, β2 = decay.
    """
    beta1, beta2 = parameters["momentum"], parameters["decay"]
    t = variables["t"] + 1.0
    m = beta1 * variables["moments"] + (1.0 - beta1) * gradient
    v = beta2 * variables["varianc"] + (1.0 - beta2) * ops.square(gradient)
    rate = parameters["lr"] * ops.sqrt(1.0 - ops.power(beta2, t)) / (1.0 - ops.power(beta1, t))
    return -(rate * m) / (ops.sqrt(v) + 1e-6), {"t": t, "moments": m, "varianc": v}


def _rmsprop(ops: Any, gradient: Tensor, variables: Tensors, parameters: Tensors) -> tuple[Tensor, dict[str, Tensor]]:
    """a ← rho a + (1-rho) g², Δ = -lr g/(sqrt(a) + 1e-7)."""
    rho = parameters["rho"]
    a = rho * variables["accumulation"] + (1.0 - rho) * ops.square(gradient)
    increment = -(parameters["lr"] * gradient) / (ops.sqrt(a) + 1e-7)
    return increment, {"t": variables["t"] + 1.0, "accumulation": a}


LARGEST_SHARE = 0.999999
"""Of a running mean that is kept: with 1 it would never begin, beyond it would grow without limit."""


def _rate(minimum: float | None = None) -> Parameter:
    return Parameter("lr", "float", 1e-3, minimum=minimum, help="learning rate", array=True)


def _kept(name: str, default: float, help: str) -> Parameter:
    """The share of a running mean that is kept in each step."""
    return Parameter(name, "float", default, minimum=0.0, maximum=LARGEST_SHARE, help=help, array=True)


OPTIMIZERS: dict[str, Optimizer] = {
    optimizer.name: optimizer
    for optimizer in (
        Optimizer("grad_desc", (_rate(0.0),), (), (), _grad_desc, "gradient descent, each increment within -1 and 1"),
        Optimizer(
            "adam",
            (
                _rate(),
                _kept("momentum", 0.9, "β1: how much of the mean gradient is kept"),
                _kept("decay", 0.999, "β2: how much of the mean squared gradient is kept"),
            ),
            ("t",),
            ("moments", "varianc"),
            _adam,
            "adaptive moments",
        ),
        Optimizer(
            "rmsprop",
            (_rate(0.0), _kept("rho", 0.9, "how much of the mean squared gradient is kept")),
            ("t",),
            ("accumulation",),
            _rmsprop,
            "gradient over the root of its running mean square",
        ),
    )
}
