from __future__ import annotations

import numpy as np
import pytest

from soundalike.audio import Clip
from soundalike.research.evaluation.separation import distortion
from soundalike.research.renderer import PieceSpec, render_parts
from soundalike.separators.embedded import load
from soundalike.separators.embedded.model import NET, STEMS, EmbeddedModel, levels
from soundalike.separators.embedded.picture import (
    BANDS,
    RATE,
    SIZE,
    by_band,
    by_bin,
    edges,
    features,
    restore,
    tonality,
    transform,
)


@pytest.fixture(scope="module")
def separator():
    return load()


def noise(seconds: float, channels: int = 2, rate: int = RATE, seed: int = 0) -> Clip:
    samples = np.random.default_rng(seed).normal(0, 0.1, (channels, round(seconds * rate)))
    return Clip(samples.astype(np.float32), rate)


def total(stems) -> np.ndarray:
    return np.sum([clip.samples for name, clip in stems.items() if name != "mix"], axis=0)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("seconds", [1 / RATE, 0.05, 3.0, 25.0])
def test_the_stems_add_up_to_the_mix(separator, seconds, channels):
    clip = noise(seconds, channels)
    stems = separator.separate(clip)
    assert set(stems) == {"mix", *STEMS}
    assert np.abs(total(stems) - clip.samples).max() < 1e-5


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_any_rate_will_do(separator, rate):
    t = np.arange(rate) / rate
    clip = Clip((0.3 * np.sin(2 * np.pi * 440 * t))[None].astype(np.float32), rate)
    stems = separator.separate(clip)
    assert all(stem.rate == rate and stem.samples.shape == (1, rate) for stem in stems.values())
    middle = slice(rate // 10, -rate // 10)
    assert np.abs(total(stems) - clip.samples)[:, middle].max() < 1e-3


def test_silence_gives_silence(separator):
    stems = separator.separate(Clip(np.zeros((2, 5000), np.float32), RATE))
    assert not any(stem.samples.any() for stem in stems.values())


def test_the_same_sound_gives_the_same_bits(separator):
    first, second = (separator.separate(noise(2.0)) for _ in range(2))
    assert all(np.array_equal(first[stem].samples, second[stem].samples) for stem in first)


def test_one_channel_is_as_good_as_two_that_are_equal():
    one = noise(12.0, 1).samples
    model = EmbeddedModel()
    assert np.array_equal(model.separate_segment(np.repeat(one, 2, axis=0))[:, 0], model.split(one)[:, 0])


def test_the_segment_is_not_changed():
    segment = noise(12.0).samples
    before = segment.copy()
    EmbeddedModel().separate_segment(segment)
    assert np.array_equal(segment, before)


@pytest.mark.parametrize("length", [1, 511, 512, 513, 2048, 10000])
def test_spectra_hold_every_sample(length):
    samples = noise(1.0).samples[:, :length]
    assert np.abs(restore(transform(samples), length) - samples).max() < 1e-6


def test_bands_cover_all_frequencies_once():
    assert len(edges()) == BANDS + 1
    assert (np.diff(edges()) > 0).all()
    cells = np.random.default_rng(0).random((3, SIZE // 2 + 1), np.float32)
    assert np.allclose(by_band(cells).sum(axis=1), cells.sum(axis=1), rtol=1e-5)
    assert by_bin(by_band(cells)).shape == cells.shape


def test_a_tone_lasts_and_a_click_bursts():
    t = np.arange(RATE) / RATE
    tone = (0.3 * np.sin(2 * np.pi * 1000 * t))[None].astype(np.float32)
    click = np.zeros((1, RATE), np.float32)
    click[0, RATE // 2] = 1.0
    shares = []
    for samples in (tone, click):
        power, _ = levels(transform(samples))
        inside = slice(20, -20)
        shares.append(float((tonality(power) * power)[inside].sum() / power[inside].sum()))
    assert shares[0] > 0.9
    assert shares[1] < 0.2


def test_what_is_heard_does_not_depend_on_loudness_nor_on_silence_around():
    samples = noise(2.0).samples

    def heard(sound):
        power, side = levels(transform(sound))
        return features(power, tonality(power), side)

    plain = heard(samples)
    assert np.allclose(heard(0.01 * samples), plain, atol=1e-3)
    padded = heard(np.pad(samples, ((0, 0), (0, 512 * 200))))
    assert np.allclose(padded[:, 10:150], plain[:, 10:150], atol=1e-3)


def test_the_net_is_small():
    assert NET.stat().st_size < 600_000


def test_each_stem_of_a_piece_is_nearer_to_the_truth_than_the_mix_is(separator):
    spec = PieceSpec(
        melody=11,
        harmony=2,
        groove=3,
        tempo=104.0,
        timbre=1,
        duration=8.0,
        split="test",
        parts=("lead", "bass", "drums"),
    )
    parts = {part: clip.samples for part, clip in render_parts(spec, rate=RATE).items()}
    mix = np.sum(list(parts.values()), axis=0)
    stems = separator.separate(Clip(mix, RATE))
    found = {stem: stems[stem].samples for stem in ("drums", "bass")}
    found["lead"] = stems["other"].samples
    for part, estimate in found.items():
        gain = np.nanmedian(distortion(parts[part], estimate)) - np.nanmedian(distortion(parts[part], mix))
        assert gain > 3.0, f"{part} gains {gain:.1f} dB"


def test_parts_of_a_piece_are_those_that_it_has():
    spec = PieceSpec(melody=1, harmony=2, groove=3, tempo=104.0, timbre=4, duration=1.0, parts=("bass", "drums"))
    parts = render_parts(spec)
    assert set(parts) <= {"bass", "drums"}
    assert all(clip.samples.shape == (1, 22050) for clip in parts.values())
