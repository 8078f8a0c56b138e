from __future__ import annotations

import numpy as np

from conftest import FACETS, random_vectors
from soundalike.facets import Facet, FacetVectors, Weights
from soundalike.matching import match, measure_background
from soundalike.scoring import Scoring

EQUAL = Scoring.of(Weights(dict.fromkeys(FACETS, 1.0)), None, "excerpt")


def test_each_query_excerpt_finds_its_best_excerpt():
    rng = np.random.default_rng(0)
    query, track = random_vectors(rng, 5, absent=0.3), random_vectors(rng, 7, absent=0.3)
    pairs = match(query, track, EQUAL)
    for row, column, score in zip(pairs.query_rows, pairs.track_rows, pairs.scores, strict=True):
        naive = []
        for j in range(len(track)):
            cosines = [
                float(query.vectors[f][row] @ track.vectors[f][j])
                for f in FACETS
                if query.vectors[f][row].any() and track.vectors[f][j].any()
            ]
            naive.append(np.mean(cosines) if cosines else -np.inf)
        assert column == int(np.argmax(naive))
        assert abs(score - max(naive)) < 1e-6


def test_a_track_matches_itself_perfectly_in_order():
    track = random_vectors(np.random.default_rng(1), 6)
    pairs = match(track, track, EQUAL)
    assert list(pairs.track_rows) == list(range(6))
    assert all(abs(float(mean) - 1) < 1e-6 for mean in pairs.mean_cosines().values())


def test_tracks_without_a_common_facet_do_not_match():
    rng = np.random.default_rng(2)
    melody, timbre = random_vectors(rng, 2), random_vectors(rng, 2)
    melody = FacetVectors(melody.start, melody.end, {Facet("melody"): melody.vectors[Facet("melody")]})
    timbre = FacetVectors(timbre.start, timbre.end, {Facet("timbre"): timbre.vectors[Facet("timbre")]})
    assert len(match(melody, timbre, EQUAL).scores) == 0


def test_background_of_random_directions_is_centred_and_reproducible():
    rng = np.random.default_rng(3)
    tracks = [random_vectors(rng, 3) for _ in range(30)]
    first = measure_background(tracks, source="test", pairs=800, track_pairs=200)
    again = measure_background(tracks, source="test", pairs=800, track_pairs=200)
    assert first == again
    melody = first.levels["excerpt"][Facet("melody")]
    assert abs(melody.mean) < 0.05
    assert abs(melody.sd - 0.25) < 0.03  # 1 / sqrt(16 dimensions)
    assert first.levels["track"][Facet("melody")].mean > melody.mean  # the best match of three


def test_one_track_has_no_background():
    assert measure_background([random_vectors(np.random.default_rng(0), 3)], source="test") is None


def test_facet_that_is_hardly_ever_present_has_no_background():
    rng = np.random.default_rng(4)
    tracks = [random_vectors(rng, 2) for _ in range(20)]
    for track in tracks:
        track.vectors[Facet("melody")][:] = 0
    measured = measure_background(tracks, source="test", pairs=300, track_pairs=100)
    assert Facet("melody") not in measured.levels["excerpt"]
    assert Facet("timbre") in measured.levels["excerpt"]
