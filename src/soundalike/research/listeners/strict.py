"""Weighted models judged on tracks that they have not seen, by rules that the cosines' scale does not change.

XAB and XYC are fitted and scored apart. Each reference track is left out in turn, and so is, from training, whatever
shares any track with the triplets that are then tested. Differences are divided by their training spread, not centred:
exchanging the candidates only turns the signs of a row and its label, and no fit may depend on that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.calibration.model import Model
from soundalike.facets import Facet
from soundalike.judgments import JudgedTriplet
from soundalike.research.evaluation.metrics import Accuracy
from soundalike.research.listeners.comparisons import reference_tracks
from soundalike.research.listeners.embeddings import Differences, Floats, track_of
from soundalike.research.listeners.protocol import outcomes

Signs = NDArray[np.integer]

DRAWS: Final = 400
"""Of tracks, for intervals of weights."""

CONTROL: Final = Facet("vocals")
"""Nearly silent in this music: its weight says how much of a weight is noise."""


def track_disjoint_splits(
    triplets: Sequence[JudgedTriplet],
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Leave each reference track out, with all that touches the tracks that are then tested.

    Yields
    ------
    train, test : int, shapes (m,) and (k,)
        Every triplet is tested once; no track is on both sides.
    """
    references = np.array(reference_tracks(triplets))
    tracks = [{track_of(path) for path in (t.reference, t.a, t.b)} for t in triplets]
    for left_out in dict.fromkeys(references.tolist()):
        test = np.flatnonzero(references == left_out)
        touched = set().union(*(tracks[row] for row in test))
        yield np.array([row for row, own in enumerate(tracks) if not own & touched], np.intp), test


def strict_model(*, non_negative: bool = False, seed: int = 0) -> Model:
    """A ridge on differences of spread 1, its strength the one that answers held-out references of the training best.

    Parameters
    ----------
    non_negative : bool
        Whether weights below 0 are forbidden.
    seed : int
        Of how training is divided where the strength is looked for.
    """
    return Model("ridge", non_negative=non_negative, seed=seed)


def held_out_outcomes(
    given: Differences, signs: Signs, triplets: Sequence[JudgedTriplet], *, non_negative: bool = False, seed: int = 0
) -> Floats:
    """Outcomes of a weighted model, each by weights that saw none of the triplet's tracks.

    Parameters
    ----------
    given : Differences
        Of n triplets. A single facet is not fitted.
    signs : int, shape (n,)
        1 or -1.
    triplets : sequence of n JudgedTriplet
    non_negative, seed
        See `strict_model`.

    Returns
    -------
    float64, shape (n,)
        See `soundalike.research.listeners.protocol.outcomes`. 0.5 where nothing was left to learn from.
    """
    if len(given.facets) == 1:
        return outcomes(given.values[:, 0], signs)
    model, rows, answers = strict_model(non_negative=non_negative, seed=seed), heard_or_nan(given), signs.astype(float)
    references = np.array(reference_tracks(triplets))
    scores = np.zeros(len(triplets))
    for train, test in track_disjoint_splits(triplets):
        if len(set(references[train])) > 1:
            fitted = model.fit(rows[train], answers[train], groups=references[train])
            scores[test] = given.values[test] @ fitted.coef
    return outcomes(scores, signs)


def heard_or_nan(given: Differences) -> Floats:
    """The differences with what is absent marked as not a number, which says it to `soundalike.calibration.model`."""
    return np.where(given.absent, np.nan, given.values)


@dataclass(frozen=True, slots=True)
class StrictWeight:
    """The weight of a facet for differences of spread 1, so that weights of facets can be compared.

    Attributes
    ----------
    weight : Accuracy
        With its 95 % bootstrap interval over reference tracks.
    above_control : float or None
        Share of the draws in which it is larger than that of `CONTROL`; None without one.
    absent : float
        Share of the triplets in which the facet is absent.
    """

    weight: Accuracy
    above_control: float | None
    absent: float

    def to_json(self) -> dict[str, object]:
        """All numbers, rounded to five digits."""
        above = None if self.above_control is None else round(self.above_control, 5)
        return {"weight": self.weight.to_json(), "above_control": above, "absent": round(self.absent, 5)}


def strict_weights(
    given: Differences,
    signs: Signs,
    triplets: Sequence[JudgedTriplet],
    *,
    non_negative: bool = False,
    seed: int = 0,
) -> Mapping[Facet, StrictWeight]:
    """Weights fitted to all triplets, with intervals, and beside each how often it beats the silent control.

    Parameters
    ----------
    given, signs, triplets, non_negative
        See `held_out_outcomes`; at least one triplet.
    seed : int
        Of the draws, in which the ridge keeps its strength.

    Raises
    ------
    UsageError
        If there are fewer than two reference tracks.
    """
    model, rows, answers = strict_model(non_negative=non_negative, seed=seed), heard_or_nan(given), signs.astype(float)
    references = reference_tracks(triplets)
    fitted = model.fit(rows, answers, groups=references)
    groups = [np.flatnonzero(np.array(references) == track) for track in dict.fromkeys(references)]
    rng = np.random.default_rng(seed)
    drawn = np.empty((DRAWS, len(given.facets)))
    for draw in range(DRAWS):
        chosen = np.concatenate([groups[number] for number in rng.integers(len(groups), size=len(groups))])
        drawn[draw] = fitted.scale * model.refit(rows[chosen], answers[chosen], np.ones(len(chosen)), fitted)
    whole = fitted.scale * fitted.coef
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    control = given.facets.index(CONTROL) if CONTROL in given.facets else None
    return {
        facet: StrictWeight(
            Accuracy(float(whole[k]), float(low[k]), float(high[k])),
            None if control in (None, k) else float(np.mean(drawn[:, k] > drawn[:, control])),
            float(given.absent[:, k].mean()),
        )
        for k, facet in enumerate(given.facets)
    }
