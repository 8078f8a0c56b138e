"""Several heads' vectors made into one: the five ways that MERIT compares.

Only concatenation is meaningful as a similarity. Its cosine is the mean of the heads' cosines; the heads are trained
apart, so that axis 17 of one has nothing to do with axis 17 of another, and every other way mixes arbitrary axes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.heads import Head
from soundalike.research.evaluation.metrics import with_interval
from soundalike.research.merit.clusters import cluster
from soundalike.research.merit.projections import RAW, Vectors
from soundalike.research.merit.strict_matrix import outcomes_of
from soundalike.research.triplets.sets import TripletSet

HEADS: Final = ("melody", "rhythm", "timbre")
"""What MERIT fuses, in its order."""

MEAN, CONCATENATION, WEIGHTED = "mean", "concatenation", "weighted mean"
PRODUCT, MAXIMUM = "product", "maximum"
FUSIONS: Final = (MEAN, CONCATENATION, WEIGHTED, PRODUCT, MAXIMUM)

COVER_WEIGHTS: Final = {"melody": 0.4, "rhythm": 0.4, "timbre": 0.2}
"""Of the weighted mean; the authors chose them by hand for cover versions."""

_SHORTEST: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Vectors of all clips, and which clips have one.

    Attributes
    ----------
    vectors : float32, shape (n, d)
    present : bool, shape (n,)
    """

    vectors: Vectors
    present: NDArray[np.bool_]


def fuse(projected: Mapping[str, Vectors]) -> dict[str, Projection]:
    """Fuse the vectors of the heads that are there, as MERIT's program does.

    Parameters
    ----------
    projected : mapping of str to float32, shape (n, d)
        By factor; those of `HEADS` are fused, all others are left alone.

    Returns
    -------
    dict of str to Projection
        By `FUSIONS`; empty where there are fewer than two heads. A clip whose weighted mean, product or maximum has
        no direction has none, as with the authors.
    """
    factors = [factor for factor in HEADS if factor in projected]
    if len(factors) < 2:
        return {}
    heads = [projected[factor] for factor in factors]
    total = sum(COVER_WEIGHTS[factor] for factor in factors)
    weighted = np.zeros_like(heads[0])
    for factor, vectors in zip(factors, heads, strict=True):
        weighted = weighted + np.float32(COVER_WEIGHTS[factor] / total) * vectors
    return {
        MEAN: _always(np.mean(np.stack(heads), axis=0)),
        CONCATENATION: _always(np.concatenate(heads, axis=1)),
        WEIGHTED: _where_long(weighted),
        PRODUCT: _where_long(reduce(np.multiply, heads)),
        MAXIMUM: _where_long(np.maximum.reduce(heads)),
    }


def reference_projections(embeddings: Vectors, heads: Mapping[str, Vectors]) -> dict[str, Projection | None]:
    """All that MERIT's probes score, in the order of its program: embedding, three heads, five fusions.

    Parameters
    ----------
    embeddings : float32, shape (n, dim)
    heads : mapping of str to float32, shape (n, d)
        Vectors by factor.

    Returns
    -------
    dict of str to Projection or None
        None for a head that is missing, and for fusions of fewer than two.
    """
    everywhere = np.ones(len(embeddings), np.bool_)
    rows: dict[str, Projection | None] = {RAW: _always(embeddings)}
    rows |= {factor: Projection(heads[factor], everywhere) if factor in heads else None for factor in HEADS}
    fused = fuse(heads)
    return rows | {name: fused.get(name) for name in FUSIONS}


def fusion_table(sets: Mapping[str, TripletSet], heads: Mapping[str, Head], *, seed: int = 0) -> dict[str, Any]:
    """Accuracy of each fusion of melody, rhythm and timbre on each set.

    Parameters
    ----------
    sets : mapping of str to TripletSet
        By factor, with the folders that are to be counted.
    heads : mapping of str to Head
        By factor.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict of str to dict of str to dict
        By fusion and set, a mean with its interval; empty where fewer than two heads are there. A clip without a
        direction ties with everything.
    """
    table: dict[str, Any] = {}
    for name, triplets in sets.items():
        projected = {factor: heads[factor].project(triplets.embeddings) for factor in HEADS if factor in heads}
        triples, clusters = triplets.triples(all_negatives=True), cluster(triplets)
        labels = [clusters.labels[folder] for folder in triples.folder]
        for fusion, row in fuse(projected).items():
            outcomes = outcomes_of(row.vectors * row.present[:, None], triples)
            table.setdefault(fusion, {})[name] = with_interval(outcomes, seed=seed, sources=labels).to_json()
    return table


def _always(vectors: Vectors) -> Projection:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return Projection((vectors / (length + _SHORTEST)).astype(np.float32), np.ones(len(vectors), np.bool_))


def _where_long(vectors: Vectors) -> Projection:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    present = length[:, 0] > _SHORTEST
    return Projection((vectors / np.where(present[:, None], length, 1.0)).astype(np.float32), present)
