"""The network of MuQ: two residual convolutions over mel frames, then rotary conformer blocks.

Our own writing of what the papers on MuQ (Zhu et al. 2025), conformers (Gulati et al. 2020) and rotary positions
(Su et al. 2021) describe. Modules bear the names of the released parameters, so that a checkpoint loads as it is.
Only what inference needs is here: no dropout, no quantiser, no masks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundalike.errors import CheckpointError

MELS: Final = 128
"""Mel bands that go in; the authors' front end makes this many whatever a configuration says."""

FIXED: Final[Mapping[str, Any]] = MappingProxyType({"label_rate": 25, "hop_length": 240, "n_mels": MELS})
"""What a configuration may say of the frames: 100 a second go in, a quarter of them comes out."""

AUTHORS: Final[Mapping[str, Any]] = MappingProxyType(
    {**FIXED, "encoder_dim": 1024, "encoder_depth": 12, "conv_dim": 512}
)
"""What the authors' program takes where a configuration is silent."""

ACTIVATIONS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = MappingProxyType(
    {"gelu": functional.gelu, "swish": functional.silu, "silu": functional.silu}
)

UNUSED: Final = (
    r"model\.cls_token",
    r"model\.(linear|recon_proj)\.(weight|bias)",
    r"model\.(rvq|quantizer_\w+)\..+",
    r"model\.conformer\.pos_conv_embed\..+",
)
"""Released tensors that only training uses: targets, their prediction, and a position convolution nobody calls."""

DERIVED: Final = (r".*embed_positions\.inv_freq",)
"""Buffers that follow from the sizes and may be missing."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of a MuQ network, and what its configuration says besides.

    Attributes
    ----------
    dim, depth, channels : int
        Length of a hidden state, number of conformer blocks, channels of the convolutions in front.
    heads, inner, kernel : int
        Attention heads, length of the feed-forward layers, and frames of the depthwise convolution.
    base, epsilon : float
        Base of the rotary positions, and the final norm's least variance.
    activation : str
        One of `ACTIVATIONS`.
    mean, std : float
        Of the mel spectrogram in dB over the training music.
    """

    dim: int
    depth: int
    channels: int
    heads: int
    inner: int
    kernel: int
    base: float
    epsilon: float
    activation: str
    mean: float
    std: float

    @staticmethod
    def of(config: Mapping[str, Any]) -> Sizes:
        """Read a checkpoint's ``config.json``.

        Raises
        ------
        CheckpointError
            If something is missing, or asks for a network that is not this one.
        """
        try:
            config = {**AUTHORS, **config}
            inner, stat = config["w2v2_config"], config["stat"]
            sizes = Sizes(
                dim=int(config["encoder_dim"]),
                depth=int(config["encoder_depth"]),
                channels=int(config["conv_dim"]),
                heads=int(inner["num_attention_heads"]),
                inner=int(inner["intermediate_size"]),
                kernel=int(inner["conv_depthwise_kernel_size"]),
                base=float(inner["rotary_embedding_base"]),
                epsilon=float(inner["layer_norm_eps"]),
                activation=str(inner["hidden_act"]),
                mean=float(stat["melspec_2048_mean"]),
                std=float(stat["melspec_2048_std"]),
            )
            fixed = {**{key: config[key] for key in FIXED}, "positions": inner["position_embeddings_type"]}
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"This configuration of MuQ is incomplete ({error}).", "Use the released config.json, unchanged."
            ) from None
        known = {**FIXED, "positions": "rotary"}
        if fixed != known:
            raise CheckpointError(
                f"This configuration of MuQ has {listed(fixed)}; only {listed(known)} is known.",
                "Use the released checkpoint.",
            )
        if sizes.activation not in ACTIVATIONS or sizes.kernel % 2 == 0 or sizes.dim % (2 * sizes.heads):
            raise CheckpointError(
                f"This configuration of MuQ has the activation {sizes.activation}, a kernel of {sizes.kernel} frames "
                f"and {sizes.heads} heads for {sizes.dim} numbers.",
                f"Use {' or '.join(ACTIVATIONS)}, an odd kernel, and heads of an even length.",
            )
        return sizes


