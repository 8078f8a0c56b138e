from __future__ import annotations

import numpy as np
import pytest

from soundalike.audio import Clip
from soundalike.encoders.embedded import LAYOUT, EmbeddedEncoder
from soundalike.errors import ShapeError, UsageError
from soundalike.key import KEYS, PITCH_CLASSES, camelot, estimate_key, parse_key

MAJOR_CADENCE = ((0, 4, 7), (5, 9, 0), (7, 11, 2), (0, 4, 7))
MINOR_CADENCE = ((0, 3, 7), (5, 8, 0), (7, 11, 2), (0, 3, 7))


def cadence(tonic: int, chords: tuple[tuple[int, ...], ...], cents: float = 0.0, rate: int = 22050) -> Clip:
    time = np.arange(rate) / rate
    bars = []
    for chord in chords:
        notes = [chord[0] - 12, *chord]
        pitches = [440.0 * 2.0 ** ((60 + tonic + note - 69 + cents / 100.0) / 12.0) for note in notes]
        bars.append(sum(np.sin(2 * np.pi * f * h * time) / h for f in pitches for h in (1, 2, 3)) * np.exp(-time))
    return Clip(0.05 * np.concatenate(bars * 2)[None].astype(np.float32), rate)


def key_of(clip: Clip) -> str:
    return estimate_key(EmbeddedEncoder().encode([clip])[0, LAYOUT["chroma"]]).name


@pytest.mark.parametrize("tonic", range(12))
def test_a_cadence_is_in_its_key(tonic):
    assert key_of(cadence(tonic - 6, MAJOR_CADENCE)) == KEYS[(tonic - 6) % 12]
    assert key_of(cadence(tonic - 6, MINOR_CADENCE)) == KEYS[12 + (tonic - 6) % 12]


@pytest.mark.parametrize("cents", [-35.0, -20.0, 20.0, 35.0])
def test_a_cadence_that_is_out_of_tune_is_in_the_nearest_key(cents):
    assert key_of(cadence(2, MAJOR_CADENCE, cents)) == "D major"


def test_a_scale_is_surer_than_an_almost_even_chroma():
    scale = np.zeros(12)
    scale[[0, 2, 4, 5, 7, 9, 11]] = [3, 1, 2, 1, 2.5, 1, 1]
    vague = np.ones(12)
    vague[[0, 6]] = 1.01
    sure, unsure = estimate_key(scale), estimate_key(vague)
    assert (sure.name, sure.camelot) == ("C major", "8B")
    assert 0.0 <= unsure.confidence < sure.confidence <= 1.0


def test_an_even_chroma_has_no_key():
    assert estimate_key(np.ones(12)) is None
    assert estimate_key(np.zeros(12)) is None


def test_a_chroma_of_another_length_is_refused():
    with pytest.raises(ShapeError):
        estimate_key(np.ones(24))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Am", "A minor"),
        ("a minor", "A minor"),
        ("A min", "A minor"),
        ("8A", "A minor"),
        ("8b", "C major"),
        ("12A", "C# minor"),
        ("F# major", "F# major"),
        ("Gb", "F# major"),
        ("Gbm", "F# minor"),
        ("C#", "Db major"),
        ("db minor", "C# minor"),
        ("bb", "Bb major"),
        ("bbm", "Bb minor"),
        ("B", "B major"),
        ("DM", "D major"),
        ("Dmaj", "D major"),
        ("E♭ minor", "Eb minor"),
        ("C sharp minor", "C# minor"),
        ("B flat", "Bb major"),
        ("Cb", "B major"),
        ("E#m", "F minor"),
        ("  G   major ", "G major"),
    ],
)
def test_keys_are_read_in_every_common_spelling(text, name):
    assert parse_key(text) == name


@pytest.mark.parametrize("text", ["", "H minor", "13A", "0B", "8C", "A dorian", "Amm", "minor", "A#b", "8A minor"])
def test_what_is_not_a_key_is_refused(text):
    with pytest.raises(UsageError, match="is not a key"):
        parse_key(text)


def test_canonical_names_stay_as_they_are():
    assert [parse_key(name) for name in KEYS] == list(KEYS)
    assert len(set(KEYS)) == 24


def test_camelot_and_back_is_the_same_key():
    assert [parse_key(camelot(name)) for name in KEYS] == list(KEYS)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("A minor", "8A"),
        ("C major", "8B"),
        ("E minor", "9A"),
        ("G major", "9B"),
        ("Ab minor", "1A"),
        ("E major", "12B"),
    ],
)
def test_places_on_the_camelot_wheel(name, place):
    assert camelot(name) == place


def test_pitch_classes_rise_from_c():
    assert [parse_key(name) for name in PITCH_CLASSES] == list(KEYS[:12])
