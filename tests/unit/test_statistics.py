"""Statistics of a transcription stay the same where the music does."""

from __future__ import annotations

import numpy as np
import pytest

from soundalike.encoders.embedded import statistics
from soundalike.encoders.embedded.transcription import Posteriors

RATE = 22050 / 2048
TUNE = ((0, 1), (4, 1), (7, 0.5), (5, 0.5), (4, 1), (2, 2), (0, 1), (-5, 1))
OTHER = ((0, 0.5), (2, 0.5), (3, 1), (2, 1), (0, 1), (-2, 1), (3, 2), (5, 1))
CHORDS = ((0, 4), (9, 4), (5, 4), (7, 4))


def posteriors(tune=TUNE, *, beat=0.5, key=60, start=0.0, chords=CHORDS, seconds=10.0) -> Posteriors:
    """What a perfect transcription says of a tune that repeats over chords that repeat."""
    frames = int(seconds * RATE)
    beats = start + np.arange(frames) / RATE / beat
    lead, root = np.zeros((frames, 61), np.float32), np.zeros((frames, 13), np.float32)
    ends, length = np.cumsum([n[1] for n in tune]), sum(n[1] for n in tune)
    pitch = np.array([n[0] for n in tune])[np.searchsorted(ends, beats % length, side="right")]
    lead[np.arange(frames), pitch + key - 36] = 1.0
    chord_ends, period = np.cumsum([c[1] for c in chords]), sum(c[1] for c in chords)
    roots = np.array([c[0] for c in chords])[np.searchsorted(chord_ends, beats % period, side="right")]
    root[np.arange(frames), (roots + key) % 12] = 1.0
    tones = sum(np.roll(root[:, :12], i, axis=1) for i in (0, 4, 7)).astype(np.float32)
    return Posteriors(lead, tones, root, root, RATE)


def cosine(a, b) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("change", [{"key": 65}, {"key": 48}, {"beat": 0.4}, {"beat": 0.62}, {"start": 3.0}])
def test_melody_keeps_its_tune_in_another_key_octave_tempo_and_from_later_on(change):
    beat = change.get("beat", 0.5)
    plain, changed = statistics.melody(posteriors(), 0.5), statistics.melody(posteriors(**change), beat)
    other = statistics.melody(posteriors(OTHER), 0.5)
    assert cosine(plain, changed) > cosine(plain, other) + 0.1


@pytest.mark.parametrize("change", [{"key": 65}, {"beat": 0.4}, {"start": 5.0}, {"tune": OTHER}])
def test_harmony_keeps_its_chords_in_another_key_tempo_and_under_another_tune(change):
    beat = change.get("beat", 0.5)
    plain, changed = statistics.harmony(posteriors(), 0.5), statistics.harmony(posteriors(**change), beat)
    other = statistics.harmony(posteriors(chords=((0, 2), (3, 2), (10, 4), (5, 8))), 0.5)
    assert cosine(plain, changed) > cosine(plain, other) + 0.1


def test_a_transposition_changes_nothing_at_all():
    a, b = (statistics.melody(posteriors(key=key), 0.5) for key in (60, 63))
    np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("seconds", [0.1, 0.3, 1.0])
def test_short_clips_give_finite_statistics(seconds):
    short = posteriors(seconds=seconds)
    for values in (statistics.melody(short, 0.5), statistics.harmony(short, 2.0)):
        assert np.isfinite(values).all()


def test_no_lead_at_all_gives_no_melody():
    heard = posteriors()
    silent = np.zeros_like(heard.lead)
    silent[:, -1] = 1.0
    assert not statistics.melody(Posteriors(silent, heard.tones, heard.root, heard.bass, RATE), 0.5).any()
