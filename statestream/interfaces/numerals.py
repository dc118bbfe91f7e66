"""Roman numerals I to X as images: their strokes, how a drawing varies, and the drawing itself.

Drawn in numpy, the numerals of a frame together, stroke by stroke: a pixel is as bright as the stroke of a round pen
covers it. That needs no screen, is soft-edged at any position and width, and takes about 20 µs per numeral of 32 x 32
pixels; `skimage.draw.line_aa` draws one line of one width per call, between whole pixels.

Shapes and variations are those of the original toolbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

NAMES = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")
JITTER = 0.02
SMALLEST = 0.8
WIDTHS = (1, 2)

_Stroke = tuple[tuple[float, float], tuple[float, float]]


def _vertical(*positions: float) -> tuple[_Stroke, ...]:
    return tuple(((x, 0.0), (x, 1.0)) for x in positions)


def _v(left: float, right: float) -> tuple[_Stroke, ...]:
    middle = (left + right) / 2
    return ((left, 0.0), (middle, 1.0)), ((right, 0.0), (middle, 1.0))


def _x(left: float, right: float) -> tuple[_Stroke, ...]:
    return ((left, 0.0), (right, 1.0)), ((right, 0.0), (left, 1.0))


STROKES: tuple[tuple[_Stroke, ...], ...] = (
    _vertical(0.5),
    _vertical(1 / 3, 2 / 3),
    _vertical(0.25, 0.5, 0.75),
    _v(0.25, 0.75) + _vertical(0.25),
    _v(0.25, 0.75),
    _v(0.25, 0.75) + _vertical(0.75),
    _v(0.0, 0.5) + _vertical(0.5, 0.75),
    _v(0.0, 0.5) + _vertical(0.5, 0.75, 1.0),
    _x(0.25, 0.75) + _vertical(0.25),
    _x(0.25, 0.75),
)
"""Strokes of each numeral, from (x, y) to (x, y) in a unit square; y points down."""

MOST = max(len(strokes) for strokes in STROKES)
_ENDS = np.array([(*strokes, *[((0, 0), (0, 0))] * (MOST - len(strokes))) for strokes in STROKES], np.float32)
_COUNT = np.array([len(strokes) for strokes in STROKES])


@dataclass(frozen=True, slots=True)
class Drawings:
    """Which numerals to draw, and how, for n drawings.

    classes [n]: 0 (I) to 9 (X). ends [n, MOST, 2, 2]: shift of each stroke's two ends in x and y, in parts of the
    unit square. scale [n]: size, about the top left corner. width [n]: of the strokes, in pixels.
    """

    classes: NDArray[np.int64]
    ends: Array
    scale: Array
    width: Array

    DRAWS: ClassVar[int] = 4 + 6 * MOST
    """Uniform numbers that one random drawing takes."""

    @classmethod
    def random(cls, classes: NDArray[np.int64], uniform: NDArray[np.float64]) -> Drawings:
        """Random drawings of these classes [n] from uniform numbers in [0, 1) [n, DRAWS].

        Whole numeral, each stroke and each end of a stroke are shifted by up to JITTER per axis; the size is uniform
        from SMALLEST to 1, the width one of WIDTHS. (The original also drew a blur, but did not apply it.)
        """
        n = len(classes)
        scale, width = uniform[:, 0], uniform[:, 1]
        shift = (2 * uniform[:, 2:] - 1) * JITTER
        numeral = shift[:, :2].reshape(n, 1, 1, 2)
        stroke = shift[:, 2 : 2 + 2 * MOST].reshape(n, MOST, 1, 2)
        end = shift[:, 2 + 2 * MOST :].reshape(n, MOST, 2, 2)
        return cls(
            classes,
            (numeral + stroke + end).astype(np.float32),
            (SMALLEST + (1 - SMALLEST) * scale).astype(np.float32),
            np.where(width < 0.5, *WIDTHS).astype(np.float32),
        )


def draw(drawings: Drawings, size: tuple[int, int]) -> Array:
    """Images [n, X, Y] with values 0 (paper) to 1 (ink); size: (X, Y).

    The unit square spans the centres of the corner pixels. Ends that a shift puts outside are drawn on the border: a
    stroke that left the image would turn VIII into VII.
    """
    ends = np.clip((_ENDS[drawings.classes] + drawings.ends) * drawings.scale[:, None, None, None], 0, 1)
    ends = ends * (np.array(size, np.float32) - 1)
    ink = np.zeros((len(drawings.classes), *size), np.float32)
    for stroke in range(MOST):
        has = _COUNT[drawings.classes] > stroke
        ink[has] = np.maximum(ink[has], _cover(ends[has, stroke], drawings.width[has], size))
    return ink


def _cover(ends: Array, width: Array, size: tuple[int, int]) -> Array:
    """How much of each pixel each stroke covers [strokes, X, Y]: by the pixel's distance to the line between its ends.

    ends [strokes, 2, 2], width [strokes]: in pixels.
    """
    start, along = ends[:, 0], ends[:, 1] - ends[:, 0]
    x = np.arange(size[0], dtype=np.float32)[None, :, None] - start[:, 0, None, None]
    y = np.arange(size[1], dtype=np.float32)[None, None, :] - start[:, 1, None, None]
    dx, dy = along[:, 0, None, None], along[:, 1, None, None]
    squared = np.maximum(dx * dx + dy * dy, np.float32(1e-6))  # a stroke can be a point, in an image of one pixel
    nearest = np.clip(x * (dx / squared) + y * (dy / squared), 0, 1)
    across_x, across_y = x - nearest * dx, y - nearest * dy
    distance = np.sqrt(across_x * across_x + across_y * across_y)  # np.hypot is several times slower
    return np.clip((width[:, None, None] + 1) / 2 - distance, 0, 1)
