from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.alignment import Alignment
from soundalike.comparison import Comparison, FacetScore, Passage
from soundalike.explanation import clock, comparison_json, sentence, shift, span
from soundalike.facets import Facet

NAMES = ("melody", "rhythm", "timbre", "harmony")


def comparison(scores: dict[str, tuple[float, float, float | None]], absent: tuple[str, ...] = ()) -> Comparison:
    """From {facet: (weight, standardised, percentile)}."""
    total = sum(abs(weight) for weight, _, _ in scores.values()) or 1
    facets = {
        Facet(name): FacetScore(0.5, value, percentile, weight, weight * value / total)
        for name, (weight, value, percentile) in scores.items()
    }
    score = sum(f.contribution for f in facets.values()) if facets else float("nan")
    passages = (Passage((0, 10), (65, 75), Facet("melody"), 1.0),) if facets else ()
    return Comparison(score, facets, tuple(map(Facet, absent)), passages)


def test_the_sentence_says_what_is_alike_and_where():
    text = sentence(comparison({"melody": (1, 2.1, 98.2), "timbre": (1, -1.5, 6)}))
    assert text == (
        "Very similar melody (closer than 98 % of random pairs), but very different timbre "
        "(6 %); best match 0:00–0:10 with 1:05–1:15."
    )


def test_a_negative_weight_is_answered_as_asked():
    assert "Different timbre (closer than 20 % of random pairs, as asked)" in sentence(
        comparison({"timbre": (-1, -0.8, 20)})
    )
    assert "but similar timbre (closer than 90 % of random pairs, though less was asked for)" in sentence(
        comparison({"timbre": (-1, 1.3, 90)})
    )


def test_absent_facets_are_named():
    text = sentence(comparison({"timbre": (1, 1, 85)}, absent=("melody", "harmony")))
    assert "melody and harmony cannot be heard in both" in text


def test_nothing_in_common_is_said():
    assert sentence(comparison({}, absent=("melody",))) == "Melody cannot be heard in both."


facet_scores = st.tuples(
    st.floats(-2, 2).filter(lambda w: abs(w) > 0.01), st.floats(-4, 4), st.one_of(st.none(), st.floats(0, 100))
)


@given(st.dictionaries(st.sampled_from(NAMES), facet_scores, min_size=1))
def test_the_sentence_never_contradicts_the_numbers(scores):
    compared = comparison(scores)
    text = sentence(compared)
    text = text[0].lower() + text[1:]
    similar, _, rest = text.partition("but ")
    for facet, score in compared.facets.items():
        if score.contribution == 0 or not np.isfinite(score.contribution):
            continue
        place = similar if score.contribution > 0 else rest or text
        assert facet.factor in place
        words = text[: text.index(facet.factor)].split(",")[-1].split(" and ")[-1]
        alike = (score.contribution > 0) == (score.weight > 0)
        if alike:
            assert "different" not in words
            assert "unremarkable" not in words
        else:
            assert "similar" not in words
            assert "same" not in words
    assert "100 %" not in text


def aligned(facet: str, alignment: Alignment, percentile: float = 97.0) -> str:
    """The sentence of a comparison whose only facet is refined."""
    found = comparison({facet: (1, 2.0, percentile)})
    return sentence(replace(found, alignments={Facet(facet): alignment}))


TUNE = Alignment("melody", 0.8, 5, ("C4",) * 11, ("F4",) * 11, (3.0, 9.0), (41.0, 47.0), True)


def test_the_matching_passage_is_named():
    again = replace(TUNE, again=((72.0, 78.0),))
    assert "the same eleven notes, a fourth higher, at 0:41)" in aligned("melody", TUNE)
    assert "a fourth higher, at 0:41, most of them again at 1:12)" in aligned("melody", again)


def test_the_matching_chords_are_named_and_called_the_same_only_if_they_are():
    names = ("C", "Am", "F", "G", "C", "G")
    chords = Alignment("harmony", 0.5, -2, names, names, (0.0, 12.0), (20.0, 32.0), True)
    assert "the same six chords (C–Am–F–G…), a tone lower, at 0:20" in aligned("harmony", chords)
    assert "the same six chord roots (C–Am–F–G…)" in aligned("harmony", replace(chords, exact=False))


def test_a_passage_is_not_named_where_it_is_no_closer_than_chance():
    assert "notes" not in aligned("melody", TUNE, percentile=60)
    assert "notes" not in aligned("melody", replace(TUNE, similarity=0.1))


def test_a_passage_is_not_named_where_the_facet_counts_as_different():
    found = comparison({"melody": (1, -0.5, 85)})
    assert "notes" not in sentence(replace(found, alignments={Facet("melody"): TUNE}))


@pytest.mark.parametrize(
    ("semitones", "words"),
    [
        (0, ""),
        (-1, "a semitone lower"),
        (12, "an octave higher"),
        (-17, "an octave and a fourth lower"),
        (24, "two octaves higher"),
    ],
)
def test_transpositions_have_names(semitones, words):
    assert shift(semitones) == words


def test_json_holds_the_alignment_of_a_refined_facet_only():
    found = comparison({"melody": (1, 2.0, 97), "timbre": (1, 1, 80)})
    document = comparison_json(replace(found, alignments={Facet("melody"): TUNE}))["facets"]
    assert "alignment" not in document["mix.timbre"]
    alignment = document["mix.melody"]["alignment"]
    assert alignment["transposition"] == 5
    assert alignment["matched"] == len(alignment["query"]["names"]) == len(alignment["track"]["names"]) == 11
    assert alignment["track"]["range"] == [41.0, 47.0]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (0.25, "0:00.2"), (65, "1:05"), (3661, "1:01:01"), (59.9, "0:59")]
)
def test_times_read_as_people_write_them(seconds, text):
    assert clock(seconds) == text


def test_a_range_has_both_ends():
    assert span((65, 80)) == "1:05–1:20"


def test_json_has_no_values_that_json_cannot_hold():
    document = comparison_json(comparison({}, absent=("melody",)))
    assert document["score"] is None
    assert document["absent"] == ["mix.melody"]
