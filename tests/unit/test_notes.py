from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.errors import ShapeError, StoreError
from soundalike.notes import CHORD, EMPTY, NOTE, Transcription, chord_name, join, mask_of, note_name, tones_of


def notes(*rows: tuple[float, float, int]) -> np.ndarray:
    return np.array(list(rows), NOTE)


def chords(*rows: tuple[float, float, int, tuple[int, ...]]) -> np.ndarray:
    return np.array([(s, n, root, root, mask_of(tones)) for s, n, root, tones in rows], CHORD)


def random_transcription(seed: int, count: int) -> Transcription:
    rng = np.random.default_rng(seed)
    start = np.cumsum(rng.integers(0, 500, count)) / 100
    melody, harmony = np.zeros(count, NOTE), np.zeros(count // 3, CHORD)
    melody["start"], melody["length"], melody["pitch"] = start, rng.integers(1, 900, count) / 100, 36 + start % 60
    harmony["start"], harmony["length"] = start[: count // 3], rng.integers(1, 900, count // 3) / 100
    harmony["root"], harmony["bass"] = rng.integers(0, 12, (2, count // 3))
    harmony["tones"] = rng.integers(0, 4096, count // 3)
    return Transcription(melody, harmony, 0.5)


@given(st.integers(0, 2**31), st.integers(0, 60))
def test_what_is_stored_comes_back(seed, count):
    before = random_transcription(seed, count)
    after = Transcription.from_bytes(before.to_bytes())
    assert np.array_equal(before.notes["pitch"], after.notes["pitch"])
    assert np.array_equal(before.chords[["root", "bass", "tones"]], after.chords[["root", "bass", "tones"]])
    for rows, again in ((before.notes, after.notes), (before.chords, after.chords)):
        assert np.allclose(rows["start"], again["start"], atol=0.006)
        assert np.allclose(rows["length"], again["length"], atol=0.011)
    assert after.to_bytes() == before.to_bytes()


def test_a_note_takes_a_few_bytes():
    start = np.arange(1000) * 0.4
    melody = np.zeros(1000, NOTE)
    melody["start"], melody["length"], melody["pitch"] = start, 0.35, 60
    assert len(Transcription(melody, np.zeros(0, CHORD)).to_bytes()) < 3.1 * 1000


def test_silence_is_stored_too():
    assert Transcription.from_bytes(EMPTY.to_bytes()) == EMPTY
    assert not EMPTY


@pytest.mark.parametrize("cut", [0, 1, 2, 5, -1])
def test_broken_bytes_are_refused(cut):
    with pytest.raises(StoreError, match=r"[Aa]nalyse the track again"):
        Transcription.from_bytes(random_transcription(0, 30).to_bytes()[:cut])


def test_bytes_of_a_later_version_are_refused():
    with pytest.raises(StoreError, match="version 9"):
        Transcription.from_bytes(b"\x09" + EMPTY.to_bytes()[1:])


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(content):
    try:
        read = Transcription.from_bytes(b"\x01" + content)
    except StoreError:
        return
    assert (read.notes["pitch"] < 128).all()
    assert (read.chords["tones"] < 4096).all()


def test_arrays_of_another_kind_are_refused():
    with pytest.raises(ShapeError, match="notes"):
        Transcription(np.zeros(3), np.zeros(0, CHORD))


def test_a_note_across_the_seam_of_two_excerpts_is_one():
    first = Transcription(notes((9.0, 0.98, 60)), chords((8.0, 2.0, 0, (0, 4, 7))))
    second = Transcription(notes((0.0, 1.0, 60), (1.0, 0.5, 62)), chords((0.0, 2.0, 0, (0, 4, 7))))
    track = join([(0.0, 10.0, first), (10.0, 20.0, second)])
    assert track.notes.tolist() == [(9.0, 2.0, 60), (11.0, 0.5, 62)]
    assert track.chords["length"].tolist() == [4.0]


def test_another_note_or_a_rest_at_the_seam_stays_apart():
    first = Transcription(notes((9.0, 1.0, 60)), chords())
    other = Transcription(notes((0.0, 1.0, 62)), chords())
    later = Transcription(notes((0.5, 1.0, 60)), chords())
    for second in (other, later):
        assert len(join([(0.0, 10.0, first), (10.0, 20.0, second)]).notes) == 2


def test_where_excerpts_overlap_the_earlier_one_counts():
    first = Transcription(notes((0.0, 5.0, 60), (5.0, 5.0, 64)), chords(), 0.5)
    last = Transcription(notes((0.0, 2.0, 61), (2.0, 6.0, 64), (8.0, 1.0, 65)), chords(), 0.7)
    track = join([(0.0, 10.0, first), (3.0, 13.0, last)])
    assert track.notes.tolist() == [(0.0, 5.0, 60), (5.0, 6.0, 64), (11.0, 1.0, 65)]
    assert track.beat == pytest.approx(0.6)
    assert join([(0.0, 10.0, first)], beat=0.25).beat == 0.25


def test_no_excerpts_play_nothing():
    assert join([]) == EMPTY


@pytest.mark.parametrize(("pitch", "name"), [(60, "C4"), (69, "A4"), (36, "C2"), (61, "C#4"), (0, "C-1")])
def test_pitches_have_names(pitch, name):
    assert note_name(pitch) == name


@pytest.mark.parametrize(
    ("root", "tones", "bass", "name"),
    [
        (0, (0, 4, 7), 0, "C"),
        (9, (9, 0, 4, 7), None, "Am7"),
        (0, (0, 4, 7), 4, "C/E"),
        (7, (7, 11, 2, 5), 7, "G7"),
        (2, (2, 9), 2, "D5"),
        (0, (0, 4, 7, 2), 0, "C"),
    ],
)
def test_chords_have_names(root, tones, bass, name):
    assert chord_name(root, mask_of(tones), bass) == name


def test_a_mask_holds_its_tones():
    assert tones_of(mask_of([7, 0, 16])) == [0, 4, 7]
