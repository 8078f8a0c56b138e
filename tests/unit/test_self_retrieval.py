from __future__ import annotations

import pytest

from soundalike.errors import UsageError
from soundalike.research.evaluation.self_retrieval import measure_self_retrieval, wilson


def test_a_piece_finds_its_own_track_by_everything(tunes):
    result = measure_self_retrieval(tunes, seconds=3.0)
    assert result.tracks == 6
    assert result.share_first("everything")[0] == 1.0
    assert "everything   100.0 %" in str(result)
    assert result.to_json()["ranks"]["everything"] == [1] * 6


def test_the_same_seed_gives_the_same_ranks(tunes):
    assert measure_self_retrieval(tunes, seed=3) == measure_self_retrieval(tunes, seed=3)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(UsageError, match="0 files"):
        measure_self_retrieval(tmp_path)


def test_intervals_are_those_of_wilson():
    share, low, high = wilson(8, 10)
    assert share == 0.8
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


def test_a_recorded_piece_finds_its_own_track(outside_data):
    assert measure_self_retrieval(outside_data / "stems").share_first("everything")[0] == 1.0
