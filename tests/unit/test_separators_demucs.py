"""Demucs: only its own network is built from a file, strictly, and nothing is left to chance."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("demucs")

import torch

from soundalike.audio import Clip
from soundalike.errors import CheckpointError, UsageError
from soundalike.separators import load_separator
from soundalike.separators.streaming import SegmentModel, segment_length
from tiny import demucs

CLIP = Clip(np.random.default_rng(0).normal(0, 0.1, (2, 30000)).astype(np.float32), 44100)


@pytest.fixture(scope="module")
def network():
    return demucs.network()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, network) -> Path:
    """A folder with the network's file, which tests only read."""
    path = tmp_path_factory.mktemp("demucs")
    demucs.write(path / "955717e8.safetensors", network)
    return path


def test_a_folder_and_its_file_are_the_same_separator(folder):
    by_folder = load_separator("demucs", checkpoint=folder)
    by_file = load_separator("demucs", checkpoint=folder / "955717e8.safetensors")
    assert by_folder.name == by_file.name
    assert by_folder.name.startswith("demucs@")
    assert by_folder.stems == ("mix", "drums", "bass", "other", "vocals")


def test_other_weights_have_another_name(folder, tmp_path):
    other = demucs.make(tmp_path, seed=1)
    assert load_separator("demucs", checkpoint=other).name != load_separator("demucs", checkpoint=folder).name


def test_the_model_is_a_segment_model_of_the_file_s_own_length(folder):
    model = load_separator("demucs", checkpoint=folder)._model
    assert isinstance(model, SegmentModel)
    assert model.normalised
    assert segment_length(model) == 44100
    assert (model.sample_rate, model.channels) == (44100, 2)


def test_six_stems_come_in_the_order_of_the_network(tmp_path):
    separator = load_separator("demucs-6s", checkpoint=demucs.make_6s(tmp_path))
    assert separator.stems == ("mix", "drums", "bass", "other", "vocals", "guitar", "piano")


def test_nothing_is_left_to_chance(folder):
    """The authors' program shifts the sound by a random time unless it is told not to."""
    separator = load_separator("demucs", checkpoint=folder)
    random.seed(1)
    first = separator.separate(CLIP)
    random.seed(2)
    torch.manual_seed(2)
    second = separator.separate(CLIP)
    assert all(np.array_equal(first[stem].samples, second[stem].samples) for stem in first)


def test_a_file_in_half_precision_computes_in_full(tmp_path, folder):
    half = demucs.network().half()
    demucs.write(tmp_path / "half.safetensors", half)
    found = load_separator("demucs", checkpoint=tmp_path).separate(CLIP)["drums"].samples
    full = load_separator("demucs", checkpoint=folder).separate(CLIP)["drums"].samples
    assert found.dtype == np.float32
    assert 0 < np.abs(found - full).max() < 1e-2


@pytest.mark.parametrize("named", ["antigravity.Flight", "demucs.hdemucs.HDemucs", "HTDemucs", ""])
def test_a_class_that_a_file_names_is_never_imported(tmp_path, network, named):
    demucs.write(tmp_path / "a.safetensors", network, klass=named)
    with pytest.raises(CheckpointError, match=r"not demucs\.htdemucs\.HTDemucs"):
        load_separator("demucs", checkpoint=tmp_path)
    assert "antigravity" not in sys.modules


