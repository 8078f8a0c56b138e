"""Families of instruments: what names say, what is heard, and how the two join."""

from __future__ import annotations

import math
from importlib import resources

import numpy as np
import pytest

from soundalike.audio import Clip, load_clip
from soundalike.encoders.embedded import EmbeddedEncoder
from soundalike.errors import ShapeError
from soundalike.family import (
    FAMILIES,
    MODEL,
    OWN_NAME,
    describe,
    estimate_family,
    hear_family,
    hear_logits,
    name_odds,
)
from soundalike.research.renderer import PieceSpec, render
from soundalike.separators.stem_names import apart, stem_of

ENCODER = EmbeddedEncoder()
RATE = ENCODER.sample_rate


def named(path: str) -> str | None:
    odds = name_odds(path)
    best = max(odds, key=odds.__getitem__)
    return best if odds[best] > 1 else None


def piece(seed: int, parts: tuple[str, ...] | None = None, *, seconds: float = 10.0) -> np.ndarray:
    """The embedding of a rendered piece, or of some of its parts."""
    spec = PieceSpec(seed, seed + 1, seed + 2, 110.0, seed + 3, duration=seconds, parts=parts)
    return ENCODER.encode([render(spec, rate=RATE)])[0]


@pytest.fixture(scope="module")
def drums() -> np.ndarray:
    return piece(1, ("drums",))


@pytest.fixture(scope="module")
def band() -> np.ndarray:
    return piece(5)


# Names


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("leadguitar", "guitar"),
        ("bassguitar", "bass"),
        ("kickdrum", "drums"),
        ("BackingVocals", "vocals"),
        ("electricpiano", "piano"),
        ("clav", "piano"),
        ("Cowbell 2", "drums"),
        ("heartstrings", None),
        ("pianist", None),
    ],
)
def test_words_written_together_mean_what_they_mean_apart(name, stem):
    assert stem_of(name) == stem


def test_only_a_word_of_two_known_ones_is_taken_apart():
    assert apart("leadguitar") == ["lead", "guitar"]
    assert apart("bassline") == ["bassline"]
    assert apart("basses") == ["basses"]
    assert apart("myguitar") == ["myguitar"]


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("Drum Loops/break.wav", "drums"),
        ("/samples/Percussion/Latin/shake it 01.aif", "drums"),
        ("Loops/Synth/04.wav", "other"),
        ("Vocal Chops/A/B/take.wav", "vocals"),
        ("Vocal Chops/A/B/C/take.wav", None),
        ("Songs/mixdown.wav", "mix"),
        ("Songs/Holiday.mp3", None),
        ("", None),
    ],
)
def test_the_file_and_three_folders_say_what_is_in_it(path, family):
    assert named(path) == family


def test_the_files_own_name_counts_more_than_its_folder_and_that_more_than_those_above():
    assert named("Drums/bass one.wav") == "bass"
    assert named("Drums/Bass/one.wav") == "bass"
    assert named("Guitar/Drums/Bass/one.wav") == "bass"


def test_names_that_agree_say_it_more_surely():
    assert name_odds("Drums/drum 1.wav")["drums"] > name_odds("Drums/1.wav")["drums"] > 1


# What is heard


def test_drums_and_a_band_are_told_by_ear(drums, band):
    assert estimate_family(drums).family == "drums"
    assert estimate_family(band).family == "mix"


def test_a_stroke_of_a_tenth_of_a_second_has_a_family():
    time = np.arange(RATE // 10) / RATE
    noise = np.random.default_rng(0).standard_normal(len(time))
    snare = (noise + np.sin(2 * np.pi * 190 * time)) * np.exp(-time * 40)
    row = ENCODER.encode([Clip(0.3 * snare[None].astype(np.float32), RATE)])[0]
    assert estimate_family(row).family == "drums"


def test_probabilities_sum_to_one_and_the_greatest_is_the_confidence(band):
    found = estimate_family(band, "Bass/kick.wav")
    assert tuple(found.probabilities) == FAMILIES
    assert math.fsum(found.probabilities.values()) == pytest.approx(1.0, abs=1e-12)
    assert found.confidence == found.probabilities[found.family] == max(found.probabilities.values())


def test_what_is_heard_and_the_names_are_multiplied(drums):
    heard, found = hear_family(drums), estimate_family(drums, "bass.wav").probabilities
    ratio = found["bass"] / found["drums"] / (heard["bass"] / heard["drums"])
    assert ratio == pytest.approx(OWN_NAME)


def test_nothing_is_heard_so_surely_that_names_count_nothing(drums):
    assert min(hear_family(drums).values()) > 1e-3


def test_a_song_that_is_called_bass_stays_a_mix(band):
    assert estimate_family(band, "Bass.mp3").family == "mix"


def test_a_name_decides_where_hearing_is_unsure():
    noise = np.random.default_rng(1).standard_normal(5 * RATE)
    row = ENCODER.encode([Clip(0.1 * noise[None].astype(np.float32), RATE)])[0]
    likely = sorted(hear_family(row), key=hear_family(row).__getitem__)
    second = next(family for family in reversed(likely[:-1]) if family in ("drums", "bass", "vocals", "guitar"))
    assert estimate_family(row, f"{second} loops/{second} one.wav").family == second


def test_a_name_alone_says_a_family_and_no_name_none():
    assert estimate_family(None, "drums/01.wav").family == "drums"
    assert estimate_family(None, "01.wav") is None


def test_silence_has_no_family():
    assert estimate_family(np.zeros(ENCODER.dim, np.float32), "drums.wav") is None


@pytest.mark.parametrize("shape", [(7,), (1, ENCODER.dim)])
def test_another_encoders_embedding_is_refused(shape):
    with pytest.raises(ShapeError, match=r"\(7969,\)"):
        estimate_family(np.ones(shape, np.float32))


def test_the_key_does_not_matter(band):
    moved = band.copy()
    moved[-12:] = np.roll(moved[-12:], 5)
    assert np.array_equal(describe(moved), describe(band))


def test_sums_are_made_in_one_order_whatever_the_machine(drums):
    with resources.as_file(resources.files("soundalike") / MODEL) as path, np.load(path) as arrays:
        model = {name: arrays[name].astype(np.float64) for name in arrays.files}
    told = np.clip((describe(drums) - model["mean"]) / model["scale"], -3, 3)

    def layer(name: str, values: list[float]) -> list[float]:
        answers = []
        for row, offset in zip(model[name], model[f"{name}_offset"], strict=True):
            total = 0.0
            for weight, value in zip(row, values, strict=True):
                total += float(weight) * value
            answers.append(total + float(offset))
        return answers

    units = [max(value, 0.0) for value in layer("family.hidden", [float(value) for value in told])]
    assert hear_logits(drums).tolist() == layer("family.output", units)


def test_the_model_that_ships_is_small():
    assert len((resources.files("soundalike") / MODEL).read_bytes()) < 100_000


# Recordings


def test_parts_of_recorded_songs_are_known_by_sound_and_name(outside_data):
    for file, family in (("mdn_multitrack/drums.ogg", "drums"), ("mdn_multitrack/bassguitar.ogg", "bass")):
        clip = load_clip(str(outside_data / "stems" / file), rate=RATE, mono=True, start=10.0, end=20.0)
        assert estimate_family(ENCODER.encode([clip])[0], file).family == family
