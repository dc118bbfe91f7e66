"""The temporal confusion matrix: how well a network answers, for each number of frames since the stimulus began.

`conf_mat[w, t, p]` counts how many agents (or pixels) were at delay w, had class t and were answered with p, as a mean
over the last frames; `acc[w]` is the share of right answers among them.

Delay w belongs to the states w frames after the frame whose variables first held the stimulus. If they are v[F], the
image's pool holds it in s[F + 1], and a network whose shortest path from the image to the answer has L synapse-pools
answers it in s[F + 1 + L]: the first delay that can be right is L + 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Variables = Mapping[str, Array]

NO_STIMULUS = -1.0
"""Delay of an agent whose stimulus is not measured (before its first one)."""


class StimulusRecord:
    """What each agent was shown at the start of its stimulus, and how many frames ago.

    In variables: `_delay_` [agents]; `_truth_` [agents, X, Y], the class at each pixel of the answer; with `weighted`
    also `_weight_` [agents, X, Y], what each pixel counts (a mask, for example), otherwise 1.
    """

    def __init__(self, agents: int, space: tuple[int, int], weighted: bool = False) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {"_delay_": (agents,), "_truth_": (agents, *space)}
        if weighted:
            self.shapes["_weight_"] = (agents, *space)

    def initial(self, name: str) -> float:
        """Value of one of its variables at frame 0."""
        return NO_STIMULUS if name == "_delay_" else 0.0

    def keep(
        self,
        previous: Variables,
        following: Variables,
        started: NDArray[np.bool_],
        elapsed: NDArray[np.floating],
        truth: NDArray[np.integer],
        weight: Array | None = None,
    ) -> None:
        """Note what the step shows. started, elapsed [agents]: whose stimulus begins now, and frames since it began.

        truth (and weight): classes of the stimulus, [agents] or [agents, X, Y]; taken over where it begins.
        """
        following["_delay_"][:] = np.where(started, 0.0, elapsed)
        for name, value in (("_truth_", truth), ("_weight_", weight)):
            if name in self.shapes and value is not None:
                spread = value.reshape(value.shape + (1,) * (3 - value.ndim))
                following[name][:] = np.where(started[:, None, None], spread, previous[name])


class TemporalConfusion:
    """One matrix and its accuracy, over the last `mean_over` steps.

    In variables: `<matrix>` [window, classes, classes] and `<accuracy>` [window]; and as memory, `<matrix>.slots`, the
    counts of the last steps in a ring, and `<matrix>.slot`, the place of the next one.
    """

    def __init__(
        self, classes: int, window: int, mean_over: int, matrix: str = "_conf_mat_", accuracy: str = "_acc_"
    ) -> None:
        self.window = window
        self.mean_over = mean_over
        self.matrix, self.accuracy = matrix, accuracy
        self.slots, self.slot = f"{matrix}.slots", f"{matrix}.slot"
        self.measures: dict[str, tuple[int, ...]] = {matrix: (window, classes, classes), accuracy: (window,)}
        self.help = {
            matrix: f"answers by delay, label, class; mean of {mean_over} frames",
            accuracy: "accuracy by delay: frames since the stimulus was written",
        }
        self.memory: dict[str, tuple[int, ...]] = {self.slots: (mean_over, window, classes, classes), self.slot: ()}

    def score(
        self, previous: Variables, following: Variables, answer: Array, agents: NDArray[np.bool_] | None = None
    ) -> None:
        """Count this frame's answer [agents, classes, X, Y] against the record in `previous`, and renew the measures.

        agents: which ones count (for example those that learn), all if None.
        """
        delay = previous["_delay_"]
        if agents is not None:
            delay = np.where(agents, delay, NO_STIMULUS)
        counts = count(answer, delay, previous["_truth_"], previous.get("_weight_"), self.window)
        slots, place = following[self.slots], int(previous[self.slot])
        slots[:] = previous[self.slots]
        slots[place] = counts
        following[self.slot][...] = (place + 1) % self.mean_over
        mean = slots.mean(axis=0)
        following[self.matrix][:] = mean
        following[self.accuracy][:] = accuracy(mean)


def count(answer: Array, delay: Array, truth: Array, weight: Array | None, window: int) -> Array:
    """One frame's confusion matrix [window, classes, classes] (delay, true class, answered class).

    answer [agents, classes, X, Y]: the largest of the classes is the answer, at every pixel. delay [agents]: below 0
    or outside the window does not count. truth [agents, X, Y]: classes. weight [agents, X, Y]: what a pixel counts, 1
    if None.
    """
    classes = answer.shape[1]
    guess = answer.argmax(axis=1)
    index = (delay.astype(np.int64)[:, None, None] * classes + truth.astype(np.int64)) * classes + guess
    counted = (delay >= 0) & (delay < window)
    weights = None if weight is None else weight[counted].ravel()
    counts = np.bincount(index[counted].ravel(), weights, minlength=window * classes * classes)
    return counts.reshape(window, classes, classes).astype(np.float32)


def accuracy(matrix: Array) -> Array:
    """Share of right answers per delay [window], from a matrix [window, classes, classes]; 0 where nothing counts."""
    right = np.trace(matrix, axis1=1, axis2=2)
    total = matrix.sum(axis=(1, 2))
    return np.divide(right, total, out=np.zeros_like(right), where=total > 1e-8)
