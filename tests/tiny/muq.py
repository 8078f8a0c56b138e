"""Checkpoint folders of MuQ and MuQ-MuLan as the hub has them, but tiny and of seeded random numbers.

Names and shapes are written out here, not taken from our networks, so that a network with other names fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

DIM, DEPTH, CHANNELS, HEADS, INNER, KERNEL, BASE = 32, 3, 16, 4, 48, 5, 10000
TEXT: dict[str, Any] = {
    "model_type": "xlm-roberta",
    "vocab_size": 40,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 34,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
    "hidden_act": "gelu",
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
BLOCKS: dict[str, Any] = {
    "dim": 20,
    "tf_depth": 1,
    "heads": 3,
    "dim_head": 8,
    "attn_dropout": 0.0,
    "ff_dropout": 0.0,
    "ff_mult": 4,
}
LATENT = 12
LETTERS = "abcdefghijklmnopqrstuvwxyz,."

Shapes = dict[str, tuple[int, ...]]


def muq_config(activation: str = "swish") -> dict[str, Any]:
    """The configuration; its inner one states sizes that the authors' program overrules, as the released one does."""
    return {
        "label_rate": 25,
        "num_codebooks": 1,
        "codebook_dim": 16,
        "codebook_size": 64,
        "features": ["melspec_2048"],
        "hop_length": 240,
        "n_mels": 128,
        "conv_dim": CHANNELS,
        "encoder_dim": DIM,
        "encoder_depth": DEPTH,
        "mask_hop": 0.4,
        "mask_prob": 0.6,
        "is_flash": False,
        "stat": {"melspec_2048_cnt": 1, "melspec_2048_mean": 6.5, "melspec_2048_std": 18.0},
        "w2v2_config": {
            "activation_dropout": 0.0,
            "attention_dropout": 0.0,
            "conformer_conv_dropout": 0.1,
            "conv_depthwise_kernel_size": KERNEL,
            "feat_extract_activation": "gelu",
            "hidden_act": activation,
            "hidden_dropout": 0.0,
            "hidden_size": 1024,
            "intermediate_size": INNER,
            "layer_norm_eps": 1e-5,
            "layerdrop": 0.0,
            "num_attention_heads": HEADS,
            "num_conv_pos_embedding_groups": 4,
            "num_conv_pos_embeddings": 8,
            "num_hidden_layers": 24,
            "position_embeddings_type": "rotary",
            "rotary_embedding_base": BASE,
        },
        "use_rvq_target": True,
        "use_vq_target": False,
        "use_encodec_target": False,
        "rvq_ckpt_path": None,
        "recon_loss_ratio": None,
        "resume_checkpoint": None,
        "rvq_n_codebooks": 1,
        "rvq_multi_layer_num": 1,
    }


def mulan_config() -> dict[str, Any]:
    """The configuration of MuQ-MuLan, which says nothing of the insides of its two parts."""
    return {
        "mulan": {
            "sr": 24000,
            "clip_secs": 10,
            "dim_latent": LATENT,
            "decoupled_contrastive_learning": True,
            "hierarchical_contrastive_loss": False,
            "hierarchical_contrastive_loss_layers": None,
            "sigmoid_contrastive_loss": False,
            "rank_contrast": True,
        },
        "audio_model": {"name": "OpenMuQ/MuQ-large-msd-iter", "model_dim": DIM, "use_layer_idx": -1},
        "text_model": {"name": "xlm-roberta-base", "model_dim": TEXT["hidden_size"], "use_layer_idx": -1},
        "audio_transformer": BLOCKS,
        "text_transformer": {**BLOCKS, "max_seq_len": 1024},
    }


