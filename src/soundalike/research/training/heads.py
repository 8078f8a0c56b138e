"""Train the heads of the embedded encoder: Circle Loss on groups of related pieces, one factor at a time.

Every batch holds whole groups, and every pair of its clips counts: two clips of a group on the same side of the
factor are positives, all others negatives; the hardest of these share every other factor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from soundalike.facets import unit
from soundalike.heads.factors import Projection
from soundalike.research.training.groups import FACTORS, sharers

Array = NDArray[np.float32]

LEARNED: Final = 64
"""Numbers of a vector that are learned."""
RAW: Final = 64
"""Numbers of a vector that are principal components."""
OTHER_TEMPO: Final = 0.06
LIKE_TEMPO: Final = 0.15
"""Logarithms of tempo ratios: from the first on two clips have different tempi, below the second similar ones."""
SHARES: Final = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Candidates for the learned part of the squared length."""


@dataclass(frozen=True, slots=True)
class GroupRows:
    """Embeddings of groups of clips.

    Attributes
    ----------
    names : str, shape (12,)
        Of the clips of every group, see `soundalike.research.music.groups`.
    rows : float32, shape (groups, 12, in_dim)
    heard : bool, shape (groups, 12, 5)
        Whether a clip carries each of `FACTORS`.
    tempo : float64, shape (groups, 12)
        Beats per minute.
    """

    names: NDArray[np.str_]
    rows: Array
    heard: NDArray[np.bool_]
    tempo: NDArray[np.float64]

    def examples(self, factor: str, place: slice) -> LabelledRows:
        """The clips that carry a factor and of which `place` is not empty."""
        rows = self.rows[..., place].reshape(-1, place.stop - place.start)
        kept = self.heard[..., FACTORS.index(factor)].ravel() & rows.any(axis=1)
        group = np.repeat(np.arange(len(self.rows)), len(self.names))
        label = 2 * group + np.tile(sharers(self.names, factor), len(self.rows))
        # Tempo is part of rhythm; of the others it must not become a sign.
        tempo = None if factor in ("rhythm", "groove") else np.log(self.tempo.ravel()[kept])
        return LabelledRows(rows[kept], label[kept], group[kept], tempo)


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Clips to learn from.

    Attributes
    ----------
    rows : float32, shape (n, d)
        What is read of each.
    label, group : intp, shape (n,)
        Numbers of what it plays, and of the group it belongs to.
    tempo : float64, shape (n,), or None
        Logarithm of the tempo, where clips are not to be told apart or together by it.
    """

    rows: Array
    label: NDArray[np.intp]
    group: NDArray[np.intp]
    tempo: NDArray[np.float64] | None = None

    def __add__(self, other: LabelledRows) -> LabelledRows:
        return LabelledRows(
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.label, other.label + self.label.max() + 1]),
            np.concatenate([self.group, other.group + self.group.max() + 1]),
        )


@dataclass(frozen=True, slots=True)
class Schedule:
    """How to learn: `epochs`, `groups` per batch, highest step size `rate`, `hidden` units, `dropout`, `seed`."""

    epochs: int = 60
    groups: int = 24
    rate: float = 2e-3
    hidden: int = 160
    dropout: float = 0.5
    decay: float = 0.02
    seed: int = 0


def circle_loss(
    vectors: Tensor, labels: Tensor, tempo: Tensor | None = None, *, gamma: float = 24.0, margin: float = 0.25
) -> Tensor:
    """Circle Loss over all pairs (Y. Sun et al., CVPR 2020, equation 6).

    Parameters
    ----------
    vectors : float32, shape (n, d)
        Unit length.
    labels : int, shape (n,)
        Equal for positives.
    tempo : float, shape (n,), optional
        Logarithm of the tempo. Where it is given, only pairs of different tempo are positives and only pairs of similar
        tempo negatives, so that tempo is no sign of either.
    gamma, margin : float
        Scale, and how far from perfect is good enough.

    Returns
    -------
    float32
        Mean over the rows that have a positive and a negative; 0 where none has.
    """
    cosine = vectors @ vectors.T
    same = labels[:, None] == labels[None, :]
    near, far = same & ~torch.eye(len(vectors), dtype=torch.bool), ~same
    if tempo is not None:
        ratio = (tempo[:, None] - tempo[None, :]).abs()
        near, far = near & (ratio > OTHER_TEMPO), far & (ratio < LIKE_TEMPO)
    never = torch.full_like(cosine, -1e9)
    pull = -gamma * torch.relu(1 + margin - cosine.detach()) * (cosine - (1 - margin))
    push = gamma * torch.relu(cosine.detach() + margin) * (cosine - margin)
    positive = torch.logsumexp(torch.where(near, pull, never), dim=1)
    negative = torch.logsumexp(torch.where(far, push, never), dim=1)
    rows = near.any(dim=1) & far.any(dim=1)
    loss: Tensor = (functional.softplus(positive + negative) * rows).sum() / rows.sum().clamp(min=1)
    return loss


@dataclass(frozen=True, slots=True)
class Layers:
    """A learned map of two layers: `hidden` (h, n), `hidden_offset` (h,), `output` (d, h), `output_offset` (d,)."""

    hidden: Array
    hidden_offset: Array
    output: Array
    output_offset: Array


def learn(examples: LabelledRows, schedule: Schedule = Schedule()) -> Layers:
    """Learn to put together what plays the same."""
    torch.manual_seed(schedule.seed)
    rng = np.random.default_rng(schedule.seed)
    mean, scale = _spread(examples.rows)
    inputs = torch.from_numpy(((examples.rows - mean) / scale).astype(np.float32))
    labels = torch.from_numpy(examples.label)
    tempo = None if examples.tempo is None else torch.from_numpy(examples.tempo)
    members = [np.flatnonzero(examples.group == group) for group in np.unique(examples.group)]
    first, last = nn.Linear(inputs.shape[1], schedule.hidden), nn.Linear(schedule.hidden, LEARNED)
    net = nn.Sequential(first, nn.ReLU(), nn.Dropout(schedule.dropout), last)
    optimizer = torch.optim.AdamW(net.parameters(), schedule.rate, weight_decay=schedule.decay)
    batch = min(schedule.groups, len(members))
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.rate, max(schedule.epochs * (len(members) // batch), 2)
    )
    for _ in range(schedule.epochs):
        order = rng.permutation(len(members))
        for chosen in order[: len(order) // batch * batch].reshape(-1, batch):
            rows = torch.from_numpy(np.concatenate([members[i] for i in chosen]))
            vectors = functional.normalize(net(inputs[rows]), dim=-1)
            loss = circle_loss(vectors, labels[rows], None if tempo is None else tempo[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rates.step()
    hidden = first.weight.detach().numpy() / scale
    return Layers(
        hidden.astype(np.float32),
        (first.bias.detach().numpy() - hidden @ mean).astype(np.float32),
        last.weight.detach().numpy(),
        last.bias.detach().numpy(),
    )


def project(layers: Layers, place: slice, components: Array, raw_place: slice, *, exponent: float = 0.5) -> Projection:
    """Join what was learned about one part of an embedding with the principal components of one.

    Parameters
    ----------
    layers : Layers
    place : slice
        What they read.
    components : float32, shape (n, in_dim)
        Embeddings that the principal components are fitted on; those with nothing in `raw_place` are left out.
    raw_place : slice
    exponent : float
        See `principal_components`.

    Returns
    -------
    Projection
        With a share of one half, to be chosen by `accuracies`.
    """
    raw, raw_offset = principal_components(components[:, raw_place], exponent=exponent)
    return Projection(
        place,
        raw_place,
        layers.hidden,
        layers.hidden_offset,
        layers.output,
        layers.output_offset,
        raw,
        raw_offset,
        0.5,
    )


def _spread(table: Array) -> tuple[Array, Array]:
    """Mean and scale of columns; one that hardly ever moves must not be blown up into noise."""
    mean, deviation = table.mean(axis=0), table.std(axis=0)
    return mean, deviation + np.float32(0.3) * deviation.mean() + np.float32(1e-6)


def principal_components(table: Array, *, count: int = RAW, exponent: float = 0.5) -> tuple[Array, Array]:
    """Principal components of standardised rows, scaled towards equal variance.

    Returns
    -------
    matrix : float32, shape (count, n)
    offset : float32, shape (count,)
        What the mean is mapped to.
    """
    table = table[table.any(axis=1)].astype(np.float64)
    mean, scale = _spread(table)
    _, singular, axes = np.linalg.svd((table - mean) / scale, full_matrices=False)
    kept = min(count, len(axes))
    variance = np.square(singular[:kept])
    gain = (variance + 0.1 * variance.mean()) ** (-0.5 * exponent)
    matrix = np.zeros((count, table.shape[1]))
    matrix[:kept] = axes[:kept] * gain[:, None] / scale
    matrix /= np.abs(matrix).max()
    return matrix.astype(np.float32), (matrix @ mean).astype(np.float32)


def accuracies(factor: str, projection: Projection, groups: GroupRows) -> Mapping[float, tuple[float, float]]:
    """Hard and neutral triplet accuracy, 0 to 1, of one factor for each of `SHARES`.

    Of rhythm, the hard negatives have the anchor's tempo: without that, tempo alone would do.
    """
    learned, raw = _both_parts(projection, groups.rows)
    index = {str(name): i for i, name in enumerate(groups.names)}
    anchor, positive = index["A"], index[f"P_{factor}"]
    hard = index["N_groove" if factor == "rhythm" else f"N_{factor}"]

    def accuracy(share: float, negative: int) -> float:
        cosine = [
            share * np.einsum("gd,gd->g", learned[:, anchor], learned[:, other])
            + (1 - share) * np.einsum("gd,gd->g", raw[:, anchor], raw[:, other])
            for other in (positive, negative)
        ]
        return float(np.mean((cosine[0] > cosine[1]) + 0.5 * (cosine[0] == cosine[1])))

    return {share: (accuracy(share, hard), accuracy(share, index["Z"])) for share in SHARES}


def _both_parts(projection: Projection, rows: Array) -> tuple[Array, Array]:
    """Learned and raw unit vectors of many embeddings at once; zeros where there is nothing to hear."""
    part, rest = rows[..., projection.place], rows[..., projection.raw_place]
    hidden = np.maximum(part @ projection.hidden.T + projection.hidden_offset, 0.0)
    learned = (hidden @ projection.output.T + projection.output_offset) * part.any(axis=-1, keepdims=True)
    raw = (rest @ projection.raw.T - projection.raw_offset) * rest.any(axis=-1, keepdims=True)
    return _unit_rows(learned), _unit_rows(raw)


def _unit_rows(vectors: Array) -> Array:
    return unit(vectors.reshape(-1, vectors.shape[-1])).reshape(vectors.shape)
