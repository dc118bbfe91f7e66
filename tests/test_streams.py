"""Random streams: counter-based, keyed by seed, item, purpose and frame; the normal numbers made of their bits."""

from __future__ import annotations

import numpy as np
import pytest

from statestream.ccpp import _normal
from statestream.streams import fill_normal, stream


def test_a_stream_is_a_function_of_its_four_keys() -> None:
    def numbers(*key: object) -> list[float]:
        return list(stream(*key).random(4))  # type: ignore[arg-type]

    first = numbers(1, "item", "noise", 7)
    assert numbers(1, "item", "noise", 7) == first
    for other in (
        (2, "item", "noise", 7),
        (1, "items", "noise", 7),
        (1, "item", "dropout", 7),
        (1, "item", "noise", 8),
    ):
        assert numbers(*other) != first
    assert numbers(1, "ab", "c", 0) != numbers(1, "a", "bc", 0)


def test_frames_of_a_stream_do_not_overlap() -> None:
    one, following = stream(1, "a", "b", 1).random(1000), stream(1, "a", "b", 2).random(1000)
    assert not set(one) & set(following)


@pytest.mark.parametrize("size", [0, 1, 2, 7, 2047, 2048, 2049, 5000])
def test_normal_numbers_fill_arrays_of_any_size(size: int) -> None:
    guarded = np.full(size + 1, np.nan, np.float32)
    fill_normal(stream(3, "a", "b"), guarded[:size])
    assert np.isfinite(guarded[:size]).all() and np.isnan(guarded[size])


def test_normal_numbers_follow_box_and_muller() -> None:
    """The vectorized arithmetic against the formula in float64."""
    bits = np.array([[0, 1, 2**31, 2**32 - 1, 123456789], [0, 2**30, 2**32 - 1, 2**31, 987654321]], np.uint32)
    radius, turn = (bits.astype(np.float64) + 0.5) / 2**32
    length = np.sqrt(-2 * np.log(radius))
    wanted = np.concatenate([length * np.cos(2 * np.pi * turn), length * np.sin(2 * np.pi * turn)])
    found = np.zeros(10, np.float32)
    _normal.fill(bits, found)
    np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_normal_numbers_have_the_moments_and_tails_of_the_normal_distribution() -> None:
    numbers = np.zeros(2_000_000, np.float32)
    fill_normal(stream(5, "a", "b"), numbers)
    wide = numbers.astype(np.float64)
    for power, moment in ((1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)):
        assert (wide**power).mean() == pytest.approx(moment, abs=0.02)
    for bound, share in ((1.0, 0.317311), (2.0, 0.045500), (3.0, 0.002700), (4.0, 0.0000633)):
        assert (np.abs(wide) > bound).mean() == pytest.approx(share, abs=4 * np.sqrt(share / len(wide)))
    assert abs(np.corrcoef(wide[:-1], wide[1:])[0, 1]) < 0.004


def test_too_few_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="4 bytes of random bits do not suffice for 2 numbers"):
        _normal.fill(np.zeros(1, np.uint32), np.zeros(2, np.float32))
