"""The drawing of Roman numerals."""

import numpy as np
import pytest

from statestream.interfaces.numerals import MOST, NAMES, STROKES, Drawings, draw


def plain(classes, width=1.0, scale=1.0):
    n = len(classes)
    return Drawings(
        np.array(classes),
        np.zeros((n, MOST, 2, 2), np.float32),
        np.full(n, scale, np.float32),
        np.full(n, width, np.float32),
    )


def some(classes, seed=0):
    uniform = np.random.default_rng(seed).random((len(classes), Drawings.DRAWS))
    return Drawings.random(np.array(classes, int), uniform)


def test_numerals_have_as_many_strokes_as_they_are_written_with():
    written = {name: len(name.replace("V", "VV").replace("X", "XX")) for name in NAMES}
    assert {name: len(strokes) for name, strokes in zip(NAMES, STROKES, strict=True)} == written


def test_one_stands_upright_in_the_middle():
    image = draw(plain([0]), (33, 21))[0]  # [X, Y]: x first
    assert image.shape == (33, 21)
    assert (image[16] > 0.999).all()
    assert image[np.arange(33) != 16].max() == 0


def test_five_points_down():
    image = draw(plain([4]), (33, 33))[0]
    assert image[8, 0] == image[24, 0] == image[16, 32] == 1
    assert image[16, 0] == 0
    assert image[8, 32] == image[24, 32] == 0


def test_scale_is_about_the_top_left_corner():
    image = draw(plain([9], scale=0.5), (33, 33))[0]
    assert image[4, 0] == image[12, 16] == 1
    assert image[17:].max() == 0
    assert image[:, 18:].max() == 0


@pytest.mark.parametrize("size", [(32, 32), (40, 16), (7, 90)])
def test_width_is_in_pixels(size):
    narrow, wide = (draw(plain([0], width), size)[0].sum(axis=0) for width in (1.0, 2.0))
    assert narrow == pytest.approx(np.ones(size[1]), abs=1e-5)
    assert wide == pytest.approx(np.full(size[1], 2.0), abs=1e-5)


def test_values_reach_from_paper_to_ink():
    images = draw(some(np.arange(10).repeat(50)), (32, 32))
    assert images.dtype == np.float32
    assert images.min() == 0
    assert images.max() == 1
    assert images.max(axis=(1, 2)).min() > 0.45  # the narrowest line between two pixel columns


def test_all_ten_differ_and_drawings_of_one_vary():
    first, second = draw(some(range(10), 1), (32, 32)), draw(some(range(10), 2), (32, 32))
    for a in range(10):
        assert np.abs(first[a] - second[a]).max() > 0.3
        assert all(np.abs(first[a] - first[b]).max() > 0.3 for b in range(a))


def test_the_last_stroke_of_eight_never_leaves_the_image():
    """At full size, shifted outwards, the stroke at x = 1 would be cut off, and VIII would look like VII."""
    uniform = np.full((1, Drawings.DRAWS), 0.999)
    image = draw(Drawings.random(np.array([7]), uniform), (32, 32))[0]
    assert (image[31, 3:] > 0.9).all()


def test_variations_stay_within_their_limits():
    drawings = some(np.arange(10).repeat(200))
    assert 0.055 < np.abs(drawings.ends).max() <= 0.06  # numeral, stroke and end: 0.02 each
    assert 0.8 <= drawings.scale.min() < 0.81
    assert 0.99 < drawings.scale.max() <= 1
    assert set(drawings.width) == {1, 2}


def test_one_pixel_and_no_drawing_at_all():
    assert draw(some(range(10)), (1, 1)).shape == (10, 1, 1)
    assert draw(some([]), (8, 8)).shape == (0, 8, 8)


def test_a_drawing_does_not_depend_on_those_beside_it():
    together = draw(some(range(10)), (32, 32))
    uniform = np.random.default_rng(0).random((10, Drawings.DRAWS))
    alone = draw(Drawings.random(np.array([7]), uniform[7:8]), (32, 32))
    np.testing.assert_array_equal(together[7], alone[0])
