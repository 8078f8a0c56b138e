from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import FACETS, random_vectors
from soundalike.comparison import Measure
from soundalike.errors import UsageError
from soundalike.explanation import sentence
from soundalike.facets import Facet, FacetVectors, Space, Weights, unit
from soundalike.filters import parse_filter
from soundalike.matching import measure_background
from soundalike.notes import CHORD, EMPTY, NOTE, Transcription
from soundalike.search import Options, Query, search
from soundalike.stores import open_store
from soundalike.tracks import AnalysedTrack, Track

SPACE = Space("search-test", FACETS, 16)


@pytest.fixture(scope="module")
def entries():
    rng = np.random.default_rng(5)
    return [
        AnalysedTrack(
            Track(
                f"/music/{i:03d}.wav",
                audio_hash=str(i),
                duration=80.0,
                tempo=60.0 + i,
                artist=f"Artist {i % 7}",
                album=f"Album {i % 20}",
            ),
            random_vectors(rng, int(rng.integers(1, 9)), absent=0.1),
        )
        for i in range(120)
    ]


@pytest.fixture(scope="module")
def store(entries, tmp_path_factory):
    with open_store(str(tmp_path_factory.mktemp("store")), SPACE) as store:
        store.add(entries)
        yield store


@pytest.fixture(scope="module")
def background(entries):
    return measure_background([entry.excerpts for entry in entries], source="test", pairs=500, track_pairs=200)


def ask(entry, exclude=frozenset()):
    return Query(entry.excerpts, entry.track, exclude)


def test_track_search_agrees_with_comparing_every_track(store, entries, background):
    weights = Weights({"melody": 1, "timbre": -0.5, "harmony": 0.2})
    hits = search(store, ask(entries[3]), Options(weights, n=10), background)
    stored = store.excerpts([track.id for track in store.tracks()])
    brute = sorted(
        (
            (Measure(weights, background).compare(entries[3].excerpts, vectors).score, -id_)
            for id_, vectors in stored.items()
        ),
        reverse=True,
    )
    assert [hit.track.id for hit in hits] == [-id_ for _, id_ in brute[:10]]
    assert np.allclose([hit.score for hit in hits], [score for score, _ in brute[:10]], atol=1e-6)


def test_contributions_sum_to_the_score_of_every_hit(store, entries, background):
    weights = Weights({"melody": 1, "timbre": -0.5, "rhythm": 2})
    for raw in (False, True):
        for passages in (False, True):
            for hit in search(store, ask(entries[0]), Options(weights, n=50, raw=raw, passages=passages), background):
                total = sum(score.contribution for score in hit.comparison.facets.values())
                assert total == pytest.approx(hit.score, abs=1e-6)


def test_a_track_finds_itself_first_and_perfectly(store, entries, background):
    for entry in entries[::10]:
        (hit, *_) = search(store, ask(entry), Options(Weights.parse([])), background)
        assert hit.track.path == entry.track.path
        assert all(score.cosine == pytest.approx(1, abs=2e-3) for score in hit.comparison.facets.values())


def test_the_query_itself_can_be_left_out(store, entries, background):
    own = store.find(path=entries[0].track.path)[0].id
    hits = search(store, ask(entries[0], frozenset([own])), Options(Weights.parse([]), n=200), background)
    assert len(hits) == 119
    assert own not in {hit.track.id for hit in hits}


def test_passages_name_their_time_ranges(store, entries, background):
    entry = next(entry for entry in entries if len(entry.excerpts) == 8)
    piece = entry.excerpts.select(np.array([3]))
    hits = search(store, Query(piece, entry.track), Options(Weights.parse([]), passages=True), background)
    assert hits[0].track.path == entry.track.path
    assert hits[0].comparison.passages[0].query == (30.0, 40.0)
    assert hits[0].comparison.passages[0].track == (30.0, 40.0)


def test_passages_of_one_track_are_capped(store, entries, background):
    hits = search(store, ask(entries[0]), Options(Weights.parse([]), n=60, passages=True, per_track=1), background)
    assert len({hit.track.id for hit in hits}) == len(hits) == 60


def test_artists_and_albums_are_capped(store, entries, background):
    hits = search(store, ask(entries[0]), Options(Weights.parse([]), n=100, per_artist=2, per_album=1), background)
    artists = [hit.track.artist for hit in hits]
    assert max(map(artists.count, artists)) <= 2
    assert len({hit.track.album for hit in hits}) == len(hits)


