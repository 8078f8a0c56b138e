"""Rules of the encoders CLAP and CLAP for music, on tiny checkpoints in every form that they come in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from safetensors.numpy import load_file, save_file

from soundalike.audio import Clip
from soundalike.encoders import TextEncoder, clap, load_encoder
from soundalike.encoders.clap_audio import BAND, FRAMES, SAMPLES, band_of, fill, log_mel, quantise
from soundalike.encoders.clap_conversion import configuration, convert
from soundalike.encoders.clap_network import AudioSide, TextSide, build
from soundalike.errors import CheckpointError, UsageError
from soundalike.frozen import load_strictly
from tiny import clap as tiny

RATE = 48000


def music(seconds: float, seed: int = 0) -> Clip:
    rng = np.random.default_rng(seed)
    time = np.arange(max(round(seconds * RATE), 1)) / RATE
    samples = 0.3 * np.sin(2 * np.pi * 220 * (1 + seed) * time) + 0.02 * rng.standard_normal(len(time))
    return Clip(samples[None].astype(np.float32), RATE)


def silence(seconds: float) -> Clip:
    return Clip(np.zeros((1, round(seconds * RATE)), np.float32), RATE)


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def tensors_of(change: Callable[[dict[str, np.ndarray]], object]) -> dict[str, torch.Tensor]:
    """Tensors in the authors' form after a change to them."""
    arrays = tiny.original()
    change(arrays)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    makers = {"hub": tiny.make, "authors": tiny.make_original, "fetched": tiny.make_fetched}
    return {form: maker(folder / form) for form, maker in makers.items()}


@pytest.fixture(scope="module")
def encoder(folders) -> clap.ClapEncoder:
    return clap.load(folders["hub"])


@pytest.fixture
def copy(folders, tmp_path) -> Path:
    """A folder like the hub's that a test may change."""
    return Path(shutil.copytree(folders["hub"], tmp_path / "copy"))


# Clips


def test_it_is_an_encoder_of_sound_and_of_text(encoder):
    assert isinstance(encoder, TextEncoder)
    assert (encoder.sample_rate, encoder.window, encoder.dim) == (48000, 10.0, tiny.TINY.dim)


def test_a_clip_gives_the_same_unit_row_alone_and_in_any_company(encoder):
    clips = [music(seconds, seed) for seed, seconds in enumerate((10.0, 3.0, 0.4, 3.0, 7.3))]
    together = encoder.encode(clips)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    assert together.tobytes() == np.concatenate([encoder.encode([clip]) for clip in clips]).tobytes()
    assert together.tobytes() == np.ascontiguousarray(encoder.encode(clips[::-1])[::-1]).tobytes()
    strided = Clip(np.repeat(clips[1].samples, 2, axis=1)[:, ::2], RATE)
    assert encoder.encode([strided]).tobytes() == together[1].tobytes()


def test_no_clips_and_no_texts_give_no_rows(encoder):
    assert encoder.encode([]).shape == encoder.encode_text([]).shape == (0, encoder.dim)


def test_digital_silence_is_absent_wherever_it_stands(encoder):
    rows = encoder.encode([silence(1.0), music(1.0), silence(0.1)])
    assert rows.any(1).tolist() == [False, True, False]


def test_a_clip_of_a_single_sample_is_heard_as_if_it_were_repeated(encoder):
    one, many = (encoder.encode([Clip(np.full((1, n), 0.5, np.float32), RATE)]) for n in (1, SAMPLES))
    assert np.isfinite(one).all()
    assert np.array_equal(one, many)


def test_five_seconds_are_heard_as_if_they_were_played_twice(encoder):
    clip = music(5.0)
    assert np.array_equal(encoder.encode([clip]), encoder.encode([Clip(np.tile(clip.samples, 2), RATE)]))


def test_a_short_clip_is_repeated_whole_and_then_followed_by_silence():
    samples = music(3.1).samples[0]
    filled = fill(samples)
    assert filled.shape == (SAMPLES,)
    assert np.array_equal(filled[: 3 * len(samples)], np.tile(samples, 3))
    assert not filled[3 * len(samples) :].any()


@pytest.mark.parametrize("clip", [Clip(np.ones((1, 9), np.float32), 44100), music(10.1), music(30.0), silence(0.0)])
def test_another_rate_and_other_lengths_are_refused_and_never_cut_at_random(encoder, clip):
    with pytest.raises(UsageError):
        encoder.encode([clip])


