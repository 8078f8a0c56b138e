from __future__ import annotations

import numpy as np
import pytest

from soundalike.audio import Clip
from soundalike.encoders.embedded import EmbeddedEncoder
from soundalike.encoders.embedded.transcription import LOWEST_LEAD, Posteriors, best_path, transcribe
from soundalike.errors import ShapeError
from soundalike.notes import chord_name

RATE = 22050 / 2048
MELODY = ((0.0, 60), (1.0, 64), (2.0, 67), (3.0, 72), (4.5, None), (6.0, 65), (8.0, 64))
CHORDS = ((0.0, 0, (0, 4, 7)), (2.5, 9, (9, 0, 4)), (5.0, 5, (5, 9, 0)), (7.5, 7, (7, 11, 2, 5)))


def frames(seconds: float) -> int:
    return round(seconds * RATE)


def hear(noise: float = 0.0, seed: int = 0, seconds: float = 10.0) -> Posteriors:
    """Posteriors of MELODY over CHORDS, with a share of the frames wrong."""
    rng = np.random.default_rng(seed)
    count = frames(seconds)
    lead, tones = np.full((count, 61), 0.005, np.float32), np.full((count, 12), 0.1, np.float32)
    root = np.full((count, 13), 0.02, np.float32)
    for (start, pitch), (end, _) in zip(MELODY, [*MELODY[1:], (seconds, 0)], strict=True):
        lead[frames(start) : frames(end), 60 if pitch is None else pitch - LOWEST_LEAD] = 0.8
    for (start, tonic, members), (end, *_) in zip(CHORDS, [*CHORDS[1:], (seconds,)], strict=True):
        root[frames(start) : frames(end), tonic] = 0.8
        tones[frames(start) : frames(end), list(members)] = 0.8
    wrong = np.flatnonzero(rng.random(count) < noise)
    lead[wrong], root[wrong] = np.roll(lead[wrong], 12, axis=1), np.roll(root[wrong], 5, axis=1)
    return Posteriors(lead, tones, root, root.copy(), RATE)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_notes_that_sound_are_written_down(noise):
    notes = transcribe(hear(noise)).notes
    long = notes[notes["length"] > 0.3]
    expected = [pitch for _, pitch in MELODY if pitch is not None]
    kept = [pitch for i, pitch in enumerate(long["pitch"].tolist()) if i == 0 or pitch != long["pitch"][i - 1]]
    assert kept == expected
    if not noise:
        assert np.allclose(notes["start"], [start for start, pitch in MELODY if pitch is not None], atol=0.1)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_chords_that_sound_are_written_down(noise):
    chords = transcribe(hear(noise)).chords
    assert [chord_name(c["root"], c["tones"]) for c in chords] == ["C", "Am", "F", "G7"]
    assert np.allclose(chords["start"], [start for start, *_ in CHORDS], atol=0.15)


def test_the_lowest_note_names_the_inversion():
    heard = hear()
    bass = np.full_like(heard.bass, 0.02)
    bass[:, 4] = 0.7
    chords = transcribe(Posteriors(heard.lead, heard.tones, heard.root, bass, RATE)).chords
    assert chord_name(*chords[0][["root", "tones", "bass"]].tolist()) == "C/E"


def test_one_wrong_frame_makes_no_note():
    heard = hear()
    lead = heard.lead.copy()
    lead[5] = np.roll(lead[5], 3)
    lead[5] = 0.5 * lead[5] + 0.5 * heard.lead[5]
    changed = Posteriors(lead, heard.tones, heard.root, heard.bass, RATE)
    assert transcribe(changed).notes.tolist() == transcribe(heard).notes.tolist()


def test_where_nothing_is_played_nothing_is_written():
    count = 50
    nothing = np.zeros((count, 61), np.float32)
    nothing[:, -1] = 1
    none = np.zeros((count, 13), np.float32)
    none[:, -1] = 1
    assert not transcribe(Posteriors(nothing, np.zeros((count, 12), np.float32), none, none, RATE))


def test_a_clip_without_frames_plays_nothing():
    empty = [np.zeros((0, width), np.float32) for width in (61, 12, 13, 13)]
    assert not transcribe(Posteriors(*empty, RATE))


def test_posteriors_of_another_shape_are_refused():
    heard = hear()
    with pytest.raises(ShapeError, match="root"):
        Posteriors(heard.lead, heard.tones, heard.root[:, :12], heard.bass, RATE)


def test_the_best_path_is_the_best_of_all_paths():
    rng = np.random.default_rng(0)
    evidence = rng.normal(size=(6, 3)).astype(np.float32)
    paths = np.stack(np.meshgrid(*[np.arange(3)] * 6, indexing="ij"), axis=-1).reshape(-1, 6)
    value = evidence[np.arange(6), paths].sum(axis=1) - 0.8 * (np.diff(paths, axis=1) != 0).sum(axis=1)
    assert best_path(evidence, 0.8).tolist() == paths[value.argmax()].tolist()


def test_a_plain_tune_is_heard_in_sound():
    pitches = [60, 64, 67, 72, 69, 65, 62, 60]
    rate = EmbeddedEncoder.sample_rate
    time = np.arange(rate) / rate
    fade = np.minimum(1, 20 * (1 - time)) * np.minimum(1, 50 * time)
    tune = [
        sum(np.sin(2 * np.pi * k * 440 * 2 ** ((p - 69) / 12) * time) / k for k in (1, 2, 3)) * fade for p in pitches
    ]
    clip = Clip(0.2 * np.concatenate(tune)[None].astype(np.float32), rate)
    embedding, posteriors = EmbeddedEncoder().hear(clip)
    assert np.array_equal(embedding, EmbeddedEncoder().encode([clip])[0])
    notes = transcribe(posteriors).notes
    heard = [notes["pitch"][np.argmin(np.abs(notes["start"] + notes["length"] / 2 - i - 0.5))] for i in range(8)]
    assert [int(pitch) % 12 for pitch in heard] == [pitch % 12 for pitch in pitches]


def test_noise_and_silence_play_nothing():
    rate = EmbeddedEncoder.sample_rate
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 5 * rate)).astype(np.float32)
    assert EmbeddedEncoder().hear(Clip(noise, rate))[1] is None
    assert EmbeddedEncoder().hear(Clip(np.zeros_like(noise), rate))[1] is None
