"""Checkpoint folders of MusicGen-melody as the hub has them, but tiny and of seeded random numbers.

Names and shapes are written out here, not taken from our network, so that a network with other names fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

WIDTH, HEADS, INNER, LAYERS, CODEBOOKS, CODES = 32, 4, 48, 2, 4, 64
TEXT_WIDTH, TEXT_KEYS, TEXT_INNER, TEXT_LAYERS = 24, 6, 40, 2
FILTERS, LATENT, RATIOS = 4, 16, (8, 5, 4, 4)
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789,.'-"
VOCABULARY = 64

Shapes = dict[str, tuple[int, ...]]


def make(folder: Path, seed: int = 0, *, modern: bool = False, shared: str = "text_encoder.shared.weight") -> Path:
    """Write a folder; returns it.

    Parameters
    ----------
    folder : Path
    seed : int
    modern : bool
        Name normalised convolutions as transformers 5 does, not as the released files do.
    shared : str
        Under which of its two names the table of tokens lies.
    """
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = fill(seed)
    tensors[shared] = tensors.pop("text_encoder.shared.weight")
    if modern:
        tensors = {_modern(name): tensor for name, tensor in tensors.items()}
    save_file(tensors, folder / "model.safetensors")
    write_json(folder / "config.json", config())
    write_json(folder / "generation_config.json", generation())
    write_json(folder / "preprocessor_config.json", preprocessor())
    make_tokenizer(folder / "tokenizer.json")
    return folder


MAKERS: Mapping[str, Callable[[Path, int], Path]] = MappingProxyType({"musicgen-melody": make})


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document), "utf-8")


def make_tokenizer(path: Path) -> None:
    """T5's kind of tokenizer, for single letters."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((letter, -3.0) for letter in "▁" + LETTERS)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>"])
    tokenizer.enable_truncation(4)  # nobody may read a text cut short
    tokenizer.save(str(path))


def config() -> dict[str, Any]:
    """The configuration, with settings that the network does without, as the released one has them."""
    return {
        "architectures": ["MusicgenMelodyForConditionalGeneration"],
        "model_type": "musicgen_melody",
        "chroma_length": 235,
        "num_chroma": 12,
        "initializer_factor": 0.02,
        "is_encoder_decoder": True,
        "torch_dtype": "float32",
        "transformers_version": "4.39.0.dev0",
        "text_encoder": {
            "_name_or_path": "t5-base",
            "architectures": ["T5ForConditionalGeneration"],
            "model_type": "t5",
            "d_ff": TEXT_INNER,
            "d_kv": TEXT_KEYS,
            "d_model": TEXT_WIDTH,
            "decoder_start_token_id": 0,
            "dense_act_fn": "relu",
            "dropout_rate": 0.1,
            "eos_token_id": 1,
            "feed_forward_proj": "relu",
            "initializer_factor": 1.0,
            "is_encoder_decoder": True,
            "is_gated_act": False,
            "layer_norm_epsilon": 1e-6,
            "n_positions": 512,
            "num_decoder_layers": TEXT_LAYERS,
            "num_heads": HEADS,
            "num_layers": TEXT_LAYERS,
            "output_past": True,
            "pad_token_id": 0,
            "relative_attention_max_distance": 128,
            "relative_attention_num_buckets": 32,
            "task_specific_params": {"summarization": {"num_beams": 4, "prefix": "summarize: "}},
            "use_cache": True,
            "vocab_size": VOCABULARY,
        },
        "audio_encoder": {
            "_name_or_path": "facebook/encodec_32khz",
            "architectures": ["EncodecModel"],
            "model_type": "encodec",
            "audio_channels": 1,
            "chunk_length_s": None,
            "codebook_dim": LATENT,
            "codebook_size": CODES,
            "compress": 2,
            "dilation_growth_rate": 2,
            "hidden_size": LATENT,
            "kernel_size": 7,
            "last_kernel_size": 7,
            "norm_type": "weight_norm",
            "normalize": False,
            "num_filters": FILTERS,
            "num_lstm_layers": 2,
            "num_residual_layers": 1,
            "overlap": None,
            "pad_mode": "reflect",
            "residual_kernel_size": 3,
            "sampling_rate": 32000,
            "target_bandwidths": [1.2],
            "trim_right_ratio": 1.0,
            "upsampling_ratios": list(RATIOS),
            "use_causal_conv": False,
            "use_conv_shortcut": False,
        },
        "decoder": {
            "model_type": "musicgen_melody_decoder",
            "activation_dropout": 0.0,
            "activation_function": "gelu",
            "attention_dropout": 0.0,
            "audio_channels": 1,
            "bos_token_id": CODES,
            "classifier_dropout": 0.0,
            "dropout": 0.1,
            "ffn_dim": INNER,
            "hidden_size": WIDTH,
            "initializer_factor": 0.02,
            "layerdrop": 0.0,
            "max_position_embeddings": 2048,
            "num_attention_heads": HEADS,
            "num_codebooks": CODEBOOKS,
            "num_hidden_layers": LAYERS,
            "pad_token_id": CODES,
            "scale_embedding": False,
            "use_cache": True,
            "vocab_size": CODES,
        },
    }


def generation() -> dict[str, Any]:
    return {
        "bos_token_id": CODES,
        "decoder_start_token_id": CODES,
        "do_sample": True,
        "guidance_scale": 3.0,
        "max_length": 1500,
        "pad_token_id": CODES,
    }


def preprocessor() -> dict[str, Any]:
    return {
        "chunk_length": 30,
        "feature_extractor_type": "MusicgenMelodyFeatureExtractor",
        "feature_size": 12,
        "hop_length": 4096,
        "n_fft": 16384,
        "num_chroma": 12,
        "padding_value": 0.0,
        "processor_class": "MusicgenMelodyProcessor",
        "sampling_rate": 32000,
        "stem_indices": [3, 2],
    }