def make_muq(folder: Path, seed: int = 0) -> Path:
    """Write a folder like that of MuQ-large-msd-iter; returns it."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", muq_config())
    save_file(fill(muq_shapes(), seed), folder / "model.safetensors")
    return folder


def make_mulan(folder: Path, seed: int = 0, *, torch_file: bool = True) -> Path:
    """Write a folder like that of MuQ-MuLan-large, with what is fetched beside it; returns it.

    The tensors are in ``pytorch_model.bin``, as released, or in ``model.safetensors``.
    """
    for name, config in (("MuQ-large-msd-iter", muq_config("gelu")), ("xlm-roberta-base", TEXT)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        write_json(folder / name / "config.json", config)
    write_json(folder / "config.json", mulan_config())
    arrays = fill(mulan_shapes(), seed)
    if torch_file:
        import torch

        torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, folder / "pytorch_model.bin")
    else:
        from safetensors.numpy import save_file

        save_file(arrays, folder / "model.safetensors")
    make_tokenizer(folder / "tokenizer.json")
    return folder


MAKERS: Mapping[str, Callable[[Path, int], Path]] = MappingProxyType({"muq": make_muq, "muq-mulan": make_mulan})


def write_json(path: Path, config: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(config), "utf-8")


def make_tokenizer(path: Path) -> None:
    """Letters between <s> and </s>, in the order of XLM-RoBERTa's special tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = [(piece, 0.0) for piece in special] + [(piece, -2.0) for piece in ("▁", *LETTERS)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(path))


def fill(shapes: Shapes, seed: int) -> dict[str, np.ndarray]:
    """Random numbers in the order of the names, near what training leaves, so that nothing vanishes or explodes."""
    rng = np.random.default_rng(seed)
    return {name: _fill(name, shapes[name], rng) for name in sorted(shapes)}


