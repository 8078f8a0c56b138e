"""From votes and differences to a calibration, with everything that says how far to trust it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.calibration.intervals import (
    FEWEST_SOURCES,
    RESAMPLES,
    Interval,
    Over,
    drawn_sources,
    gain_over,
    mean_over,
    outcomes,
    weight_draws,
)
from soundalike.calibration.linear import Array
from soundalike.calibration.model import Model, group_codes, heard, split
from soundalike.calibration.result import Calibration, Entangled, FacetWeight
from soundalike.calibration.votes import Votes
from soundalike.errors import ShapeError, UsageError
from soundalike.facets import Facet, Weights

ENTANGLED: Final = 0.9
"""Correlation of two facets' differences from which their weights are hardly told apart."""

HELD_OUT: Final = 10
"""Parts of the references that are held out in turn to score weights fitted on the others."""

LOGISTIC: Final = Model("logistic")


def calibrate(
    votes: Votes,
    differences: Array,
    facets: Sequence[Facet],
    *,
    before: Weights,
    model: Model = LOGISTIC,
    groups: Sequence[Hashable] | None = None,
    over: Over | None = None,
    resamples: int = RESAMPLES,
    space: str = "",
    raw: bool = False,
    provenance: Mapping[str, str] | None = None,
) -> Calibration:
    """Fit weights to answers.

    Parameters
    ----------
    votes : Votes
        Answers on n triplets.
    differences : float64, shape (n, f)
        Of the triplets of `votes`; see `soundalike.calibration.differences`.
    facets : sequence of f Facet
        What the columns are.
    before : Weights
        The weights one had, which the new ones are compared with; those of other facets are left out.
    model : Model
    groups : n labels, optional
        Triplets that are held out and drawn together; the default is those with one reference.
    over, resamples
        How intervals of weights are drawn; see `weight_draws`. The default is over "both", or where fewer than
        `FEWEST_SOURCES` listeners answered over "triplets", which says nothing of other listeners. Intervals of
        agreement are over groups.
    space, raw, provenance
        See `Calibration`.

    Raises
    ------
    ShapeError, UsageError
        If shapes do not go together, answers prefer no side or are too few, or two facets are the same to ordinary
        least squares.
    """
    together = group_codes(groups if groups is not None else votes.references, len(votes.triplets))
    y, weight = votes.means()
    fit = model.fit(differences, y, weight, together)
    _check(votes, y, differences, facets, model)
    if not fit.coef.any():
        raise UsageError("No facet explains the answers: all weights are 0.", "Weigh other facets, or judge more.")
    over = over or ("both" if votes.listeners >= FEWEST_SOURCES else "triplets")
    drawn = weight_draws(model, fit, differences, votes, together, over=over, resamples=resamples, seed=model.seed)
    former = _scaled(np.array([before.get(facet, 0.0) for facet in facets]))
    was = outcomes(heard(differences) @ former, y)
    now = outcomes(held_out_scores(model, differences, y, weight, together), y)
    return Calibration(
        facets=_facet_weights(
            facets, _scaled(fit.coef), former, drawn, differences, drawn_sources(votes, together, over)
        ),
        triplets=len(votes.triplets),
        votes=len(votes.side),
        listeners=votes.listeners,
        references=len(set(votes.references)),
        agreement_before=mean_over(was, together, seed=model.seed),
        agreement_after=mean_over(now, together, seed=model.seed),
        gain=gain_over(now, was, together, seed=model.seed),
        form=model.form,
        alpha=fit.alpha,
        seed=model.seed,
        over=over,
        space=space,
        raw=raw,
        entangled=entangled(differences, facets),
        provenance=dict(provenance or {}),
    )


def held_out_scores(
    model: Model, X: Array, y: Array, weight: Array, groups: NDArray[np.intp], *, folds: int = HELD_OUT
) -> Array:
    """Score of each triplet by weights fitted without its group, float64 (n,); alpha is found without it too."""
    scores = np.zeros(len(y))
    parts = split(groups, folds, model.seed)
    for part in range(int(parts.max()) + 1):
        out = parts == part
        fit = model.fit(X[~out], y[~out], weight[~out], groups[~out])
        scores[out] = heard(X[out]) @ fit.coef
    return scores


def entangled(X: Array, facets: Sequence[Facet]) -> tuple[Entangled, ...]:
    """Pairs of facets whose differences, float64 (n, f), correlate about 0 by `ENTANGLED` or more."""
    rows = heard(X)
    length = np.sqrt((rows**2).sum(axis=0))
    table = rows.T @ rows / np.maximum(np.outer(length, length), 1e-300)
    return tuple(
        Entangled(facets[i], facets[j], float(table[i, j]))
        for i in range(len(facets))
        for j in range(i + 1, len(facets))
        if abs(table[i, j]) >= ENTANGLED
    )


def _check(votes: Votes, y: Array, X: Array, facets: Sequence[Facet], model: Model) -> None:
    if X.shape != (len(y), len(facets)):
        raise ShapeError(
            f"Differences of shape {X.shape} for {len(y)} triplets and {len(facets)} facets.",
            "Give one row per triplet and one column per facet.",
        )
    if not y.any():
        why = "listeners contradict each other" if votes.side.any() else "all are ties"
        raise UsageError(f"The answers prefer no side: {why}.", "Judge triplets that differ more.")
    rows = heard(X)[:, heard(X).any(axis=0)]
    if not rows.shape[1]:
        raise UsageError("No facet differs between the candidates.", "Weigh other facets, or judge other triplets.")
    if model.form == "ols" and np.linalg.matrix_rank(rows) < rows.shape[1]:
        pairs = ", ".join(f"{e.first.short} and {e.second.short}" for e in entangled(X, facets))
        raise UsageError(
            f"The triplets do not determine {rows.shape[1]} weights{f' ({pairs} are the same)' if pairs else ''}.",
            "Leave facets out, judge more triplets, or use the ridge.",
        )


def _facet_weights(
    facets: Sequence[Facet], weights: Array, former: Array, drawn: Array, X: Array, sources: int
) -> dict[Facet, FacetWeight]:
    draws = np.array([_scaled(row) for row in drawn])
    present = (~np.isnan(X)).sum(axis=0)
    return {
        facet: FacetWeight(
            weight=Interval.of(weights[j], draws[:, j], sources),
            before=float(former[j]),
            stability=float((np.sign(draws[:, j]) * np.sign(weights[j]) > 0).mean()),
            heard=int(present[j]),
        )
        for j, facet in enumerate(facets)
    }


def _scaled(weights: Array) -> Array:
    """Weights whose mean absolute value is 1; all 0 stays 0."""
    size = np.abs(weights).mean()
    return weights / size if size > 0 else weights
