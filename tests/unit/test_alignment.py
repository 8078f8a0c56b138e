from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.alignment import Line, align, line, scores, similarities
from soundalike.facets import Facet
from soundalike.matching import measure_alignments
from soundalike.notes import CHORD, NOTE, Transcription, mask_of


def melody(pitches: list[int], lengths: list[float], *, beat: float = 0.5, start: float = 0.0) -> Transcription:
    """Notes one after the other, lengths in beats."""
    rows = np.zeros(len(pitches), NOTE)
    rows["pitch"], rows["length"] = pitches, np.array(lengths) * beat
    rows["start"] = start + np.concatenate([[0], np.cumsum(lengths)[:-1]]) * beat
    return Transcription(rows, np.zeros(0, CHORD), beat)


def tune(seed: int, count: int = 24) -> tuple[list[int], list[float]]:
    rng = np.random.default_rng(seed)
    pitches = 65 + np.cumsum(rng.choice([-5, -4, -3, -2, -1, 1, 2, 3, 4, 7], count)) % 19
    return pitches.tolist(), rng.choice([0.5, 0.5, 1.0, 1.0, 2.0], count).tolist()


def heard(seed: int, *, shift: int = 0, beat: float = 0.5, count: int = 24) -> Line:
    pitches, lengths = tune(seed, count)
    return line(melody([pitch + shift for pitch in pitches], lengths, beat=beat), "melody")


def harmony(roots: list[int], kinds: list[tuple[int, ...]], beat: float = 0.5) -> Line:
    rows = np.zeros(len(roots), CHORD)
    rows["start"], rows["length"] = np.arange(len(roots)) * 4 * beat, 4 * beat
    rows["root"] = rows["bass"] = np.array(roots) % 12
    rows["tones"] = [mask_of(root + i for i in kind) for root, kind in zip(roots, kinds, strict=True)]
    return line(Transcription(np.zeros(0, NOTE), rows, beat), "harmony")


MAJOR, MINOR = (0, 4, 7), (0, 3, 7)


@settings(max_examples=40)
@given(st.integers(0, 500), st.integers(-12, 12), st.sampled_from([0.25, 0.4, 0.6, 1.0]))
def test_a_tune_is_the_same_in_any_key_and_tempo(seed, shift, beat):
    (alignment,) = align(heard(seed), [heard(seed, shift=shift, beat=beat)])
    assert alignment.matched == 24
    assert alignment.transposition == shift
    assert alignment.exact
    assert scores(heard(seed), [heard(seed, shift=shift, beat=beat)]) == scores(heard(seed), [heard(seed)])


def test_a_wrong_guess_of_the_beat_by_an_octave_costs_nothing():
    pitches, lengths = tune(3)
    half = melody(pitches, [2 * length for length in lengths], beat=0.25)
    doubled = Transcription(half.notes, half.chords, 0.5)
    assert scores(heard(3), [line(doubled, "melody")]) == scores(heard(3), [heard(3)])


def test_another_rhythm_is_less_alike():
    pitches, lengths = tune(4)
    uneven = line(melody(pitches, lengths[::-1]), "melody")
    assert scores(heard(4), [uneven]) < scores(heard(4), [heard(4)])


def test_errors_cost_little_and_the_tune_is_still_found():
    pitches, lengths = tune(5)
    passing = [*pitches[:8], pitches[8] + 1, *pitches[8:]]
    longer = [*lengths[:7], lengths[7] / 2, lengths[7] / 2, *lengths[8:]]
    dropped, octave = [*pitches], [*pitches]
    del dropped[10]
    octave[12] += 12
    shorter = [*lengths[:9], lengths[9] + lengths[10], *lengths[11:]]
    others = similarities(heard(5), [heard(seed) for seed in range(100, 140)])
    for broken in (melody(passing, longer), melody(dropped, shorter), melody(octave, lengths)):
        (alignment,) = align(heard(5), [line(broken, "melody")])
        assert alignment.matched >= 22
        assert alignment.similarity > others.max() + 0.3


def test_a_part_is_found_with_its_times():
    pitches, lengths = tune(6, 60)
    whole = melody(pitches, lengths)
    part = melody([pitch + 5 for pitch in pitches[20:31]], lengths[20:31], beat=0.4)
    (alignment,) = align(line(part, "melody"), [line(whole, "melody")])
    assert alignment.matched == 11
    assert alignment.transposition == -5
    assert alignment.query_range == pytest.approx((0.0, 0.4 * sum(lengths[20:31])))
    assert alignment.track_range == pytest.approx((0.5 * sum(lengths[:20]), 0.5 * sum(lengths[:31])))
    assert len(alignment.query) == len(alignment.track) == 11


