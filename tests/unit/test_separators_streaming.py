"""Segments, their blending, and how little of a long sound is held at a time."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, field

import numpy as np
import pytest
import soundfile

from soundalike.audio import Clip, load_clip
from soundalike.separators.cache import StemCache
from soundalike.separators.model import ModelSeparator
from soundalike.separators.streaming import SegmentModel, measure, segment_length, stream, stream_normalised

RATE = 8000


@dataclass
class Halves:
    """Gives three quarters and one quarter of what it hears, and remembers it."""

    normalised: bool = False
    gate: float = 40.0
    channels: int = 2
    bias: float = 0.0
    name: str = "halves-1"
    sample_rate: int = RATE
    segment: float = 0.0125
    stems: tuple[str, ...] = ("drums", "other")
    heard: list[np.ndarray] = field(default_factory=list)

    def separate_segment(self, samples):
        self.heard.append(samples.copy())
        return np.stack([0.75 * samples, 0.25 * samples]) + np.float32(self.bias)


def noise(frames: int, channels: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, (channels, frames)).astype(np.float32)


def blocks(samples: np.ndarray, size: int) -> list[np.ndarray]:
    return [samples[:, first : first + size] for first in range(0, samples.shape[1], size)]


def streamed(model: SegmentModel, samples: np.ndarray, size: int = 37) -> np.ndarray:
    return np.concatenate(list(stream(model, blocks(samples, size))), axis=-1)


@pytest.mark.parametrize("frames", [1, 24, 25, 26, 74, 75, 76, 99, 100, 101, 175, 176, 1000])
def test_as_many_samples_come_out_as_went_in(frames):
    samples = noise(frames)
    split = streamed(Halves(), samples)
    assert np.allclose(split, np.stack([0.75 * samples, 0.25 * samples]), atol=1e-6)


@pytest.mark.parametrize("size", [1, 7, 100, 5000])
def test_how_the_sound_is_cut_into_blocks_does_not_matter(size):
    samples = noise(1234)
    assert np.array_equal(streamed(Halves(), samples, size), streamed(Halves(), samples, 250))


def test_every_segment_has_the_same_length():
    model = Halves()
    streamed(model, noise(333))
    assert {segment.shape for segment in model.heard} == {(2, 100)}


def test_a_short_last_segment_is_centred_on_its_sound():
    model = Halves()
    samples = noise(85)
    streamed(model, samples)
    first, last = model.heard
    assert np.array_equal(first, np.pad(samples, ((0, 0), (7, 8))))
    assert np.array_equal(last, np.pad(samples[:, 30:], ((0, 0), (0, 45))))


def test_no_blocks_give_no_blocks():
    assert list(stream(Halves(), [])) == []
    assert list(stream(Halves(), [noise(0)])) == []


def test_a_segment_of_seven_point_eight_seconds_loses_no_sample_to_rounding():
    assert segment_length(Halves(sample_rate=44100, segment=7.8)) == 343980


def test_silence_stays_silent_though_a_network_hears_its_bias_in_it():
    samples = noise(1000)
    samples[:, 300:700] = 0
    split = streamed(Halves(bias=0.5), samples)
    assert not split[..., 425:600].any()
    assert split[..., :200].any()


def test_a_normalised_model_hears_mean_zero_and_deviation_one_and_gives_the_level_back():
    samples = 0.3 * noise(1000) + np.float32(0.2)
    model = Halves(normalised=True)
    level = measure(blocks(samples, 64))
    mono = samples.mean(axis=0, dtype=np.float64)
    assert level.mean == pytest.approx(mono.mean(), abs=1e-7)
    assert level.deviation == pytest.approx(mono.std(ddof=1), rel=1e-5)
    split = np.concatenate(list(stream_normalised(model, blocks(samples, 64), level)), axis=-1)
    heard = np.concatenate([model.heard[0], *(segment[:, 25:] for segment in model.heard[1:13])], axis=1).mean(axis=0)
    assert abs(heard.mean()) < 1e-2
    assert heard.std() == pytest.approx(1, abs=1e-2)
    assert np.allclose(split[0], 0.75 * (samples - level.mean) + level.mean, atol=1e-6)


@pytest.mark.parametrize("normalised", [False, True])
def test_two_minutes_are_streamed_with_a_few_segments_in_memory(normalised):
    model = Halves(normalised=normalised, sample_rate=44100, segment=0.5)
    model.heard = type("Forgetful", (list,), {"append": lambda self, item: None})()

    def sound():
        for i in range(120):
            yield noise(44100, seed=i)

    frames = 0
    tracemalloc.start()
    try:
        split = stream_normalised(model, sound(), measure(sound())) if normalised else stream(model, sound())
        for block in split:
            frames += block.shape[-1]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert frames == 120 * 44100
    assert peak < 12_000_000  # two minutes of both stems are 85 MB


def test_a_mono_clip_gives_mono_stems_of_a_stereo_model():
    clip = Clip(noise(500, channels=1), RATE)
    stems = ModelSeparator(Halves()).separate(clip)
    assert stems["drums"].samples.shape == (1, 500)
    assert np.allclose(stems["drums"].samples, 0.75 * clip.samples, atol=1e-6)


def test_a_mono_model_hears_the_mean_of_the_channels():
    clip = Clip(noise(500), RATE)
    stems = ModelSeparator(Halves(channels=1)).separate(clip)
    assert np.allclose(stems["other"].samples, 0.25 * clip.mono().samples, atol=1e-6)


def test_sound_of_six_channels_is_heard_as_its_mono_mix():
    clip = Clip(noise(500, channels=6), RATE)
    stems = ModelSeparator(Halves()).separate(clip)
    assert np.allclose(stems["other"].samples, 0.25 * clip.mono().samples, atol=1e-6)
    assert stems["other"].channels == 2


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("rate", [RATE, 16000])
def test_the_stems_of_a_file_are_those_of_its_clip(tmp_path, rate, normalised):
    samples = noise(5000)
    path = tmp_path / "song.wav"
    soundfile.write(path, samples.T, rate, "FLOAT")
    model = Halves(normalised=normalised)
    separator = ModelSeparator(model, cache=StemCache(tmp_path / "stems", limit=0))
    expected = ModelSeparator(model).separate(load_clip(path, start=0.1, end=0.25).resample(RATE))
    with separator.files(str(path), start=0.1, end=0.25) as files:
        for stem in model.stems:
            found = load_clip(files[stem].path, start=files[stem].start)
            assert found.rate == RATE
            assert found.samples.shape == (2, 1200)
            assert np.allclose(found.samples, expected[stem].samples, atol=1e-3 if rate != RATE else 1e-6)


def test_the_same_file_is_split_once(tmp_path):
    path = tmp_path / "song.wav"
    soundfile.write(path, noise(500).T, RATE)
    model = Halves()
    separator = ModelSeparator(model, cache=StemCache(tmp_path / "stems", limit=10**9))
    copy = tmp_path / "copy.wav"
    copy.write_bytes(path.read_bytes())
    for same in (path, path, copy):
        with separator.files(str(same)):
            pass
    assert len(model.heard) == len(range(0, 500, 75))
    with separator.files(str(path), start=0.01):
        pass
    assert len(model.heard) > len(range(0, 500, 75))


def test_what_is_beyond_full_scale_is_clipped_and_not_wrapped(tmp_path):
    path = tmp_path / "song.wav"
    soundfile.write(path, np.full((1000, 2), 2, np.float32), RATE, "FLOAT")
    separator = ModelSeparator(Halves(), cache=StemCache(tmp_path / "stems", limit=0))
    with separator.files(str(path)) as files:
        assert load_clip(files["drums"].path).samples.min() == pytest.approx(1, abs=1e-6)
        assert load_clip(files["other"].path).samples.max() == pytest.approx(0.5, abs=1e-6)
