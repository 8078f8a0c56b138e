"""Compare two pieces facet by facet: terms, score, what is absent, and where they match."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.alignment import Alignment
from soundalike.facets import Facet, FacetVectors, Weights
from soundalike.matching import Match, match
from soundalike.scoring import Background, Level, Scoring

ALIGNMENT_SHARE: Final = 0.25
"""Share of the alignment in a refined value; the rest is that of the vectors."""

_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class FacetScore:
    """One facet of one comparison.

    Attributes
    ----------
    cosine : float
        Mean cosine over the matched excerpts, -1 to 1. Never a percentage.
    standardised : float
        How many deviations above the mean of random pairs; the cosine itself in raw mode.
    percentile : float or None
        Share of random pairs that are less alike, 0 to 100; None where no background is known.
    weight, contribution : float
        The facet's weight, and its term in the score. Contributions add up to the score.
    refined : float or None
        How alike the aligned notes or chords are (see `soundalike.refinement`), where that took the cosine's
        place in `standardised`, `percentile` and `contribution`.
    """

    cosine: float
    standardised: float
    percentile: float | None
    weight: float
    contribution: float
    refined: float | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """Matching time ranges in seconds, the facet that contributes most there, and the score there."""

    query: tuple[float, float]
    track: tuple[float, float]
    facet: Facet
    score: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How alike two pieces are, facet by facet.

    Attributes
    ----------
    score : float
        The weighted sum; NaN where no weighted facet is present on both sides.
    facets : dict of Facet to FacetScore
        Every facet present on both sides, the weighted ones first by absolute contribution.
    absent : tuple of Facet
        Weighted facets that are absent on one of the sides; they count nothing.
    passages : tuple of Passage
        Best matching time ranges, best first.
    alignments : dict of Facet to Alignment
        The matching notes or chords behind the refined facets, where they have been looked up.
    """

    score: float
    facets: dict[Facet, FacetScore]
    absent: tuple[Facet, ...]
    passages: tuple[Passage, ...]
    alignments: dict[Facet, Alignment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measure:
    """How likeness is measured: what counts, and what cosines are held against.

    Attributes
    ----------
    weights : Weights
    background : Background or None
        Standardises cosines and gives percentiles.
    raw : bool
        Use cosines as they are, as the papers do, instead of standardised ones.
    """

    weights: Weights
    background: Background | None
    raw: bool = False

    def scoring(self, level: Level) -> Scoring:
        """The weighted sum at one level."""
        return Scoring.of(self.weights, None if self.raw else self.background, level)

    def compare(self, query: FacetVectors, track: FacetVectors, level: Level = "track") -> Comparison:
        """Compare two pieces excerpt by excerpt; see `soundalike.matching` for the rule.

        Two single excerpts are compared at the level "excerpt".
        """
        scoring = self.scoring("excerpt")
        pairs = match(query, track, scoring)
        return self.weigh(pairs.mean_cosines(), level, _passages(pairs, query, track, scoring))

    def weigh(
        self, cosines: Mapping[Facet, NDArray[np.float32]], level: Level, passages: tuple[Passage, ...] = ()
    ) -> Comparison:
        """Terms, score and absent facets from one cosine per facet."""
        scoring = self.scoring(level)
        parts = scoring.contributions(cosines)
        known = self.background.levels.get(level, {}) if self.background else {}
        facets = {}
        for facet, value in cosines.items():
            cosine, random = float(value), known.get(facet)
            facets[facet] = FacetScore(
                cosine=cosine,
                standardised=(cosine - random.mean) / random.sd if random and not self.raw else cosine,
                percentile=random.percentile(cosine) if random else None,
                weight=self.weights.get(facet, 0.0),
                contribution=float(parts.get(facet, 0.0)),
            )
        absent = tuple(sorted(facet for facet in self.weights if facet not in facets))
        return Comparison(float(scoring.score(cosines)), self._ordered(facets), absent, passages)

    def refine(self, comparison: Comparison, similarities: Mapping[Facet, float]) -> Comparison:
        """The comparison with some facets' terms replaced.

        Parameters
        ----------
        comparison : Comparison
        similarities : mapping of Facet to float
            Alignment similarities, of facets that the background knows the alignments of.

        Returns
        -------
        Comparison
            Its contributions add up to its score again.
        """
        assert self.background is not None
        track_level = self.background.levels.get("track", {})
        total = sum(abs(score.weight) for score in comparison.facets.values())
        facets = dict(comparison.facets)
        for facet, similarity in similarities.items():
            random = self.background.alignments[facet]
            score, percentile = facets[facet], random.percentile(similarity)
            value = (similarity - random.mean) / random.sd
            if facet in track_level and score.percentile is not None:
                value = _joined(ALIGNMENT_SHARE, value, score.standardised)
                normal = _joined(ALIGNMENT_SHARE, _normal(percentile), _normal(score.percentile))
                percentile = 100.0 * _NORMAL.cdf(normal)
            facets[facet] = replace(
                score,
                standardised=value,
                percentile=percentile,
                contribution=score.weight * value / total,
                refined=similarity,
            )
        whole = sum(score.contribution for score in facets.values())
        return replace(comparison, score=whole, facets=self._ordered(facets))

    def _ordered(self, facets: dict[Facet, FacetScore]) -> dict[Facet, FacetScore]:
        order = sorted(facets, key=lambda f: (f not in self.weights, -abs(facets[f].contribution), f))
        return {facet: facets[facet] for facet in order}


def _joined(share: float, aligned: float, heard: float) -> float:
    """Two opinions in deviations from the mean as one, after S. Stouffer: that of random pairs stays about 1."""
    return (share * aligned + (1.0 - share) * heard) / math.hypot(share, 1.0 - share)


def _normal(percentile: float) -> float:
    """Deviations of a normal distribution; the ends of a sample say no more than that they are ends."""
    return _NORMAL.inv_cdf(min(max(percentile, 0.5), 99.5) / 100.0)


def _passages(
    pairs: Match, query: FacetVectors, track: FacetVectors, scoring: Scoring, *, most: int = 3
) -> tuple[Passage, ...]:
    """The best pairs as time ranges; neighbours that move on together are joined."""
    runs: list[list[int]] = []
    for i in range(len(pairs.scores)):
        last = runs[-1][-1] if runs else None
        joined = last is not None and (
            pairs.query_rows[i] == pairs.query_rows[last] + 1 and pairs.track_rows[i] == pairs.track_rows[last] + 1
        )
        if joined:
            runs[-1].append(i)
        else:
            runs.append([i])
    parts = scoring.contributions(pairs.cosines)
    found = []
    for run in runs:
        facet = max(parts, key=lambda name: float(np.sum(parts[name][run])))
        first, last = run[0], run[-1]
        found.append(
            Passage(
                (float(query.start[pairs.query_rows[first]]), float(query.end[pairs.query_rows[last]])),
                (float(track.start[pairs.track_rows[first]]), float(track.end[pairs.track_rows[last]])),
                facet,
                float(np.mean(pairs.scores[run])),
            )
        )
    return tuple(sorted(found, key=lambda p: (-p.score, p.query))[:most])
