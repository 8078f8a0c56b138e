"""What every encoder must do; a package that adds one may run this on its own."""

from __future__ import annotations

import numpy as np
import pytest

from soundalike import extensions
from soundalike.audio import Clip
from soundalike.encoders import ENCODERS, Encoder, load_encoder

NAMES = extensions.names("encoders", ENCODERS)


def music(rate: int, seconds: float, seed: int = 0) -> Clip:
    """A few notes and clicks over a little noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(max(round(rate * seconds), 1)) / rate
    pitch = 220.0 * 2.0 ** (rng.integers(0, 12, size=64)[np.minimum((time * 4).astype(int), 63)] / 12.0)
    samples = 0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / rate) + 0.2 * np.sin(6 * np.pi * np.cumsum(pitch) / rate)
    samples += 0.4 * np.exp(-30.0 * (time % 0.5)) * rng.standard_normal(len(time)) + 0.003 * rng.standard_normal(
        len(time)
    )
    return Clip(samples[None].astype(np.float32), rate)


@pytest.fixture(params=NAMES)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return load_encoder(request.param)


def test_an_encoder_has_the_attributes_of_its_protocol(encoder):
    assert isinstance(encoder, Encoder)
    assert encoder.name
    assert encoder.sample_rate > 0
    assert encoder.window > 0
    assert encoder.dim > 0


def test_embeddings_are_finite_float32_rows_of_the_stated_length(encoder):
    clips = [music(encoder.sample_rate, seconds) for seconds in (0.05, 0.5, 1.7, 4.0, encoder.window)]
    embeddings = encoder.encode(clips)
    assert embeddings.shape == (len(clips), encoder.dim)
    assert embeddings.dtype == np.float32
    assert np.isfinite(embeddings).all()


def test_no_clips_give_no_rows(encoder):
    assert encoder.encode([]).shape == (0, encoder.dim)


def test_a_clip_gives_the_same_bits_alone_and_in_any_batch(encoder):
    clips = [music(encoder.sample_rate, seconds, seed) for seed, seconds in enumerate((encoder.window, 3.0, 0.4, 7.3))]
    together = encoder.encode(clips)
    alone = np.concatenate([encoder.encode([clip]) for clip in clips])
    backwards = encoder.encode(clips[::-1])[::-1]
    assert together.tobytes() == alone.tobytes() == np.ascontiguousarray(backwards).tobytes()


def test_the_input_is_left_untouched(encoder):
    clip = music(encoder.sample_rate, 2.0)
    before = clip.samples.copy()
    encoder.encode([clip])
    assert np.array_equal(clip.samples, before)


def test_a_clip_of_a_single_sample_is_embedded(encoder):
    clip = Clip(np.full((1, 1), 0.5, np.float32), encoder.sample_rate)
    assert np.isfinite(encoder.encode([clip])).all()


def test_different_music_gives_different_embeddings(encoder):
    first, second = encoder.encode([music(encoder.sample_rate, 5.0, seed) for seed in (1, 2)])
    assert not np.array_equal(first, second)
