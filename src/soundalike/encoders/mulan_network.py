"""The network of MuQ-MuLan: MuQ and a text transformer, each behind a few more blocks, meet in one space.

Our own writing; modules bear the names of the released parameters. The blocks normalise queries and keys
(Dehghani et al. 2023) and gate their feed-forward layers (Shazeer 2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import XLMRobertaConfig, XLMRobertaModel

from soundalike.encoders import conformer
from soundalike.errors import CheckpointError

SHARPNESS: Final = 8.0
"""By which cosines of queries and keys are multiplied."""

TEXT: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "vocab_size": 250002,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "max_position_embeddings": 514,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
        "hidden_act": "gelu",
        "pad_token_id": 1,
    }
)
"""Sizes of xlm-roberta-base, whose configuration the released folder does not hold; transformers' defaults differ."""

UNUSED: Final = (
    *(r"mulan\.audio\.model\." + pattern for pattern in conformer.UNUSED),
    r"mulan\.audio\.aggregator\.(weight|bias)",
    r"mulan\.(contrast|multi_layer_contrastive_learning)\..+",
    r"mulan\.(text|audio)_layers_indices",
    r"mulan\.text\.model\.(pooler\..+|embeddings\.position_ids)",
)
"""Released tensors that only training uses, or nobody."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of a MuQ-MuLan network.

    Attributes
    ----------
    dim : int
        Length of an embedding.
    layer : int
        Which of MuQ's hidden states is taken.
    muq : conformer.Sizes
    text : mapping
        See `TEXT`.
    audio_blocks, text_blocks : mapping of str to int
        The blocks behind each: "dim", "tf_depth", "heads", "dim_head" and "ff_mult".
    """

    dim: int
    layer: int
    muq: conformer.Sizes
    text: Mapping[str, Any]
    audio_blocks: Mapping[str, int]
    text_blocks: Mapping[str, int]

    @staticmethod
    def of(config: Mapping[str, Any], *, muq: Mapping[str, Any], text: Mapping[str, Any]) -> Sizes:
        """Read a checkpoint's ``config.json`` and those of MuQ and of the text transformer (which may be empty).

        Raises
        ------
        CheckpointError
            If something is missing, or asks for a network that is not this one.
        """
        inner = conformer.Sizes.of(muq)
        try:
            space, audio = config["mulan"], config["audio_model"]
            layer = range(inner.depth + 1)[int(audio.get("use_layer_idx", -1))]
            sizes = Sizes(
                int(space["dim_latent"]),
                layer,
                inner,
                {key: text.get(key, value) for key, value in TEXT.items()},
                *(
                    {key: int(config[part][key]) for key in BLOCKS}
                    for part in ("audio_transformer", "text_transformer")
                ),
            )
            named = {"sr": space["sr"], "clip_secs": space["clip_secs"], "model_dim": audio["model_dim"]}
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"This configuration of MuQ-MuLan is incomplete ({error}).", "Use the released config.json, unchanged."
            ) from None
        known = {"sr": 24000, "clip_secs": 10, "model_dim": inner.dim}
        if named != known:
            raise CheckpointError(
                f"This configuration of MuQ-MuLan has {conformer.listed(named)}, not {conformer.listed(known)}.",
                "Use the released checkpoint.",
            )
        return sizes


BLOCKS: Final = ("dim", "tf_depth", "heads", "dim_head", "ff_mult")


class MuLan(nn.Module):
    """Audio and text towers and the projections into their common space."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.mulan = nn.ModuleDict(
            {
                "audio": AudioTower(sizes),
                "text": TextTower(sizes),
                "audio_to_latents": nn.Linear(sizes.audio_blocks["dim"], sizes.dim),
                "text_to_latents": nn.Linear(sizes.text_blocks["dim"], sizes.dim),
            }
        )


class Embedder(nn.Module):
    """One side of a `MuLan`: what its tower takes, shape (batch, ...), to unit rows, shape (batch, dim)."""

    def __init__(self, mulan: MuLan, side: str) -> None:
        super().__init__()
        self.tower = mulan.mulan[side]
        self.project = mulan.mulan[f"{side}_to_latents"]

    def forward(self, given: Tensor) -> Tensor:
        """See the class."""
        return functional.normalize(self.project(self.tower(given).mean(1)), dim=-1)


class AudioTower(nn.Module):
    """MuQ, a projection, and blocks."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.model = conformer.MuQ(sizes.muq)
        self.proj = nn.Linear(sizes.muq.dim, sizes.audio_blocks["dim"])
        self.transformer = Transformer(sizes.audio_blocks)
        self._layer = sizes.layer

    def forward(self, mel: Tensor) -> Tensor:
        """Mel frames (batch, conformer.MELS, frames) to hidden states (batch, time, dim)."""
        *_, (_, state) = zip(range(self._layer + 1), self.model.states(mel), strict=False)
        after: Tensor = self.transformer(self.proj(state))
        return after


