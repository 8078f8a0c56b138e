"""The two sides of CLAP as modules from one array to one unit row.

The layers are those of `transformers.ClapModel`. Its sides are called here one by one and not through
``get_audio_features`` and ``get_text_features``, whose answers changed their type between versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from transformers import ClapConfig, ClapModel

from soundalike.errors import CheckpointError

DERIVED: Final = ("text_model.embeddings.position_ids", "text_model.embeddings.token_type_ids")
"""Buffers that count from zero, or hold only zeros; some checkpoints have them and some do not."""

_AUDIO: Final = (
    "window_size",
    "num_mel_bins",
    "spec_size",
    "hidden_act",
    "patch_size",
    "patch_stride",
    "hidden_size",
    "depths",
    "num_attention_heads",
    "patch_embed_input_channels",
    "flatten_patch_embeds",
    "patch_embeds_hidden_size",
    "enable_patch_layer_norm",
    "qkv_bias",
    "mlp_ratio",
    "layer_norm_eps",
)
_TEXT: Final = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "max_position_embeddings",
    "type_vocab_size",
    "layer_norm_eps",
)
"""Settings that are taken from a configuration. Others do nothing here, would choose code to run, or are RoBERTa's
own: the numbers of its special tokens."""


def build(config: Mapping[str, Any]) -> ClapModel:
    """CLAP, not yet loaded, from what a ``config.json`` says.

    Raises
    ------
    CheckpointError
        If it is not CLAP's, or describes a network with fusion or one that cannot be.
    """
    audio, text = config.get("audio_config"), config.get("text_config")
    if not isinstance(audio, Mapping) or not isinstance(text, Mapping):
        raise CheckpointError(
            "The checkpoint's config.json is not CLAP's: it has no audio_config and text_config.",
            "Use the file released with it.",
        )
    if audio.get("enable_fusion"):
        raise CheckpointError(
            "This checkpoint of CLAP has fusion, which embeds at random.", "Use one without: laion/clap-htsat-unfused."
        )
    kept = {name: config[name] for name in ("projection_dim", "projection_hidden_act") if name in config}
    try:
        settings = ClapConfig(
            audio_config={name: audio[name] for name in _AUDIO if name in audio},
            text_config={name: text[name] for name in _TEXT if name in text},
            **kept,
        )
        with torch.random.fork_rng(devices=()):  # its first numbers, all of which get replaced, are random ones
            return ClapModel(settings)
    except Exception as error:  # which one a bad setting raises depends on where it is used first
        raise CheckpointError(
            f"The checkpoint describes a CLAP that cannot be built ({type(error).__name__}).",
            "Use the released files, complete and unchanged.",
        ) from error


class AudioSide(torch.nn.Module):
    """From mel spectrograms, float32 (batch, FRAMES, BANDS), to unit rows (batch, dim)."""

    def __init__(self, clap: ClapModel) -> None:
        super().__init__()
        self.model = clap.audio_model
        self.projection = clap.audio_projection

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """See the class."""
        pooled = self.model(input_features=mel[:, None]).pooler_output
        return _unit(self.projection(pooled))


class TextSide(torch.nn.Module):
    """From numbers of tokens, float32 (batch, n) without padding, to unit rows (batch, dim)."""

    def __init__(self, clap: ClapModel) -> None:
        super().__init__()
        self.model = clap.text_model
        self.projection = clap.text_projection

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """See the class."""
        ids = numbers.long()
        pooled = self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).pooler_output
        return _unit(self.projection(pooled))


def _unit(rows: torch.Tensor) -> torch.Tensor:
    """Rows of unit length, in 32 bits: in 16 they would be 3e-4 too long or short."""
    return torch.nn.functional.normalize(rows.float(), dim=-1)
