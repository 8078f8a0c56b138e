"""Hubs: known counts, no neighbours from the own track, none where nothing can be told."""

from pathlib import Path

import numpy as np
import pytest

from soundalike.errors import UsageError
from soundalike.facets import Facet, unit
from soundalike.research.evaluation.factor_matrix import GivenSystem
from soundalike.research.evaluation.hubness import measure_hubness, occurrences, score_hubness, skewness


def test_a_centre_that_is_near_everybody_is_a_hub() -> None:
    rng = np.random.default_rng(0)
    around = unit(np.concatenate([np.full((60, 1), 10.0), rng.normal(size=(60, 400))], axis=1))
    centre = unit(np.eye(1, 401))
    counts = occurrences(np.concatenate([centre, around]), np.arange(61), k=5)
    assert counts[0] == 60
    assert counts.sum() == 61 * 5
    assert skewness(counts) > 3


def test_a_ring_gives_everybody_a_fair_share() -> None:
    angle = np.arange(30) * 2 * np.pi / 30
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    counts = occurrences(ring, np.arange(30), k=4)
    assert counts.tolist() == [4] * 30
    assert skewness(counts) == 0


def test_rows_of_one_owner_are_never_neighbours() -> None:
    vectors = np.ones((4, 2), np.float32)
    assert occurrences(vectors, np.array([0, 0, 1, 1]), k=9).tolist() == [2, 2, 2, 2]
    assert occurrences(vectors, np.zeros(4, np.intp), k=9).tolist() == [0, 0, 0, 0]


def test_a_system_that_cannot_tell_has_no_hubs() -> None:
    found = [{Facet("timbre"): np.ones((5, 3), np.float32)} for _ in range(40)]
    result = score_hubness(found, k=10)["facets"]["timbre"]
    assert abs(result["skewness"]["value"]) < 1
    assert result["never"] == result["hubs"] == 0


def test_absent_excerpts_are_counted_and_left_out() -> None:
    rng = np.random.default_rng(1)
    found = [{Facet("melody"): rng.normal(size=(2, 3)).astype(np.float32)} for _ in range(8)]
    found[0][Facet("melody")][:] = 0
    result = score_hubness([*found, {}], k=3)
    assert (result["tracks"], result["excerpts"]) == (8, 16)
    assert result["facets"]["melody"]["absent"] == 0.125
    silent = score_hubness([{Facet("melody"): np.zeros((1, 2), np.float32)}] * 3)
    assert silent["facets"]["melody"] == {"absent": 1.0}


def test_a_folder_of_music_is_heard_in_excerpts(tunes: Path) -> None:
    def encode(clips):
        return {"timbre": np.array([[clip.samples.std(), clip.samples[0, 0], 1] for clip in clips], np.float32)}

    result = measure_hubness([GivenSystem(encode)], tunes)["given"]
    assert (result["tracks"], result["excerpts"]) == (6, 6)
    assert result["facets"]["timbre"]["most"] == 5


def test_a_folder_with_too_little_music_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="0 files"):
        measure_hubness([GivenSystem(lambda clips: {})], tmp_path)
