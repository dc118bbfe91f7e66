"""The loss plasticity: gradient descent on the error of a state some steps ahead.

    e = loss(x, y) · mask          q: 1 for agents that learn, 0 for the others (below the session's split)
    loss1 = mean(e q) · B / (Σq + 1e-6)        trains
    loss0 = mean(e (1-q)) · B / max(B - Σq, 1)        is only reported

x is the state of `source` at step `source_t` of the rollout, y that of `target` at `target_t`; the means run over all
elements, features and pixels included.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

from statestream.arrays import ArrayKey
from statestream.numerics.course import Course
from statestream.numerics.errors import UnsupportedError
from statestream.numerics.frame import SPLIT, Frame, Pools
from statestream.numerics.losses import LOSSES
from statestream.numerics.noise import Draw
from statestream.numerics.plasticity import Plasticity

if TYPE_CHECKING:
    from statestream.graph import Network

Tensor = Any


class LossPlasticity(Plasticity):
    """One plasticity of type `loss`."""

    type = "loss"

    def __init__(self, network: Network, name: str) -> None:
        super().__init__(network, name)
        item = self.item
        self.loss = LOSSES[item["loss_function"]]
        self._everybody_learns = bool(item.get("ignore_split"))
        self._source = (item["source"], int(item["source_t"]))
        self._target = (item["target"], int(item["target_t"])) if self.loss.needs_target else None
        mask = item.get("mask")
        self._mask = (mask, (self._target or self._source)[1]) if mask else None
        self.course = Course.rollout(network, name, self._judged())
        for pool, step in self._judged():
            if step and pool not in self.course.steps[step - 1]:
                raise UnsupportedError(name, "source_t", f"no path of the rollout leads to {pool} in {step} steps")

    def inputs(self, pools: Pools) -> Iterator[ArrayKey]:
        """All arrays that it reads; some more than once."""
        yield from ((name, "state", "") for name, step in self._judged() if step == 0)
        yield from self.course.inputs(pools)
        yield from (self._parameter(name) for name in ("confidence_penalty", "label_smoothing") if name in self.item)
        if not self._everybody_learns:
            yield SPLIT
        yield from self.learner.owners()
        yield from self.learner.inputs()

    def draws(self, pools: Pools) -> Iterator[Draw]:
        """The random numbers of its rollout."""
        yield from self.course.draws(pools)

    def compute(self, frame: Frame) -> dict[Hashable, Tensor]:
        """All outputs, by their array keys."""
        ops = frame.ops
        error = self._error(frame)
        agents = ops.shape(error)[0]
        learning = ops.constant([[[[1.0]]]] * agents) if self._everybody_learns else frame.learning
        count = ops.sum(learning)
        loss1 = ops.mean(error * learning) * (agents / (count + 1e-6))
        loss0 = ops.mean(error * (1.0 - learning)) * (agents / ops.maximum(agents - count, 1.0))
        gradients = ops.gradients(loss1, [frame.symbols[key] for key in self.learner.owners()])
        losses: dict[Hashable, Tensor] = {self._variable("loss0"): loss0, self._variable("loss1"): loss1}
        return losses | self.learner.learn(frame, gradients)

    def _error(self, frame: Frame) -> Tensor:
        """e, of the source's shape."""
        ops, states = frame.ops, self.course.run(frame)

        def state(judged: tuple[str, int]) -> Tensor:
            name, step = judged
            return states[step][name]

        x = state(self._source)
        y = None if self._target is None else state(self._target)
        if y is not None and "label_smoothing" in self.item:
            # Szegedy et al. 2016, section 7: the share c of the target is spread evenly over the features.
            smoothing = frame.symbols[self._parameter("label_smoothing")]
            y = (1.0 - smoothing) * y + smoothing * (1.0 / ops.shape(y)[1])
        error = self.loss.function(ops, x, y)
        if "confidence_penalty" in self.item:
            # Pereyra et al. 2017: c times the negative entropy of the prediction.
            error = error + frame.symbols[self._parameter("confidence_penalty")] * self.loss.negentropy(ops, x)
        return error if self._mask is None else error * state(self._mask)[:, 0:1]

    def _judged(self) -> list[tuple[str, int]]:
        return [judged for judged in (self._source, self._target, self._mask) if judged is not None]
