"""Ours against the authors' program on the same tiny checkpoints; `make_golden.py` says how the numbers were made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from muq_inputs import FRAMES, LONG, MEL_FRAMES, RATE, SEEDS, SHORT, TEXTS, sound

from soundalike.audio import Clip
from soundalike.encoders import mulan, muq
from soundalike.encoders.conformer import MuQ, Sizes
from soundalike.frozen import load_strictly
from tiny.muq import DEPTH, make_mulan, make_muq, muq_config

TOLERANCE = 2e-5
GOLDEN = dict(np.load(Path(__file__).with_name("golden.npz")))


def clip(samples: np.ndarray) -> Clip:
    return Clip(samples[None], RATE)


def same(ours: np.ndarray, theirs: str) -> None:
    np.testing.assert_allclose(ours, GOLDEN[theirs], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_mel_spectrogram_is_that_of_the_authors(seed):
    stat = muq_config()["stat"]
    for i, given in enumerate(SHORT):
        mel = muq.log_mel(sound(*given), stat["melspec_2048_mean"], stat["melspec_2048_std"])
        np.testing.assert_allclose(mel[:, MEL_FRAMES], GOLDEN[f"mel-{seed}"][i], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_hidden_state_of_muq_is_that_of_the_authors(tmp_path, seed):
    from soundalike.checkpoints import read_tensors
    from soundalike.encoders.conformer import DERIVED, UNUSED

    sizes = Sizes.of(muq_config())
    network = MuQ(sizes)
    load_strictly(network, read_tensors(make_muq(tmp_path, seed)), what="MuQ", unused=UNUSED, derived=DERIVED)
    mels = np.stack([muq.log_mel(sound(*given), sizes.mean, sizes.std) for given in SHORT])
    with torch.inference_mode():
        states = np.stack(list(network.states(torch.from_numpy(mels))))
    assert len(states) == DEPTH + 1
    same(states[:, :, FRAMES], f"states-{seed}")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("layer", [*range(DEPTH + 1), None])
def test_embeddings_of_muq_are_means_over_time_of_the_authors_states(tmp_path, seed, layer):
    encoder = muq.load(make_muq(tmp_path, seed), layers=None if layer is None else str(layer))
    embeddings = encoder.encode([clip(sound(*given)) for given in SHORT])
    theirs = GOLDEN[f"means-{seed}"][DEPTH if layer is None else layer]
    np.testing.assert_allclose(embeddings, theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("seed", SEEDS)
def test_embeddings_of_mulan_are_those_of_the_authors_for_clips_of_any_length(tmp_path, seed):
    encoder = mulan.load(make_mulan(tmp_path, seed))
    same(np.stack([mulan.published_embedding(encoder, sound(*given)) for given in LONG]), f"audio-{seed}")
    short = [i for i, (_, samples) in enumerate(LONG) if samples <= mulan.PIECE]
    embeddings = encoder.encode([clip(sound(*LONG[i])) for i in short])
    np.testing.assert_allclose(embeddings, GOLDEN[f"audio-{seed}"][short], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("seed", SEEDS)
def test_texts_are_those_that_the_authors_encode_alone(tmp_path, seed):
    encoder = mulan.load(make_mulan(tmp_path, seed))
    same(encoder.encode_text(TEXTS), f"text-{seed}")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_authors_texts_change_beside_longer_ones(seed):
    alone, together = GOLDEN[f"text-{seed}"], GOLDEN[f"text_together-{seed}"]
    assert (alone * together).sum(1).min() < 0.999
