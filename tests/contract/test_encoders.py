"""What every encoder must do; a package that adds one may run this on its own."""

from __future__ import annotations

import numpy as np
import pytest

from soundalike import extensions
from soundalike.audio import Clip
from soundalike.encoders import ENCODERS, Encoder, TextEncoder, load_encoder
from soundalike.errors import UsageError
from tiny import clap, mert, muq

NAMES = extensions.names("encoders", ENCODERS)
MAKERS = {**clap.MAKERS, **mert.MAKERS, **muq.MAKERS}


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


@pytest.fixture(params=NAMES, scope="module")
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    """Every encoder; pretrained ones in miniature, by the way that their released files are loaded."""
    name = request.param
    if name not in MAKERS:
        return load_encoder(name)
    return load_encoder(name, checkpoint=MAKERS[name](tmp_path_factory.mktemp(name)))


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


def test_digital_silence_is_heard_as_nothing(encoder):
    silence = Clip(np.zeros((1, encoder.sample_rate), np.float32), encoder.sample_rate)
    assert not encoder.encode([silence]).any()


def test_texts_are_unit_rows_with_the_same_bits_in_any_company(encoder):
    if not isinstance(encoder, TextEncoder):
        return
    texts = ["low drums", "a", "high and low and high"]
    together = encoder.encode_text(texts)
    assert together.shape == (3, encoder.dim)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    assert together.tobytes() == np.concatenate([encoder.encode_text([text]) for text in texts]).tobytes()
    assert len({row.tobytes() for row in together}) == 3
    assert encoder.encode_text([]).shape == (0, encoder.dim)


def test_a_text_of_nothing_is_refused(encoder):
    if isinstance(encoder, TextEncoder):
        for text in ("", "  "):
            with pytest.raises(UsageError):
                encoder.encode_text([text])
