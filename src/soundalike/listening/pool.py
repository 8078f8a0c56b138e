"""What can be asked: triplets of a library's tracks, one excerpt of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.calibration.differences import differences
from soundalike.errors import UsageError
from soundalike.facets import Facet, FacetVectors
from soundalike.library import Library
from soundalike.listening.excerpts import Excerpt

TRACKS: Final = 300
"""A larger library is asked about by so many of its tracks."""

TRIPLETS: Final = 4000


@dataclass(frozen=True, slots=True)
class Pool:
    """Triplets to choose from.

    Attributes
    ----------
    excerpts : tuple of Excerpt
        One of each track.
    triplets : intp, shape (n, 3)
        Reference and two candidates, as places in `excerpts`.
    differences : float64, shape (n, f)
        How much nearer to the reference the first candidate is, standardised; NaN where a facet is absent.
    """

    excerpts: tuple[Excerpt, ...]
    triplets: NDArray[np.intp]
    differences: NDArray[np.float64]


def draw_pool(library: Library, facets: Sequence[Facet], *, seed: int = 0) -> Pool:
    """Draw tracks of a library, and triplets of them.

    Parameters
    ----------
    library : Library
    facets : sequence of f Facet
        What the triplets are to differ in.
    seed : int

    Returns
    -------
    Pool
        All triplets of a small library, else `TRIPLETS` of at most `TRACKS` tracks. Of each track it is the excerpt
        nearest to the mean of all its excerpts that is heard; of several files of the same sound there is one.

    Raises
    ------
    UsageError
        If fewer than three tracks can be heard.
    """
    rng = np.random.default_rng(seed)
    tracks = list({track.audio_hash or track.path: track for track in library.tracks() if not track.silent}.values())
    drawn = [tracks[i] for i in sorted(rng.permutation(len(tracks))[:TRACKS].tolist())]
    stored = library.store.excerpts([track.id for track in drawn])
    heard = [(track, stored[track.id]) for track in drawn if track.id in stored]
    if len(heard) < 3:
        raise UsageError(
            f"Only {len(heard)} tracks of this library can be heard.", "Add music: a question takes three tracks."
        )
    rows = [typical(excerpts, facets) for _, excerpts in heard]
    vectors = {
        facet: np.stack([excerpts.vectors[facet][row] for (_, excerpts), row in zip(heard, rows, strict=True)])
        for facet in facets
    }
    triplets = _triplets(len(heard), rng)
    x, a, b = ({facet: array[column] for facet, array in vectors.items()} for column in triplets.T)
    gaps = differences(x, a, b, facets, background=library.background)
    told = np.nan_to_num(gaps).any(axis=1)
    excerpts = tuple(
        Excerpt(track, float(found.start[row]), float(found.end[row]))
        for (track, found), row in zip(heard, rows, strict=True)
    )
    return Pool(excerpts, triplets[told], gaps[told])


def typical(excerpts: FacetVectors, facets: Sequence[Facet]) -> int:
    """Place of the excerpt that is most like the mean of all, over several facets."""
    likeness = np.zeros(len(excerpts))
    for facet in facets:
        rows = excerpts.vectors[facet].astype(np.float64)
        likeness += rows @ rows.sum(axis=0) / max(float(np.linalg.norm(rows.sum(axis=0))), 1e-12)
    return int(np.argmax(likeness))


def _triplets(count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Triplets of `count` places, each once whatever the order of its candidates: intp, shape (n, 3)."""
    if count * (count - 1) * (count - 2) // 2 <= TRIPLETS:
        every = [(x, a, b) for x in range(count) for a in range(count) for b in range(a) if x not in (a, b)]
        return np.array(every, np.intp)
    drawn = rng.integers(count, size=(2 * TRIPLETS, 3))
    drawn[:, 1:].sort(axis=1)
    apart = (drawn[:, 0] != drawn[:, 1]) & (drawn[:, 0] != drawn[:, 2]) & (drawn[:, 1] != drawn[:, 2])
    return np.asarray(rng.permutation(np.unique(drawn[apart], axis=0))[:TRIPLETS], np.intp)
