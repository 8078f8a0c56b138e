"""Rules of cutting a clip into windows."""

from __future__ import annotations

import numpy as np
import pytest

from soundalike.encoders.windows import cut, mean_direction, repeat
from soundalike.errors import ShapeError, UsageError


def samples(count: int) -> np.ndarray:
    return np.arange(1, count + 1, dtype=np.float32)


@pytest.mark.parametrize(
    ("count", "starts"), [(10, [0]), (12, [0]), (13, [0, 3]), (20, [0, 10]), (22, [0, 10]), (25, [0, 10, 15])]
)
def test_windows_are_full_and_a_long_remainder_makes_one_that_ends_with_the_clip(count, starts):
    windows = cut(samples(count), 10, least=3)
    assert [window.tolist() for window in windows] == [list(range(first + 1, first + 11)) for first in starts]


@pytest.mark.parametrize("count", [1, 2, 9])
def test_a_clip_shorter_than_a_window_is_one(count):
    (window,) = cut(samples(count), 10, least=3)
    assert np.array_equal(window, samples(count))


@pytest.mark.parametrize("least", [0, 11])
def test_a_remainder_that_cannot_be_is_refused(least):
    with pytest.raises(UsageError, match="least"):
        cut(samples(5), 10, least=least)


@pytest.mark.parametrize("wrong", [np.zeros(0, np.float32), np.zeros((2, 5), np.float32)])
def test_nothing_and_several_channels_are_refused(wrong):
    for function in (lambda: cut(wrong, 10, least=1), lambda: repeat(wrong, 3)):
        with pytest.raises(ShapeError, match="shape"):
            function()


def test_short_samples_are_repeated_and_others_are_not():
    assert repeat(samples(3), 7).tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert repeat(samples(3), 3).tolist() == [1, 2, 3]


def test_the_mean_direction_counts_every_row_alike_whatever_its_length():
    rows = np.array([[3.0, 0.0], [0.0, 0.1], [0.0, 0.0]], np.float32)
    assert np.allclose(mean_direction(rows), 0.5**0.5)
    assert mean_direction(rows).dtype == np.float32


def test_rows_without_a_direction_have_no_mean_direction():
    assert not mean_direction(np.zeros((2, 3), np.float32)).any()
    assert not mean_direction(np.array([[1.0, 0.0], [-1.0, 0.0]], np.float32)).any()
    with pytest.raises(ShapeError, match="at least one row"):
        mean_direction(np.zeros((0, 3), np.float32))