def _fill(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if name.endswith("num_batches_tracked"):
        return np.array(7, np.int64)
    if name.endswith("inv_freq"):
        return np.float32(1.0) / np.float32(BASE) ** (np.arange(shape[0], dtype=np.float32) / np.float32(shape[0]))
    noise = rng.standard_normal(shape)
    if name.endswith("running_var"):
        noise = 0.5 + np.abs(noise)
    elif len(shape) > 1:
        noise = noise * 1.2 / np.sqrt(np.prod(shape[1:]))
    elif name.endswith(("bias", "running_mean")):
        noise = 0.1 * noise
    else:
        noise = 1.0 + 0.2 * noise
    return np.asarray(noise, np.float32)


def muq_shapes() -> Shapes:
    """Names and shapes of a MuQ checkpoint, with all that only training uses."""
    quantizer = "model.rvq.quantizers.0."
    shapes: Shapes = {
        "model.cls_token": (DIM,),
        **_linear("model.linear", DIM, 64),
        quantizer + "stale_counter": (1024,),
        quantizer + "codebook.weight": (1024, 16),
        **_weight_normed(quantizer + "in_proj", 512, 16),
        **_weight_normed(quantizer + "out_proj", 16, 512),
        **_linear("model.conv.linear", CHANNELS * 32, DIM),
        "model.conformer.embed_positions.inv_freq": (DIM // HEADS // 2,),
        "model.conformer.pos_conv_embed.conv.bias": (DIM,),
        "model.conformer.pos_conv_embed.conv.parametrizations.weight.original0": (1, 1, 8),
        "model.conformer.pos_conv_embed.conv.parametrizations.weight.original1": (DIM, DIM // 4, 8),
        **_norm("model.conformer.layer_norm", DIM),
    }
    for stage, inputs in enumerate((1, CHANNELS)):
        for i, given in ((1, inputs), (2, CHANNELS), (3, inputs)):
            conv = f"model.conv.conv.{stage}.conv{i}"
            shapes |= {conv + ".weight": (CHANNELS, given, 3, 3), conv + ".bias": (CHANNELS,)}
            shapes |= _batch_norm(f"model.conv.conv.{stage}.bn{i}", CHANNELS)
    for layer in range(DEPTH):
        shapes |= _block(f"model.conformer.layers.{layer}.")
    return shapes


def mulan_shapes() -> Shapes:
    """Names and shapes of a MuQ-MuLan checkpoint."""
    hidden, inner, dim = TEXT["hidden_size"], TEXT["intermediate_size"], BLOCKS["dim"]
    text = "mulan.text.model."
    shapes: Shapes = {f"mulan.audio.model.{name}": shape for name, shape in muq_shapes().items()}
    shapes |= {"mulan.audio.aggregator.weight": (1, 25, 1), "mulan.audio.aggregator.bias": (1,)}
    shapes |= {"mulan.contrast.temperatures": (1, 1, 1)}
    for kind, size in (("word", TEXT["vocab_size"]), ("position", TEXT["max_position_embeddings"]), ("token_type", 1)):
        shapes[f"{text}embeddings.{kind}_embeddings.weight"] = (size, hidden)
    shapes |= _norm(text + "embeddings.LayerNorm", hidden) | _linear(text + "pooler.dense", hidden, hidden)
    for layer in range(TEXT["num_hidden_layers"]):
        place = f"{text}encoder.layer.{layer}."
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            shapes |= _linear(place + name, hidden, hidden)
        shapes |= _linear(place + "intermediate.dense", hidden, inner) | _linear(place + "output.dense", inner, hidden)
        shapes |= _norm(place + "attention.output.LayerNorm", hidden) | _norm(place + "output.LayerNorm", hidden)
    for side, given in (("audio", DIM), ("text", hidden)):
        for layer in range(BLOCKS["tf_depth"]):
            shapes |= _gated_block(f"mulan.{side}.transformer.layers.{layer}.")
        shapes |= _linear(f"mulan.{side}_to_latents", dim, LATENT)
        if (side, given) != ("text", dim):  # where the lengths agree, the text is not projected
            shapes |= _linear(f"mulan.{side}.proj", given, dim)
    return shapes


def _block(place: str) -> Shapes:
    shapes = _batch_norm(place + "conv_module.batch_norm", DIM)
    for name in ("ffn1_layer_norm", "self_attn_layer_norm", "ffn2_layer_norm", "final_layer_norm"):
        shapes |= _norm(place + name, DIM)
    for name in ("ffn1", "ffn2"):
        shapes |= _linear(f"{place}{name}.intermediate_dense", DIM, INNER)
        shapes |= _linear(f"{place}{name}.output_dense", INNER, DIM)
    for name in ("linear_q", "linear_k", "linear_v", "linear_out"):
        shapes |= _linear(f"{place}self_attn.{name}", DIM, DIM)
    return shapes | {
        **_norm(place + "conv_module.layer_norm", DIM),
        place + "conv_module.pointwise_conv1.weight": (2 * DIM, DIM, 1),
        place + "conv_module.depthwise_conv.weight": (DIM, 1, KERNEL),
        place + "conv_module.pointwise_conv2.weight": (DIM, DIM, 1),
    }


def _gated_block(place: str) -> Shapes:
    dim, length = BLOCKS["dim"], BLOCKS["dim_head"]
    heads = BLOCKS["heads"] * length
    inner = int(dim * BLOCKS["ff_mult"] * 2 / 3)
    return {
        place + "0.norm.learned_gamma": (dim,),
        place + "0.q_scale": (length,),
        place + "0.k_scale": (length,),
        place + "0.to_q.weight": (heads, dim),
        place + "0.to_kv.weight": (2 * heads, dim),
        place + "0.to_out.0.weight": (dim, heads),
        place + "1.0.learned_gamma": (dim,),
        place + "1.1.weight": (2 * inner, dim),
        place + "1.4.weight": (dim, inner),
    }


def _linear(place: str, given: int, wanted: int) -> Shapes:
    return {place + ".weight": (wanted, given), place + ".bias": (wanted,)}


def _norm(place: str, dim: int) -> Shapes:
    return {place + ".weight": (dim,), place + ".bias": (dim,)}


def _batch_norm(place: str, dim: int) -> Shapes:
    moving: Shapes = {place + ".running_mean": (dim,), place + ".running_var": (dim,)}
    return {**_norm(place, dim), **moving, place + ".num_batches_tracked": ()}


def _weight_normed(place: str, given: int, wanted: int) -> Shapes:
    return {place + ".weight_g": (wanted, 1, 1), place + ".weight_v": (wanted, given, 1), place + ".bias": (wanted,)}
