"""From facet vectors to differences: how much nearer candidate A is to the reference than B, by facet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ShapeError, UsageError
from soundalike.facets import Facet, Vector, Weights, unit
from soundalike.scoring import Background, Level, Scoring

Vectors = Mapping[Facet, Vector]


def differences(
    reference: Vectors,
    a: Vectors,
    b: Vectors,
    facets: Sequence[Facet],
    *,
    background: Background | None = None,
    level: Level = "excerpt",
) -> NDArray[np.float64]:
    """Similarity to the reference of A minus that of B.

    Parameters
    ----------
    reference, a, b : mapping of Facet to float32, shape (n, dim)
        One row per triplet; rows of zeros, and facets that are not there, are absent.
    facets : sequence of f Facet
    background : Background, optional
        Of the space: similarities are standardised with it as in a search. Without it they are raw cosines.
    level : Level
        Of the background: what the rows stand for.

    Returns
    -------
    float64, shape (n, f)
        NaN where a facet is absent in any of the three.

    Raises
    ------
    ShapeError
        If the three differ in shape for a facet.
    UsageError
        If no facet is named, or none of them has vectors.
    """
    if not facets:
        raise UsageError("No facet is named.", "Name the facets to weigh.")
    length = {len(rows) for vectors in (reference, a, b) for facet, rows in vectors.items() if facet in facets}
    if len(length) != 1:
        raise ShapeError(f"The facets have {sorted(length)} rows.", "Give one row per triplet in each facet.")
    n = length.pop()
    # The very terms of the score, so that weights fitted here mean there what they mean here; the mean cancels.
    sd = {term.facet: term.sd for term in Scoring.of(Weights(dict.fromkeys(facets, 1.0)), background, level).terms}
    columns = []
    for facet in facets:
        three = [vectors[facet] for vectors in (reference, a, b) if facet in vectors]
        columns.append(_gap(facet, *three) / sd[facet] if len(three) == 3 else np.full(n, np.nan))
    return np.stack(columns, axis=1)


def _gap(facet: Facet, x: Vector, a: Vector, b: Vector) -> NDArray[np.float64]:
    if not x.shape == a.shape == b.shape or x.ndim != 2:
        raise ShapeError(
            f"'{facet}' has shapes {x.shape}, {a.shape} and {b.shape}.", "Give one row per triplet in each."
        )
    present = x.any(axis=1) & a.any(axis=1) & b.any(axis=1)
    x, a, b = (unit(rows).astype(np.float64) for rows in (x, a, b))  # type: ignore[assignment]
    gap: NDArray[np.float64] = np.einsum("ij,ij->i", x, a) - np.einsum("ij,ij->i", x, b)
    return np.where(present, gap, np.nan)
