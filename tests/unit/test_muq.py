"""Rules of the encoders MuQ and MuQ-MuLan, on tiny checkpoints in the released layout."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from soundalike.audio import Clip
from soundalike.encoders import Encoder, TextEncoder, conformer, load_encoder, mulan, mulan_network, muq
from soundalike.errors import CheckpointError, UsageError
from soundalike.frozen import load_strictly
from tiny.muq import DIM, LATENT, fill, make_mulan, make_muq, mulan_config, mulan_shapes, muq_config, muq_shapes

RATE = 24000


def music(seconds: float, seed: int = 0) -> Clip:
    rng = np.random.default_rng(seed)
    time = np.arange(max(round(seconds * RATE), 1)) / RATE
    samples = 0.3 * np.sin(2 * np.pi * 220 * (1 + seed) * time) + 0.02 * rng.standard_normal(len(time))
    return Clip(samples[None].astype(np.float32), RATE)


def silence(seconds: float) -> Clip:
    return Clip(np.zeros((1, round(seconds * RATE)), np.float32), RATE)


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return {"muq": make_muq(folder / "muq"), "muq-mulan": make_mulan(folder / "mulan")}


@pytest.fixture(scope="module")
def loaded(folders) -> dict[str, Encoder]:
    return {name: load_encoder(name, checkpoint=folder) for name, folder in folders.items()}


@pytest.fixture(params=["muq", "muq-mulan"])
def encoder(request, loaded) -> Encoder:
    return loaded[request.param]


@pytest.fixture
def words(loaded) -> TextEncoder:
    return loaded["muq-mulan"]


@pytest.fixture
def copy(folders, tmp_path) -> Path:
    """A folder of MuQ-MuLan that a test may change."""
    return Path(shutil.copytree(folders["muq-mulan"], tmp_path / "copy"))


# Both encoders


def test_both_are_encoders_and_mulan_reads_text(loaded):
    assert all(isinstance(encoder, Encoder) for encoder in loaded.values())
    assert [isinstance(loaded[name], TextEncoder) for name in ("muq", "muq-mulan")] == [False, True]
    assert [loaded[name].dim for name in ("muq", "muq-mulan")] == [DIM, LATENT]


def test_a_clip_gives_the_same_bits_alone_and_in_any_company(encoder):
    clips = [music(seconds, seed) for seed, seconds in enumerate((10.0, 3.0, 0.4, 3.0, 7.3))]
    together = encoder.encode(clips)
    assert together.tobytes() == np.concatenate([encoder.encode([clip]) for clip in clips]).tobytes()
    assert together.tobytes() == np.ascontiguousarray(encoder.encode(clips[::-1])[::-1]).tobytes()
    strided = Clip(np.repeat(clips[1].samples, 2, axis=1)[:, ::2], RATE)
    assert encoder.encode([strided]).tobytes() == together[1].tobytes()


def test_no_clips_give_no_rows(encoder):
    assert encoder.encode([]).shape == (0, encoder.dim)


def test_digital_silence_is_absent_wherever_it_stands(encoder):
    rows = encoder.encode([silence(1.0), music(1.0), silence(0.1)])
    assert rows.any(1).tolist() == [False, True, False]


def test_a_clip_of_a_single_sample_is_heard_as_if_it_were_repeated(encoder):
    one = encoder.encode([Clip(np.full((1, 1), 0.5, np.float32), RATE)])
    many = encoder.encode([Clip(np.full((1, muq.LEAST), 0.5, np.float32), RATE)])
    assert np.isfinite(one).all()
    if isinstance(encoder, muq.MuQEncoder):  # MuLan doubles a short clip first
        assert np.array_equal(one, many)


def test_the_least_length_is_the_shortest_that_a_spectrum_takes():
    samples = torch.ones(muq.LEAST)
    torch.stft(samples, muq.FFT, window=torch.hann_window(muq.FFT), return_complex=True)
    with pytest.raises(RuntimeError, match=r"[Pp]adding"):
        torch.stft(samples[1:], muq.FFT, window=torch.hann_window(muq.FFT), return_complex=True)


def test_one_sample_more_than_the_window_makes_no_second_piece(encoder):
    long = Clip(np.concatenate((music(10.0).samples, np.ones((1, 1), np.float32)), 1), RATE)
    assert np.array_equal(encoder.encode([long]), encoder.encode([music(10.0)]))


@pytest.mark.parametrize("clip", [Clip(np.ones((1, 9), np.float32), 44100), music(10.1), silence(0.0)])
def test_another_rate_and_other_lengths_are_refused(encoder, clip):
    with pytest.raises(UsageError):
        encoder.encode([clip])


def test_the_input_is_left_untouched(encoder):
    clip = music(2.0)
    before = clip.samples.copy()
    clip.samples.setflags(write=False)
    encoder.encode([clip])
    assert np.array_equal(clip.samples, before)


@pytest.mark.parametrize("name", ["muq", "muq-mulan"])
def test_sixteen_bits_are_refused(folders, name):
    with pytest.raises(UsageError, match="bf16"):
        load_encoder(name, checkpoint=folders[name], precision="bf16")


@pytest.mark.parametrize("name", ["muq", "muq-mulan"])
def test_onnxruntime_gives_the_same_under_another_name(folders, loaded, name, tmp_path, monkeypatch):
    pytest.importorskip("onnx")
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path))
    fast = load_encoder(name, checkpoint=folders[name], precision="onnx")
    clips = [music(1.0)]
    np.testing.assert_allclose(fast.encode(clips), loaded[name].encode(clips), rtol=0, atol=1e-5)
    assert fast.name == loaded[name].name + ",precision=onnx"


def test_ten_seconds_are_a_thousand_frames():
    assert muq.log_mel(music(10.0).samples[0], 0.0, 1.0).shape == (128, 1000)


def test_decibels_have_a_floor_and_no_range():
    loud_and_nothing = np.concatenate((1000 * music(0.5).samples[0], np.zeros(RATE // 2, np.float32)))
    mel = muq.log_mel(loud_and_nothing, 0.0, 1.0)
    assert mel.max() > 80
    assert mel.min() == -100


# MuQ


def test_several_layers_give_the_mean_of_each(folders):
    one, two, both = (muq.load(folders["muq"], layers=layers).encode([music(1.0)]) for layers in ("1", "2", "1-2"))
    np.testing.assert_allclose(both, (one + two) / 2, rtol=0, atol=1e-6)


def test_layers_are_part_of_the_name_unless_they_are_the_default(folders, loaded):
    default = loaded["muq"].name
    assert muq.load(folders["muq"], layers="3").name == default
    assert muq.load(folders["muq"], layers="all").name == default + ",layers=0,1,2,3"


def test_other_tensors_give_another_name(loaded, tmp_path):
    assert muq.load(make_muq(tmp_path, 1)).name != loaded["muq"].name


@pytest.mark.parametrize(
    ("text", "layers"), [("10", (10,)), ("3-6", (3, 4, 5, 6)), ("12, 0-1", (0, 1, 12)), ("all", tuple(range(13)))]
)
def test_layers_are_numbers_ranges_and_lists(text, layers):
    assert muq.parse_layers(text, 13) == layers


@pytest.mark.parametrize("text", ["13", "", "3-", "-1", "6-3", "x", "1,,2", "0-13"])
def test_layers_that_are_not_there_are_refused(text):
    with pytest.raises(UsageError, match="0 to 12"):
        muq.parse_layers(text, 13)


def test_blocks_behind_the_last_chosen_layer_do_not_run():
    network = conformer.MuQ(conformer.Sizes.of(muq_config()))
    ran = []
    for i, block in enumerate(network.model["conformer"].layers):
        block.register_forward_hook(lambda *_, i=i: ran.append(i))
    conformer.PooledMuQ(network.eval(), (1,))(torch.zeros(1, 128, 40))
    assert ran == [0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label_rate": 50}, "label_rate 50"),
        ({"n_mels": 80}, "n_mels 80"),
        ({"w2v2_config": {}}, "incomplete"),
        ({"w2v2_config": {**muq_config()["w2v2_config"], "position_embeddings_type": "relative"}}, "relative"),
        ({"w2v2_config": {**muq_config()["w2v2_config"], "hidden_act": "tanh"}}, "tanh"),
        ({"stat": {}}, "melspec_2048_mean"),
    ],
)
def test_configurations_of_another_network_are_refused_in_one_sentence(tmp_path, changes, message):
    edit(make_muq(tmp_path) / "config.json", **changes)
    with pytest.raises(CheckpointError, match=message):
        muq.load(tmp_path)


def test_what_only_training_uses_may_be_missing_and_nothing_else():
    sizes = conformer.Sizes.of(muq_config())
    tensors = {name: torch.from_numpy(array) for name, array in fill(muq_shapes(), 0).items()}
    unused = [name for name in tensors if "rvq" in name or "pos_conv" in name or name.startswith("model.linear")]
    lean = {name: tensor for name, tensor in tensors.items() if name not in unused}
    load_strictly(conformer.MuQ(sizes), lean, what="MuQ", unused=conformer.UNUSED, derived=conformer.DERIVED)
    for odd in ({**tensors, "model.new": torch.ones(1)}, {k: v for k, v in tensors.items() if "bn1" not in k}):
        with pytest.raises(CheckpointError):
            load_strictly(conformer.MuQ(sizes), odd, what="MuQ", unused=conformer.UNUSED, derived=conformer.DERIVED)


# MuQ-MuLan


def test_embeddings_and_texts_are_of_unit_length(words):
    rows = np.concatenate((words.encode([music(10.0), music(3.0)]), words.encode_text(["slow piano"])))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("seconds", "lengths"), [(3, [6]), (5, [10]), (7, [10]), (10, [10]), (20, [10, 10]), (23, [10, 10, 10])]
)
def test_the_last_piece_is_filled_from_the_start_and_a_short_clip_is_only_doubled(seconds, lengths):
    samples = np.arange(seconds * RATE, dtype=np.float32)
    pieces = mulan.cut(samples)
    assert [len(piece) for piece in pieces] == [length * RATE for length in lengths]
    around = np.concatenate((samples, samples))[: sum(lengths) * RATE]
    assert np.array_equal(np.concatenate(pieces), around)


def test_the_published_embedding_of_one_piece_is_ours(words):
    clip = music(7.0)
    assert np.array_equal(mulan.published_embedding(words, clip.samples[0]), words.encode([clip])[0])


def test_a_text_gives_the_same_bits_beside_longer_ones(words):
    texts = ["piano", "loud drums, bass and violin", "pianos", "cello"]
    together = words.encode_text(texts)
    assert together.tobytes() == np.concatenate([words.encode_text([text]) for text in texts]).tobytes()
    assert words.encode_text([]).shape == (0, words.dim)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_text_is_refused(words, text):
    with pytest.raises(UsageError, match="empty"):
        words.encode_text(["piano", text])


def test_a_text_that_is_too_long_is_refused_with_its_length(words):
    words.encode_text(["a" * 29])  # and <s>, </s> and the mark of a word
    with pytest.raises(UsageError, match="33 tokens, and at most 32"):
        words.encode_text(["a" * 30])


def test_without_a_tokenizer_sound_works_and_text_fails_in_one_sentence(copy):
    (copy / "tokenizer.json").unlink()
    encoder = mulan.load(copy)
    assert encoder.encode([music(1.0)]).any()
    with pytest.raises(CheckpointError, match="without a tokenizer"):
        encoder.encode_text(["piano"])


def test_the_tokenizer_may_lie_in_the_folder_of_the_text_model_and_its_padding_is_ignored(copy, words):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(copy / "tokenizer.json"))
    tokenizer.enable_padding(length=16)
    tokenizer.enable_truncation(4)
    tokenizer.save(str(copy / "xlm-roberta-base" / "tokenizer.json"))
    (copy / "tokenizer.json").unlink()
    assert np.array_equal(mulan.load(copy).encode_text(["piano"]), words.encode_text(["piano"]))


def test_nothing_is_fetched(folders, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr("transformers.XLMRobertaModel.from_pretrained", refuse)
    mulan.load(folders["muq-mulan"]).encode_text(["piano"])


def test_the_configuration_of_muq_is_taken_from_the_fetched_one_where_it_is_not_inside(copy, tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path))
    before = mulan.load(copy).encode([music(1.0)])
    (copy / "MuQ-large-msd-iter").rename(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="without the configuration of MuQ"):
        mulan.load(copy)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "elsewhere").rename(tmp_path / "checkpoints" / "muq")
    assert np.array_equal(mulan.load(copy).encode([music(1.0)]), before)


def test_without_its_configuration_the_text_transformer_is_xlm_roberta_base():
    sizes = mulan_network.Sizes.of(mulan_config(), muq=muq_config(), text={})
    assert (sizes.text["vocab_size"], sizes.text["max_position_embeddings"]) == (250002, 514)
    assert (sizes.text["type_vocab_size"], sizes.text["layer_norm_eps"]) == (1, 1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mulan": {**mulan_config()["mulan"], "clip_secs": 5}}, "clip_secs 5"),
        ({"mulan": {}}, "incomplete"),
        ({"text_model": {"name": "Qwen/Qwen2"}}, "Qwen"),
        ({"audio_model": {"name": "m-a-p/MERT-v1-330M"}}, "MERT"),
        ({"audio_model": {**mulan_config()["audio_model"], "use_layer_idx": 4}}, "incomplete"),
        ({"audio_model": {**mulan_config()["audio_model"], "model_dim": 7}}, "model_dim 7"),
    ],
)
def test_configurations_of_another_mulan_are_refused_in_one_sentence(copy, changes, message):
    edit(copy / "config.json", **changes)
    with pytest.raises(CheckpointError, match=message):
        mulan.load(copy)


def test_another_layer_of_muq_may_be_taken(copy, words):
    edit(copy / "config.json", audio_model={**mulan_config()["audio_model"], "use_layer_idx": 1})
    assert not np.allclose(mulan.load(copy).encode([music(1.0)]), words.encode([music(1.0)]))


def test_mulan_loads_strictly():
    sizes = mulan_network.Sizes.of(mulan_config(), muq=muq_config(), text=json.loads(json.dumps(_text())))
    tensors = {name: torch.from_numpy(array) for name, array in fill(mulan_shapes(), 0).items()}
    old = {"mulan.text.model.embeddings.position_ids": torch.arange(34)[None]}  # older files hold it
    load_strictly(mulan_network.MuLan(sizes), {**tensors, **old}, what="MuLan", unused=mulan_network.UNUSED)
    lean = {name: tensor for name, tensor in tensors.items() if "to_latents" not in name}
    for odd in ({**tensors, "mulan.new": torch.ones(1)}, lean):
        with pytest.raises(CheckpointError):
            load_strictly(mulan_network.MuLan(sizes), odd, what="MuLan", unused=mulan_network.UNUSED)


def _text() -> dict[str, object]:
    from tiny.muq import TEXT

    return TEXT


@pytest.mark.slow
def test_the_true_size_loads_strictly_and_embeds_ten_seconds():
    inner = {**muq_config()["w2v2_config"], "num_attention_heads": 16, "intermediate_size": 4096}
    inner["conv_depthwise_kernel_size"] = 31
    sizes = conformer.Sizes.of({"stat": {"melspec_2048_mean": 6.8, "melspec_2048_std": 18.4}, "w2v2_config": inner})
    network = conformer.MuQ(sizes)
    assert 316e6 < sum(parameter.numel() for parameter in network.parameters()) < 317e6
    load_strictly(network, network.state_dict(), what="MuQ", unused=conformer.UNUSED)
    encoder = muq.MuQEncoder(
        muq.Network(conformer.PooledMuQ(network, (12,))), mean=sizes.mean, std=sizes.std, name="true size", dim=1024
    )
    embedding = encoder.encode([music(10.0)])
    assert embedding.shape == (1, 1024)
    assert np.isfinite(embedding).all()
