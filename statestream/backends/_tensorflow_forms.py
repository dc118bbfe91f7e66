"""Tensors of the tensorflow backend: they know in which order of axes they lie in memory.

States are [B, C, X, Y], but TensorFlow's convolutions on a CPU want the features last. A tensor here carries one or
both of two forms: `rows`, as its shape says, and `last`, [B, X, Y, C]. The other form is made at most once, for nothing
where there is one feature or one pixel. Whatever follows a convolution stays features-last.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from statestream.backends._operators import Operators
from statestream.backends._quiet import silenced_log
from statestream.backends._shapes import BackendError

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # problems arrive as exceptions; the log is noise
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"  # otherwise it depends on the processor

with silenced_log():
    tf: Any = importlib.import_module("tensorflow")
    EagerTensor: Any = importlib.import_module("tensorflow.python.framework.ops").EagerTensor

TO_LAST, TO_ROWS = (0, 2, 3, 1), (0, 3, 1, 2)
ARITHMETIC = {
    "subtract": tf.subtract,
    "multiply": tf.multiply,
    "divide": tf.divide,
    "power": tf.pow,
    "negative": tf.negative,
}
LAST_AXIS = (0, 3, 1, 2)  # where axis 0, 1, 2, 3 of a state is when its features are last


def _same_order(shape: tuple[int, ...]) -> bool:
    """Whether both forms have the same elements in the same order."""
    return shape[1] == 1 or shape[2] * shape[3] == 1


class Tensor(Operators):
    """A symbol with a static shape, in one or both forms. `origin` is the form in which it was computed."""

    __slots__ = ("_last", "_made", "_rows", "born_last", "origin", "shape")

    def __init__(self, rows: Any = None, last: Any = None) -> None:
        self._rows, self._last = rows, last
        self.born_last = rows is None
        self.origin = last if self.born_last else rows
        form = tuple(self.origin.shape)
        self.shape: tuple[int, ...] = tuple(form[axis] for axis in LAST_AXIS) if self.born_last else form
        self._made: dict[str, Any] = {}

    @property
    def is_last(self) -> bool:
        """Whether only the features-last form is there so far."""
        return self._rows is None

    @property
    def rows(self) -> Any:
        """[B, C, X, Y]; tensors with other than four axes have only this form."""
        if self._rows is None:
            plain = _same_order(self.shape)
            self._rows = tf.reshape(self._last, self.shape) if plain else tf.transpose(self._last, TO_ROWS)
        return self._rows

    @property
    def last(self) -> Any:
        """[B, X, Y, C]; with fewer than four axes as if there were leading axes of length 1."""
        if self._last is None:
            shape = (1,) * (4 - len(self.shape)) + self.shape
            rows = self._rows if shape == self.shape else tf.reshape(self._rows, shape)
            if _same_order(shape):
                self._last = tf.reshape(rows, [shape[axis] for axis in TO_LAST])
            else:
                self._last = tf.transpose(rows, TO_LAST)
        return self._last

    def form(self, name: str, make: Callable[[Any], Any]) -> Any:
        """Something made from `rows`, made once."""
        if name not in self._made:
            self._made[name] = make(self.rows)
        return self._made[name]

    def combine(self, name: str, *operands: Any) -> Tensor:
        """See Operators."""
        return add(*operands) if name == "add" else each(ARITHMETIC[name], *operands)

    def __getitem__(self, index: Any) -> Tensor:
        parts = index if isinstance(index, tuple) else (index,)
        if not all(isinstance(one, slice) for one in parts) or len(parts) > len(self.shape):
            return Tensor(self.rows[index])
        full = (*parts, *[slice(None)] * (len(self.shape) - len(parts)))
        if self.is_last:
            return Tensor(last=_part(self.last, [full[axis] for axis in TO_LAST]))
        return Tensor(_part(self.rows, full))


def _part(x: Any, slices: Sequence[slice]) -> Any:
    """x[slices] by tf.slice, whose gradient is a padding; indexing, and its gradient above all, takes ten times longer.

    A step is taken as the first of every group of elements.
    """
    places = [range(*one.indices(length)) for one, length in zip(slices, x.shape, strict=True)]
    if any(one.step < 0 or not one for one in places):
        return x[tuple(slices)]
    lengths = [len(one) * one.step for one in places]
    beyond = [max(one.start + length - size, 0) for one, length, size in zip(places, lengths, x.shape, strict=True)]
    if any(beyond):
        x = tf.pad(x, [(0, missing) for missing in beyond])
    x = tf.slice(x, [one.start for one in places], lengths)
    for axis, one in enumerate(places):
        if one.step > 1:
            form = x.shape.as_list()
            groups = tf.reshape(x, [*form[:axis], len(one), one.step, *form[axis + 1 :]])
            first = tf.slice(groups, [0] * (len(form) + 1), [*form[:axis], len(one), 1, *form[axis + 1 :]])
            x = tf.reshape(first, [*form[:axis], len(one), *form[axis + 1 :]])
    return x


def lift(x: Any) -> Tensor:
    """x itself if it is a tensor; a constant if it is a number."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, np.ndarray) or not isinstance(x, (int, float, np.number)):
        raise BackendError(f"a tensor or a number is needed, not {type(x).__name__}")
    return Tensor(tf.constant(x, tf.float32))


def each(function: Callable[..., Any], *operands: Any) -> Tensor:
    """An elementwise function, computed features-last if an operand is there in that form only."""
    lifted = [lift(one) for one in operands]
    if any(one.is_last for one in lifted) and all(len(one.shape) <= 4 for one in lifted):
        return Tensor(last=function(*(one.last if one.shape else one.rows for one in lifted)))
    return Tensor(function(*(one.rows for one in lifted)))


def add(a: Any, b: Any) -> Tensor:
    """Sum; a bias per feature after a convolution in the form that TensorFlow fuses with it."""
    a, b = lift(a), lift(b)
    for x, bias in ((a, b), (b, a)):
        if x.is_last and bias.shape == (1, x.shape[1], 1, 1) and x.shape != bias.shape:
            return Tensor(last=tf.nn.bias_add(x.last, bias.form("bias", lambda rows: tf.reshape(rows, [-1]))))
    return each(tf.add, a, b)