def test_a_quantised_network_is_refused(tmp_path, network):
    demucs.write(tmp_path / "a.safetensors", network, structure='{"_class": "antigravity.Flight"}')
    with pytest.raises(CheckpointError, match="quantised"):
        load_separator("demucs", checkpoint=tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wings": 2}, "unexpected keyword argument 'wings'"),
        ({"segment": {"_type": "fraction", "numerator": 1, "denominator": 0}}, "arguments"),
        ({"segment": {"_type": "fraction", "numerator": 0, "denominator": 1}}, "segments of 0 s"),
        ({"segment": 1000}, "segments of 1000 s"),
        ({"audio_channels": 3}, "3 channels"),
        ({"use_train_segment": False}, "segments of any length"),
        ({"t_sin_random_shift": 5}, "positions by chance"),
        ({"depth": "deep"}, "cannot be built"),
        ({"sources": ["drums", "bass", "other", "banjo"]}, "gives drums, bass, other, banjo"),
        ({"sources": ["drums", "drums", "other", "vocals"]}, "gives drums, drums"),
        ({"channels": 16}, "misshapen"),
        ({"t_layers": 1}, "unknown"),
        ({"t_layers": 3}, "missing"),
    ],
)
def test_a_network_that_is_not_the_expected_one_is_refused(tmp_path, network, changes, message):
    kwargs = json.dumps(demucs.arguments(**changes))
    demucs.write(tmp_path / "a.safetensors", network, kwargs=kwargs)
    with pytest.raises(CheckpointError, match=message):
        load_separator("demucs", checkpoint=tmp_path)


@pytest.mark.parametrize("texts", [{"kwargs": "{"}, {"kwargs": "[1]"}, {"args": "7"}, {"args": "[[], 2]"}])
def test_arguments_that_are_none_are_refused(tmp_path, network, texts):
    demucs.write(tmp_path / "a.safetensors", network, **texts)
    with pytest.raises(CheckpointError, match="The arguments"):
        load_separator("demucs", checkpoint=tmp_path)


def test_an_old_file_that_carries_code_is_not_opened(tmp_path, network):
    path = tmp_path / "955717e8-8726e21a.th"
    torch.save({"klass": type(network), "args": [], "kwargs": {}, "state": network.state_dict()}, path)
    with pytest.raises(CheckpointError, match=r"not opened.*soundalike models get demucs"):
        load_separator("demucs", checkpoint=path)


def test_the_six_stems_network_is_no_four_stems_network(tmp_path):
    demucs.make_6s(tmp_path)
    with pytest.raises(CheckpointError, match="gives drums, bass, other, vocals, guitar, piano, not"):
        load_separator("demucs", checkpoint=tmp_path)


def test_a_bag_that_lacks_a_network_is_refused(tmp_path, network):
    demucs.write(tmp_path / "f7e0c4bc.safetensors", network)
    with pytest.raises(CheckpointError, match="d12395a8"):
        load_separator("demucs-ft", checkpoint=tmp_path)


def test_a_folder_of_several_networks_is_ambiguous(tmp_path, network):
    for name in ("a", "b"):
        demucs.write(tmp_path / f"{name}.safetensors", network)
    with pytest.raises(CheckpointError, match=r"2 \.safetensors files"):
        load_separator("demucs", checkpoint=tmp_path)


def test_a_checkpoint_that_is_not_here_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path))
    with pytest.raises(CheckpointError, match="soundalike models get demucs-6s"):
        load_separator("demucs-6s")


def test_a_device_that_is_not_here_is_one_clear_sentence(folder):
    with pytest.raises(UsageError, match="cannot be used here"):
        load_separator("demucs", checkpoint=folder, device="cuda:99")


@pytest.mark.slow
def test_the_true_size_splits_ten_seconds(tmp_path):
    from demucs.htdemucs import HTDemucs

    true = {
        "sources": list(demucs.FOUR),
        "segment": {"_type": "fraction", "numerator": 39, "denominator": 5},
        "channels": 48,
        "depth": 4,
        "t_layers": 5,
        "bottom_channels": 512,
    }
    network = HTDemucs(**{**true, "segment": 7.8}).half()
    assert sum(tensor.numel() for tensor in network.parameters()) == pytest.approx(41.5e6, rel=0.02)
    demucs.write(tmp_path / "955717e8.safetensors", network, kwargs=json.dumps(true))
    separator = load_separator("demucs", checkpoint=tmp_path)
    assert segment_length(separator._model) == 343980
    clip = Clip(np.random.default_rng(0).normal(0, 0.1, (2, 441000)).astype(np.float32), 44100)
    stems = separator.separate(clip)
    assert all(np.isfinite(stem.samples).all() and stem.samples.any() for stem in stems.values())