def test_one_sample_more_than_the_window_is_left_out(encoder):
    long = Clip(np.concatenate((music(10.0).samples, np.ones((1, 1), np.float32)), 1), RATE)
    assert np.array_equal(encoder.encode([long]), encoder.encode([music(10.0)]))


def test_the_input_is_left_untouched(encoder):
    clip = music(0.02)
    before = clip.samples.copy()
    encoder.encode([clip])
    assert np.array_equal(clip.samples, before)


def test_hearing_draws_no_random_numbers(encoder):
    states = []
    for _ in range(2):
        states.append((np.random.get_state()[1].tobytes(), torch.get_rng_state().numpy().tobytes()))
        encoder.encode([music(3.0)])
    assert states[0] == states[1]


# The mel spectrogram


def test_ten_seconds_are_a_thousand_and_one_frames_of_64_bands_of_at_least_minus_100_decibels():
    mel = log_mel(fill(np.concatenate((1000 * music(4.0).samples[0], np.zeros(RATE * 2, np.float32)))))
    assert mel.shape == (FRAMES, 64)
    assert mel.max() > 60 > mel.min() == -100


def test_a_tone_sounds_in_the_band_of_its_pitch():
    tone = np.sin(2 * np.pi * 1000 * np.arange(SAMPLES) / RATE).astype(np.float32)
    loudest = log_mel(tone)[500].argmax()
    mels = np.linspace(50 * 3 / 200, 15 + 27 * np.log(14) / np.log(6.4), 66)[1:-1]  # of the bands' middles
    assert loudest == np.abs(mels - 15).argmin()


def test_frequencies_that_the_file_leaves_out_are_those_of_training_and_not_the_librarys_defaults():
    assert band_of({}) == BAND == (50.0, 14000.0)
    assert band_of(tiny.preprocessor()) == BAND
    assert band_of({"frequency_min": 0}) == (0.0, 14000.0)


def test_other_frequencies_give_other_vectors_under_another_name(encoder, copy):
    edit(copy / "preprocessor_config.json", frequency_min=0)
    other = clap.load(copy)
    assert other.name == encoder.name + ",hertz=0-14000"
    assert not np.array_equal(other.encode([music(1.0)]), encoder.encode([music(1.0)]))


def test_without_the_file_the_frequencies_of_training_are_taken(encoder, copy):
    (copy / "preprocessor_config.json").unlink()
    assert clap.load(copy).name == encoder.name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"truncation": "fusion"}, "truncation 'fusion'"),
        ({"sampling_rate": 44100}, "sampling_rate 44100"),
        ({"top_db": 80}, "top_db 80"),
        ({"frequency_min": 20000}, "20000"),
        ({"frequency_max": "high"}, "high"),
    ],
)
def test_another_way_of_hearing_is_refused_in_one_sentence(copy, changes, message):
    edit(copy / "preprocessor_config.json", **changes)
    with pytest.raises(CheckpointError, match=message):
        clap.load(copy)


def test_numbers_of_16_bits_are_cut_towards_zero():
    step = np.float32(1 / 32767)
    given = np.array([0.0, 0.6, -0.6, 1.5, -40000, 40000], np.float32) * step
    assert np.array_equal(quantise(given), np.array([0, 0, 0, 1, -32767, 32767], np.float32) * step)


# Words


def test_a_text_gives_the_same_unit_row_beside_longer_ones(encoder):
    texts = ["piano", "soft piano, and then a great many drums", "drums", "piano"]
    rows = encoder.encode_text(texts)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert rows.tobytes() == np.concatenate([encoder.encode_text([text]) for text in texts]).tobytes()


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_text_is_refused(encoder, text):
    with pytest.raises(UsageError, match="empty"):
        encoder.encode_text(["piano", text])


def test_a_text_of_77_tokens_is_read_and_one_of_more_is_refused_with_their_number(encoder):
    assert np.isfinite(encoder.encode_text(["x" * 75])).all()
    with pytest.raises(UsageError, match="78 tokens, and at most 77"):
        encoder.encode_text(["x" * 76])


def test_without_a_tokenizer_sounds_are_embedded_and_only_texts_are_refused(folders, encoder, tmp_path):
    alone = clap.load(Path(shutil.copy(folders["authors"] / "630k-audioset-best.pt", tmp_path)))
    assert np.array_equal(alone.encode([music(1.0)]), encoder.encode([music(1.0)]))
    with pytest.raises(CheckpointError, match=r"tokenizer\.json of roberta-base, or its vocab\.json and merges\.txt"):
        alone.encode_text(["piano"])


