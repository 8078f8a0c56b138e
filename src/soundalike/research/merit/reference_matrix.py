"""Table 1 of MERIT as its program computes it: every head on every factor's triples.

A triple counts as right where the positive is strictly nearer; a tie is wrong, so that a head which cannot tell has
0 and not 50 %. Distances are one minus a cosine in float32, and ties are those of that arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from soundalike.heads import Head
from soundalike.research.merit.projections import Vectors, project_each
from soundalike.research.triplets.sets import Triples, TripletSet

CHUNK: Final = 4096
"""Triples at a time: all vectors of a large set would not fit in memory."""


@dataclass(frozen=True, slots=True)
class ReferenceCell:
    """One cell; the fields are those that MERIT's program writes.

    Attributes
    ----------
    triplet_accuracy : float
        Share of triples that are right, 0 to 1; 0 where there are none.
    n_triplets : int
    mean_d_ap, mean_d_an : float
        Mean distances of query and positive, and of query and negative.
    mean_margin : float
        Mean of the second minus the first.
    """

    triplet_accuracy: float
    n_triplets: int
    mean_d_ap: float
    mean_d_an: float
    mean_margin: float


def reference_cell(vectors: Vectors, triples: Triples) -> ReferenceCell:
    """Score vectors, one unit row per clip, on triples."""
    near: list[Vectors] = []
    far: list[Vectors] = []
    for first in range(0, len(triples), CHUNK):
        part = slice(first, first + CHUNK)
        query = vectors[triples.anchor[part]]
        near.append(_distances(query, vectors[triples.positive[part]]))
        far.append(_distances(query, vectors[triples.negative[part]]))
    if not near:
        return ReferenceCell(0.0, 0, 0.0, 0.0, 0.0)
    d_ap, d_an = np.concatenate(near), np.concatenate(far)
    means = (float(np.mean(values, dtype=np.float64)) for values in (d_ap, d_an, d_an - d_ap))
    return ReferenceCell(float(np.mean(d_ap < d_an)), len(triples), *means)


def _distances(queries: Vectors, others: Vectors) -> Vectors:
    return np.asarray(np.float32(1.0) - np.sum(queries * others, axis=1, dtype=np.float32), np.float32)


def reference_matrix(sets: Mapping[str, TripletSet], heads: Mapping[str, Head]) -> dict[str, dict[str, Any]]:
    """Every head, and the embedding itself, on every set.

    Parameters
    ----------
    sets : mapping of str to TripletSet
        By factor, with the folders that are to be counted. Only the first negative of a folder is looked at.
    heads : mapping of str to Head
        By factor.

    Returns
    -------
    dict of str to dict of str to dict
        By row, first `soundalike.research.merit.projections.RAW`, and by set: the fields of `ReferenceCell`.

    Raises
    ------
    ShapeError
        If a head takes embeddings of another length.
    """
    table: dict[str, dict[str, Any]] = {}
    for name, triplets in sets.items():
        for row, vectors in project_each(triplets.embeddings, heads).items():
            table.setdefault(row, {})[name] = asdict(reference_cell(vectors, triplets.triples()))
    return table
