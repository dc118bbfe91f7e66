"""The types of plasticity, by their names. A new one is a module like those imported here, and its declaration."""

from __future__ import annotations

from statestream.numerics.hebbian_plasticity import HebbianPlasticity
from statestream.numerics.loss_plasticity import LossPlasticity
from statestream.numerics.plasticity import Plasticity
from statestream.numerics.regularizer_plasticity import RegularizerPlasticity

_TYPES: tuple[type[Plasticity], ...] = (LossPlasticity, RegularizerPlasticity, HebbianPlasticity)

PLASTICITIES: dict[str, type[Plasticity]] = {plasticity.type: plasticity for plasticity in _TYPES}