def test_a_passage_that_comes_again_is_named_each_time_and_never_twice():
    pitches, lengths = tune(7, 12)
    between = tune(8, 12)
    played = melody([*pitches, *between[0], *pitches, *between[0]], [*lengths, *between[1], *lengths, *between[1]])
    (alignment,) = align(line(melody(pitches, lengths), "melody"), [line(played, "melody")])
    ranges = sorted([alignment.track_range, *alignment.again])
    second = 0.5 * (sum(lengths) + sum(between[1]))
    assert [start for start, _ in ranges] == pytest.approx([0.0, second])
    assert ranges[0][1] <= ranges[1][0]


def test_unrelated_tunes_are_alike_by_chance_only_whatever_their_lengths():
    for count in (12, 40, 160):
        values = similarities(heard(0, count=count), [heard(seed, count=n) for seed in range(1, 30) for n in (12, 90)])
        assert abs(float(values.mean())) < 0.25
        assert values.max() < 0.6


def test_many_tracks_at_once_give_what_each_gives_alone():
    tracks = [heard(seed, count=6 + 7 * seed) for seed in range(12)]
    together = similarities(heard(4, count=40), tracks)
    alone = [float(similarities(heard(4, count=40), [track])[0]) for track in tracks]
    assert together.tolist() == alone
    for one, alignment in zip(tracks, align(heard(4, count=40), tracks), strict=True):
        (single,) = align(heard(4, count=40), [one])
        assert alignment == single


def test_small_memory_changes_nothing(monkeypatch):
    tracks = [heard(seed, count=6 + 7 * seed) for seed in range(12)]
    expected = similarities(heard(4), tracks)
    monkeypatch.setattr("soundalike.alignment._MEMORY", 20_000)
    assert np.array_equal(similarities(heard(4), tracks), expected)


def plain_score(query: Line, track: Line) -> float:
    """The best chain by plain loops over all pairs and links."""

    def passed(one: Line, last: int, first: int) -> int:
        return round(8 * np.log2(max((one.start[last] - one.start[first]) / one.beat, 0.05)))

    best: dict[tuple[int, int], int] = {}
    for i in range(len(query)):
        for j in range(len(track)):
            best[i, j] = 0
            for a, b in ((1, 1), (1, 2), (2, 1), (1, 3), (3, 1), (2, 2)):
                if a > i or b > j:
                    continue
                steps = int(query.pitch[i]) - int(query.pitch[i - a]), int(track.pitch[j]) - int(track.pitch[j - b])
                if (steps[0] - steps[1]) % 12 == 0:
                    apart = abs(passed(query, i, i - a) - passed(track, j, j - b))
                    value = 16 - 8 * (a + b - 2) - min(apart, abs(apart - 8), 12) - 5 * (steps[0] != steps[1])
                    best[i, j] = max(best[i, j], best[i - a, j - b] + value)
    return max(best.values()) / 16


def test_the_best_chain_is_what_plain_loops_find():
    queries, tracks = [heard(seed, count=15) for seed in range(3)], [heard(seed, count=30) for seed in range(4)]
    for query in queries:
        assert scores(query, tracks).tolist() == [plain_score(query, track) for track in tracks]


def test_a_progression_is_the_same_in_any_key():
    roots, kinds = [0, 9, 5, 7, 2, 7], [MAJOR, MINOR, MAJOR, MAJOR, MINOR, MAJOR]
    (alignment,) = align(harmony(roots, kinds), [harmony([root + 10 for root in roots], kinds, beat=0.7)])
    assert alignment.matched == 6
    assert alignment.transposition == -2
    assert alignment.query[:4] == ("C", "Am", "F", "G")
    assert alignment.track[:4] == ("A#", "Gm", "D#", "F")
    assert alignment.exact


def test_other_kinds_of_chords_on_the_same_roots_are_less_alike_and_not_called_the_same():
    roots = [0, 9, 5, 7, 2, 7]
    same = harmony(roots, [MAJOR, MINOR, MAJOR, MAJOR, MINOR, MAJOR])
    sevenths = harmony(roots, [MAJOR, MINOR, MAJOR, (0, 4, 7, 10), MINOR, MAJOR])
    assert scores(same, [sevenths]) < scores(same, [same])
    (alignment,) = align(same, [sevenths])
    assert not alignment.exact


def test_nothing_in_common_has_no_alignment():
    rising = line(melody(list(range(50, 62)), [1.0] * 12), "melody")
    still = line(melody([60] * 12, [1.0] * 12), "melody")
    empty = line(melody([], []), "melody")
    assert align(rising, [still, empty]) == [None, None]
    assert align(empty, [rising]) == [None]
    assert similarities(rising, [empty]).shape == (1,)
    assert similarities(rising, []).shape == (0,)
    assert not empty.enough


def test_the_background_of_alignments_is_about_chance_and_reproducible():
    tunes = [melody(*tune(seed, 40)) for seed in range(25)]
    found = measure_alignments(tunes)
    assert found == measure_alignments(tunes)
    assert set(found) == {Facet("melody")}  # there are no chords
    assert abs(found[Facet("melody")].mean) < 0.25
    assert measure_alignments(tunes[:3]) == {}
