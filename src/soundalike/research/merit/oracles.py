"""Judges that know one thing about each clip and hear nothing: what a set can be answered by without listening."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.research.evaluation.factor_matrix import SAME_TEMPO
from soundalike.research.triplets.sets import Triples, TripletSet

SAME_LEVEL: Final = 0.5
"""Decibels within which levels are the same."""

SAME_DURATION: Final = 0.02
"""Seconds within which durations are the same."""

DIGITS: Final = 9


def by_label(labels: Sequence[str], triples: Triples) -> NDArray[np.float64]:
    """Outcomes, shape (n triples,), of a judge to whom clips of one label are alike and all others are not."""
    names = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    codes = np.array([names[label] for label in labels])
    query = codes[triples.anchor]
    right = (query == codes[triples.positive]).astype(np.float64)
    wrong = (query == codes[triples.negative]).astype(np.float64)
    outcome: NDArray[np.float64] = 0.5 + 0.5 * (right - wrong)
    return outcome


def by_value(values: NDArray[np.float64], triples: Triples, *, same: float = 0.0) -> NDArray[np.float64]:
    """Outcomes, shape (n triples,), of a judge to whom clips are the more alike the nearer their values are.

    Parameters
    ----------
    values : float64, shape (n clips,)
        NaN where it is not known: such triples are half right.
    triples : Triples
    same : float
        Differences up to this are none.
    """
    query = values[triples.anchor]
    near, far = (_gap(query, values[places], same) for places in (triples.positive, triples.negative))
    outcome = np.sign(np.round(far - near, DIGITS))
    return 0.5 + 0.5 * np.where(np.isnan(outcome), 0.0, outcome)


def _gap(values: NDArray[np.float64], others: NDArray[np.float64], same: float) -> NDArray[np.float64]:
    gap = np.abs(values - others)
    return np.where(gap <= same, 0.0, gap)


def by_domain(triplets: TripletSet, triples: Triples) -> NDArray[np.float64] | None:
    """The judge that knows only domains; None where not every clip's domain is known."""
    used = {clip for folder in triplets.folders for clip in folder.clips}
    if not all(triplets.notes[clip].domain for clip in used):
        return None
    return by_label([note.domain for note in triplets.notes], triples)


def by_tempo(tempos: NDArray[np.float64], triples: Triples) -> NDArray[np.float64]:
    """The judge that knows only tempos, in beats per minute, 0 or NaN where not known."""
    known = np.where(tempos > 0, tempos, np.nan)
    return by_value(np.log(known), triples, same=SAME_TEMPO)