def listed(settings: Mapping[str, object]) -> str:
    """Settings as text, for a message."""
    return ", ".join(f"{name} {value}" for name, value in settings.items())


class MuQ(nn.Module):
    """From mel frames to hidden states.

    Parameters
    ----------
    sizes : Sizes
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.model = nn.ModuleDict({"conv": FrontEnd(sizes), "conformer": Conformer(sizes)})

    def states(self, mel: Tensor) -> Iterator[Tensor]:
        """The hidden states one after another, each computed when it is asked for.

        Parameters
        ----------
        mel : float32, shape (batch, MELS, frames)

        Yields
        ------
        float32, shape (batch, ceil(ceil(frames / 2) / 2), dim)
            The convolutions' output, every block's but the last one's, and the last one's after the final norm.
        """
        conformer = self.model["conformer"]
        assert isinstance(conformer, Conformer)
        yield from conformer.states(self.model["conv"](mel))


class PooledMuQ(nn.Module):
    """Mel frames, shape (batch, MELS, frames), to the mean over time and chosen states, shape (batch, dim)."""

    def __init__(self, muq: MuQ, layers: tuple[int, ...]) -> None:
        super().__init__()
        self.muq = muq
        self.layers = layers

    def forward(self, mel: Tensor) -> Tensor:
        """See the class."""
        upto = range(max(self.layers) + 1)  # first in zip: no state behind the last chosen one is computed
        states = zip(upto, self.muq.states(mel), strict=False)
        return torch.stack([state.mean(1) for layer, state in states if layer in self.layers]).mean(0)


class FrontEnd(nn.Module):
    """Halves time and mel bands twice, then projects what stands at one time to a hidden state."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.conv = nn.Sequential(ResidualConvolution(1, sizes.channels), ResidualConvolution(*(sizes.channels,) * 2))
        self.linear = nn.Linear(sizes.channels * (MELS // 4), sizes.dim)

    def forward(self, mel: Tensor) -> Tensor:
        """Mel frames (batch, MELS, frames) to hidden states (batch, time, dim)."""
        maps = self.conv(mel[:, None])
        hidden: Tensor = self.linear(maps.permute(0, 3, 1, 2).flatten(2))
        return hidden


class ResidualConvolution(nn.Module):
    """Two 3 x 3 convolutions beside a third one, each normalised; half the size in both directions."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv3 = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        self.bn3 = nn.BatchNorm2d(outputs)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (batch, inputs, bands, frames) to (batch, outputs, bands / 2, frames / 2), rounded up."""
        deep = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(maps)))))
        return torch.relu(self.bn3(self.conv3(maps)) + deep)


class Conformer(nn.Module):
    """Blocks, then one more norm."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.embed_positions = RotaryPositions(sizes.dim // sizes.heads, sizes.base)
        self.layers = nn.ModuleList(Block(sizes) for _ in range(sizes.depth))
        self.layer_norm = nn.LayerNorm(sizes.dim, eps=sizes.epsilon)

    def states(self, hidden: Tensor) -> Iterator[Tensor]:
        """See `MuQ.states`; takes the convolutions' output, shape (batch, time, dim)."""
        rotation = self.embed_positions(hidden.shape[1])
        for block in self.layers:
            yield hidden
            hidden = block(hidden, rotation)
        yield self.layer_norm(hidden)


class RotaryPositions(nn.Module):
    """Cosines and sines by which the halves of a head are turned: shape (2, time, 1, length of a head)."""

    inv_freq: Tensor

    def __init__(self, length: int, base: float) -> None:
        super().__init__()
        self.register_buffer("inv_freq", 1.0 / (base ** (torch.arange(0, length, 2).float() / length)))

    def forward(self, time: int) -> Tensor:
        """Those of so many frames."""
        angles = torch.outer(torch.arange(time, device=self.inv_freq.device).float(), self.inv_freq)
        angles = torch.cat((angles, angles), 1)[:, None]
        return torch.stack((angles.cos(), angles.sin()))


