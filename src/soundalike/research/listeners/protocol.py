"""The instrument-weight paper's protocol (arXiv 2601.19109), as its text and its printed numbers tell it.

A triplet's label is the majority's choice, and a triplet counts where at least 75 or 80 % of its votes agree. A model
adds up the cosine differences of its facets, without an intercept: above 0 it chooses A. What is *published* stands in
`soundalike.research.listeners.published`; the following is *inferred*: the regression's labels are 1 and -1 in the
order in which the candidates were shown, its triplets are those of the mix with XAB and XYC pooled at 80 %, and the
strength of the ridge is the usual default, 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.calibration.model import Model
from soundalike.errors import UsageError
from soundalike.facets import Facet
from soundalike.research.listeners.embeddings import Differences, Floats

CUTOFFS: Final = (0.75, 0.80)
SPLITS: Final = 100
TEST_SHARE: Final = 0.3
ALPHA: Final = 1.0
FORMS: Final = ("ols", "ridge")

MODELS: Final = MappingProxyType(
    {
        "4 stems + mix": tuple(map(Facet, ("bass", "drums", "vocals", "other", "mix"))),
        "6 stems + mix": tuple(map(Facet, ("bass", "drums", "guitar", "piano", "vocals", "other", "mix"))),
        "parts + mix": tuple(map(Facet, ("bass", "drums", "guitar", "piano", "other", "mix"))),
    }
)
"""Facets of the paper's weighted models; the last is for stems of the data set itself, which have no vocals."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many triplets a model answers as most listeners did.

    Attributes
    ----------
    right, tied, of : int
        A tie is no preference at all, which the paper's models never have: it stands for what is missing or silent.
    """

    right: int
    tied: int
    of: int

    @property
    def share(self) -> float:
        """The paper's agreement, 0 to 1, ties counted half; not a number without triplets."""
        return (self.right + 0.5 * self.tied) / self.of if self.of else math.nan

    def __str__(self) -> str:
        ties = f" ({self.tied} tied)" if self.tied else ""
        return f"{self.right}/{self.of}{ties}"

    def to_json(self) -> dict[str, int]:
        """The three counts."""
        return {"right": self.right, "tied": self.tied, "of": self.of}


def outcomes(scores: Floats, signs: NDArray[np.integer]) -> Floats:
    """Compare a model's choices with the majority's.

    Parameters
    ----------
    scores : float64, shape (n,)
        Above 0 where the model chooses A.
    signs : int, shape (n,)
        1 where most chose A, -1 where most chose B.

    Returns
    -------
    float64, shape (n,)
        1 for right, 0 for wrong, 0.5 where the model has no preference.
    """
    return 0.5 + 0.5 * np.sign(scores) * signs


def count(results: Floats) -> Count:
    """Count `outcomes`."""
    return Count(int((results == 1.0).sum()), int((results == 0.5).sum()), len(results))


def paper_model(form: str, *, alpha: float = ALPHA) -> Model:
    """The paper's fit: least squares on cosine differences as they are, so that a ridge depends on their scale.

    Parameters
    ----------
    form : str
        One of `FORMS`.
    alpha : float
        Strength of the ridge.

    Raises
    ------
    UsageError
        If there is no such form.
    """
    if form not in FORMS:
        raise UsageError(f"'{form}' is no form of the paper's fit.", f"Use one of {', '.join(FORMS)}.")
    return Model("ridge" if form == "ridge" else "ols", alpha=alpha, standardise=False)


