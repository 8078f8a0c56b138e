"""Embeddings as each head sees them, and two rows to compare heads with: the embedding itself, and a random head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.facets import FACTORS, unit
from soundalike.heads import Head
from soundalike.heads.projection import ProjectionHead

Vectors = NDArray[np.float32]

RAW: Final = "raw"
"""Name of the embedding itself, scaled to unit length."""

RANDOM: Final = "random"
"""Name of a head that learned nothing."""

HIDDEN, DIM = 512, 128
"""Lengths of MERIT's heads."""


def project_each(embeddings: Vectors, heads: Mapping[str, Head], *, seed: int | None = None) -> dict[str, Vectors]:
    """Vectors of all clips by row of a table.

    Parameters
    ----------
    embeddings : float32, shape (n, dim)
    heads : mapping of str to Head
        By factor.
    seed : int, optional
        Of the random head; None leaves it out.

    Returns
    -------
    dict of str to float32, shape (n, d)
        `RAW`, then the heads in the order of `soundalike.facets.FACTORS`, then `RANDOM`. Rows have unit length.

    Raises
    ------
    ShapeError
        If a head takes embeddings of another length.
    """
    rows = {RAW: unit(embeddings)}
    rows |= {factor: heads[factor].project(embeddings) for factor in FACTORS if factor in heads}
    if seed is not None:
        rows[RANDOM] = random_head(embeddings.shape[1], seed).project(embeddings)
    return rows


def random_head(in_dim: int, seed: int) -> ProjectionHead:
    """A head of MERIT's form with the weights that training begins with, uniform by the number of inputs."""
    rng = np.random.default_rng(seed)

    def layer(width: int, *shape: int) -> Vectors:
        return rng.uniform(-(width**-0.5), width**-0.5, shape).astype(np.float32)

    hidden, bias = layer(in_dim, HIDDEN, in_dim), layer(in_dim, HIDDEN)
    return ProjectionHead(RANDOM, RANDOM, hidden, bias, layer(HIDDEN, DIM, HIDDEN))