def test_own_album_and_artist_are_excluded_on_request(store, entries, background):
    options = Options(Weights.parse([]), n=200, exclude_album=True, exclude_artist=True)
    hits = search(store, ask(entries[0]), options, background)
    assert hits
    assert all(hit.track.album != "Album 0" and hit.track.artist != "Artist 0" for hit in hits)


def test_a_filter_lets_only_its_tracks_through(store, entries, background):
    hits = search(
        store, ask(entries[0]), Options(Weights.parse([]), n=50, where=parse_filter(["tempo=70..79"])), background
    )
    assert {hit.track.tempo for hit in hits} == set(range(70, 80))


def test_hits_do_not_run_short_when_a_cap_takes_most(store, entries, background):
    options = Options(Weights.parse([]), n=7, per_artist=1)
    assert len(search(store, ask(entries[0]), options, background)) == 7


def test_a_facet_the_library_does_not_have_is_refused(store, entries, background):
    with pytest.raises(UsageError, match=r"no facet 'drums\.rhythm'"):
        search(store, ask(entries[0]), Options(Weights({"drums.rhythm": 1})), background)


def test_wrong_numbers_are_refused():
    with pytest.raises(UsageError, match="'n' is 0"):
        Options(Weights.parse([]), n=0)


def test_long_queries_are_thinned_and_still_find_their_track(store, entries, background):
    rng = np.random.default_rng(0)
    long = random_vectors(rng, 300)
    found = search(store, Query(long, Track("/long.wav")), Options(Weights.parse([]), n=3), background)
    assert len(found) == 3


def tuneful(seed: int, shift: int = 0) -> Transcription:
    """A tune of its own for each seed, without chords."""
    rng = np.random.default_rng((9, seed))
    notes = np.zeros(30, NOTE)
    notes["start"], notes["length"] = np.arange(30) * 0.5, 0.5
    notes["pitch"] = 60 + shift + np.cumsum(rng.choice([-4, -2, -1, 1, 2, 5], 30)) % 17
    return Transcription(notes, np.zeros(0, CHORD), 0.5)


@pytest.fixture(scope="module")
def sung(entries):
    """The tracks with a tune each, but for every third."""
    return [replace(entry, transcription=tuneful(i) if i % 3 else None) for i, entry in enumerate(entries)]


@pytest.fixture(scope="module")
def sung_store(sung, tmp_path_factory):
    with open_store(str(tmp_path_factory.mktemp("sung")), SPACE) as store:
        store.add(sung)
        yield store


@pytest.fixture(scope="module")
def sung_background(sung):
    played = [entry.transcription for entry in sung if entry.transcription]
    vectors = [entry.excerpts for entry in sung]
    return measure_background(vectors, source="test", transcriptions=played, pairs=500, track_pairs=200)


def cover(sung, number: int) -> Query:
    """Asks with the tune of a track, a fourth lower, and with vectors of nothing in the library."""
    vectors = random_vectors(np.random.default_rng(77), 4)
    return Query(vectors, Track("/cover.wav"), transcription=tuneful(number, -5))


def test_the_same_tune_in_another_key_comes_first_and_is_named(sung_store, sung, sung_background):
    weights = Weights({"melody": 1, "timbre": 0.2})
    options = Options(weights, n=100)
    plain = search(sung_store, replace(cover(sung, 7), transcription=None), options, sung_background)
    hits = search(sung_store, cover(sung, 7), options, sung_background)
    assert hits[0].track.path == sung[7].track.path != plain[0].track.path
    alignment = hits[0].comparison.alignments[Facet("melody")]
    assert (alignment.transposition, alignment.matched) == (5, 30)
    assert hits[0].comparison.facets[Facet("melody")].refined == alignment.similarity
    assert "the same 30 notes, a fourth higher" in sentence(hits[0].comparison)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_refined_contributions_sum_to_the_score(sung_store, sung, sung_background):
    weights = Weights({"melody": 1, "harmony": 0.5, "timbre": -0.3})
    refined = 0
    for hit in search(sung_store, cover(sung, 4), Options(weights, n=60), sung_background):
        facets = hit.comparison.facets
        assert sum(score.contribution for score in facets.values()) == pytest.approx(hit.score, abs=1e-6)
        total = sum(abs(score.weight) for score in facets.values())
        for score in facets.values():
            assert score.contribution == pytest.approx(score.weight * score.standardised / total)
        assert facets[Facet("timbre")].refined is None
        refined += facets[Facet("melody")].refined is not None if Facet("melody") in facets else 0
    assert refined > 20


