"""How sure a model's agreement is, how far it is from what is possible, and whether one model is better than another.

Triplets that share a track are not independent: whole reference tracks, or whole track triples, are drawn together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from soundalike.errors import ShapeError
from soundalike.judgments import JudgedTriplet
from soundalike.research.evaluation.metrics import Accuracy, with_interval
from soundalike.research.listeners.embeddings import Floats, track_of

Triple: TypeAlias = tuple[str, frozenset[str]]


def reference_tracks(triplets: Sequence[JudgedTriplet]) -> list[str]:
    """The track of each triplet's reference."""
    return [track_of(triplet.reference) for triplet in triplets]


def track_triples(triplets: Sequence[JudgedTriplet]) -> list[Triple]:
    """Each triplet's reference track with its candidates' tracks, in whichever order they were shown."""
    return [
        (track_of(triplet.reference), frozenset((track_of(triplet.a), track_of(triplet.b)))) for triplet in triplets
    ]


def agreement_with_interval(results: Floats, triplets: Sequence[JudgedTriplet], *, seed: int = 0) -> Accuracy:
    """Agreement with its 95 % bootstrap interval over reference tracks.

    Parameters
    ----------
    results : float64, shape (n,)
        From `soundalike.research.listeners.protocol.outcomes`; at least one.
    triplets : sequence of n JudgedTriplet
    seed : int
        Of the draws.
    """
    return with_interval(results, seed=seed, sources=reference_tracks(triplets))


def above_chance(share: float, limit: float | None) -> float | None:
    """Where agreement lies between chance, 0, and what labels as noisy as these allow, 1.

    Parameters
    ----------
    share, limit : float
        Agreement reached, and the best that can be expected, both 0 to 1.

    Returns
    -------
    float or None
        ``(share - 0.5) / (limit - 0.5)``, rounded to five digits; None where no limit above chance is known.
    """
    return None if limit is None or limit <= 0.5 else round((share - 0.5) / (limit - 0.5), 5)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One model against another on the same triplets.

    Attributes
    ----------
    difference : Accuracy
        Of their agreement, first less second, with its 95 % bootstrap interval over track triples.
    only_first, only_second : int
        Triplets that one answers better than the other.
    p_value : float
        Of McNemar's exact test: how likely so uneven a division of those triplets is if the models are equally good.
    of : int
    """

    difference: Accuracy
    only_first: int
    only_second: int
    p_value: float
    of: int

    def to_json(self) -> dict[str, object]:
        """All numbers, rounded to five digits."""
        return {
            "difference": self.difference.to_json(),
            "only_first": self.only_first,
            "only_second": self.only_second,
            "p_value": round(self.p_value, 5),
            "of": self.of,
        }


def compare(first: Floats, second: Floats, triplets: Sequence[JudgedTriplet], *, seed: int = 0) -> Comparison:
    """Compare two models' outcomes on the same triplets.

    Parameters
    ----------
    first, second : float64, shape (n,)
        From `soundalike.research.listeners.protocol.outcomes`.
    triplets : sequence of n JudgedTriplet
    seed : int
        Of the draws.

    Raises
    ------
    ShapeError
        If there is not one outcome of either model per triplet.
    """
    from scipy.stats import binomtest

    if not len(first) == len(second) == len(triplets):
        raise ShapeError(
            f"There are {len(first)} and {len(second)} outcomes of {len(triplets)} triplets.",
            "Compare models on the same triplets.",
        )
    better, worse = int((first > second).sum()), int((first < second).sum())
    return Comparison(
        difference=with_interval(first - second, seed=seed, sources=track_triples(triplets)),
        only_first=better,
        only_second=worse,
        p_value=float(binomtest(better, better + worse).pvalue) if better + worse else 1.0,
        of=len(triplets),
    )


def same_track_rule(triplets: Sequence[JudgedTriplet]) -> Floats:
    """Scores of the rule "what comes from the same track is more alike": float64, shape (n,), 1, -1 or 0.

    It needs no sound, and what is asked of XYC triplets is hardly more than it knows.
    """
    return np.array(
        [
            float(track_of(t.a) == track_of(t.reference)) - float(track_of(t.b) == track_of(t.reference))
            for t in triplets
        ]
    )
