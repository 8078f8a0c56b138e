"""Rich pieces: labels stay exact whatever the player does, and groups keep their promises."""

import pickle
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from soundalike.errors import UsageError
from soundalike.research.music.composer import SPLITS, Note
from soundalike.research.music.groups import JITTER, OTHER_TEMPO
from soundalike.research.music.likeness import groove_likeness, harmony_likeness, melody_likeness
from soundalike.research.music.material import Material
from soundalike.research.music.performer import STYLES, PieceSpec, perform, scores_of
from soundalike.research.music.rich_melodies import compose_rich_melody
from soundalike.research.music.solos import SOLOS, solo_piece
from soundalike.research.renderer import FACTORS, factor_group, heard_factors, render

RICH = PieceSpec(melody=1, harmony=2, groove=3, tempo=110.0, timbre=4, key=5, nuisance=6, duration=6.0, style="rich")


def pieces(count: int) -> list[PieceSpec]:
    return [
        replace(RICH, melody=s, harmony=s, groove=s, nuisance=s, tempo=60.0 + 9 * s, meter=(4, 3, 2, 5)[s % 4])
        for s in range(count)
    ]


@pytest.mark.parametrize("style", STYLES)
def test_a_score_in_place_of_its_seed_gives_the_same_piece(style: str) -> None:
    spec = replace(RICH, style=style)
    scores = scores_of(spec)
    written = replace(spec, melody=scores.melody, harmony=scores.harmony, groove=scores.groove)
    assert np.array_equal(render(spec).samples, render(written).samples)


def test_lead_has_one_note_at_a_time_and_stays_in_the_clip() -> None:
    for spec in pieces(24):
        lead = perform(spec).lead
        assert all(a.start + a.seconds <= b.start + 1e-9 for a, b in pairwise(lead))
        assert all(0 <= note.start < spec.duration + 0.05 and note.seconds > 0 for note in lead)


def test_chords_and_beats_cover_the_clip_also_when_the_tempo_drifts() -> None:
    for spec in pieces(24):
        performance = perform(spec)
        assert performance.chords[0].start == 0
        assert performance.chords[-1].end == pytest.approx(spec.duration, abs=1e-6)
        assert all(a.end == pytest.approx(b.start) for a, b in pairwise(performance.chords))
        gaps = np.diff(performance.beats) * performance.tempo / 60
        assert np.abs(gaps - 1).max() < 0.021
        assert set(performance.downbeats) <= set(performance.beats)
        assert performance.meter == spec.meter


def test_tempo_drifts_in_some_clips_and_not_in_others() -> None:
    spread = [np.ptp(np.diff(perform(replace(RICH, nuisance=s, duration=20.0)).beats)) for s in range(20)]
    assert min(spread) < 1e-9
    assert max(spread) > 0.002


def test_same_tune_is_played_with_and_without_ornaments_fills_and_pauses() -> None:
    takes = [perform(replace(RICH, nuisance=s, start=0.0, duration=12.0)) for s in range(30)]
    assert len({len(take.lead) for take in takes}) > 3
    assert len({len(take.drums["snare"]) for take in takes}) > 3
    assert any(take.doubling for take in takes)
    assert not all(take.doubling for take in takes)


def test_doubled_lead_is_heard_but_the_label_is_the_top_line() -> None:
    take = next(t for t in (perform(replace(RICH, nuisance=s)) for s in range(60)) if t.doubling)
    assert len(take.doubling) == pytest.approx(len(take.lead), abs=1)
    assert np.mean([note.pitch for note in take.doubling]) < np.mean([note.pitch for note in take.lead])


def test_note_that_began_before_the_clip_is_heard_from_its_start() -> None:
    melody = replace(compose_rich_melody(1), notes=(Note(0.0, 3.5, 4, 0.9),), beats=8)
    take = perform(replace(RICH, melody=melody, start=1.0, nuisance=4))
    assert take.lead[0].start < 0.05


def test_bass_stands_on_the_tone_that_the_label_says() -> None:
    right = []
    for spec in pieces(20):
        performance = perform(spec)
        for span in performance.chords:
            first = [note for note in performance.bass if span.start - 0.02 <= note.start < span.start + 0.02]
            right += [first[0].pitch % 12 == span.bass] if first else []
    assert len(right) > 40
    assert np.mean(right) > 0.9


