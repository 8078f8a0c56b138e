"""Checkpoints of CLAP as its authors released them, under the names that `transformers.ClapModel` gives its tensors.

Sizes are read off the shapes of the tensors, so HTSAT-tiny, -base and -large need no table. What shapes do not say is
RoBERTa's: heads of 64 numbers each, and its norms' epsilon.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from soundalike.errors import CheckpointError

if TYPE_CHECKING:
    import torch

UNUSED: Final = (
    r"audio_branch\.spectrogram_extractor\.stft\.conv_(real|imag)\.weight",
    r"audio_branch\.logmel_extractor\.melW",
    r"audio_branch\.layers\.\d+\.blocks\.\d+\.attn_mask",
    r"audio_branch\.(tscam_conv|head)\.(weight|bias)",
    r"(audio|text)_transform\.sequential\.\d+\.(weight|bias)",
    r"text_branch\.embeddings\.(position_ids|token_type_ids)",
)
"""Tensors that make no embedding: the authors' front end, constants, and the ends of other tasks."""

_FUSED: Final = r"audio_branch\.(patch_embed\.)?(mel_conv[12]d|fusion_model)\..*"

_RENAMED: Final = (
    (r"audio_branch\.bn0\.", "audio_branch.batch_norm."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.attn\.", ".attention.self."),
    (r"_projection\.0\.", "_projection.linear1."),
    (r"_projection\.2\.", "_projection.linear2."),
    (r"^audio_branch\.", "audio_model.audio_encoder."),
    (r"^text_branch\.", "text_model."),
)
"""Patterns and what they become, one after another."""

_HEAD: Final = 64
_EPSILON: Final = 1e-5
"""Numbers per attention head of RoBERTa, and what its norms add to the variance."""


def is_original(tensors: Mapping[str, torch.Tensor]) -> bool:
    """Whether tensors have the authors' names."""
    return any(name.startswith(("audio_branch.", "text_branch.")) for name in tensors)


def convert(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors that make embeddings, renamed; those of queries, keys and values, which lie in one, apart.

    A tensor that is neither known nor in `UNUSED` keeps its name, for `soundalike.frozen.load_strictly` to refuse.

    Raises
    ------
    CheckpointError
        If the network has fusion.
    """
    if any(re.fullmatch(_FUSED, name) for name in tensors):
        raise CheckpointError(
            "This checkpoint of CLAP has fusion, which embeds at random.",
            "Use one without: 630k-audioset-best.pt or music_audioset_epoch_15_esc_90.14.pt.",
        )
    converted: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        if any(re.fullmatch(pattern, name) for pattern in UNUSED):
            continue
        renamed = name
        for pattern, replacement in _RENAMED:
            renamed = re.sub(pattern, replacement, renamed)
        if ".self.qkv." in renamed and tensor.ndim and len(tensor) % 3 == 0:
            for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                converted[renamed.replace(".qkv.", f".{part}.")] = piece.contiguous()
        else:
            converted[renamed] = tensor
    return converted


def configuration(tensors: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """What the hub's ``config.json`` would say of converted tensors.

    Raises
    ------
    CheckpointError
        If they are not those of an HTSAT and a RoBERTa.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    try:
        return {
            "projection_dim": shapes["audio_projection.linear2.weight"][0],
            "audio_config": _audio(shapes),
            "text_config": _text(shapes),
        }
    except (KeyError, IndexError, ValueError):
        raise CheckpointError(
            "This is no checkpoint of CLAP: its tensors are not those of an HTSAT and a RoBERTa.",
            "Use 630k-audioset-best.pt or music_audioset_epoch_15_esc_90.14.pt as released.",
        ) from None


def _audio(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    place = "audio_model.audio_encoder."
    width, channels, patch, _ = shapes[place + "patch_embed.proj.weight"]
    stages = _count(shapes, place + r"layers\.\d+\.")
    table = "blocks.0.attention.self.relative_position_bias_table"
    rows = shapes[f"{place}layers.0.{table}"][0]
    return {
        "num_mel_bins": shapes[place + "batch_norm.weight"][0],
        "patch_embeds_hidden_size": width,
        "patch_embed_input_channels": channels,
        "patch_size": patch,
        "patch_stride": [patch, patch],
        "hidden_size": shapes[place + "norm.weight"][0],
        "depths": [_count(shapes, rf"{place}layers\.{i}\.blocks\.\d+\.") for i in range(stages)],
        "num_attention_heads": [shapes[f"{place}layers.{i}.{table}"][1] for i in range(stages)],
        "window_size": (math.isqrt(rows) + 1) // 2,
        "mlp_ratio": float(shapes[place + "layers.0.blocks.0.intermediate.dense.weight"][0] / width),
    }


def _text(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    place = "text_model."
    vocabulary, hidden = shapes[place + "embeddings.word_embeddings.weight"]
    return {
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "num_hidden_layers": _count(shapes, place + r"encoder\.layer\.\d+\."),
        "num_attention_heads": hidden // _HEAD,
        "intermediate_size": shapes[place + "encoder.layer.0.intermediate.dense.weight"][0],
        "max_position_embeddings": shapes[place + "embeddings.position_embeddings.weight"][0],
        "type_vocab_size": shapes[place + "embeddings.token_type_embeddings.weight"][0],
        "layer_norm_eps": _EPSILON,
    }


def _count(shapes: Mapping[str, tuple[int, ...]], pattern: str) -> int:
    """Number of different beginnings of names."""
    return len({found[0] for name in shapes if (found := re.match(pattern, name))})