def test_the_two_files_of_older_days_read_like_the_one(encoder, copy):
    (copy / "tokenizer.json").unlink()
    tiny.make_tokenizer(copy, merges=True)
    assert np.array_equal(clap.load(copy).encode_text(["piano drums"]), encoder.encode_text(["piano drums"]))


def test_a_damaged_tokenizer_and_one_of_another_network_are_refused(copy):
    (copy / "tokenizer.json").write_text('{"model": 3}')
    with pytest.raises(CheckpointError, match="no tokenizer"):
        clap.load(copy)
    tiny.make_tokenizer(copy)
    edit(copy / "tokenizer.json", post_processor=None)
    with pytest.raises(CheckpointError, match="not RoBERTa's"):
        clap.load(copy)


def test_a_tokenizer_with_more_tokens_than_the_network_knows_is_refused(copy):
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"] |= {f"more{i}": 400 + i for i in range(20)}
    tiny.write_json(copy / "tokenizer.json", tokenizer)
    with pytest.raises(CheckpointError, match="the network knows 280"):
        clap.load(copy)


# Checkpoints


@pytest.mark.parametrize("form", ["authors", "fetched"])
def test_every_form_of_a_checkpoint_gives_the_same_vectors_under_the_same_name(folders, encoder, form):
    other = clap.load(folders[form])
    clips, texts = [music(3.0), music(10.0)], ["piano drums", "drums"]
    assert other.name == encoder.name
    assert other.encode(clips).tobytes() == encoder.encode(clips).tobytes()
    assert other.encode_text(texts).tobytes() == encoder.encode_text(texts).tobytes()


def test_files_are_found_beside_the_file_that_is_named(folders, encoder):
    named = clap.load(folders["hub"] / "model.safetensors")
    assert named.name == encoder.name
    assert np.array_equal(named.encode_text(["piano"]), encoder.encode_text(["piano"]))


def test_the_fetched_checkpoint_is_taken_where_none_is_named(encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path))
    tiny.make_fetched(tmp_path / "checkpoints" / "clap")
    tiny.make_fetched(tmp_path / "checkpoints" / "clap-music", seed=1)
    assert load_encoder("clap").name == encoder.name
    kind, _, fingerprint = load_encoder("clap-music").name.partition("@")
    assert kind == "clap-music"
    assert fingerprint not in encoder.name


def test_a_checkpoint_with_fusion_is_refused_in_either_form_and_one_without_is_named(copy):
    config_of_copy = json.loads((copy / "config.json").read_text())
    config_of_copy["audio_config"]["enable_fusion"] = True
    tiny.write_json(copy / "config.json", config_of_copy)
    with pytest.raises(CheckpointError, match="laion/clap-htsat-unfused"):
        clap.load(copy)
    name = "audio_branch.patch_embed.mel_conv2d.weight"
    with pytest.raises(CheckpointError, match=r"630k-audioset-best\.pt"):
        convert(tensors_of(lambda arrays: arrays.update({name: np.zeros(3, np.float32)})))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.update(surprise=np.zeros(1, np.float32)), "unknown, first surprise"),
        (lambda a: a.pop("audio_branch.layers.2.blocks.0.norm2.bias"), r"missing, first .*layernorm_after\.bias"),
        (lambda a: a.pop("logit_scale_t"), "missing, first logit_scale_t"),
        (
            lambda a: a.update({"audio_branch.layers.1.blocks.0.attn.qkv.bias": np.zeros(9, np.float32)}),
            "misshapen",
        ),
        (lambda a: a["audio_branch.bn0.weight"].fill(np.nan), "not finite"),
    ],
)
def test_authors_tensors_that_are_not_all_in_their_place_are_refused(change, message):
    converted = convert(tensors_of(change))
    with pytest.raises(CheckpointError, match=message):
        load_strictly(build(configuration(converted)), converted, what="CLAP", derived=(r"text_model\..*_ids",))


@pytest.mark.parametrize(
    "name",
    [
        "audio_projection.2.weight",
        "audio_branch.layers.0.blocks.0.attn.relative_position_bias_table",
        "text_branch.embeddings.word_embeddings.weight",
    ],
)
def test_without_the_tensors_that_tell_its_size_it_is_no_checkpoint_of_clap(name):
    with pytest.raises(CheckpointError, match="not those of an HTSAT and a RoBERTa"):
        configuration(convert(tensors_of(lambda arrays: arrays.pop(name))))


