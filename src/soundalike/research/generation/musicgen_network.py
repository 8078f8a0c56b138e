"""MusicGen-melody's network, from its configuration and its tensors.

The layers are those of `transformers.MusicgenMelodyForConditionalGeneration`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final

import torch
from transformers import (
    EncodecConfig,
    MusicgenMelodyConfig,
    MusicgenMelodyDecoderConfig,
    MusicgenMelodyForConditionalGeneration,
    T5Config,
)

from soundalike.errors import CheckpointError
from soundalike.frozen import load_strictly
from soundalike.research.generation import FRAME_RATE

RATE: Final = 32000
"""Hertz of what the released network makes."""

OLD_NAMES: Final = MappingProxyType({"weight_g": "original0", "weight_v": "original1"})
"""Normalised convolutions' tensors in the released files, and what torch calls them since 2.1."""

UNUSED: Final = (r"decoder\.model\.decoder\.embed_positions\.weights", r"text_encoder\.decoder\..*")
"""Positions, which are computed, and the half of T5 that writes."""

_SHARED: Final = ("text_encoder.shared.weight", "text_encoder.encoder.embed_tokens.weight")
"""One table under two names, of which files have either."""

_PARTS: Final = MappingProxyType(
    {
        "text_encoder": (
            T5Config,
            "t5",
            """d_ff d_kv d_model dense_act_fn feed_forward_proj is_gated_act layer_norm_epsilon num_heads num_layers
            relative_attention_max_distance relative_attention_num_buckets vocab_size""",
        ),
        "audio_encoder": (
            EncodecConfig,
            "encodec",
            """audio_channels chunk_length_s codebook_dim codebook_size compress dilation_growth_rate hidden_size
            kernel_size last_kernel_size norm_type normalize num_filters num_lstm_layers num_residual_layers overlap
            pad_mode residual_kernel_size sampling_rate target_bandwidths trim_right_ratio upsampling_ratios
            use_causal_conv use_conv_shortcut""",
        ),
        "decoder": (
            MusicgenMelodyDecoderConfig,
            "musicgen_melody_decoder",
            """activation_function audio_channels bos_token_id ffn_dim hidden_size max_position_embeddings
            num_attention_heads num_codebooks num_hidden_layers pad_token_id scale_embedding vocab_size""",
        ),
    }
)
"""Of each part its configuration, its kind, and the settings that are taken from a file: others do nothing here or
would choose code to run."""

_AS_RELEASED: Final = "Use the released files, complete and unchanged."


def build(config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> MusicgenMelodyForConditionalGeneration:
    """MusicGen-melody from what a ``config.json`` says and the tensors beside it, frozen.

    Raises
    ------
    CheckpointError
        If either is not its own, or it is one for other sound than mono at 32 kHz and 50 frames per second.
    """
    with _quiet(), torch.random.fork_rng(devices=()):  # its first numbers, all of which get replaced, are random ones
        try:
            module = MusicgenMelodyForConditionalGeneration(_settings(config))
        except CheckpointError:
            raise
        except Exception as error:  # which one a bad setting raises depends on where it is used first
            raise CheckpointError(
                f"The checkpoint describes a MusicGen that cannot be built ({type(error).__name__}).", _AS_RELEASED
            ) from error
    load_strictly(module, rename(tensors), what="MusicGen-melody", unused=UNUSED)
    return module


def rename(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A checkpoint's tensors under the names that the network has for them."""
    renamed = {
        re.sub(
            r"^(audio_encoder\..*\.conv)\.(weight_[gv])$",
            lambda found: f"{found[1]}.parametrizations.weight.{OLD_NAMES[found[2]]}",
            name,
        ): tensor
        for name, tensor in tensors.items()
    }
    for name, other in (_SHARED, _SHARED[::-1]):
        if name in renamed:
            renamed.setdefault(other, renamed[name])
    return renamed


def _settings(config: Mapping[str, Any]) -> MusicgenMelodyConfig:
    parts: dict[str, Any] = {}
    for name, (kind, model_type, settings) in _PARTS.items():
        given = config.get(name)
        if not isinstance(given, Mapping) or given.get("model_type") != model_type:
            raise CheckpointError(
                f"The checkpoint's config.json is not MusicGen-melody's: its {name} is no '{model_type}'.", _AS_RELEASED
            )
        parts[name] = kind(**{setting: given[setting] for setting in settings.split() if setting in given})
    sound, writer = parts["audio_encoder"], parts["decoder"]
    found = (sound.sampling_rate, sound.frame_rate, sound.audio_channels, writer.audio_channels)
    if found != (RATE, FRAME_RATE, 1, 1):
        raise CheckpointError(
            f"The checkpoint makes sound of {found[0]} Hz, {found[1]} frames per second and {found[3]} channels.",
            f"Use one of {RATE} Hz, {FRAME_RATE} frames per second and one channel: facebook/musicgen-melody.",
        )
    if config.get("num_chroma", 12) != 12:
        raise CheckpointError(f"The checkpoint hears {config['num_chroma']} pitch classes, not 12.", _AS_RELEASED)
    kept = {name: config[name] for name in ("num_chroma", "chroma_length") if name in config}
    return MusicgenMelodyConfig(**parts, **kept)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' warning of a token beyond the vocabulary, which is how MusicGen is made."""
    logger = logging.getLogger("transformers.configuration_utils")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
