"""Checkpoints of CLAP in both released forms, but tiny and of seeded random numbers.

Names and shapes are written out here, each in the authors' form and in the hub's, not taken from our conversion, so
that another naming fails. Both forms of one seed hold the same network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Sizes:
    """Of a network: channels, blocks and heads of the four audio stages, then the text's, then the embedding's."""

    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    hidden: int
    layers: int
    inner: int
    vocabulary: int
    positions: int
    dim: int


TINY = Sizes(8, (2, 1, 1, 2), (1, 2, 2, 4), hidden=128, layers=2, inner=64, vocabulary=280, positions=90, dim=16)
ROBERTA = {"hidden": 768, "layers": 12, "inner": 3072, "vocabulary": 50265, "positions": 514, "dim": 512}
HTSAT_TINY = Sizes(96, (2, 2, 6, 2), (4, 8, 16, 32), **ROBERTA)
HTSAT_BASE = Sizes(128, (2, 2, 12, 2), (4, 8, 16, 32), **ROBERTA)

MERGES = ("p i", "pi a", "a n", "pia n", "pian o", "Ġ d", "Ġd r", "u m", "Ġdr um", "Ġdrum s")
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")

Row = tuple[str, tuple[str, ...], tuple[int, ...]]
"""A tensor's name in the authors' form, its name or names in the hub's, and its shape in the authors'."""


def make(folder: Path, seed: int = 0, sizes: Sizes = TINY) -> Path:
    """Write a folder like that of clap-htsat-unfused; returns it."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config(sizes))
    write_json(folder / "preprocessor_config.json", preprocessor())
    tensors = fill(sizes, seed)
    hub: dict[str, np.ndarray] = {}
    for theirs, names, _ in rows(sizes):
        hub |= zip(names, np.split(tensors[theirs], len(names)) if len(names) > 1 else [tensors[theirs]], strict=True)
    hub["text_model.embeddings.position_ids"] = np.arange(sizes.positions)[None]
    save_file(hub, folder / "model.safetensors")
    make_tokenizer(folder)
    return folder


def make_original(folder: Path, seed: int = 0, sizes: Sizes = TINY) -> Path:
    """Write a folder with a torch file like 630k-audioset-best.pt, and the tokenizer beside it; returns the folder."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "epoch": 45,
        "name": "630k-audioset",
        "state_dict": {f"module.{name}": torch.from_numpy(array) for name, array in original(sizes, seed).items()},
        "optimizer": {
            "state": {0: {"step": torch.tensor(9.0), "exp_avg": torch.zeros(3)}},
            "param_groups": [{"lr": np.float64(1e-4), "betas": (0.9, 0.99), "params": [0]}],
        },
        "best_metric": np.float64(0.9),
    }
    torch.save(document, folder / "630k-audioset-best.pt")
    make_tokenizer(folder)
    return folder


def make_fetched(folder: Path, seed: int = 0, sizes: Sizes = TINY) -> Path:
    """Write the folder that fetching the authors' file leaves: its tensors as safetensors, and a tokenizer."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(original(sizes, seed), folder / "model.safetensors")
    make_tokenizer(folder)
    return folder


MAKERS: Mapping[str, Callable[[Path, int], Path]] = MappingProxyType({"clap": make, "clap-music": make_original})


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document), "utf-8")


