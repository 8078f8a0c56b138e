"""Ours against the authors' programs on the same tiny checkpoints; `make_golden.py` says how the numbers were made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from mert_inputs import CLIPS, FRAMES, HEAD, MERIT_CLIPS, RATE, SEEDS, embeddings, sound

from soundalike.audio import Clip
from soundalike.checkpoints import read_tensors
from soundalike.encoders import mert
from soundalike.encoders.mert_network import MERT, Attention, Layout
from soundalike.heads.projection import load_merit
from tiny import merit as tiny_merit
from tiny import mert as tiny_mert

TOLERANCE = 2e-5
GOLDEN = dict(np.load(Path(__file__).with_name("golden.npz")))


def states(folder: Path, *, stable: bool, seed: int, attention: Attention = "sdpa") -> np.ndarray:
    path = tiny_mert.make(folder, stable=stable, seed=seed)
    network = MERT(Layout.of(tiny_mert.config(stable=stable)), read_tensors(path), attention=attention)
    with torch.inference_mode():
        return np.stack(list(network.states(torch.from_numpy(np.stack([sound(*clip) for clip in CLIPS])))))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("stable", [False, True])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_every_hidden_state_is_that_of_the_authors(tmp_path, stable, seed, attention):
    ours = states(tmp_path, stable=stable, seed=seed, attention=attention)
    assert len(ours) == tiny_mert.DEPTH + 1
    np.testing.assert_allclose(ours[:, :, FRAMES], GOLDEN[f"states-{stable}-{seed}"], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(ours.mean(2), GOLDEN[f"means-{stable}-{seed}"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("padded", [None, 10, 30])
def test_features_of_merit_are_those_of_its_program_for_any_padding(tmp_path, seed, padded):
    folder = tiny_mert.make(tmp_path, stable=True, seed=seed, depth=tiny_mert.MERIT_DEPTH, normalised=seed == 0)
    encoder = mert.load_merit(folder, padded=padded)
    ours = encoder.encode([Clip(sound(*clip)[None], RATE) for clip in MERIT_CLIPS])
    theirs = np.stack([GOLDEN[f"merit-{seed}-{padded}-{clip[0]}"] for clip in MERIT_CLIPS])
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_vectors_of_merit_are_those_of_its_program_at_true_size(tmp_path, seed):
    heads = load_merit(tiny_merit.make(tmp_path, seed=seed, bare=seed == 1, **HEAD))
    assert [head.factor for head in heads] == ["melody", "rhythm", "timbre"]
    for head, theirs in zip(heads, GOLDEN[f"heads-{seed}"], strict=True):
        np.testing.assert_allclose(head.project(embeddings()), theirs, rtol=0, atol=1e-6)
