"""Judged triplets as numbers: how much nearer to the reference A is than B, in each facet, as a comparison hears it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.comparison import Measure
from soundalike.facets import Facet, FacetVectors, Weights
from soundalike.library import Library
from soundalike.listening.excerpts import TrackNames, parse_name
from soundalike.tracks import Track

Triplet: TypeAlias = tuple[str, str, str]
"""What a file of judgments calls the reference, A and B."""


class Gaps:
    """Differences of triplets over the vectors that a library keeps.

    Parameters
    ----------
    library : Library
        Open as long as this is used.
    facets : sequence of f Facet
    """

    def __init__(self, library: Library, facets: Sequence[Facet]) -> None:
        self._store = library.store
        self._facets = facets
        self._names = TrackNames(library.tracks())
        self._measure = Measure(Weights(dict.fromkeys(facets, 1.0)), library.background)
        self._known: dict[Triplet, NDArray[np.float64] | None] = {}

    def track(self, name: str) -> Track | None:
        """The track that a judgment names; None if the library does not have it, or it is silent."""
        found = self._names.find(name)
        return None if found is None or found.silent else found

    def of(self, triplet: Triplet) -> NDArray[np.float64] | None:
        """Standardised similarity to the reference of A minus that of B, float64 (f,); NaN where a facet is absent.

        Three excerpts are compared as excerpts. Where one is a whole track, all count as tracks: each excerpt of the
        reference looks for its best match, as in a search. None where a track is no longer there.
        """
        if triplet not in self._known:
            self._known[triplet] = self._measured(triplet)
        return self._known[triplet]

    def _measured(self, triplet: Triplet) -> NDArray[np.float64] | None:
        tracks = [self.track(name) for name in triplet]
        ids = [track.id for track in tracks if track is not None]
        stored = self._store.excerpts(ids)
        if len(ids) < 3 or not all(id_ in stored for id_ in ids):
            return None
        times = [parse_name(name)[1] for name in triplet]
        x, a, b = (_heard(stored[id_], spans) for id_, spans in zip(ids, times, strict=True))
        level = "track" if None in times else "excerpt"
        nearer = [self._measure.compare(x, candidate, level).facets for candidate in (a, b)]  # type: ignore[arg-type]
        return np.array(
            [
                nearer[0][facet].standardised - nearer[1][facet].standardised
                if all(facet in scores for scores in nearer)
                else np.nan
                for facet in self._facets
            ]
        )


def _heard(excerpts: FacetVectors, times: tuple[float, float] | None) -> FacetVectors:
    """The excerpt nearest to what was heard, or all where it was the whole track."""
    if times is None:
        return excerpts
    return excerpts.select(np.array([int(np.argmin(np.abs(excerpts.start - times[0])))]))
