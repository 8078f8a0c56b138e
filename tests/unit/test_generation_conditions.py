"""Rules of what generators follow: melodies, chords and words."""

from __future__ import annotations

import numpy as np
import pytest

from soundalike.audio import Clip
from soundalike.errors import ShapeError, UsageError
from soundalike.notes import CHORD, NOTE, QUALITIES, Transcription, mask_of
from soundalike.research.generation import FRAME_RATE, LOWEST_NOTE, NOTES, Condition
from soundalike.research.generation.chords import (
    LABELS,
    check_chords,
    chords_of,
    chroma_of_chords,
    labels_of,
    simplify_chord,
    transpose_chords,
)
from soundalike.research.generation.conditions import (
    check_condition,
    check_melody,
    chroma_of_melody,
    coverage,
    fill_gaps,
    fit_melody,
    frames_of,
    melody_from_notes,
    melody_from_npz,
    melody_of,
    shift_melody,
    stretch_melody,
    transpose_melody,
)
from soundalike.research.generation.prompts import WORDS, draw_prompts

RATE = 22050


def melody(*pitches: int | None) -> np.ndarray:
    """One frame per pitch; None is a frame without a note."""
    rows = np.zeros((len(pitches), NOTES), np.bool_)
    for row, pitch in zip(rows, pitches, strict=True):
        if pitch is not None:
            row[pitch - LOWEST_NOTE] = True
    return rows


def pitches(rows: np.ndarray) -> list[int | None]:
    return [int(row.argmax()) + LOWEST_NOTE if row.any() else None for row in rows]


