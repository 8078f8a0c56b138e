"""How sure what was fitted is: answers drawn anew, with replacement, by triplet or by listener.

Triplets with one reference are drawn together, since they are not independent; so are all answers of one listener.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from soundalike.calibration.linear import Array
from soundalike.calibration.model import Fit, Model
from soundalike.calibration.votes import Votes
from soundalike.errors import UsageError

Over: TypeAlias = Literal["triplets", "listeners", "both"]

RESAMPLES: Final = 1000
FEWEST_SOURCES: Final = 5
"""Draws from fewer would say next to nothing about others."""
FEWEST_CHANGES: Final = 6
"""All of five going one way is no rarer than 1 in 16 by chance, all of six 1 in 32."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, draws: Array, sources: int) -> Interval:
        """Interval of resampled values by percentiles, the wider the fewer sources were drawn from.

        Percentiles alone are too narrow where there are few: they are put where Student's interval would lie (the
        expanded percentile interval of Hesterberg, The American Statistician 69, 2015).

        Parameters
        ----------
        value : float
        draws : float64, shape (resamples,)
            NaN among them is left out.
        sources : int
            Things that were drawn, such as listeners.
        """
        from scipy.special import ndtr, stdtrit

        n = max(sources, 2)
        tail = float(ndtr(-np.sqrt(n / (n - 1)) * stdtrit(n - 1, 0.975)))
        low, high = np.nanquantile(draws, [tail, 1.0 - tail])
        return cls(float(value), float(low), float(high))

    def to_json(self) -> dict[str, float]:
        """Plain numbers."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class Gain:
    """Agreement with new weights minus that with former ones, on the same triplets.

    Attributes
    ----------
    interval : Interval
        Of the difference, -1 to 1; paired, so that what is hard for both weighs on neither.
    changed : int
        References on whose triplets the two differ.
    """

    interval: Interval
    changed: int

    @property
    def is_shown(self) -> bool:
        """Whether the answers show that the new weights agree more: the interval lies above 0, on enough references."""
        return self.interval.low > 0 and self.changed >= FEWEST_CHANGES

    @property
    def sentence(self) -> str:
        """What may be claimed, in one sentence."""
        value, low, high = (100 * number for number in (self.interval.value, self.interval.low, self.interval.high))
        span = f"{value:+.1f} points, 95 % {low:+.1f} to {high:+.1f}"
        if self.is_shown:
            return f"The new weights agree with listeners more than those you had ({span})."
        if self.interval.low > 0:
            return f"Too few answers tell the new weights from those you had to claim a gain ({span})."
        if self.interval.high < 0:
            return f"The new weights agree with listeners less than those you had ({span})."
        return f"No gain over the weights you had is shown ({span})."


def weight_draws(
    model: Model,
    fit: Fit,
    X: Array,
    votes: Votes,
    groups: NDArray[np.intp],
    *,
    over: Over = "triplets",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Array:
    """Weights of resampled answers; scale and ridge are kept.

    Parameters
    ----------
    model, fit : Model, Fit
        What was fitted to all answers.
    X : float64, shape (n, f)
        Differences of the triplets of `votes`.
    votes : Votes
    groups : intp, shape (n,)
        Triplets of one group are drawn together.
    over : "triplets", "listeners" or "both"
        What is drawn. "both" draws the one and, independently, the other: the widest, for weights that are to hold
        for other listeners on other music.
    resamples, seed : int

    Returns
    -------
    float64, shape (resamples, f)

    Raises
    ------
    UsageError
        If there are too few groups or listeners to draw from.
    """
    units = _units(votes, groups, over)
    rng = np.random.default_rng(seed)
    draws = np.zeros((resamples, X.shape[1]))
    for i in range(resamples):
        counts = np.ones(len(votes.side))
        for labels in units:
            size = int(labels.max()) + 1
            counts *= np.bincount(rng.integers(size, size=size), minlength=size)[labels]
        y, weight = votes.means(counts)
        draws[i] = model.refit(X, y, weight, fit)
    return draws


def drawn_sources(votes: Votes, groups: NDArray[np.intp], over: Over) -> int:
    """Of how many things `weight_draws` draws; of listeners and triplets the fewer, where both are drawn."""
    return min(len(np.unique(labels)) for labels in _units(votes, groups, over))


def _units(votes: Votes, groups: NDArray[np.intp], over: Over) -> list[NDArray[np.intp]]:
    """What is drawn, as labels of the answers."""
    if over not in get_args(Over):
        raise UsageError(f"'{over}' cannot be drawn.", f"Choose one of {', '.join(get_args(Over))}.")
    chosen = {"triplets": groups[votes.triplet], "listeners": votes.listener}
    named = {"triplets": "references", "listeners": "listeners"}
    for name, labels in chosen.items():
        if over in (name, "both") and (count := len(np.unique(labels))) < FEWEST_SOURCES:
            raise UsageError(
                f"The answers are {'on' if name == 'triplets' else 'of'} {count} {named[name]}: too few to say how "
                "sure the weights are.",
                f"Collect answers {'on' if name == 'triplets' else 'of'} at least {FEWEST_SOURCES}"
                + (", or draw triplets instead." if name == "listeners" else "."),
            )
    return [labels for name, labels in chosen.items() if over in (name, "both")]


def outcomes(scores: Array, y: Array) -> Array:
    """Whether scores pick what most listeners chose: float64, shape (n,).

    Parameters
    ----------
    scores : float64, shape (n,)
        Above 0 for A; 0 is a tie.
    y : float64, shape (n,)
        Mean answers.

    Returns
    -------
    float64, shape (n,)
        1 for right, 0 for wrong, 0.5 for a tie; NaN where listeners were of two minds, which nothing can get right.
    """
    return np.where(y == 0, np.nan, 0.5 + 0.5 * np.sign(scores) * np.sign(y))


def mean_over(values: Array, groups: NDArray[np.intp], *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Mean of values, float64 (n,) with NaN left out, and its interval over whole groups, intp (n,).

    Raises
    ------
    UsageError
        If all are NaN.
    """
    known = ~np.isnan(values)
    if not known.any():
        raise UsageError("Listeners are of two minds on every triplet.", "Collect more answers on each.")
    _, labels = np.unique(groups[known], return_inverse=True)
    sums, counts = np.bincount(labels, values[known]), np.bincount(labels)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(resamples, len(sums)))
    draws = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return Interval.of(float(values[known].mean()), draws, len(sums))


def gain_over(
    after: Array, before: Array, groups: NDArray[np.intp], *, resamples: int = RESAMPLES, seed: int = 0
) -> Gain:
    """Paired difference of two sets of `outcomes` on the same triplets.

    Parameters
    ----------
    after, before : float64, shape (n,)
        NaN at the same places.
    groups : intp, shape (n,)
        Triplets of one group are drawn together.
    """
    differs = np.nan_to_num(after - before) != 0
    changed = len(np.unique(groups[differs]))
    return Gain(mean_over(after - before, groups, resamples=resamples, seed=seed), changed)
