"""Rules of the encoders mert-95m, mert-330m and merit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from soundalike.audio import Clip
from soundalike.checkpoints import read_tensors
from soundalike.encoders import ENCODERS, Encoder, load_encoder, mert
from soundalike.encoders.mert_network import MERT, OLD_NAMES, Layout
from soundalike.errors import CheckpointError, UsageError
from tiny.mert import DEPTH, DIM, MAKERS, MERIT_DEPTH, config, make, shapes, write_json

RATE = mert.RATE


def noise(samples: int, seed: int = 0, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.02, level, samples).astype(np.float32)


def clip(samples: np.ndarray) -> Clip:
    return Clip(samples[None], RATE)


def encode(encoder: Encoder, samples: np.ndarray) -> np.ndarray:
    return encoder.encode([clip(samples)])[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("mert"), stable=False)


@pytest.fixture(scope="module")
def stable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("stable"), stable=True)


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("deep"), stable=True, depth=MERIT_DEPTH)


def copies(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint whose file may then be written anew."""
    return {name: tensor.clone() for name, tensor in read_tensors(path).items()}


def states(path: Path, samples: np.ndarray, depth: int | None = None) -> list[torch.Tensor]:
    layout = Layout.of(json.loads((path / "config.json").read_text()))
    network = MERT(layout, read_tensors(path), depth=depth)
    with torch.inference_mode():
        return list(network.states(torch.from_numpy(samples)[None]))


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_every_mert_is_made_from_a_folder_as_released(tmp_path, name):
    encoder = load_encoder(name, checkpoint=MAKERS[name](tmp_path))
    assert name in ENCODERS
    assert isinstance(encoder, Encoder)
    assert encoder.name.startswith(f"{name}@")
    assert (encoder.sample_rate, encoder.window) == (24000, 10.0)
    assert encoder.dim == (5 * DIM if name == "merit" else DIM)


def test_the_program_in_a_checkpoint_is_not_run(tmp_path):
    path = make(tmp_path, stable=False)
    for name in ("modeling_MERT.py", "configuration_MERT.py"):
        (path / name).write_text("raise SystemExit('was run')")
    assert mert.load_95m(path).dim == DIM


def test_a_torch_file_and_safetensors_make_the_same_encoder(tmp_path, folder):
    other = mert.load_95m(make(tmp_path, stable=False, torch_file=False))
    first = mert.load_95m(folder)
    assert other.name == first.name
    assert encode(other, noise(RATE)).tobytes() == encode(first, noise(RATE)).tobytes()


def test_new_names_of_the_position_weights_are_read_too(tmp_path, folder):
    path = make(tmp_path, stable=False)
    tensors = copies(path)
    for old, new in OLD_NAMES.items():
        tensors[new] = tensors.pop(old)
    torch.save(tensors, path / "pytorch_model.bin")
    assert encode(mert.load_95m(path), noise(RATE)).tobytes() == encode(mert.load_95m(folder), noise(RATE)).tobytes()


@pytest.mark.parametrize("name", [*OLD_NAMES, "encoder.layers.2.layer_norm.bias"])
def test_a_missing_tensor_is_never_left_as_it_was_drawn(tmp_path, name):
    path = make(tmp_path, stable=False)
    tensors = copies(path)
    del tensors[name]
    torch.save(tensors, path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="1 tensors are missing"):
        mert.load_95m(path)


def test_an_unknown_tensor_is_refused(tmp_path):
    path = make(tmp_path, stable=False)
    torch.save({**copies(path), "encoder.layers.3.layer_norm.bias": torch.zeros(DIM)}, path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"unknown, first encoder\.layers\.3"):
        mert.load_95m(path, layers="1")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("feature_extractor_cqt", True),
        ("deepnorm", True),
        ("conv_kernel", [10, 3, 3, 3, 3, 2]),
        ("conv_stride", [5, 2, 2, 2, 2, 2, 4]),
        ("conv_dim", [32] * 6),
        ("conv_dim", [32, 32, 32, 32, 32, 32, "x"]),
        ("feat_extract_norm", "layer"),
        ("sample_rate", 16000),
        ("hidden_size", None),
        ("hidden_size", 50),
        ("num_hidden_layers", 0),
        ("num_hidden_layers", "12"),
        ("layer_norm_eps", "small"),
        ("do_stable_layer_norm", 1),
    ],
)
def test_a_configuration_that_is_not_merts_is_refused_in_one_sentence(tmp_path, setting, value):
    path = make(tmp_path, stable=False)
    write_json(path / "config.json", {**config(stable=False), setting: value})
    with pytest.raises(CheckpointError, match="This is no configuration of MERT") as error:
        mert.load_95m(path)
    assert error.value.remedy


@pytest.mark.parametrize("change", [{"sampling_rate": 16000}, {"do_normalize": "yes"}])
def test_a_preprocessor_that_is_not_merts_is_refused(tmp_path, change):
    path = make(tmp_path, stable=False)
    write_json(
        path / "preprocessor_config.json", {**json.loads((path / "preprocessor_config.json").read_text()), **change}
    )
    with pytest.raises(CheckpointError, match="no preprocessor of MERT"):
        mert.load_95m(path)


