"""Hebbian learning: a weight grows where its source was active just before its target.

    D = T(k-1)    or, for the modes that begin with dt,    T(k-1) - T(k-2)
    H[ct, cs, x, y] = Σ over agents of D[a, ct] S(k-2)[a, cs, x, y]
    g = -H, or H for the anti-Hebbian modes

S and T are the states of source and target at earlier executions of the plasticity, of which k is the present one: with
period 1 a source meets the target's state of one frame later, which is the frame that its signal takes. Before two
executions have passed all gradients are 0. An unshared weight has H[a] for each agent, without the sum. All agents
take part, whatever the session's split. Hebb 1949; with the difference: Kosko 1986, differential Hebbian learning.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

from statestream.arrays import ArrayKey
from statestream.numerics.frame import Frame, Pools
from statestream.numerics.plasticity import Plasticity

if TYPE_CHECKING:
    from statestream.graph import Network

Tensor = Any


class HebbianPlasticity(Plasticity):
    """One plasticity of type `hebbian`."""

    type = "hebbian"

    def __init__(self, network: Network, name: str) -> None:
        super().__init__(network, name)
        modus = self.item["modus"]
        self._difference = modus.startswith("dt ")
        self._sign = 1.0 if modus.endswith("anti_hebbian") else -1.0
        self._unshared = len(self.learner.trained[0].shape) == 5

    def inputs(self, pools: Pools) -> Iterator[ArrayKey]:
        """The states, what is remembered of them, and what the learner reads."""
        yield from ((self.item[role], "state", "") for role in ("source", "target"))
        yield from self._variables
        yield from self.learner.inputs()

    def compute(self, frame: Frame) -> dict[Hashable, Tensor]:
        """All outputs, by their array keys: increments from what is remembered, then the memory moves on."""
        gradient = self._sign * self._correlation(frame)
        moved: dict[Hashable, Tensor] = {}
        for role in ("source", "target"):
            moved[self._variable(f"{role}(now)")] = frame.states[self.item[role]]
            moved[self._variable(f"{role}(now-1)")] = self._remembered(frame, f"{role}(now)")
        return moved | self.learner.learn(frame, [gradient])

    def _correlation(self, frame: Frame) -> Tensor:
        """H, of the weight's shape."""
        ops = frame.ops
        source, target = self._remembered(frame, "source(now-1)"), self._remembered(frame, "target(now)")
        if self._difference:
            target = target - self._remembered(frame, "target(now-1)")
        agents, features = ops.shape(target)[:2]
        if self._unshared:
            per_feature = ops.reshape(source, (agents, 1, *ops.shape(source)[1:]))
            return ops.reshape(target, (agents, features, 1, 1, 1)) * per_feature
        return ops.tensordot(ops.reshape(target, (agents, features)), source, ([0], [0]))

    def _remembered(self, frame: Frame, name: str) -> Tensor:
        return frame.symbols[self._variable(name)]
