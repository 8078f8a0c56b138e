"""Hubness: in spaces of many dimensions some tracks turn up in everybody's list, and others in nobody's.

The k-occurrence of a track is how many others have it among their k nearest. Its mean is k whatever the
space; its skewness is 0 where everybody has a fair share, and grows with hubs (Radovanović et al., 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import AUDIO_SUFFIXES
from soundalike.errors import UsageError
from soundalike.research.evaluation.hearing import FileParts, Progress, System, Vectors, facets_of, hear
from soundalike.research.evaluation.metrics import RESAMPLES, Accuracy, cosines

K: Final = 10
HUB: Final = 5
"""Times its fair share of lists from which a track counts as a hub."""


def occurrences(
    vectors: NDArray[np.float32], owners: NDArray[np.intp], *, k: int = K, seed: int = 0
) -> NDArray[np.intp]:
    """How many rows have each row among the k nearest of other owners.

    Parameters
    ----------
    vectors : float32, shape (n, d)
        No row of zeros.
    owners : int, shape (n,)
        Rows of one owner are never each other's neighbours.
    k : int
        Fewer where there are fewer rows of other owners.
    seed : int
        Ties come in random order: a system that cannot tell has no hubs.

    Returns
    -------
    int, shape (n,)
    """
    table = cosines(vectors, vectors)
    table[owners[:, None] == owners[None]] = -np.inf
    rng = np.random.default_rng(seed)
    counts = np.zeros(len(vectors), np.intp)
    for scores in table:
        order = rng.permutation(len(scores))
        nearest = order[np.argsort(-scores[order], kind="stable")][:k]
        counts[nearest[np.isfinite(scores[nearest])]] += 1
    return counts


def skewness(counts: NDArray[np.floating] | NDArray[np.intp]) -> float:
    """Third standardised moment of counts, (n,); 0 where all are equal."""
    away = counts - counts.mean()
    deviation = float(np.sqrt(np.mean(np.square(away))))
    return float(np.mean(away**3)) / deviation**3 if deviation > 0 else 0.0


def measure_hubness(
    systems: Sequence[System],
    folder: Path,
    *,
    k: int = K,
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """Hubs among the excerpts of a folder of music.

    Parameters
    ----------
    systems : sequence of System
    folder : Path
        All sound files below it are heard, in excerpts of 10 s, the first two minutes of each.
    k : int
        Length of the lists.
    seed : int
        Of the order of ties, and of the bootstrap over tracks.
    jobs : int
        Processes to listen in.
    progress : callable, optional

    Returns
    -------
    dict of str to dict
        By system: ``k``, ``tracks``, ``excerpts``, and by facet the ``skewness`` of the k-occurrence with its
        interval over tracks, the shares of excerpts that are in no list (``never``) and in more than `HUB` * k
        (``hubs``), the ``most`` lists that one is in, and the share in which the facet is ``absent``.

    Raises
    ------
    UsageError
        If fewer than three files can be heard.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    heard = hear([FileParts(str(path)) for path in paths], systems, jobs=jobs, progress=progress)
    return {name: score_hubness(found, k=k, seed=seed) for name, found in heard.items()}


def score_hubness(found: Sequence[Vectors], *, k: int = K, seed: int = 0) -> dict[str, Any]:
    """Hubness of vectors that are at hand, one dictionary of (n excerpts, d) per track; see `measure_hubness`."""
    tracks = [vectors for vectors in found if vectors]
    if len(tracks) < 3:
        raise UsageError(f"{len(tracks)} files can be heard.", "Give a folder with at least three.")
    facets: dict[str, Any] = {}
    count = 0
    for facet in facets_of(tracks):
        vectors = np.concatenate([track[facet] for track in tracks])
        owners = np.repeat(np.arange(len(tracks)), [len(track[facet]) for track in tracks])
        count, present = len(vectors), vectors.any(axis=1)
        counts = occurrences(vectors[present], owners[present], k=k, seed=seed)
        facets[facet.short] = {"absent": round(float(1 - present.mean()), 5)}
        if len(counts):
            facets[facet.short] |= {
                "skewness": _skewness_interval(counts, owners[present], seed).to_json(),
                "never": round(float(np.mean(counts == 0)), 5),
                "hubs": round(float(np.mean(counts > HUB * k)), 5),
                "most": int(counts.max()),
            }
    return {"k": k, "hub": HUB, "tracks": len(tracks), "excerpts": count, "facets": facets}


def _skewness_interval(counts: NDArray[np.intp], owners: NDArray[np.intp], seed: int) -> Accuracy:
    """Skewness with its 95 % bootstrap interval over tracks."""
    rng = np.random.default_rng(seed)
    by_track = [counts[owners == owner] for owner in np.unique(owners)]
    draws = rng.integers(len(by_track), size=(RESAMPLES, len(by_track)))
    values = [skewness(np.concatenate([by_track[i] for i in draw])) for draw in draws]
    low, high = np.quantile(values, [0.025, 0.975])
    return Accuracy(skewness(counts), float(low), float(high))