def test_a_checkpoint_without_its_preprocessor_is_refused(tmp_path):
    path = make(tmp_path, stable=False)
    (path / "preprocessor_config.json").unlink()
    with pytest.raises(CheckpointError, match="has no preprocessor_config"):
        mert.load_95m(path)


def test_samples_are_normalised_as_the_authors_feature_extractor_does():
    from transformers import Wav2Vec2FeatureExtractor

    samples = noise(RATE, level=0.01)
    theirs = Wav2Vec2FeatureExtractor(sampling_rate=RATE, do_normalize=True)(samples, sampling_rate=RATE)
    assert np.array_equal(mert.normalise(samples), theirs["input_values"][0])


def test_whether_samples_are_normalised_is_read_from_the_checkpoint(tmp_path, folder):
    normalised, raw = mert.load_95m(folder), mert.load_95m(make(tmp_path, stable=False, normalised=False))
    quiet, loud = noise(RATE), np.float32(2.0) * noise(RATE) + np.float32(0.1)
    assert np.allclose(encode(normalised, quiet), encode(normalised, loud), atol=1e-4)
    assert not np.allclose(encode(raw, quiet), encode(raw, loud), atol=1e-4)
    assert raw.name == f"{normalised.name},normalised=no"


def test_with_stable_layer_norm_the_last_state_is_normed_and_no_other(stable):
    whole, lower = states(stable, noise(RATE)), states(stable, noise(RATE), depth=DEPTH - 1)
    assert len(whole) == DEPTH + 1
    for full, part in zip(whole, lower, strict=False):
        assert torch.equal(full, part)
    norm = {
        name.rpartition(".")[2]: x for name, x in read_tensors(stable).items() if name.startswith("encoder.layer_norm")
    }
    before = (whole[-1] - norm["bias"]) / norm["weight"]
    assert torch.allclose(before.mean(-1), torch.zeros(()), atol=1e-5)
    assert torch.allclose(before.std(-1, unbiased=False), torch.ones(()), atol=1e-3)
    assert not torch.allclose(whole[-2].std(-1, unbiased=False), torch.ones(()), atol=1e-1)


@pytest.mark.parametrize("which", ["folder", "stable"])
def test_a_layer_is_the_same_whichever_others_are_heard(request, which):
    path = request.getfixturevalue(which)
    samples = noise(RATE)
    for layer, state in enumerate(states(path, mert.normalise(samples))):
        direction = state[0].mean(0) / state[0].mean(0).norm()
        assert np.allclose(encode(mert.load_330m(path, layers=str(layer)), samples), direction, atol=1e-6)


def test_blocks_above_the_last_layer_heard_are_not_built(folder):
    encoder = mert.load_95m(folder, layers="1")
    assert len(encoder._network._module.mert.hubert.encoder.layers) == 1


def test_layers_are_averaged_by_direction_and_named(folder):
    samples = noise(RATE)
    rows = [encode(mert.load_95m(folder, layers=str(layer)), samples) for layer in range(DEPTH + 1)]
    usual = mert.load_95m(folder)
    mean = np.sum(rows[1:], 0)
    assert np.allclose(encode(usual, samples), mean / np.linalg.norm(mean), atol=1e-6)
    assert mert.load_95m(folder, layers="1-3").name == usual.name
    assert mert.load_95m(folder, layers="all").name == f"{usual.name},layers=0,1,2,3"
    assert mert.load_95m(folder, layers="3,0").name == f"{usual.name},layers=0,3"


@pytest.mark.parametrize("layers", ["4", "2-1", "", "last"])
def test_layers_that_are_not_there_are_refused(folder, layers):
    with pytest.raises(UsageError, match="layers"):
        mert.load_95m(folder, layers=layers)


def test_an_excerpt_is_heard_in_windows_of_five_seconds(folder):
    encoder = mert.load_95m(folder)
    samples = noise(10 * RATE)
    halves = [encode(encoder, half) for half in np.split(samples, 2)]
    both = np.sum(halves, 0)
    assert np.allclose(encode(encoder, samples), both / np.linalg.norm(both), atol=1e-6)
    one_more = np.append(samples, np.float32(0.5))  # what a cut between two samples may leave
    assert encode(encoder, one_more).tobytes() == encode(encoder, samples).tobytes()


def test_a_remainder_of_a_second_makes_a_window_that_ends_with_the_clip(folder):
    encoder = mert.load_95m(folder)
    samples = noise(6 * RATE)
    first, last = encode(encoder, samples[: 5 * RATE]), encode(encoder, samples[RATE:])
    assert encode(encoder, samples[:-1]).tobytes() == first.tobytes()
    assert np.allclose(encode(encoder, samples), (first + last) / np.linalg.norm(first + last), atol=1e-6)


