from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from soundalike import encoders
from soundalike.errors import UsageError
from soundalike.explanation import sentence
from soundalike.facets import Facet, FacetVectors, Weights, unit
from soundalike.library import Library
from soundalike.recipe import Recipe
from soundalike.scoring import Background, FacetBackground, Scoring
from soundalike.words import alone, answer, ask, beside, fold, heard_as, measure, words_in

RATE = 22050
WORDS = Facet("words")
OVERALL = Facet("overall")


def test_words_are_a_factor_of_every_stem_that_is_held_against_overall():
    assert Facet("words") == "mix.words"
    assert heard_as(Facet("drums.words")) == "drums.overall"
    assert heard_as(Facet("drums.rhythm")) == "drums.rhythm"
    assert words_in(Weights({"words": 1, "bass.words": 2, "melody": 1})) == ("mix.words", "bass.words")


def test_words_alone_count_where_stems_are_weighed():
    assert dict(alone(None)) == {"mix.words": 1.0}
    assert dict(alone(Weights({"bass": 1, "drums.words": -1}))) == {"bass.words": 1.0, "drums.words": -1.0}
    with pytest.raises(UsageError, match="no melody"):
        alone(Weights({"melody": 1}))


def test_words_beside_a_sound_count_one_unless_they_have_a_weight():
    assert beside(Weights({"melody": 1}))["words"] == 1.0
    assert beside(Weights({"melody": 1, "drums.words": 0.3})) == Weights({"melody": 1, "drums.words": 0.3})


def background(facets, rng):
    known = {f: FacetBackground(rng.uniform(-0.2, 0.5), rng.uniform(0.05, 0.3), tuple(np.zeros(101))) for f in facets}
    return Background({"excerpt": known, "section": known, "track": known}, "made up")


@given(st.integers(0, 10_000), st.floats(-2, 2), st.floats(-2, 2))
def test_folding_ranks_as_the_sum_of_terms_does(seed, of_words, of_sound):
    rng = np.random.default_rng(seed)
    weights = {"words": of_words, "overall": of_sound, "melody": 0.7}
    weights = Weights({name: weight for name, weight in weights.items() if abs(weight) > 1e-3})
    scoring = Scoring.of(weights, background(weights, rng), "excerpt")
    query = {facet: unit(rng.normal(size=(1, 8)))[0] for facet in weights}
    tracks = [{facet: unit(rng.normal(size=(1, 8)))[0] for facet in (OVERALL, Facet("melody"))} for _ in range(20)]

    def numerator(asked, how, track):
        return sum(t.weight * (float(asked[t.facet] @ track[heard_as(t.facet)]) - t.mean) / t.sd for t in how.terms)

    expected = [numerator(query, scoring, track) for track in tracks]
    folded, how = fold(query, scoring)
    assert not words_in(folded)
    assert [numerator(folded, how, track) for track in tracks] == pytest.approx(expected, abs=1e-4)


def test_folding_leaves_a_query_without_words_as_it_is():
    rng = np.random.default_rng(0)
    weights = Weights({"overall": 1, "melody": 0.5})
    scoring = Scoring.of(weights, background(weights, rng), "excerpt")
    query = {facet: unit(rng.normal(size=(1, 8)))[0] for facet in weights}
    folded, how = fold(query, scoring)
    assert how == scoring
    assert all(np.array_equal(folded[facet], query[facet]) for facet in query)


def test_an_absent_stem_has_no_words():
    rng = np.random.default_rng(1)
    rows = unit(rng.normal(size=(3, 8)))
    rows[1] = 0
    track = FacetVectors(np.arange(3.0), np.arange(3.0) + 1, {Facet("drums"): rows})
    assert list(answer(track, [Facet("drums.words")]).present(Facet("drums.words"))) == [True, False, True]
    assert Facet("mix.words") not in answer(track, [WORDS]).vectors


def test_the_background_of_words_is_that_of_the_text_among_these_tracks():
    rng = np.random.default_rng(2)
    text = unit(rng.normal(size=(1, 16)))[0]
    tracks = [
        FacetVectors(np.zeros(1), np.full(1, 10.0), {OVERALL: unit(rng.normal(size=(1, 16)) + 2 * text)})
        for _ in range(40)
    ]
    weights = alone(None)
    found = measure(ask(text, weights), tracks, weights, None)
    cosines = [float(track.vectors[OVERALL][0] @ text) for track in tracks]
    for level in ("excerpt", "section", "track"):
        assert found.levels[level][WORDS].mean == pytest.approx(np.mean(cosines), abs=1e-4)
        assert found.levels[level][WORDS].percentile(max(cosines)) == pytest.approx(100.0, abs=0.01)
    assert measure(ask(text, weights), tracks[:2], weights, None) is None


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Twelve tones from dark to bright."""
    table = {**encoders.ENCODERS, "toy": "toy_encoder:ToyEncoder"}
    monkeypatch.setattr(encoders, "ENCODERS", table)
    folder = tmp_path / "tones"
    folder.mkdir()
    for i in range(12):
        time = np.arange(3 * RATE) / RATE
        tone = 0.3 * np.sin(2 * np.pi * 110 * 2 ** (i / 2) * time)
        soundfile.write(folder / f"{i:02d}.wav", tone, RATE)
    with Library(tmp_path / "library", recipe=Recipe(encoder="toy")) as library:
        library.add([folder])
        yield library


def names(hits):
    return [hit.track.name for hit in hits]


def test_words_find_what_they_describe(library):
    hits = library.search(library.query(text="bright"), n=12)
    assert names(hits)[0] == "11.wav"
    assert names(hits)[-1] < "04.wav"
    assert names(library.search(library.query(text="dark"), n=1)) < ["03.wav"]
    assert "fit to the words" in sentence(hits[0].comparison)
    assert hits[0].score == pytest.approx(sum(s.contribution for s in hits[0].comparison.facets.values()), abs=1e-6)


def test_a_sound_and_words_are_two_terms_of_one_sum(library):
    sound = library.tracks()[4].id
    plain = library.search(sound, n=12)
    brighter = library.search(library.query(sound, text="bright"), Weights({"overall": 1, "words": 1}), n=12)
    assert set(names(plain)) == set(names(brighter))
    pitch = {"plain": names(plain).index("07.wav"), "brighter": names(brighter).index("07.wav")}
    assert pitch["brighter"] < pitch["plain"] or pitch["plain"] == 0
    for hit in brighter:
        facets = hit.comparison.facets
        assert {"mix.overall", "mix.words"} <= set(facets)
        assert hit.score == pytest.approx(sum(score.contribution for score in facets.values()), abs=1e-6)


def test_words_may_be_asked_against(library):
    away = library.search(library.query(text="bright"), Weights({"words": -1}), n=12)
    assert names(away) == names(library.search(library.query(text="bright"), n=12))[::-1]


def test_passages_answer_words_too(library):
    hits = library.search(library.query(text="bright"), n=3, passages=True)
    assert names(hits)[0] == "11.wav"


def test_a_library_without_words_says_so(tmp_path, tunes):
    with Library(tmp_path / "plain") as plain:
        plain.add([tunes])
        with pytest.raises(UsageError, match="no words"):
            plain.search(plain.query(text="bright"))
        with pytest.raises(UsageError, match="--text"):
            plain.search(plain.tracks()[0].id, Weights({"words": 1}))
        with pytest.raises(UsageError, match="nothing to search"):
            plain.query(text=" ")
