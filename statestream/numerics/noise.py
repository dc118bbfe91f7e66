"""Random numbers as inputs: what has to be drawn, and how draws become noise.

Draws have a base distribution, normal (mean 0, standard deviation 1) or uniform (0 to 1); an item's own parameters
scale them here, so that they can be changed while the network runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from statestream.numerics.shapes import Shape

Tensor = Any
Distribution = Literal["normal", "uniform"]
DrawKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Draw:
    """Float32 random numbers that a frame needs. key: ("draw", item, purpose), as `streams.stream` wants them.

    distribution: "normal" has mean 0 and standard deviation 1, "uniform" is 0 <= u < 1.
    """

    key: DrawKey
    shape: Shape
    distribution: Distribution


def base_distribution(noise: str) -> Distribution:
    """What is drawn for noise 'normal', 'uniform' or 'Bernoulli'."""
    return "normal" if noise == "normal" else "uniform"


def add_noise(ops: Any, noise: str, x: Tensor, drawn: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """x + mean + std n, x + min + (max - min) u, or x + 1 with probability noise_prob."""
    if noise == "normal":
        return x + (parameters["noise_mean"] + parameters["noise_std"] * drawn)
    if noise == "uniform":
        low = parameters["noise_min"]
        return x + (low + (parameters["noise_max"] - low) * drawn)
    return x + ops.less(drawn, parameters["noise_prob"])
