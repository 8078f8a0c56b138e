"""What is counted: known answers, exact chance for ties, intervals over sources."""

import numpy as np
import pytest

from soundalike.errors import ShapeError, UsageError
from soundalike.research.evaluation.metrics import (
    average_precision,
    cosines,
    first_right,
    reciprocal_rank,
    share_nearer,
    with_interval,
)

RIGHT = np.array([True, False, True, False])


def test_what_is_absent_is_farther_than_the_opposite() -> None:
    table = cosines(np.array([[1, 0], [0, 0]], np.float32), np.array([[3, 0], [-1, 0], [0, 0]], np.float32))
    assert table.tolist() == [[1, -1, -2], [-2, -2, -2]]
    with pytest.raises(ShapeError, match=r"\(2, 3\)"):
        cosines(np.ones((2, 3), np.float32), np.ones((2, 2), np.float32))


def test_perfect_order_scores_one_and_the_reverse_nothing() -> None:
    scores = np.array([0.9, 0.1, 0.8, 0.2])
    assert share_nearer(scores, RIGHT, ~RIGHT) == first_right(scores, RIGHT) == average_precision(scores, RIGHT) == 1
    assert share_nearer(-scores, RIGHT, ~RIGHT) == first_right(-scores, RIGHT) == 0
    assert average_precision(-scores, RIGHT) == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert [reciprocal_rank(scores, own) for own in range(4)] == [1, 1 / 4, 1 / 2, 1 / 3]


def test_ties_score_what_random_order_would_on_average() -> None:
    rng = np.random.default_rng(0)
    scores = np.array([0.5, 0.5, 0.5, 0.1, 0.1])
    right = np.array([True, False, False, True, False])
    shaken = [scores + 1e-6 * rng.random(5) for _ in range(4000)]
    assert average_precision(scores, right) == pytest.approx(
        np.mean([average_precision(s, right) for s in shaken]), abs=0.01
    )
    assert reciprocal_rank(scores, 0) == pytest.approx(np.mean([reciprocal_rank(s, 0) for s in shaken]), abs=0.01)
    assert first_right(scores, right) == pytest.approx(1 / 3)
    assert share_nearer(np.zeros(4), RIGHT, ~RIGHT) == 0.5


def test_absent_candidates_are_half_right() -> None:
    scores = np.array([-2.0, 0.3, 0.4, -2.0])
    assert share_nearer(scores, RIGHT, ~RIGHT) == (0.5 + 0.5 + 1 + 0.5) / 4


def test_interval_over_few_sources_is_wider_than_over_single_outcomes() -> None:
    outcomes = np.repeat([1.0, 0.0, 1.0, 1.0], 25)
    single, by_source = with_interval(outcomes), with_interval(outcomes, sources=np.repeat(list("abcd"), 25).tolist())
    assert single.value == by_source.value == 0.75
    assert by_source.high - by_source.low > 3 * (single.high - single.low)
    assert with_interval(np.ones(3), sources=["a", "a", "b"]).low == 1.0
    with pytest.raises(UsageError, match="no outcomes"):
        with_interval(np.zeros(0))