def test_nothing_is_refined_where_it_cannot_be(sung_store, sung, sung_background, background):
    asked, melody = cover(sung, 7), Weights({"melody": 1})
    for query, options, scale in (
        (asked, Options(melody, raw=True), sung_background),
        (asked, Options(melody, passages=True), sung_background),
        (asked, Options(Weights({"timbre": 1})), sung_background),
        (asked, Options(melody), background),  # measured without transcriptions
        (asked, Options(melody), None),
        (replace(asked, transcription=EMPTY), Options(melody), sung_background),
    ):
        hits = search(sung_store, query, options, scale)
        assert hits
        assert all(score.refined is None for hit in hits for score in hit.comparison.facets.values())
        assert all(not hit.comparison.alignments for hit in hits)


def test_a_track_without_notes_keeps_its_cosine(sung_store, sung, sung_background):
    (hit,) = search(
        sung_store, cover(sung, 7), Options(Weights({"melody": 1}), where=parse_filter(["tempo=66"])), sung_background
    )
    assert hit.track.path == sung[6].track.path
    score = hit.comparison.facets[Facet("melody")]
    assert score.refined is None
    plain = Measure(Weights({"melody": 1}), sung_background).compare(cover(sung, 7).excerpts, sung[6].excerpts)
    assert score.standardised == pytest.approx(plain.facets[Facet("melody")].standardised, abs=1e-2)


def test_caps_look_further_down_the_refined_ranking(sung_store, sung, sung_background):
    options = Options(Weights({"melody": 1}), n=7, per_artist=1)
    hits = search(sung_store, cover(sung, 7), options, sung_background)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    free = search(sung_store, cover(sung, 7), replace(options, n=50, per_artist=None), sung_background)
    best = {hit.track.artist: hit.track.path for hit in reversed(free)}
    assert {hit.track.artist: hit.track.path for hit in hits} == best
    assert len(hits) == 7


weights_strategy = st.dictionaries(st.sampled_from(FACETS), st.floats(0.05, 3), min_size=1).map(Weights)


@settings(max_examples=60, deadline=None)
@given(weights_strategy, st.integers(0, 2**31))
def test_comparing_a_track_with_itself_is_the_maximum_in_every_facet(weights, seed):
    track = random_vectors(np.random.default_rng(seed), 4)
    same = Measure(weights, None).compare(track, track)
    assert all(score.cosine == pytest.approx(1, abs=1e-6) for score in same.facets.values())
    assert same.passages[0].query == same.passages[0].track == (0.0, 40.0)


@settings(max_examples=60, deadline=None)
@given(weights_strategy, st.floats(0.1, 50), st.integers(0, 2**31))
def test_multiplying_all_weights_keeps_the_score(weights, factor, seed):
    rng = np.random.default_rng(seed)
    a, b = random_vectors(rng, 3, absent=0.2), random_vectors(rng, 4, absent=0.2)
    scaled = Weights({facet: weight * factor for facet, weight in weights.items()})
    assert Measure(scaled, None).compare(a, b).score == pytest.approx(
        Measure(weights, None).compare(a, b).score, nan_ok=True
    )


def test_adding_an_absent_facet_changes_nothing_but_the_note():
    rng = np.random.default_rng(0)
    a, b = random_vectors(rng, 3), random_vectors(rng, 3)
    b.vectors[Facet("timbre")][:] = 0
    alone = Measure(Weights({"melody": 1}), None).compare(a, b)
    both = Measure(Weights({"melody": 1, "timbre": 5}), None).compare(a, b)
    assert both.score == pytest.approx(alone.score)
    assert both.absent == ("mix.timbre",)


def test_nothing_in_common_has_no_score():
    a = FacetVectors(np.zeros(1), np.ones(1), {Facet("melody"): unit(np.ones((1, 16)))})
    b = FacetVectors(np.zeros(1), np.ones(1), {Facet("timbre"): unit(np.ones((1, 16)))})
    nothing = Measure(Weights({"melody": 1}), None).compare(a, b)
    assert np.isnan(nothing.score)
    assert nothing.absent == ("mix.melody",)