def fill(seed: int) -> dict[str, np.ndarray]:
    """Random numbers in the order of the tensors' names, large enough for every part to be heard."""
    rng = np.random.default_rng(seed)
    shapes = dict(rows())
    return {name: _fill(name, shapes[name], rng) for name in sorted(shapes)}


def _fill(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal(shape)
    if name.endswith("inited"):
        noise = np.ones(shape)
    elif name.endswith(("weight_g", "cluster_size")):
        noise = 0.8 + 0.1 * np.abs(noise)
    elif "norm" in name and name.endswith("weight"):
        noise = 1.0 + 0.1 * noise
    elif name.endswith("bias") or len(shape) == 1:
        noise = 0.1 * noise
    elif "embed" not in name and "shared" not in name:
        noise = 1.5 * noise / np.sqrt(np.prod(shape[1:]))
    return noise.astype(np.float32)


def rows() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of all tensors, as the released file has them."""
    yield from _text("text_encoder.")
    yield from _codec("audio_encoder.")
    yield from _decoder("decoder.")
    for name, size in (("audio_enc_to_dec_proj", 12), ("enc_to_dec_proj", TEXT_WIDTH)):
        yield f"{name}.weight", (WIDTH, size)
        yield f"{name}.bias", (WIDTH,)


def _text(place: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    inner = HEADS * TEXT_KEYS
    yield f"{place}shared.weight", (VOCABULARY, TEXT_WIDTH)
    for layer in range(TEXT_LAYERS):
        block = f"{place}encoder.block.{layer}.layer."
        for name in "qkv":
            yield f"{block}0.SelfAttention.{name}.weight", (inner, TEXT_WIDTH)
        yield f"{block}0.SelfAttention.o.weight", (TEXT_WIDTH, inner)
        if not layer:
            yield f"{block}0.SelfAttention.relative_attention_bias.weight", (32, HEADS)
        yield f"{block}0.layer_norm.weight", (TEXT_WIDTH,)
        yield f"{block}1.DenseReluDense.wi.weight", (TEXT_INNER, TEXT_WIDTH)
        yield f"{block}1.DenseReluDense.wo.weight", (TEXT_WIDTH, TEXT_INNER)
        yield f"{block}1.layer_norm.weight", (TEXT_WIDTH,)
    yield f"{place}encoder.final_layer_norm.weight", (TEXT_WIDTH,)


def _codec(place: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    encoder, decoder, top = f"{place}encoder.layers.", f"{place}decoder.layers.", FILTERS * 2 ** len(RATIOS)
    yield from _convolution(f"{encoder}0", FILTERS, 1, 7)
    for i, ratio in enumerate(reversed(RATIOS)):
        width, first = FILTERS * 2**i, 1 + 3 * i
        yield from _residual(f"{encoder}{first}", width)
        yield from _convolution(f"{encoder}{first + 2}", 2 * width, width, 2 * ratio)
    yield from _lstm(f"{encoder}13.lstm", top)
    yield from _convolution(f"{encoder}15", LATENT, top, 7)
    yield from _convolution(f"{decoder}0", top, LATENT, 7)
    yield from _lstm(f"{decoder}1.lstm", top)
    for i, ratio in enumerate(RATIOS):
        width, first = top // 2**i, 3 + 3 * i
        yield from _convolution(f"{decoder}{first}", width, width // 2, 2 * ratio, bias=width // 2)
        yield from _residual(f"{decoder}{first + 1}", width // 2)
    yield from _convolution(f"{decoder}15", 1, FILTERS, 7)
    for i in range(CODEBOOKS):
        codebook = f"{place}quantizer.layers.{i}.codebook."
        yield f"{codebook}inited", (1,)
        yield f"{codebook}cluster_size", (CODES,)
        yield f"{codebook}embed", (CODES, LATENT)
        yield f"{codebook}embed_avg", (CODES, LATENT)


def _convolution(
    place: str, out: int, into: int, kernel: int, *, bias: int | None = None
) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{place}.conv.bias", (out if bias is None else bias,)
    yield f"{place}.conv.weight_g", (out, 1, 1)
    yield f"{place}.conv.weight_v", (out, into, kernel)


def _residual(place: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _convolution(f"{place}.block.1", width // 2, width, 3)
    yield from _convolution(f"{place}.block.3", width, width // 2, 1)


def _lstm(place: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for layer in range(2):
        for kind in ("ih", "hh"):
            yield f"{place}.weight_{kind}_l{layer}", (4 * width, width)
            yield f"{place}.bias_{kind}_l{layer}", (4 * width,)


def _decoder(place: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    inside = f"{place}model.decoder."
    for i in range(CODEBOOKS):
        yield f"{inside}embed_tokens.{i}.weight", (CODES + 1, WIDTH)
        yield f"{place}lm_heads.{i}.weight", (CODES, WIDTH)
    for i in range(LAYERS):
        layer = f"{inside}layers.{i}."
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield f"{layer}self_attn.{name}.weight", (WIDTH, WIDTH)
        yield f"{layer}fc1.weight", (INNER, WIDTH)
        yield f"{layer}fc2.weight", (WIDTH, INNER)
        yield from _norm(f"{layer}self_attn_layer_norm", WIDTH)
        yield from _norm(f"{layer}final_layer_norm", WIDTH)
    yield from _norm(f"{inside}layer_norm", WIDTH)


def _norm(place: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{place}.weight", (width,)
    yield f"{place}.bias", (width,)


def _modern(name: str) -> str:
    for old, new in (("weight_g", "original0"), ("weight_v", "original1")):
        name = name.replace(f"conv.{old}", f"conv.parametrizations.weight.{new}")
    return name