def make_tokenizer(folder: Path, *, merges: bool = False) -> None:
    """RoBERTa's kind of tokenizer for bytes and a few words: ``tokenizer.json``, or the two files of older days."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

    pieces = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet()), *(pair.replace(" ", "") for pair in MERGES)]
    vocabulary = {piece: number for number, piece in enumerate([*pieces, "<mask>"])}
    if merges:
        write_json(folder / "vocab.json", vocabulary)
        (folder / "merges.txt").write_text("\n".join(("#version: 0.2", *MERGES, "")), "utf-8")
        return
    tokenizer = Tokenizer(models.BPE(vocabulary, [tuple(pair.split(" ")) for pair in MERGES]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    tokenizer.add_special_tokens([*SPECIAL, AddedToken("<mask>", lstrip=True)])
    tokenizer.enable_truncation(4)  # as files on the hub do now and then; nobody may read a text cut short
    tokenizer.save(str(folder / "tokenizer.json"))


def config(sizes: Sizes = TINY) -> dict[str, Any]:
    """The configuration, with settings that the network does without, as the released one has them."""
    audio_hidden = sizes.width * 2 ** (len(sizes.depths) - 1)
    return {
        "architectures": ["ClapModel"],
        "model_type": "clap",
        "torch_dtype": "float32",
        "transformers_version": "4.27.0.dev0",
        "hidden_size": sizes.hidden,
        "num_hidden_layers": sizes.layers + len(sizes.depths),
        "initializer_factor": 1.0,
        "logit_scale_init_value": 14.285714285714285,
        "projection_dim": sizes.dim,
        "projection_hidden_act": "relu",
        "audio_config": {
            "model_type": "clap_audio_model",
            "aff_block_r": 4,
            "attention_probs_dropout_prob": 0.0,
            "depths": list(sizes.depths),
            "drop_path_rate": 0.0,
            "enable_fusion": False,
            "enable_patch_fusion": False,
            "enable_patch_layer_norm": True,
            "flatten_patch_embeds": True,
            "fusion_num_hidden_layers": 2,
            "fusion_type": None,
            "hidden_act": "gelu",
            "hidden_size": audio_hidden,
            "layer_norm_eps": 1e-5,
            "mlp_ratio": 4.0,
            "num_attention_heads": list(sizes.heads),
            "num_classes": 527,
            "num_hidden_layers": 4,
            "num_mel_bins": 64,
            "patch_embed_input_channels": 1,
            "patch_embeds_hidden_size": sizes.width,
            "patch_size": 4,
            "patch_stride": [4, 4],
            "projection_dim": sizes.dim,
            "projection_hidden_act": "relu",
            "projection_hidden_size": audio_hidden,
            "qkv_bias": True,
            "spec_size": 256,
            "window_size": 8,
        },
        "text_config": {
            "model_type": "clap_text_model",
            "attention_probs_dropout_prob": 0.1,
            "classifier_dropout": None,
            "fusion_hidden_size": sizes.hidden,
            "fusion_num_hidden_layers": 2,
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.1,
            "hidden_size": sizes.hidden,
            "intermediate_size": sizes.inner,
            "layer_norm_eps": 1e-5,
            "max_position_embeddings": sizes.positions,
            "num_attention_heads": sizes.hidden // 64,
            "num_hidden_layers": sizes.layers,
            "pad_token_id": 1,
            "bos_token_id": 0,
            "eos_token_id": 2,
            "position_embedding_type": "absolute",
            "projection_dim": sizes.dim,
            "projection_hidden_act": "relu",
            "type_vocab_size": 1,
            "use_cache": True,
            "vocab_size": sizes.vocabulary,
        },
    }


def preprocessor() -> dict[str, Any]:
    return {
        "chunk_length_s": 10,
        "feature_extractor_type": "ClapFeatureExtractor",
        "feature_size": 64,
        "fft_window_size": 1024,
        "frequency_max": 14000,
        "frequency_min": 50,
        "hop_length": 480,
        "max_length_s": 10,
        "n_fft": 1024,
        "nb_max_samples": 480000,
        "padding": "repeatpad",
        "padding_value": 0.0,
        "processor_class": "ClapProcessor",
        "return_attention_mask": False,
        "sampling_rate": 48000,
        "top_db": None,
        "truncation": "rand_trunc",
    }


def original(sizes: Sizes = TINY, seed: int = 0) -> dict[str, np.ndarray]:
    """All tensors in the authors' form, with those that only training, other tasks or their front end use."""
    last = sizes.width * 2 ** (len(sizes.depths) - 1)
    shapes: dict[str, tuple[int, ...]] = {
        "audio_branch.spectrogram_extractor.stft.conv_real.weight": (513, 1, 1024),
        "audio_branch.spectrogram_extractor.stft.conv_imag.weight": (513, 1, 1024),
        "audio_branch.logmel_extractor.melW": (513, 64),
        "audio_branch.tscam_conv.weight": (527, last, 2, 3),
        "audio_branch.tscam_conv.bias": (527,),
        "audio_branch.head.weight": (527, 527),
        "audio_branch.head.bias": (527,),
        **{
            f"{side}_transform.sequential.{i}.{kind}": (sizes.dim,) * (2 if kind == "weight" else 1)
            for side in ("audio", "text")
            for i in (0, 3)
            for kind in ("weight", "bias")
        },
        **{
            f"audio_branch.layers.{stage}.blocks.{block}.attn_mask": (4 ** (3 - stage), 64, 64)
            for stage, depth in enumerate(sizes.depths[:3])
            for block in range(1, depth, 2)
        },
    }
    left = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    left["text_branch.embeddings.position_ids"] = np.arange(sizes.positions)[None]
    return {**left, **fill(sizes, seed)}


def fill(sizes: Sizes, seed: int) -> dict[str, np.ndarray]:
    """Random numbers in the order of the authors' names, near what training leaves, so that nothing vanishes."""
    rng = np.random.default_rng(seed)
    shapes = {name: shape for name, _, shape in rows(sizes)}
    return {name: _fill(name, shapes[name], rng) for name in sorted(shapes)}


