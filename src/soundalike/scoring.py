"""The one weighted sum that everything else is about.

    score(q, t) = sum_f w_f * s_f(q, t) / sum_f |w_f|

over the facets present on both sides. s_f is the cosine of facet f, standardised by the space's
**background**: mean and deviation of that cosine between random pairs. Cosines of different facets
live on different scales; without this, equal weights would not have equal say.

The background has three levels, because what is compared differs in spread: two excerpts, two
sections (means over up to two minutes), or two whole tracks (best match of each excerpt).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.facets import Facet, Weights

Level: TypeAlias = Literal["excerpt", "section", "track"]
LEVELS: tuple[Level, ...] = ("excerpt", "section", "track")

Cosines: TypeAlias = Mapping[Facet, NDArray[np.float32]]
"""Cosine by facet, all of one shape; NaN where the facet is absent on one of the sides."""

QUANTILES = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True)
class FacetBackground:
    """Distribution of one facet's cosine between random pairs.

    Attributes
    ----------
    mean, sd : float
        Mean and standard deviation.
    quantiles : tuple of float
        The 0th to 100th percentile, 101 ascending values.
    """

    mean: float
    sd: float
    quantiles: tuple[float, ...]

    @classmethod
    def fit(cls, cosines: NDArray[np.floating]) -> FacetBackground:
        """Summarise a sample of cosines, shape (n,), n >= 2, no NaN."""
        sample = np.asarray(cosines, np.float64)
        quantiles = tuple(round(float(q), 5) for q in np.quantile(sample, QUANTILES))
        # A library of near copies must not blow a tiny difference up into a huge score.
        return cls(round(float(sample.mean()), 5), round(max(float(sample.std()), 0.02), 5), quantiles)

    def percentile(self, cosine: float) -> float:
        """Share of random pairs, in percent (0 to 100), whose cosine lies below `cosine`."""
        return float(np.interp(cosine, self.quantiles, QUANTILES * 100.0))


@dataclass(frozen=True, slots=True)
class Background:
    """Backgrounds of all facets of a space, at every level.

    Attributes
    ----------
    levels : mapping of Level to mapping of Facet to FacetBackground
    source : str
        Where the pairs came from, for people to read.
    tracks : int
        Number of tracks that the pairs were drawn from.
    alignments : mapping of Facet to FacetBackground
        How alike the notes and chords of random pairs of tracks are (see `soundalike.alignment`): what refined
        values are standardised with. A facet that is not there is never refined.
    """

    levels: Mapping[Level, Mapping[Facet, FacetBackground]]
    source: str
    tracks: int = 0
    alignments: Mapping[Facet, FacetBackground] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries and lists, the inverse of `from_json`."""
        levels = {level: _documents(facets) for level, facets in self.levels.items()}
        alignments = {"alignments": _documents(self.alignments)} if self.alignments else {}
        return {"source": self.source, "tracks": self.tracks, "levels": levels, **alignments}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Background:
        """Read what `to_json` wrote."""
        levels = {level: _backgrounds(document["levels"].get(level, {})) for level in LEVELS}
        alignments = _backgrounds(document.get("alignments", {}))
        return cls(levels, document["source"], document["tracks"], alignments)


def _documents(facets: Mapping[Facet, FacetBackground]) -> dict[str, Any]:
    return {facet: {"mean": b.mean, "sd": b.sd, "quantiles": list(b.quantiles)} for facet, b in facets.items()}


def _backgrounds(document: Mapping[str, Any]) -> dict[Facet, FacetBackground]:
    return {Facet(name): FacetBackground(b["mean"], b["sd"], tuple(b["quantiles"])) for name, b in document.items()}


@dataclass(frozen=True, slots=True)
class Term:
    """One facet's part in the score: weight, and how a cosine is standardised."""

    facet: Facet
    weight: float
    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Scoring:
    """Weights and background, ready to score.

    Attributes
    ----------
    terms : tuple of Term
        One per facet with a weight, largest absolute weight first.
    level : Level
        The level whose background standardises.
    """

    terms: tuple[Term, ...]
    level: Level

    @classmethod
    def of(cls, weights: Weights, background: Background | None, level: Level) -> Scoring:
        """Join weights with the background of one level.

        Without a background (``None``: raw mode, the papers' protocol), and for a facet that the
        background does not know, the cosine counts as it is.
        """
        known = background.levels.get(level, {}) if background else {}
        terms = []
        for facet, weight in sorted(weights.items(), key=lambda item: (-abs(item[1]), item[0])):
            b = known.get(facet)
            terms.append(Term(facet, weight, b.mean if b else 0.0, b.sd if b else 1.0))
        return cls(tuple(terms), level)

    def contributions(self, cosines: Cosines) -> dict[Facet, NDArray[np.float64]]:
        """Each facet's term of the sum.

        Parameters
        ----------
        cosines : mapping of Facet to float32, any one shape
            NaN where the facet is absent.

        Returns
        -------
        dict of Facet to float64, the same shape
            0 where the facet is absent. They add up to `score`.
        """
        present = {t.facet: ~np.isnan(cosines[t.facet]) for t in self.terms if t.facet in cosines}
        total = sum((abs(t.weight) * present[t.facet] for t in self.terms if t.facet in present), np.float64(0))
        total = np.where(np.asarray(total) > 0, total, 1.0)
        parts = {}
        for term in self.terms:
            if term.facet in present:
                value = (np.asarray(cosines[term.facet], np.float64) - term.mean) / term.sd
                parts[term.facet] = np.where(present[term.facet], term.weight * value, 0.0) / total
        return parts

    def score(self, cosines: Cosines) -> NDArray[np.float64]:
        """Weighted sum of the standardised cosines; NaN where no weighted facet is present."""
        known = [cosines[term.facet] for term in self.terms if term.facet in cosines]
        if not known:
            return np.full((), np.nan)
        nothing = np.logical_and.reduce([np.isnan(array) for array in known])
        parts = list(self.contributions(cosines).values())
        return np.where(nothing, np.nan, np.sum(parts, axis=0))
