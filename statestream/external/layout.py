"""How arrays of other toolboxes are laid out, and how they become ours.

Ours: states [features, X, Y]; weights [targets, sources, kx, ky]; biases and gains as `spread` (numerics/shapes.py).
The first spatial axis of another toolbox (Keras' and PyTorch's height) is our X, the second one Y. Which layout an
array has is a property of the file's format, never guessed from its shape: a square matrix is transposed too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """An array parameter that shall be filled.

    shape: of one agent's array. copies: the number of agents if each has its own, else 0. weight: of a synapse-pool,
    [targets, sources, kx, ky]. covering: its kernel covers the whole source, so a fully connected layer may fill it.
    """

    shape: Shape
    copies: int
    weight: bool
    covering: bool

    @property
    def full_shape(self) -> Shape:
        """Shape with the agents' axis, if there is one."""
        return (self.copies, *self.shape) if self.copies else self.shape


@dataclass(frozen=True)
class Form:
    """One shape that an array may have: it is reshaped to `split`, its axes are put in the order `axes`, and then
    repeated along axes of length 1 (and for every agent) where ours is longer.

    meaning: the shape in letters.
    """

    shape: Shape
    meaning: str
    split: Shape
    axes: tuple[int, ...]

    def arrange(self, values: NDArray[np.float32], place: Place) -> NDArray[np.float32]:
        """The values as the place holds them."""
        return np.broadcast_to(values.reshape(self.split).transpose(self.axes), place.full_shape)


# All forms of a place differ in their number of axes, so that an array has one meaning at most.
_OURS = (0, 1, 2, 3)
_KERAS = (3, 2, 0, 1)


def keras(place: Place) -> list[Form]:
    """Channels last: kernels [kx, ky, in, out], fully connected ones [in, out], `in` in the order X, Y, features."""
    if not place.weight:
        forms = _vectors(place.shape)
        if len(place.shape) == 3:
            features, x, y = place.shape
            forms.append(Form((x, y, features), "[X, Y, features]", (x, y, features), (2, 0, 1)))
        return forms
    targets, sources, x, y = place.shape
    split = (x, y, sources, targets)
    forms = [Form(split, "[kx, ky, in, out]", split, _KERAS)]
    if y == 1:
        forms.append(Form((x, sources, targets), "[kx, in, out]", split, _KERAS))
    if place.covering:
        forms.append(Form((x * y * sources, targets), "[in, out]", split, _KERAS))
    return forms


def torch(place: Place) -> list[Form]:
    """Channels first: kernels [out, in, kx, ky], linear layers [out, in] with `in` in the order features, X, Y.

    That is our own layout too; so an array with a first axis of agents is taken as one.
    """
    if not place.weight:
        forms = _vectors(place.shape)
        if len(place.shape) == 3:
            forms.append(Form(place.shape, "[features, X, Y]", place.shape, (0, 1, 2)))
    else:
        targets, sources, x, y = split = place.shape
        forms = [Form(split, "[out, in, kx, ky]", split, _OURS)]
        if y == 1:
            forms.append(Form((targets, sources, x), "[out, in, kx]", split, _OURS))
        if place.covering:
            forms.append(Form((targets, sources * x * y), "[out, in]", split, _OURS))
    if place.copies:
        own = place.full_shape
        forms.insert(0, Form(own, "[agents, ...]", own, tuple(range(len(own)))))
    return forms


def _vectors(shape: Shape) -> list[Form]:
    """Biases and gains: one value per feature is repeated over space; anything else is as it is."""
    if len(shape) == 3:
        return [Form(shape[:1], "[features]", (shape[0], 1, 1), (0, 1, 2))]
    if shape == (1,):
        return [Form(shape, "[1]", shape, (0,)), Form((), "one number", shape, (0,))]
    return [Form(shape, "[features]" if len(shape) == 1 else "[X, Y]", shape, tuple(range(len(shape))))]


def wanted(forms: list[Form]) -> str:
    """The forms for a message, such as `[3, 3, 1, 8] ([kx, ky, in, out])`."""
    return " or ".join(f"{list(form.shape)} ({form.meaning})" for form in forms)