def stratified_splits(
    labels: NDArray[np.integer], *, splits: int = SPLITS, test_share: float = TEST_SHARE, seed: int = 0
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Random splits in each of which every label has its share.

    Parameters
    ----------
    labels : int, shape (n,)
    splits : int
    test_share : float
    seed : int

    Yields
    ------
    train, test : int, shapes (n - m,) and (m,)
        Rows in ascending order; m is ``n * test_share`` rounded up.

    Raises
    ------
    UsageError
        If a label is too rare to stand on both sides.
    """
    known, places = np.unique(labels, return_inverse=True)
    sizes = np.bincount(places)
    tested = math.ceil(len(labels) * test_share)
    exact = tested * sizes / max(len(labels), 1)
    wanted = np.floor(exact).astype(int)
    wanted[np.argsort(wanted - exact, kind="stable")[: tested - wanted.sum()]] += 1
    if len(known) < 2 or (wanted < 1).any() or (wanted >= sizes).any():
        raise UsageError(
            f"{len(labels)} triplets with labels {dict(zip(known.tolist(), sizes.tolist(), strict=True))} cannot be "
            "split.",
            "Give at least a few triplets of either answer.",
        )
    rng = np.random.default_rng(seed)
    for _ in range(splits):
        order = rng.permutation(len(labels))
        test = np.concatenate([order[places[order] == label][: wanted[label]] for label in range(len(known))])
        mask = np.zeros(len(labels), np.bool_)
        mask[test] = True
        yield np.flatnonzero(~mask), np.flatnonzero(mask)


@dataclass(frozen=True, slots=True)
class SplitAgreement:
    """Agreement over the paper's random splits.

    Attributes
    ----------
    mean, spread : float
        Mean and standard deviation over splits, as the paper prints them.
    standard_error : float
        Of the mean, corrected for splits that share their triplets: ``spread * sqrt(1 / splits + test / train)``.
    of, splits : int
        Triplets, and how often they were split.
    weights, weights_spread : mapping of Facet to float
        Mean and standard deviation over splits; empty for a single facet.
    """

    mean: float
    spread: float
    standard_error: float
    of: int
    splits: int
    weights: Mapping[Facet, float]
    weights_spread: Mapping[Facet, float]

    def to_json(self) -> dict[str, object]:
        """All numbers, rounded to five digits."""
        document: dict[str, object] = {
            name: round(getattr(self, name), 5) for name in ("mean", "spread", "standard_error")
        }
        for name in ("weights", "weights_spread"):
            document[name] = {facet: round(value, 5) for facet, value in getattr(self, name).items()}
        return document | {"of": self.of, "splits": self.splits}


def weighted_agreement(
    given: Differences, signs: NDArray[np.integer], *, form: str = "ols", alpha: float = ALPHA, seed: int = 0
) -> SplitAgreement:
    """Agreement of a weighted model with held-out triplets, over `SPLITS` stratified splits (the paper's Tables 2-4).

    Parameters
    ----------
    given : Differences
        Of n triplets. A single facet is not fitted: it is the baseline, on the same splits.
    signs : int, shape (n,)
        1 or -1.
    form : str
        One of `FORMS`.
    alpha : float
        Of the ridge.
    seed : int
        Of the splits.

    Raises
    ------
    UsageError
        If there is no such form, or the triplets cannot be split.
    """
    model = paper_model(form, alpha=alpha)
    single = len(given.facets) == 1
    shares, weights, ratio = [], [], 0.0
    for train, test in stratified_splits(signs, seed=seed):
        fitted = np.ones(1) if single else model.fit(given.values[train], signs[train].astype(np.float64)).coef
        shares.append(outcomes(given.values[test] @ fitted, signs[test]).mean())
        weights.append(fitted)
        ratio = len(test) / len(train)
    spread = float(np.std(shares, ddof=1))
    mean, deviation = np.mean(weights, axis=0), np.std(weights, axis=0, ddof=1)
    return SplitAgreement(
        mean=float(np.mean(shares)),
        spread=spread,
        standard_error=spread * math.sqrt(1 / len(shares) + ratio),
        of=len(signs),
        splits=len(shares),
        weights={} if single else dict(zip(given.facets, mean.tolist(), strict=True)),
        weights_spread={} if single else dict(zip(given.facets, deviation.tolist(), strict=True)),
    )
