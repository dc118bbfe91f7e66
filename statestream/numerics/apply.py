"""How increments reach a parameter: θ' = clip(θ + Δ1 + Δ2 + ..., minimum, maximum)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def apply_updates(
    value: NDArray[np.float32],
    increments: Iterable[NDArray[np.float32]],
    minimum: float | None,
    maximum: float | None,
    out: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Write into `out` the value with all increments added, one after the other in their order, then clipped once.

    All arrays have the same shape; `out` may be `value`, but none of the increments. The order (that of the
    plasticities in the network) makes the sum the same wherever it is formed.
    """
    np.copyto(out, value)
    for increment in increments:
        np.add(out, increment, out=out)
    if minimum is not None or maximum is not None:
        np.clip(out, minimum, maximum, out=out)
    return out