def _fill(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if name.endswith("num_batches_tracked"):
        return np.array(7, np.int64)
    if name.endswith("relative_position_index"):
        place = np.stack(np.divmod(np.arange(64), 8))
        steps = place[:, :, None] - place[:, None, :] + 7
        return 15 * steps[0] + steps[1]
    noise = rng.standard_normal(shape, np.float32)
    if name.endswith("running_var"):
        noise = 200 * (1 + np.abs(noise))
    elif name.endswith("running_mean"):
        noise = 5 * noise - 30
    elif "logit_scale" in name:
        noise = noise * 0 + 2.66
    elif name.endswith("bias_table"):
        noise = 0.5 * noise
    elif len(shape) > 1:
        noise *= 1.2 / np.sqrt(np.prod(shape[1:]))
    elif name.endswith("bias"):
        noise = 0.1 * noise
    else:
        noise = 1 + 0.2 * noise
    return np.asarray(noise, np.float32)


def rows(sizes: Sizes) -> Iterator[Row]:
    """All tensors that make embeddings."""
    width = sizes.width
    theirs, hub = "audio_branch.", "audio_model.audio_encoder."
    for side in "at":
        yield f"logit_scale_{side}", (f"logit_scale_{side}",), ()
    for statistic in ("weight", "bias", "running_mean", "running_var"):
        yield f"{theirs}bn0.{statistic}", (f"{hub}batch_norm.{statistic}",), (64,)
    yield f"{theirs}bn0.num_batches_tracked", (f"{hub}batch_norm.num_batches_tracked",), ()
    yield f"{theirs}patch_embed.proj.weight", (f"{hub}patch_embed.proj.weight",), (width, 1, 4, 4)
    yield f"{theirs}patch_embed.proj.bias", (f"{hub}patch_embed.proj.bias",), (width,)
    yield from _norm(f"{theirs}patch_embed.norm", f"{hub}patch_embed.norm", width)
    for stage, (depth, heads) in enumerate(zip(sizes.depths, sizes.heads, strict=True)):
        dim, place = width * 2**stage, f"layers.{stage}."
        for block in range(depth):
            inside = f"{place}blocks.{block}."
            yield from _block(theirs + inside, hub + inside, dim, heads)
        if stage + 1 < len(sizes.depths):
            reduction = f"{place}downsample.reduction.weight"
            yield theirs + reduction, (hub + reduction,), (2 * dim, 4 * dim)
            yield from _norm(f"{theirs}{place}downsample.norm", f"{hub}{place}downsample.norm", 4 * dim)
    yield from _norm(f"{theirs}norm", f"{hub}norm", dim)
    yield from _text(sizes)
    for side, given in (("audio", dim), ("text", sizes.hidden)):
        yield from _linear(f"{side}_projection.0", f"{side}_projection.linear1", given, sizes.dim)
        yield from _linear(f"{side}_projection.2", f"{side}_projection.linear2", sizes.dim, sizes.dim)


def _block(theirs: str, hub: str, dim: int, heads: int) -> Iterator[Row]:
    yield from _norm(theirs + "norm1", hub + "layernorm_before", dim)
    yield from _norm(theirs + "norm2", hub + "layernorm_after", dim)
    inside = hub + "attention.self."
    for kind, shape in (("weight", (3 * dim, dim)), ("bias", (3 * dim,))):
        yield f"{theirs}attn.qkv.{kind}", tuple(f"{inside}{name}.{kind}" for name in ("query", "key", "value")), shape
    for name, shape in (("relative_position_bias_table", (225, heads)), ("relative_position_index", (64, 64))):
        yield f"{theirs}attn.{name}", (inside + name,), shape
    yield from _linear(theirs + "attn.proj", hub + "attention.output.dense", dim, dim)
    yield from _linear(theirs + "mlp.fc1", hub + "intermediate.dense", dim, 4 * dim)
    yield from _linear(theirs + "mlp.fc2", hub + "output.dense", 4 * dim, dim)


def _text(sizes: Sizes) -> Iterator[Row]:
    hidden = sizes.hidden
    theirs, hub = "text_branch.", "text_model."
    for kind, size in (("word", sizes.vocabulary), ("position", sizes.positions), ("token_type", 1)):
        name = f"embeddings.{kind}_embeddings.weight"
        yield theirs + name, (hub + name,), (size, hidden)
    names = [("embeddings.LayerNorm", 0, hidden), ("pooler.dense", hidden, hidden)]
    for layer in range(sizes.layers):
        place = f"encoder.layer.{layer}."
        names += [(f"{place}attention.self.{name}", hidden, hidden) for name in ("query", "key", "value")]
        names += [(f"{place}attention.output.dense", hidden, hidden), (f"{place}attention.output.LayerNorm", 0, hidden)]
        names += [(f"{place}intermediate.dense", hidden, sizes.inner), (f"{place}output.dense", sizes.inner, hidden)]
        names += [(f"{place}output.LayerNorm", 0, hidden)]
    for name, given, wanted in names:
        yield from (
            _linear(theirs + name, hub + name, given, wanted) if given else _norm(theirs + name, hub + name, wanted)
        )


def _linear(theirs: str, hub: str, given: int, wanted: int) -> Iterator[Row]:
    yield theirs + ".weight", (hub + ".weight",), (wanted, given)
    yield theirs + ".bias", (hub + ".bias",), (wanted,)


def _norm(theirs: str, hub: str, dim: int) -> Iterator[Row]:
    yield theirs + ".weight", (hub + ".weight",), (dim,)
    yield theirs + ".bias", (hub + ".bias",), (dim,)
