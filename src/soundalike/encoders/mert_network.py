"""The network of MERT: seven convolutions over samples, then blocks of attention; transformers has it as HuBERT.

The released files come with a program of their own, which is not run: in transformers 5 it loses all hidden states but
the last without saying so. The network is built from the sizes in the checkpoint's configuration, and block after
block is called here, so that it does not matter what a version of transformers makes of hidden states either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize
from transformers import HubertConfig, HubertModel

from soundalike.errors import CheckpointError
from soundalike.frozen import load_strictly, one_thread

Attention: TypeAlias = Literal["sdpa", "eager"]
"""How attention is computed: by torch's own function, or by plain products, which exporters understand."""

FIXED: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "sample_rate": 24000,
        "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
        "conv_stride": [5, 2, 2, 2, 2, 2, 2],
        "conv_bias": False,
        "feat_extract_norm": "group",
        "feat_extract_activation": "gelu",
        "hidden_act": "gelu",
        "feature_extractor_cqt": False,
        "deepnorm": False,
    }
)
"""What every released configuration says, or leaves to these values."""

AUTHORS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "conv_dim": [512] * 7,
        "num_conv_pos_embeddings": 128,
        "num_conv_pos_embedding_groups": 16,
        "layer_norm_eps": 1e-5,
        "do_stable_layer_norm": False,
        "feat_proj_layer_norm": True,
    }
)
"""What the authors' program takes where a configuration is silent."""

SIZES: Final = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
"""What a configuration has to say."""

UNUSED: Final = (r"masked_spec_embed",)
"""What stands for masked frames in training."""

OLD_NAMES: Final = MappingProxyType(
    {
        "encoder.pos_conv_embed.conv.weight_g": "encoder.pos_conv_embed.conv.parametrizations.weight.original0",
        "encoder.pos_conv_embed.conv.weight_v": "encoder.pos_conv_embed.conv.parametrizations.weight.original1",
    }
)
"""Length and direction of a weight, as released, and their names in torch since 2.0."""


_REMEDY: Final = "Use the released config.json, unchanged."


@dataclass(frozen=True, slots=True)
class Layout:
    """Which network a checkpoint's configuration describes.

    Attributes
    ----------
    settings : mapping
        Those of `AUTHORS` and `SIZES`, by the names that transformers gives them.
    """

    settings: Mapping[str, Any]

    @property
    def dim(self) -> int:
        """Length of a hidden state."""
        return int(self.settings["hidden_size"])

    @property
    def depth(self) -> int:
        """Number of blocks; there is one hidden state more."""
        return int(self.settings["num_hidden_layers"])

    @staticmethod
    def of(config: Mapping[str, Any]) -> Layout:
        """Read a checkpoint's ``config.json``.

        Raises
        ------
        CheckpointError
            If something is missing, or asks for a network that is not this one.
        """
        for name, known in FIXED.items():
            if (said := config.get(name, known)) != known:
                raise CheckpointError(
                    f"This is no configuration of MERT: {name} is {said}, not {known}.", "Use the released checkpoint."
                )
        settings = {name: config.get(name, default) for name, default in AUTHORS.items()}
        settings |= {name: config.get(name) for name in SIZES}
        kinds = {**dict.fromkeys(SIZES, int), **{name: type(default) for name, default in AUTHORS.items()}}
        for name, said in settings.items():
            if type(said) is not kinds[name]:
                raise CheckpointError(f"This is no configuration of MERT: {name} is {said}.", _REMEDY)
        parts = (settings["num_attention_heads"], settings["num_conv_pos_embedding_groups"])
        counts = (*(settings[name] for name in SIZES), *parts, *settings["conv_dim"])
        if (
            len(settings["conv_dim"]) != len(FIXED["conv_kernel"])
            or not all(type(count) is int and count > 0 for count in counts)
            or any(settings["hidden_size"] % part for part in parts)
        ):
            raise CheckpointError("This is no configuration of MERT: its sizes do not fit each other.", _REMEDY)
        return Layout(MappingProxyType(settings))