class Block(nn.Module):
    """Half a feed-forward layer, attention, convolution, the other half, and a norm."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.ffn1_layer_norm = nn.LayerNorm(sizes.dim)
        self.ffn1 = FeedForward(sizes)
        self.self_attn_layer_norm = nn.LayerNorm(sizes.dim)
        self.self_attn = Attention(sizes)
        self.conv_module = Convolution(sizes)
        self.ffn2_layer_norm = nn.LayerNorm(sizes.dim)
        self.ffn2 = FeedForward(sizes)
        self.final_layer_norm = nn.LayerNorm(sizes.dim)

    def forward(self, hidden: Tensor, rotation: Tensor) -> Tensor:
        """Hidden states to hidden states, shape (batch, time, dim); `rotation` as `RotaryPositions` gives it."""
        hidden = hidden + 0.5 * self.ffn1(self.ffn1_layer_norm(hidden))
        hidden = hidden + self.self_attn(self.self_attn_layer_norm(hidden), rotation)
        hidden = hidden + self.conv_module(hidden)
        hidden = hidden + 0.5 * self.ffn2(self.ffn2_layer_norm(hidden))
        after: Tensor = self.final_layer_norm(hidden)
        return after


class FeedForward(nn.Module):
    """Two linear layers with the activation between them."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(sizes.dim, sizes.inner)
        self.output_dense = nn.Linear(sizes.inner, sizes.dim)
        self._activation = ACTIVATIONS[sizes.activation]

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states to hidden states, shape (batch, time, dim)."""
        after: Tensor = self.output_dense(self._activation(self.intermediate_dense(hidden)))
        return after


class Attention(nn.Module):
    """Attention over all frames; queries and keys are made of the hidden state turned by its position."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.linear_q, self.linear_k, self.linear_v, self.linear_out = (
            nn.Linear(sizes.dim, sizes.dim) for _ in range(4)
        )
        self._heads = sizes.heads

    def forward(self, hidden: Tensor, rotation: Tensor) -> Tensor:
        """See `Block.forward`."""
        # The released network turns the state before the projections, unlike the paper, which turns what they give.
        turned = self._turn(hidden, rotation)
        query, key, value = (
            self._split(project(state)).transpose(1, 2)
            for project, state in ((self.linear_q, turned), (self.linear_k, turned), (self.linear_v, hidden))
        )
        heard = functional.scaled_dot_product_attention(query, key, value)
        after: Tensor = self.linear_out(heard.transpose(1, 2).flatten(2))
        return after

    def _turn(self, hidden: Tensor, rotation: Tensor) -> Tensor:
        cosines, sines = rotation[0], rotation[1]
        heads = self._split(hidden)
        first, second = heads.chunk(2, -1)
        return (heads * cosines + torch.cat((-second, first), -1) * sines).flatten(2)

    def _split(self, hidden: Tensor) -> Tensor:
        """Into heads: shape (batch, time, heads, length of a head)."""
        batch, time, dim = hidden.shape
        return hidden.view(batch, time, self._heads, dim // self._heads)


class Convolution(nn.Module):
    """A gated projection, a convolution over time in every channel by itself, and a projection back."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        dim, kernel = sizes.dim, sizes.kernel
        self.layer_norm = nn.LayerNorm(dim)
        self.pointwise_conv1 = nn.Conv1d(dim, 2 * dim, 1, bias=False)
        self.depthwise_conv = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=dim, bias=False)
        self.batch_norm = nn.BatchNorm1d(dim)
        self.pointwise_conv2 = nn.Conv1d(dim, dim, 1, bias=False)
        self._activation = ACTIVATIONS[sizes.activation]

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states to hidden states, shape (batch, time, dim)."""
        gated = functional.glu(self.pointwise_conv1(self.layer_norm(hidden).transpose(1, 2)), 1)
        heard = self._activation(self.batch_norm(self.depthwise_conv(gated)))
        after: Tensor = self.pointwise_conv2(heard).transpose(1, 2)
        return after
