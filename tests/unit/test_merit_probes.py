"""MERIT's probes in its own form; `tests/parity/merit_evaluation` holds them to the authors' numbers."""

from __future__ import annotations

import numpy as np
import pytest

from soundalike.research.merit.fusion import FUSIONS, HEADS, Projection, reference_projections
from soundalike.research.merit.probes import COVER_ORDER, class_probe, cover_pairs, cover_probe, tag_probe
from soundalike.research.merit.projections import RAW
from soundalike.research.merit.published import UNKNOWN, published_cell, published_probe


def row(vectors: list[list[float]], present: list[bool] | None = None) -> Projection:
    array = np.array(vectors, np.float32)
    return Projection(array, np.array([True] * len(array) if present is None else present))


def test_rows_come_in_the_order_of_the_authors_program():
    embeddings = np.eye(3, dtype=np.float32)
    heads = {"timbre": embeddings, "melody": embeddings, "harmony": embeddings}
    rows = reference_projections(embeddings, heads)
    assert list(rows) == [RAW, *HEADS, *FUSIONS]
    assert rows["rhythm"] is None
    assert set(COVER_ORDER) == set(rows)


def test_a_class_that_is_one_point_is_always_right():
    found = class_probe({RAW: row([[1, 0], [1, 0], [0, 1], [0, 1]])}, ["a", "a", "b", "b"])[RAW]
    assert found == {"triplet_accuracy": 1.0, "n_triplets": 8, "per_class_accuracy": {"a": 1.0, "b": 1.0}}


def test_a_row_that_cannot_tell_is_always_wrong():
    found = class_probe({RAW: row([[1, 0]] * 4)}, ["a", "a", "b", "b"])[RAW]
    assert found["triplet_accuracy"] == 0.0


def test_only_the_first_ten_of_a_class_are_positives():
    rng = np.random.default_rng(0)
    labels = ["a"] * 15 + ["b"] * 12
    found = class_probe({RAW: row(rng.standard_normal((27, 3)).tolist())}, labels)[RAW]
    assert found["n_triplets"] == 27 * 10 * 10


def test_a_class_of_one_and_an_excluded_class_are_not_counted():
    labels = ["a", "a", "b", "b", "alone", "mixture", "mixture"]
    rng = np.random.default_rng(0)
    found = class_probe({RAW: row(rng.standard_normal((7, 3)).tolist())}, labels, exclude=["mixture"])[RAW]
    assert list(found["per_class_accuracy"]) == ["a", "b"]
    assert found["n_triplets"] == 4 * 3  # the lonely one is still a negative, mixtures are not


def test_the_same_seed_draws_the_same_negatives_and_another_seed_others():
    rng = np.random.default_rng(0)
    rows, labels = {RAW: row(rng.standard_normal((60, 3)).tolist())}, ["a", "b", "c"] * 20
    assert class_probe(rows, labels) == class_probe(rows, labels, seed=42)
    assert class_probe(rows, labels) != class_probe(rows, labels, seed=43)


def test_a_clip_without_a_vector_asks_nothing_and_draws_nothing():
    vectors = [[1, 0], [1, 0], [0, 1], [0, 1]]
    found = class_probe({RAW: row(vectors, [True, True, True, False])}, ["a", "a", "b", "b"])[RAW]
    assert found["n_triplets"] == 2  # two queries of a, each with one positive and the one negative that is there
    assert found["per_class_accuracy"] == {"a": 1.0, "b": None}


def test_nothing_to_count_is_none_and_no_error():
    assert class_probe({RAW: row([[1, 0]])}, ["a"])[RAW]["triplet_accuracy"] is None
    assert cover_probe({RAW: row([[1, 0]])}, ["loose.wav"]) == {}


def test_pairs_are_the_first_two_of_folders_of_one_name():
    paths = ["x/song/c.wav", "x/song/a.wav", "y/song/b.wav", "alone/a.wav", "loose.wav", "two/b.wav", "two/a.wav"]
    assert [(paths[a], paths[b]) for a, b in cover_pairs(paths)] == [
        ("x/song/a.wav", "x/song/c.wav"),
        ("two/a.wav", "two/b.wav"),
    ]


def test_covers_are_scored_in_both_directions_and_profiled_by_the_fused_mean():
    vectors = [[1, 0, 0], [0.9, 0.1, 0], [0, 1, 0], [0, 0.6, 0.8]]
    rows = {RAW: row(vectors), "melody": row(vectors), "rhythm": row(vectors), FUSIONS[0]: row(vectors)}
    found = cover_probe(rows, ["a/1.wav", "a/2.wav", "b/1.wav", "b/2.wav"])
    assert found[RAW] == {"triplet_accuracy": 1.0, "n_triplets": 8}
    assert found["timbre"] == {"triplet_accuracy": None, "n_triplets": 0}
    assert [profile["pair"] for profile in found["cover_factor_profiles"]] == [
        ["a/1.wav", "a/2.wav"],
        ["b/1.wav", "b/2.wav"],
    ]
    assert found["cover_factor_profiles"][1]["melody"] == pytest.approx(0.6)


def test_an_answer_with_any_tag_of_the_query_is_right_for_every_tag_of_it():
    tags = [frozenset(("x", "y")), frozenset(("x",)), frozenset(("y",)), frozenset(("z",))]
    found = tag_probe({RAW: row([[1, 0], [0.5, 0.5], [0.9, 0.1], [0.95, 0.05]]), "melody": None}, tags)
    # for the first query the list is z, y, x: right at ranks 2 and 3; for the second all tie, the first file first
    assert found[RAW]["per_tag_map10"]["x"] == pytest.approx(np.mean([(1 / 2 + 2 / 3) / 2, 1.0]), abs=1e-4)
    assert found["melody"] == {"mean_map10": None}


def test_what_is_not_known_of_the_paper_is_called_unknown():
    assert published_cell("melody", "melody") == "99.9 (report)"
    assert published_cell("timbre", "melody") == UNKNOWN
    assert published_cell(RAW, "melody") == UNKNOWN
    assert published_probe("ballroom") == "88.0 (report)"
    assert published_probe("classes") == UNKNOWN
