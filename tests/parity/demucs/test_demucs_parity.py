"""Streaming against apply_model on the same tiny checkpoints; `make_golden.py` says how golden.npz was made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("demucs")

import torch
from demucs_inputs import LENGTHS, SEEDS, compared, sound

from soundalike.audio import Clip
from soundalike.separators import load_separator
from soundalike.separators.demucs import BAG, DemucsModel, read_network
from soundalike.separators.model import ModelSeparator
from soundalike.separators.streaming import stream
from tiny import demucs

GOLDEN = dict(np.load(Path(__file__).with_name("golden.npz")))


@pytest.fixture(scope="module", params=SEEDS)
def seed(request) -> int:
    return request.param


@pytest.fixture(scope="module")
def network(seed, tmp_path_factory):
    return read_network(demucs.make(tmp_path_factory.mktemp("demucs"), seed) / "955717e8.safetensors")[0]


@pytest.fixture(scope="module")
def model(network) -> DemucsModel:
    return DemucsModel([(network, network.sources)], device=torch.device("cpu"), name="demucs")


def streamed(model: DemucsModel, samples: np.ndarray) -> np.ndarray:
    blocks = (samples[:, first : first + 7777] for first in range(0, samples.shape[1], 7777))
    return np.concatenate(list(stream(model, blocks)), axis=-1)


def applied(network: torch.nn.Module, samples: np.ndarray) -> np.ndarray:
    """The installed program's answer for the whole sound at once, on one thread as ours is."""
    from demucs.apply import apply_model

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return apply_model(network, torch.from_numpy(samples)[None], shifts=0, split=True, overlap=0.25)[0].numpy()
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("length", LENGTHS)
def test_streaming_a_sound_is_applying_the_model_to_the_whole_of_it(network, model, seed, length):
    samples = sound(length, seed)
    ours = streamed(model, samples)
    np.testing.assert_allclose(ours, applied(network, samples), rtol=0, atol=1e-6)
    np.testing.assert_allclose(ours[..., compared(length)], GOLDEN[f"plain-{seed}-{length}"], rtol=0, atol=2e-5)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_clip_is_split_at_the_level_that_the_network_learned_from(model, seed, length):
    stems = ModelSeparator(model).separate(Clip(sound(length, seed), 44100))
    ours = np.stack([stems[stem].samples for stem in model.stems])
    np.testing.assert_allclose(ours[..., compared(length)], GOLDEN[f"normalised-{seed}-{length}"], rtol=0, atol=2e-5)
    assert np.abs(GOLDEN[f"normalised-{seed}-{length}"] - GOLDEN[f"plain-{seed}-{length}"]).max() > 1e-3


def test_each_stem_of_the_bag_is_that_of_the_bag_s_own_weights(tmp_path):
    from demucs.apply import BagOfModels

    folder = demucs.make_ft(tmp_path)
    networks = [read_network(folder / f"{signature}.safetensors")[0] for signature in BAG.values()]
    weights = [[float(i == k) for k in range(4)] for i in range(4)]
    samples = sound(40_000, 3)
    bag = BagOfModels(networks, weights)
    mix = Clip(samples, 44100)
    stems = load_separator("demucs-ft", checkpoint=folder).separate(mix)
    mono = torch.from_numpy(samples).mean(0)
    mean, deviation = mono.mean().numpy(), (mono.std() + 1e-8).numpy()
    theirs = applied(bag, (samples - mean) / deviation) * deviation + mean
    for stem, expected in zip(bag.sources, theirs, strict=True):
        np.testing.assert_allclose(stems[stem].samples, expected, rtol=0, atol=1e-6)


def test_the_bag_is_that_of_the_installed_program():
    yaml = pytest.importorskip("yaml")
    import demucs as package

    listed = yaml.safe_load((Path(package.__file__).parent / "remote" / "htdemucs_ft.yaml").read_text("utf-8"))
    sources = ["drums", "bass", "other", "vocals"]
    by_weight = {sources[row.index(1.0)]: name for name, row in zip(listed["models"], listed["weights"], strict=True)}
    assert by_weight == dict(BAG)
    assert all(sorted(row) == [0.0, 0.0, 0.0, 1.0] for row in listed["weights"])