class MERT(nn.Module):
    """From samples to hidden states.

    Parameters
    ----------
    layout : Layout
    tensors : mapping of str to Tensor
        The released ones, with old or new names.
    depth : int, optional
        Blocks to build, from the first; the default is all.
    attention : {"sdpa", "eager"}

    Raises
    ------
    CheckpointError
        If a tensor is missing, unknown or of another shape; nothing is left as it was drawn.
    """

    def __init__(
        self,
        layout: Layout,
        tensors: Mapping[str, Tensor],
        *,
        depth: int | None = None,
        attention: Attention = "sdpa",
    ) -> None:
        super().__init__()
        depth = layout.depth if depth is None else depth
        self.whole = depth == layout.depth
        self.stable = bool(layout.settings["do_stable_layer_norm"])
        self.hubert = _build({**layout.settings, "num_hidden_layers": depth}, attention)
        unused = [*UNUSED, *(rf"encoder\.layers\.{i}\..+" for i in range(depth, layout.depth))]
        named = {OLD_NAMES.get(name, name): tensor for name, tensor in tensors.items()}
        load_strictly(self.hubert, named, what="MERT", unused=unused)
        with one_thread():  # the product of length and direction never changes again
            parametrize.remove_parametrizations(self.hubert.encoder.pos_conv_embed.conv, "weight")
        self.requires_grad_(False).eval()

    def states(self, samples: Tensor) -> Iterator[Tensor]:
        """The hidden states one after another, each computed when it is asked for.

        Parameters
        ----------
        samples : float32, shape (batch, n), n >= 400
            All of one length, without padding: the first convolution is normalised over the whole of it.

        Yields
        ------
        float32, shape (batch, frames, dim)
            What goes into the first block, and what comes out of each. With stable layer norm the last block's is
            taken after the final norm, as the authors' program does, provided that all blocks were built.
        """
        encoder = self.hubert.encoder
        with torch.autocast(samples.device.type, enabled=False):  # processors convolve in half precision very slowly
            state = self.hubert.feature_projection(self.hubert.feature_extractor(samples).transpose(1, 2))
            state = state + encoder.pos_conv_embed(state)
        if not self.stable:
            state = encoder.layer_norm(state)
        yield state
        for i, block in enumerate(encoder.layers, 1):
            state = block(state, attention_mask=None)
            last = self.stable and self.whole and i == len(encoder.layers)
            yield encoder.layer_norm(state) if last else state


class PooledMERT(nn.Module):
    """Samples, shape (batch, n), to the means over time of chosen states.

    Parameters
    ----------
    mert : MERT
    layers : tuple of int
        Ascending.
    joined : bool
        Whether they are put one behind the other, as they are, shape (batch, layers x dim). Otherwise their
        directions are averaged, shape (batch, dim): a state's length grows from block to block, and the last ones
        would drown the others.
    """

    def __init__(self, mert: MERT, layers: tuple[int, ...], *, joined: bool) -> None:
        super().__init__()
        self.mert = mert
        self.layers = layers
        self.joined = joined

    def forward(self, samples: Tensor) -> Tensor:
        """See the class."""
        upto = range(max(self.layers) + 1)  # first in zip: no state behind the last chosen one is computed
        states = zip(upto, self.mert.states(samples), strict=False)
        means = [state.float().mean(1) for layer, state in states if layer in self.layers]
        if self.joined:
            return torch.cat(means, 1)
        return torch.stack([functional.normalize(mean, dim=1) for mean in means]).mean(0)


def _build(settings: Mapping[str, Any], attention: Attention) -> HubertModel:
    """The network with room for its parameters, which hold anything until they are loaded."""
    shared = ("conv_kernel", "conv_stride", "conv_bias", "feat_extract_norm", "feat_extract_activation", "hidden_act")
    fixed = {name: FIXED[name] for name in shared}
    untrained: dict[str, Any] = {"apply_spec_augment": False, "mask_time_prob": 0.0, "attn_implementation": attention}
    with torch.device("meta"):  # nothing is drawn at random, which takes longer than reading the tensors
        network = HubertModel(HubertConfig(**settings, **fixed, **untrained))
    return network.to_empty(device="cpu")