class TextTower(nn.Module):
    """XLM-RoBERTa, a projection where the lengths differ, and blocks."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.model = XLMRobertaModel(XLMRobertaConfig(**sizes.text), add_pooling_layer=False)
        given, wanted = sizes.text["hidden_size"], sizes.text_blocks["dim"]
        self.proj = nn.Linear(given, wanted) if given != wanted else nn.Identity()
        self.transformer = Transformer(sizes.text_blocks)

    def forward(self, tokens: Tensor) -> Tensor:
        """Numbers of tokens (batch, n), all of them part of a text, to hidden states (batch, n, dim)."""
        states = self.model(input_ids=tokens.long()).last_hidden_state
        after: Tensor = self.transformer(self.proj(states))
        return after


class Transformer(nn.Module):
    """Blocks of attention and a feed-forward layer."""

    def __init__(self, blocks: Mapping[str, int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList([Attention(blocks), feed_forward(blocks)]) for _ in range(blocks["tf_depth"])
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states to hidden states, shape (batch, time, dim)."""
        for block in self.layers:
            for part in block.children():
                hidden = hidden + part(hidden)
        return hidden


class Scale(nn.Module):
    """Layer norm that scales but does not shift."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.learned_gamma = nn.Parameter(torch.ones(dim))

    def forward(self, hidden: Tensor) -> Tensor:
        """Of the same shape."""
        return functional.layer_norm(hidden, hidden.shape[-1:], self.learned_gamma)


class Attention(nn.Module):
    """Attention by the cosines of queries and keys."""

    def __init__(self, blocks: Mapping[str, int]) -> None:
        super().__init__()
        dim, self._heads, length = blocks["dim"], blocks["heads"], blocks["dim_head"]
        self.norm = Scale(dim)
        self.to_q = nn.Linear(dim, self._heads * length, bias=False)
        self.to_kv = nn.Linear(dim, 2 * self._heads * length, bias=False)
        self.q_scale = nn.Parameter(torch.ones(length))
        self.k_scale = nn.Parameter(torch.ones(length))
        self.to_out = nn.Sequential(nn.Linear(self._heads * length, dim, bias=False))

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states to hidden states, shape (batch, time, dim)."""
        normed = self.norm(hidden)
        query, key, value = (self._split(x) for x in (self.to_q(normed), *self.to_kv(normed).chunk(2, -1)))
        query = functional.normalize(query, dim=-1) * self.q_scale
        key = functional.normalize(key, dim=-1) * self.k_scale
        heard = functional.scaled_dot_product_attention(query, key, value, scale=SHARPNESS)
        after: Tensor = self.to_out(heard.transpose(1, 2).flatten(2))
        return after

    def _split(self, hidden: Tensor) -> Tensor:
        """Into heads: shape (batch, heads, time, length of a head)."""
        batch, time, length = hidden.shape
        return hidden.view(batch, time, self._heads, length // self._heads).transpose(1, 2)


class Gate(nn.Module):
    """The first half, multiplied by the GELU of the second."""

    def forward(self, hidden: Tensor) -> Tensor:
        """Shape (..., 2 n) to (..., n)."""
        value, gate = hidden.chunk(2, -1)
        return value * functional.gelu(gate)


def feed_forward(blocks: Mapping[str, int]) -> nn.Sequential:
    """A gated feed-forward layer; two thirds of the usual length, since the gate needs as much again."""
    dim = blocks["dim"]
    inner = int(dim * blocks["ff_mult"] * 2 / 3)
    widen, narrow = nn.Linear(dim, 2 * inner, bias=False), nn.Linear(inner, dim, bias=False)
    return nn.Sequential(Scale(dim), widen, Gate(), nn.Identity(), narrow)  # 3 is where training drops some out
