"""What is trained: a layer, its negative answers set to zero, and a layer for each factor; then unit length.

With one factor this is MERIT's head. With several they share the first layer and each has its own second one; a
triplet teaches only its own factor's layer and the shared one. The shared part is one layer and no more, so that what
was trained can be taken apart into ordinary heads, each with its own copy of the shared layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from soundalike.heads.projection import ProjectionHead

Array = NDArray[np.float32]


class FactorNetwork(nn.Module):
    """Heads in training.

    Parameters
    ----------
    factors : sequence of str
    in_dim, hidden, dim : int
        Lengths of an embedding, the hidden layer, and a vector.
    spread : tuple of float32 (in_dim,) and (in_dim,), optional
        Mean and scale that embeddings are standardised by.
    dropout : float
        Share of what is read and of the hidden layer that is left out in each step of training.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        factors: Sequence[str],
        in_dim: int,
        hidden: int,
        dim: int,
        *,
        spread: tuple[Array, Array] | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.trunk = nn.Linear(in_dim, hidden)
        self.outputs = nn.ModuleDict({factor: nn.Linear(hidden, dim, bias=False) for factor in factors})
        self._spread, self._dropout = spread is not None, dropout
        mean, scale = spread if spread is not None else (np.zeros(in_dim, np.float32), np.ones(in_dim, np.float32))
        self.register_buffer("mean", torch.from_numpy(mean.copy()))
        self.register_buffer("scale", torch.from_numpy(scale.copy()))

    def forward(self, rows: Tensor, factor: str) -> Tensor:
        """Vectors of embeddings for one factor: float32 (n, in_dim) to (n, dim), unit length."""
        if self._spread:
            rows = (rows - self.mean) / self.scale
        if self.training and self._dropout:  # not asked at 0, where it would draw all the same
            rows = functional.dropout(rows, self._dropout)
        hidden = functional.relu(self.trunk(rows))
        if self.training and self._dropout:
            hidden = functional.dropout(hidden, self._dropout)
        return functional.normalize(self.outputs[factor](hidden), dim=-1)

    def heads(self) -> tuple[ProjectionHead, ...]:
        """The heads that give the same vectors, with the standardisation folded into their first layer."""
        mean, scale, bias = (part.detach().cpu().double() for part in (self.mean, self.scale, self.trunk.bias))
        hidden = self.trunk.weight.detach().cpu().double() / scale
        first, offset = (layer.float().contiguous().numpy() for layer in (hidden, bias - hidden @ mean))
        return tuple(ProjectionHead("trained", factor, first, offset, self._output(factor)) for factor in self.outputs)

    def _output(self, factor: str) -> Array:
        output: Array = self.outputs[factor].get_parameter("weight").detach().cpu().numpy().copy()
        return output
