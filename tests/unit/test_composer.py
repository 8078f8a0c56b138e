"""Rich scores: every seed gives something that can be played, and no two are alike by chance."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from soundalike.research.music.composer import SPLITS, Note
from soundalike.research.music.groove_families import RICH_FAMILIES
from soundalike.research.music.grooves import FAMILIES, SUBSTITUTES, on_kit
from soundalike.research.music.likeness import groove_likeness, harmony_likeness, melody_likeness
from soundalike.research.music.ornaments import articulated, doubling_below, ornamented
from soundalike.research.music.rich_grooves import COMP_STYLES, compose_rich_groove, meters
from soundalike.research.music.rich_harmonies import compose_rich_harmony
from soundalike.research.music.rich_melodies import compose_rich_melody

METERS = (2, 3, 4, 5)


@pytest.mark.parametrize("meter", METERS)
def test_melodies_fill_whole_bars_with_one_note_at_a_time(meter: int) -> None:
    for seed in range(40):
        melody = compose_rich_melody(seed, "train", meter)
        ends = [note.start + note.length for note in melody.notes]
        assert 8 <= melody.beats <= 32
        assert melody.beats % meter == 0
        assert melody.meter == meter
        assert all(end <= after.start + 1e-9 for end, after in zip(ends, melody.notes[1:], strict=False))
        assert ends[-1] <= melody.beats + 1e-9
        assert all(-12 <= note.pitch <= 21 and 0 < note.velocity <= 1 for note in melody.notes)


def test_melodies_have_triplets_long_notes_ties_and_all_densities() -> None:
    tunes = [compose_rich_melody(seed) for seed in range(120)]
    notes = [note for tune in tunes for note in tune.notes]
    density = [len(tune.notes) / tune.beats for tune in tunes]
    assert any(abs(note.start % 1 - 1 / 3) < 1e-6 for note in notes)
    assert any(note.length > 2.5 for note in notes)
    assert any(note.start % 4 + note.length > 4.1 for note in notes)
    assert min(density) < 0.8
    assert max(density) > 2


@pytest.mark.parametrize("meter", METERS)
def test_chords_follow_each_other_without_gaps(meter: int) -> None:
    for seed in range(40):
        harmony = compose_rich_harmony(seed, "test", meter)
        starts = [chord.start for chord in harmony.chords]
        ends = [chord.start + chord.length for chord in harmony.chords]
        assert starts == [0, *ends[:-1]]
        assert ends[-1] == harmony.beats
        assert harmony.beats % meter == 0
        assert all(chord.tones[0] == chord.root for chord in harmony.chords)


def test_some_basses_are_not_the_root_and_some_chords_have_five_tones() -> None:
    chords = [chord for seed in range(60) for chord in compose_rich_harmony(seed).chords]
    assert 0.02 < np.mean([chord.bass is not None for chord in chords]) < 0.5
    assert {len(chord.tones) for chord in chords} == {2, 3, 4, 5}
    assert all(chord.bass != chord.root for chord in chords)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("meter", METERS)
def test_grooves_stay_inside_their_bars(split: str, meter: int) -> None:
    for seed in range(25):
        groove = compose_rich_groove(seed, split, meter)
        period = groove.steps * groove.bars
        hits = [hit for drum in groove.drums.values() for hit in drum] + [*groove.comp, *groove.bass]
        assert groove.steps in (3 * meter, 4 * meter)
        assert all(0 <= hit.step < period and 0 < hit.velocity <= 1 and hit.length > 0 for hit in hits)
        assert groove.comp
        assert groove.bass
        assert groove.comp_style in COMP_STYLES
        assert groove.family in RICH_FAMILIES[split]


def test_families_fit_their_metre_and_belong_to_one_split() -> None:
    for split, other in (("train", "test"), ("test", "train")):
        assert not set(RICH_FAMILIES[split]) & set(RICH_FAMILIES[other])
        assert len(RICH_FAMILIES[split]) >= 2 * len(FAMILIES[split])
        assert set(meters(split)) == set(METERS)
        for name, family in RICH_FAMILIES[split].items():
            assert len({len(pattern) for pattern in family.drums.values()}) == 1, name
            size = len(next(iter(family.drums.values())))
            assert size % (3 * family.meter) == 0 or size % (4 * family.meter) == 0, name


@pytest.mark.parametrize("compose", [compose_rich_melody, compose_rich_harmony, compose_rich_groove])
def test_same_seed_gives_the_same_score_and_splits_share_none(compose) -> None:
    train, test = ([repr(compose(seed, split)) for seed in range(30)] for split in SPLITS)
    assert train == [repr(compose(seed, "train")) for seed in range(30)]
    assert not set(train) & set(test)
    assert len(set(train)) == 30


def test_ornaments_keep_the_tune_and_one_note_at_a_time() -> None:
    notes = tuple(Note(float(i), 0.9, pitch, 0.8) for i, pitch in enumerate((0, 2, 4, 5, 7)))
    played = ornamented(notes, np.random.default_rng(0), chance=1.0)
    mains = [note for note in played if note.length > 0.4]
    assert [note.pitch for note in mains] == [0, 2, 4, 5, 7]
    assert [note.start + note.length for note in mains] == pytest.approx([note.start + 0.9 for note in notes])
    assert len(played) > len(notes)
    assert all(a.start + a.length <= b.start + 1e-9 for a, b in pairwise(played))
    assert ornamented(notes, np.random.default_rng(0), chance=0.0) == notes
    assert ornamented((), np.random.default_rng(0), chance=1.0) == articulated((), 2.0) == ()


def test_longer_articulation_never_runs_into_the_next_note() -> None:
    notes = (Note(0.0, 0.9, 0, 1.0), Note(1.0, 0.5, 2, 1.0))
    assert [note.length for note in articulated(notes, 1.5)] == [1.0, 0.75]


def test_doubling_lies_below_in_the_tune_s_own_scale() -> None:
    notes = tuple(Note(float(i), 1.0, pitch, 1.0) for i, pitch in enumerate((0, 2, 4, 5, 7, 9, 11)))
    thirds = [note.pitch for note in doubling_below(notes, "third")]
    assert thirds == [-3, -1, 0, 2, 4, 5, 7]
    assert [note.pitch for note in doubling_below(notes, "octave")] == [note.pitch - 12 for note in notes]


def test_likeness_is_one_for_the_same_score_in_another_key() -> None:
    melody, harmony, groove = compose_rich_melody(1), compose_rich_harmony(1), compose_rich_groove(1)
    higher = replace(melody, notes=tuple(replace(note, pitch=note.pitch + 5) for note in melody.notes))
    moved = tuple(replace(chord, root=(chord.root + 3) % 12) for chord in harmony.chords)
    assert melody_likeness(melody, higher) == 1
    assert harmony_likeness(harmony, replace(harmony, chords=moved)) == 1
    assert groove_likeness(groove, replace(groove, swing=0.6)) == pytest.approx(1)


def test_likeness_of_different_scores_is_low() -> None:
    tunes = [compose_rich_melody(seed) for seed in range(20)]
    assert np.mean([melody_likeness(a, b) for a, b in pairwise(tunes)]) < 0.2
    assert groove_likeness(compose_rich_groove(1, meter=4), compose_rich_groove(1, meter=3)) == 0


def test_drums_that_a_kit_has_not_are_played_on_others() -> None:
    hits = {"kick": [(0.1, 1.0)], "hat": [(0.3, 0.5)], "ride": [(0.2, 0.7)], "tom": []}
    assert on_kit(hits, {"kick", "hat", "perc"}) == {"kick": [(0.1, 1.0)], "hat": [(0.2, 0.7), (0.3, 0.5)]}
    assert on_kit(hits, {"kick", "hat", "ride", "tom"}) == hits
    assert set(SUBSTITUTES.values()) <= {"perc", "hat", "open"}
