from __future__ import annotations

import pytest

from soundalike.fit import FREE, fit, needs
from soundalike.tracks import Track


def song(tempo: float | None = 120.0, key: str | None = None, **known: str) -> Track:
    return Track(path="song.wav", tempo=tempo, key=key, **known)


def test_stretch_is_the_songs_tempo_by_the_samples():
    assert fit(song(126), song(120)).stretch == pytest.approx(1.05)
    assert fit(song(114), song(120)).stretch == pytest.approx(0.95)


@pytest.mark.parametrize(("tempo", "pulse"), [(60.0, 2.0), (120.0, 1.0), (240.0, 0.5)])
def test_half_and_double_time_fit_without_stretch(tempo, pulse):
    found = fit(song(120), song(tempo))
    assert (found.stretch, found.pulse, found.cost) == (pytest.approx(1.0), pulse, 0.0)


def test_the_smallest_stretch_is_taken():
    found = fit(song(174), song(90))
    assert found.stretch == pytest.approx(174 / 180)
    assert found.pulse == 2.0


def test_a_small_stretch_is_free_and_more_costs_more():
    costs = [fit(song(120 * (1 + share)), song(120)).cost for share in (0.0, 0.9 * FREE, 0.1, 0.2, 0.4)]
    assert costs[:2] == [0.0, 0.0]
    assert 0 < costs[2] < costs[3] < costs[4]


def test_faster_and_slower_by_one_ratio_cost_the_same():
    assert fit(song(100), song(120)).cost == pytest.approx(fit(song(120), song(100)).cost)


@pytest.mark.parametrize(("of_song", "of_sample"), [(None, 120.0), (120.0, None), (None, None)])
def test_what_has_no_tempo_needs_no_stretch(of_song, of_sample):
    found = fit(song(of_song), song(of_sample))
    assert (found.stretch, found.cost) == (None, 0.0)


@pytest.mark.parametrize(
    ("of_song", "of_sample", "steps"),
    [
        ("C major", "C major", 0),
        ("C major", "A minor", 0),
        ("A minor", "C major", 0),
        ("D major", "C major", 2),
        ("B major", "C major", -1),
        ("F# major", "C major", -6),
        ("E minor", "A minor", -5),
    ],
)
def test_transposition_is_the_shortest_way_to_the_same_notes(of_song, of_sample, steps):
    assert fit(song(key=of_song), song(key=of_sample)).transposition == steps


def test_drums_are_not_transposed():
    assert fit(song(key="C major"), song(key="D major", family="drums")).transposition is None


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (song(120, "C major"), "at its own tempo, in its own key"),
        (song(100, "C# major"), "20 % faster, 1 semitone down"),
        (song(63, "A# major"), "5 % slower in half time, 2 semitones up"),
        (song(240, None), "at its own tempo in double time"),
        (song(None, None), ""),
    ],
)
def test_what_is_needed_is_said_in_words(sample, words):
    assert needs(fit(song(120, "C major"), sample)) == words