def test_a_hub_checkpoint_with_a_tensor_too_many_is_refused(copy):
    save_file({**load_file(copy / "model.safetensors"), "more": np.zeros(1)}, copy / "model.safetensors")
    with pytest.raises(CheckpointError, match="unknown, first more"):
        clap.load(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"audio_config": None}, "no audio_config"),
        ({"text_config": {"hidden_size": 30, "num_attention_heads": 7}}, "cannot be built"),
        ({"projection_dim": "wide"}, "cannot be built"),
    ],
)
def test_configurations_of_another_network_are_refused_in_one_sentence(copy, changes, message):
    edit(copy / "config.json", **changes)
    with pytest.raises(CheckpointError, match=message):
        clap.load(copy)


def test_settings_that_choose_code_to_run_are_not_taken_from_a_configuration():
    asked = {**tiny.config(), "_attn_implementation": "somebody/kernel", "auto_map": {"AutoModel": "x--y.Z"}}
    asked["text_config"] = {**asked["text_config"], "_attn_implementation": "somebody/kernel"}
    built = build(asked).config
    assert not hasattr(built, "auto_map")
    assert "somebody/kernel" not in (built._attn_implementation, built.text_config._attn_implementation)


def test_sizes_are_read_off_the_shapes():
    tensors = {name: torch.empty(shape, device="meta") for name, _, shape in tiny.rows(tiny.HTSAT_BASE)}
    audio, text = (configuration(convert(tensors))[part] for part in ("audio_config", "text_config"))
    assert (audio["patch_embeds_hidden_size"], audio["hidden_size"]) == (128, 1024)
    assert (audio["depths"], audio["num_attention_heads"]) == ([2, 2, 12, 2], [4, 8, 16, 32])
    assert (audio["window_size"], audio["mlp_ratio"], audio["patch_size"]) == (8, 4.0, 4)
    assert (text["hidden_size"], text["num_hidden_layers"], text["num_attention_heads"]) == (768, 12, 12)
    assert text["layer_norm_eps"] == 1e-5  # as in RoBERTa, which CLAP read; transformers' default for CLAP is another


# The network


def test_the_sides_give_what_transformers_calls_features_whatever_type_it_answers_with():
    built = build(tiny.config()).eval()
    mel = torch.from_numpy(log_mel(fill(music(2.0).samples[0])))[None]
    ids = torch.tensor([[0, 9, 8, 7, 2]])
    with torch.inference_mode():
        answers = built.get_audio_features(mel[:, None]), built.get_text_features(ids)
        ours = AudioSide(built)(mel), TextSide(built)(ids.float())
    for answer, own in zip(answers, ours, strict=True):
        features = getattr(answer, "pooler_output", answer)
        torch.testing.assert_close(torch.nn.functional.normalize(features, dim=-1), own)


def test_sixteen_bits_give_nearly_the_same_under_another_name(folders, encoder):
    half = clap.load(folders["hub"], precision="bf16")
    assert half.name == encoder.name + ",precision=bf16"
    row, whole = (each.encode([music(3.0)])[0] for each in (half, encoder))
    assert row @ whole > 0.999
    assert abs(np.linalg.norm(row) - 1) < 1e-6


def test_onnxruntime_gives_the_same_under_another_name(folders, encoder, tmp_path, monkeypatch):
    pytest.importorskip("onnx")
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path))
    fast = load_encoder("clap", checkpoint=folders["hub"], precision="onnx")
    clips = [music(3.0), music(10.0)]
    np.testing.assert_allclose(fast.encode(clips), encoder.encode(clips), rtol=0, atol=1e-5)
    assert np.array_equal(fast.encode_text(["piano"]), encoder.encode_text(["piano"]))
    assert fast.name == encoder.name + ",precision=onnx"


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [tiny.HTSAT_TINY, tiny.HTSAT_BASE], ids=["htsat-tiny", "htsat-base"])
def test_networks_of_true_size_load_strictly_and_embed_ten_seconds_and_words(tmp_path, sizes):
    encoder = clap.load_music(tiny.make_original(tmp_path, sizes=sizes))
    sound, words = encoder.encode([music(10.0)]), encoder.encode_text(["slow piano"])
    assert sound.shape == words.shape == (1, 512)
    np.testing.assert_allclose(np.linalg.norm(np.concatenate((sound, words)), axis=1), 1, atol=1e-5)
