"""Compare two pieces facet by facet: terms, score, what is absent, and where they match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.facets import Facet, FacetVectors, Weights
from soundalike.matching import Match, match
from soundalike.scoring import Background, Level, Scoring


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
    refined : bool
        True if a closer comparison than the cosine took the term's place.
    """

    cosine: float
    standardised: float
    percentile: float | None
    weight: float
    contribution: float
    refined: bool = False


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
    """

    score: float
    facets: dict[Facet, FacetScore]
    absent: tuple[Facet, ...]
    passages: tuple[Passage, ...]


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
        order = sorted(facets, key=lambda f: (f not in self.weights, -abs(facets[f].contribution), f))
        absent = tuple(sorted(facet for facet in self.weights if facet not in facets))
        return Comparison(float(scoring.score(cosines)), {f: facets[f] for f in order}, absent, passages)


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