def tone(pitch: float, seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    hertz = 440.0 * 2.0 ** ((pitch - 69) / 12)
    return sum(0.2 / k * np.sin(2 * np.pi * k * hertz * time) for k in (1, 2, 3)).astype(np.float32)


# Hearing a melody


@pytest.fixture(scope="module")
def heard() -> dict[bool, np.ndarray]:
    """A bass note below the range, a rest, and a note in range: heard by ours and as the reference hears."""
    pytest.importorskip("librosa")
    sound = np.concatenate([tone(38, 0.8), np.zeros(RATE // 2, np.float32), tone(64, 0.8)])
    clip = Clip(np.stack([sound, sound]), RATE)
    return {reference: melody_of(clip, duration=2.5, reference=reference) for reference in (False, True)}


def test_a_melody_has_a_row_for_every_frame_of_its_duration(heard):
    for rows in heard.values():
        assert rows.shape == (125, NOTES)
        check_melody(rows)


def test_a_note_is_heard_where_it_sounds_and_none_where_there_is_silence(heard):
    rows = heard[False]
    assert set(pitches(rows[70:100])) == {64}
    assert not rows[46:58].any()
    assert not rows[112:].any()


def test_a_note_below_the_range_moves_by_an_octave_and_in_the_reference_becomes_the_lowest_one(heard):
    assert set(pitches(heard[False][5:35])) == {50}
    assert set(pitches(heard[True][5:35])) == {43}


def test_smoothing_takes_no_pitch_from_frames_that_have_none(heard):
    assert set(pitches(heard[False])) == {None, 50, 64}


def test_silence_has_no_melody():
    pytest.importorskip("librosa")
    assert not melody_of(Clip(np.zeros((1, 100), np.float32), RATE), duration=0.5).any()


@pytest.mark.parametrize("duration", [0.0, -1.0, 0.001, float("nan"), float("inf")])
def test_a_duration_of_less_than_a_frame_or_without_end_is_refused(duration):
    with pytest.raises(UsageError, match="duration"):
        frames_of(duration)


# Salience files


def write_salience(path, **arrays) -> str:
    rng = np.random.default_rng(0)
    known = {"salience": rng.random((60, 200)), "freqs": 440 * 2 ** ((np.arange(40, 100) - 69) / 12)}
    np.savez(path, **{**known, "times": np.arange(200) / 100, **arrays})
    return str(path)


def test_the_most_salient_note_is_taken_and_none_below_the_threshold(tmp_path):
    salience = np.full((60, 200), 0.1)
    salience[20, :100] = 0.9  # MIDI 60, the first second
    salience[2, 100:] = 0.9  # below the range, the second one
    path = write_salience(tmp_path / "x.npz", salience=salience)
    rows = melody_from_npz(path, duration=2.0)
    assert pitches(rows) == [60] * 50 + [None] * 50
    assert pitches(melody_from_npz(path, offset=0.5, duration=1.0)) == [60] * 25 + [None] * 25
    assert not melody_from_npz(path, duration=2.0, threshold=0.95).any()


def test_frequencies_of_one_semitone_are_added(tmp_path):
    salience = np.tile([[0.2], [0.2], [0.35]], 100)
    path = write_salience(
        tmp_path / "x.npz", salience=salience, freqs=[438.0, 442.0, 523.25], times=np.arange(100) / 50
    )
    assert set(pitches(melody_from_npz(path, duration=2.0))) == {69}


def test_a_salience_file_without_an_array_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", salience=np.ones((2, 3)))
    with pytest.raises(UsageError, match="freqs"):
        melody_from_npz(tmp_path / "x.npz")


def test_a_salience_file_with_objects_is_not_opened(tmp_path):
    path = write_salience(tmp_path / "x.npz", times=np.array([{}, []], object))
    with pytest.raises(UsageError, match="cannot be read"):
        melody_from_npz(path)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04nonsense"])
def test_what_is_no_salience_file_is_refused(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read"):
        melody_from_npz(tmp_path / "x.npz")


def test_a_passage_that_the_file_does_not_cover_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no frames"):
        melody_from_npz(write_salience(tmp_path / "x.npz"), offset=30.0)


# Notes


def test_notes_sound_in_the_frames_of_their_time_and_the_later_one_wins():
    rows = melody_from_notes([(0.0, 0.1, 60), (0.06, 0.1, 62), (0.3, 0.001, 64)], duration=0.4)
    assert pitches(rows) == [60] * 3 + [62] * 5 + [None] * 7 + [64] + [None] * 4


def test_notes_of_a_transcription_and_those_out_of_range_are_taken():
    notes = np.array([(0.0, 0.04, 30), (0.04, 0.04, 100), (9.0, 1.0, 60), (-1.0, 0.5, 70)], NOTE)
    assert pitches(melody_from_notes(notes.tolist(), duration=0.1)) == [54, 54, 88, 88, None]


# Changing a melody


def test_only_short_gaps_are_filled_by_the_note_before_or_at_the_start_by_the_next():
    rows = melody(None, None, 60, None, None, None, 62, None, None, None, None, 64, None)
    assert pitches(fill_gaps(rows)) == [60] * 6 + [62, None, None, None, None, 64, 64]
    assert pitches(fill_gaps(rows, 0)) == pitches(rows)
    assert pitches(fill_gaps(rows, 1)) == [*pitches(rows)[:-1], 64]


def test_a_melody_without_a_note_stays_so():
    assert not fill_gaps(melody(None, None)).any()
    assert not transpose_melody(melody(None, None), 5).any()


def test_coverage_is_the_share_of_frames_with_a_note():
    assert coverage(melody(60, None, 61, None)) == 0.5
    assert coverage(melody()) == 0.0


@pytest.mark.parametrize(
    ("start", "semitones", "end"),
    [
        ([60, None, 64], 3, [63, None, 67]),
        ([90, 94], 5, [83, 87]),  # all of it an octave back, so that the interval stays
        ([43, 50], -1, [54, 61]),
        ([43, 95], 1, [44, 84]),  # no octave keeps both
        ([60, 61], 24, [84, 85]),
        ([60, 61], 40, [88, 89]),
        ([60], -120, [48]),
    ],
)
def test_a_transposed_melody_keeps_its_pitch_classes_and_stays_in_range(start, semitones, end):
    assert pitches(transpose_melody(melody(*start), semitones)) == end


def test_a_melody_can_be_stretched_and_shrunk():
    rows = melody(60, 62, None, 64)
    assert pitches(stretch_melody(rows, 2)) == [60, 60, 62, 62, None, None, 64, 64]
    assert pitches(stretch_melody(rows, 0.5)) == [62, 64]
    assert pitches(stretch_melody(rows, 1)) == pitches(rows)


@pytest.mark.parametrize("ratio", [0, -1, float("nan"), float("inf"), 0.01])
def test_a_ratio_that_leaves_nothing_is_refused(ratio):
    with pytest.raises(UsageError, match="times as long"):
        stretch_melody(melody(60, 62), ratio)


def test_a_shifted_melody_is_as_long_as_before():
    rows = melody(60, 62, 64)
    assert pitches(shift_melody(rows, 1 / FRAME_RATE)) == [None, 60, 62]
    assert pitches(shift_melody(rows, -2 / FRAME_RATE)) == [64, None, None]
    assert pitches(shift_melody(rows, 9.0)) == [None] * 3


def test_a_melody_is_cut_or_followed_by_silence():
    assert pitches(fit_melody(melody(60, 62), 0.06)) == [60, 62, None]
    assert pitches(fit_melody(melody(60, 62), 0.02)) == [60]


def test_changes_leave_the_melody_that_they_were_given_untouched():
    rows = melody(60, None, 62)
    rows.setflags(write=False)
    for change in (fill_gaps, lambda m: transpose_melody(m, 2), lambda m: shift_melody(m, 0.02)):
        change(rows)
    assert pitches(rows) == [60, None, 62]


def test_chroma_of_a_melody_is_its_pitch_class():
    chroma = chroma_of_melody(melody(60, None, 71))
    assert chroma.shape == (3, 12)
    assert np.argwhere(chroma).tolist() == [[0, 0], [2, 11]]


def test_what_is_no_melody_is_refused():
    for wrong in (np.zeros((NOTES, 10), np.bool_), np.zeros((10, NOTES), np.float32)):
        with pytest.raises(ShapeError, match="melody"):
            check_melody(wrong)
    with pytest.raises(UsageError, match="several notes"):
        check_melody(np.ones((2, NOTES), np.bool_))


# Conditions


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"melody": np.zeros((5, NOTES), np.bool_)}, "does not follow melody"),
        ({"chords": (("C", 0.0),)}, "does not follow chords"),
        ({"text": "  "}, "no words"),
        ({"duration": 10.5}, "at most 10 s"),
        ({"duration": 0.0}, "duration"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
    ],
)
def test_a_condition_that_a_generator_cannot_follow_is_refused(changes, said):
    condition = Condition(**{"text": "soft piano", "seed": 1, **changes})
    with pytest.raises(UsageError, match=said):
        check_condition(condition, name="it", takes=frozenset({"drums"}), longest=10.0)


# Chords


def transcription(*chords: tuple[float, float, int, str]) -> Transcription:
    rows = [
        (start, length, root, root, mask_of(root + i for i in QUALITIES[name])) for start, length, root, name in chords
    ]
    return Transcription(np.zeros(0, NOTE), np.array(rows, CHORD))


def test_chords_become_labels_with_rests_between_them_and_after_the_last():
    heard = transcription((0.1, 1.9, 9, "m7"), (2.1, 1.9, 1, "sus4"), (5.0, 1.0, 10, "dim7"))
    assert labels_of(heard, 8.0) == (("Am7", 0.0), ("C#", 2.1), ("N", 4.0), ("Bbdim", 5.0), ("N", 6.0))
    assert labels_of(heard, 2.0) == (("Am7", 0.0),)


def test_a_chord_that_goes_on_under_another_name_of_it_is_one():
    assert labels_of(transcription((0, 1, 0, ""), (1, 1, 0, "sus2")), 2.0) == (("C", 0.0),)


def test_chords_are_heard_in_a_clip_longer_than_a_window():
    def play(*notes: int) -> np.ndarray:
        return sum(tone(note, 3.0) for note in notes) * np.exp(-np.linspace(0, 3, 3 * RATE)).astype(np.float32)

    sound = np.concatenate([play(45, 60, 64, 69), play(41, 60, 65, 69), play(48, 60, 64, 67), play(43, 59, 62, 67)])
    found = chords_of(Clip(sound[None], RATE))
    assert [label for label, _ in found if label != "N"] == ["Am", "F", "C", "G"]
    assert [start for _, start in found][:4] == pytest.approx([0, 3, 6, 9], abs=0.3)


def test_silence_has_no_chords():
    assert chords_of(Clip(np.zeros((1, RATE), np.float32), RATE)) == ()


@pytest.mark.parametrize(
    ("label", "simple"),
    [("Am7", "Am7"), ("Gbm/Db", "F#m"), ("Cb", "B"), ("B#maj7", "Cmaj7"), ("A5", "A"), ("N", "N"), ("D#dim7", "Ebdim")],
)
def test_a_chord_spelled_in_another_way_is_known(label, simple):
    assert simplify_chord(label) == simple
    assert simple in LABELS


@pytest.mark.parametrize("label", ["", "H", "C##", "Cwrong", "am", "N7"])
def test_what_is_no_chord_is_refused(label):
    with pytest.raises(UsageError, match="no chord"):
        simplify_chord(label)


def test_transposed_chords_keep_quality_and_time():
    chords = (("C", 0.0), ("Am7/G", 1.0), ("N", 2.0), ("Bmaj7", 3.0))
    assert transpose_chords(chords, 1) == (("C#", 0.0), ("Bbm7", 1.0), ("N", 2.0), ("Cmaj7", 3.0))
    assert transpose_chords(transpose_chords(chords, 7), -7) == transpose_chords(chords, 12)


def test_every_label_can_be_transposed_through_all_keys():
    for label in LABELS:
        assert {transpose_chords([(label, 0.0)], i)[0][0] for i in range(12)} <= set(LABELS)


def test_chroma_of_chords_are_the_tones_of_each_until_the_next():
    chroma = chroma_of_chords((("C", 0.0), ("N", 0.04), ("Am7", 0.06)), duration=0.1)
    assert [np.flatnonzero(row).tolist() for row in chroma] == [[0, 4, 7]] * 2 + [[]] + [[0, 4, 7, 9]] * 2


@pytest.mark.parametrize("starts", [(1.0, 0.5), (0.0, 0.0), (-1.0, 0.0), (0.0, float("nan"))])
def test_chords_out_of_order_are_refused(starts):
    with pytest.raises(UsageError, match="order"):
        check_chords([("C", start) for start in starts])


# Words


def test_prompts_are_distinct_and_of_their_seed():
    prompts = draw_prompts(500, 3)
    assert len(set(prompts)) == 500
    assert draw_prompts(20, 3) == prompts[:20]
    assert draw_prompts(20, 4) != prompts[:20]


def test_prompts_have_no_gaps_and_use_every_word():
    prompts = draw_prompts(3000, 0)
    assert not any(mark in prompt for prompt in prompts for mark in "{}")
    together = " ".join(prompts).lower()
    assert all(word.lower() in together for words in WORDS.values() for word in words)


def test_no_prompts_are_an_empty_list_and_too_many_are_refused():
    assert draw_prompts(0, 0) == []
    for count in (-1, 10**9):
        with pytest.raises(UsageError, match="prompts"):
            draw_prompts(count, 0)