def test_silence_gives_zeros_and_a_silent_window_does_not_count(folder, deep):
    samples = np.concatenate([noise(5 * RATE), np.zeros(5 * RATE, np.float32)])
    for encoder in (mert.load_95m(folder), mert.load_merit(deep)):
        assert not encode(encoder, np.zeros(RATE, np.float32)).any()
    encoder = mert.load_95m(folder)
    assert encode(encoder, samples).tobytes() == encode(encoder, samples[: 5 * RATE]).tobytes()


def test_no_clip_is_too_short(folder, deep):
    for encoder in (mert.load_95m(folder), mert.load_merit(deep)):
        assert encode(encoder, noise(1)).any()
        assert encode(encoder, noise(100)).tobytes() == encode(encoder, np.tile(noise(100), 4)).tobytes()
    assert states(folder, noise(mert.LEAST))[0].shape[1] == 1
    assert states(folder, noise(mert.LEAST + 319))[0].shape[1] == 1


@pytest.mark.parametrize(
    "wrong", [Clip(np.ones((1, 10), np.float32), 22050), Clip(np.ones((1, 240002), np.float32), RATE)]
)
def test_clips_at_another_rate_or_over_ten_seconds_are_refused(folder, wrong):
    with pytest.raises(UsageError, match="A clip"):
        mert.load_95m(folder).encode([wrong])


def test_a_strided_clip_is_embedded_like_a_contiguous_one(folder):
    samples = noise(2 * RATE)
    encoder = mert.load_95m(folder)
    assert encoder.encode([Clip(samples[None, ::2], RATE)]).tobytes() == encode(encoder, samples[::2].copy()).tobytes()


def test_merit_joins_the_means_of_five_states_as_they_are(deep):
    samples = noise(3 * RATE)
    means = [states(deep, mert.normalise(samples))[layer][0].mean(0) for layer in (3, 4, 5, 6, 23)]
    assert np.allclose(encode(mert.load_merit(deep), samples), torch.cat(means), atol=1e-5)


def test_merit_hears_an_excerpt_as_one_window_without_padding(deep):
    encoder, trained = mert.load_merit(deep), mert.load_merit(deep, padded=10)
    whole, part = noise(10 * RATE), noise(7 * RATE)
    assert encode(encoder, whole).tobytes() == encode(trained, whole).tobytes()
    assert not np.allclose(encode(encoder, part), encode(trained, part), atol=1e-2)
    assert trained.name == f"{encoder.name},padded=10"


def test_zeros_are_put_behind_a_clip_before_it_is_normalised(deep):
    padded = np.pad(noise(2 * RATE), (0, 8 * RATE))
    by_hand = encode(mert.load_merit(deep), padded)
    assert encode(mert.load_merit(deep, padded=10), noise(2 * RATE)).tobytes() == by_hand.tobytes()


def test_clips_of_thirty_seconds_are_heard_whole_where_the_reference_pads_to_them(deep):
    encoder = mert.load_merit(deep, layers="1", padded=30)
    assert encoder.window == 30
    assert encode(encoder, noise(30 * RATE)).shape == (DIM,)
    for padded in (0.0, 31.0, float("nan")):
        with pytest.raises(UsageError, match="padded"):
            mert.load_merit(deep, padded=padded)


def test_merit_needs_the_states_that_its_heads_were_trained_on(stable, deep):
    with pytest.raises(CheckpointError, match="state 23"):
        mert.load_merit(stable)
    other = mert.load_merit(deep, layers="1,5")
    assert other.dim == 2 * DIM
    assert other.name.endswith(",layers=1,5")


@pytest.mark.parametrize(("precision", "close"), [("bf16", 0.05), ("onnx", 1e-5), ("int8", 0.1)])
def test_other_precisions_make_spaces_of_their_own_near_by(tmp_path, monkeypatch, folder, precision, close):
    pytest.importorskip("onnx")
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path))
    exact, other = mert.load_95m(folder), mert.load_95m(folder, precision=precision)
    assert other.name == f"{exact.name},precision={precision}"
    difference = np.abs(encode(exact, noise(RATE)) - encode(other, noise(RATE))).max()
    assert 0 < difference < close


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "dim", "depth", "heads", "inner"),
    [("mert-95m", 768, 12, 12, 3072), ("mert-330m", 1024, 24, 16, 4096), ("merit", 1024, 24, 16, 4096)],
)
def test_a_network_of_true_size_is_loaded_and_hears_ten_seconds(tmp_path, monkeypatch, name, dim, depth, heads, inner):
    sizes = {"DIM": dim, "INNER": inner, "HEADS": heads, "CHANNELS": 512, "KERNEL": 128, "GROUPS": 16}
    for size, value in sizes.items():
        monkeypatch.setattr(f"tiny.mert.{size}", value)
    path = make(tmp_path, stable=depth == 24, depth=depth, torch_file=False)
    encoder = load_encoder(name, checkpoint=path)
    embedding = encode(encoder, noise(10 * RATE))
    assert embedding.shape == (5 * dim if name == "merit" else dim,)
    assert np.isfinite(embedding).all()
    assert embedding.any()
    count = sum(np.prod(shape) for shape in shapes(depth).values())
    assert round(count / 1e6) in (94, 315)