def test_parts_that_are_not_heard_have_no_labels_and_no_sound() -> None:
    lead, bass, drums = (perform(replace(RICH, parts=(part,))) for part in ("lead", "bass", "drums"))
    whole = perform(RICH)
    assert lead.lead == whole.lead
    assert (lead.comp, lead.pad, lead.bass, lead.chords) == ((), (), (), ())
    assert not any(lead.drums.values())
    assert bass.bass == whole.bass
    assert bass.chords == bass.lead == ()
    assert drums.drums == whole.drums
    assert perform(replace(RICH, parts=("comp",))).chords == whole.chords
    silent = render(replace(RICH, parts=(), clean=True)).samples
    assert np.abs(silent).max() < 1e-3


@pytest.mark.parametrize("wrong", [{"style": "baroque"}, {"parts": ("oboe",)}])
def test_unknown_style_and_part_are_refused(wrong: dict) -> None:
    with pytest.raises(UsageError, match="was asked for"):
        perform(replace(RICH, **wrong))


@pytest.mark.parametrize("split", SPLITS)
def test_opposites_differ_in_what_is_heard_and_not_only_in_seeds(split: str) -> None:
    for seed in range(8):
        group = factor_group(seed, split, style="rich")
        a, z = scores_of(group["A"]), scores_of(group["Z"])
        assert melody_likeness(a.melody, z.melody) < 0.3
        assert harmony_likeness(a.harmony, z.harmony) < 0.7
        assert groove_likeness(a.groove, z.groove) < 0.7


def test_half_of_the_rich_groups_have_opposites_of_the_same_tempo() -> None:
    groups = [factor_group(seed, "test", style="rich") for seed in range(60)]
    apart = np.array([abs(np.log(group["A"].tempo / group["Z"].tempo)) for group in groups])
    assert 0.5 <= np.mean(apart == 0) < 0.8
    assert apart[apart > 0].min() > OTHER_TEMPO
    assert all(abs(np.log(g["A"].tempo / g["P_groove"].tempo)) > 0.99 * OTHER_TEMPO for g in groups)
    assert all(55 <= spec.tempo <= 190 for group in groups for spec in group.values())


def test_rich_training_groups_share_what_their_names_say_and_thinned_pieces_still_carry_it() -> None:
    thinned = 0
    for seed in range(30):
        group = factor_group(seed, style="rich")
        anchor = group["A"]
        assert {spec.meter for spec in group.values()} == {anchor.meter}
        assert {spec.tempo_jitter for spec in group.values()} == {JITTER}
        for factor in FACTORS:
            fields = ("groove", "tempo") if factor == "rhythm" else (factor,)
            assert all(getattr(group[f"P_{factor}"], field) == getattr(anchor, field) for field in fields)
            assert factor in heard_factors(group[f"P_{factor}"])
            assert heard_factors(group[f"N_{factor}"]) == {*FACTORS, "groove"}
        thinned += sum(spec.parts is not None for spec in group.values())
    assert thinned > 5


def test_groups_draw_from_material_and_travel_between_processes() -> None:
    class Tunes(Material):
        def draw_melody(self, rng, meter=4):
            return compose_rich_melody(int(rng.integers(100)), "test", meter)

    groups = [factor_group(seed, style="rich", material=Tunes()) for seed in range(20)]
    drawn = [not isinstance(group["A"].melody, int) for group in groups]
    assert 0.1 < np.mean(drawn) < 0.7
    assert pickle.loads(pickle.dumps(groups)) == groups


def test_material_for_plain_groups_is_refused() -> None:
    with pytest.raises(UsageError, match="'plain' with material"):
        factor_group(1, material=Material())


def test_solos_have_one_part_and_every_kind_comes_up() -> None:
    specs = [solo_piece(seed, duration=4.0) for seed in range(40)]
    takes = [perform(spec) for spec in specs]
    assert all(len(spec.parts) == 1 for spec in specs)
    assert {spec.parts[0] for spec in specs} == {"lead", "bass", "comp", "drums"}
    assert any(len({note.pitch for note in take.lead}) == 1 for take in takes if take.lead)
    assert len(SOLOS) == 7
