"""Extension point: keep tracks and their facet vectors, and find near ones.

A store holds the truth about a library in one space: which tracks there are, and the vectors of
their excerpts. To add one, write a class with the methods of `Store`, add a line to `STORES`, and
run ``tests/contract/test_stores.py``; the suite compares it with brute force.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Literal, Protocol, Self, runtime_checkable

from soundalike import extensions
from soundalike.facets import Facet, FacetVectors, Space, Vector
from soundalike.filters import Filter
from soundalike.notes import Transcription
from soundalike.scoring import Background, Scoring
from soundalike.tracks import AnalysedTrack, Track

STORES = MappingProxyType({"embedded": "soundalike.stores.embedded:EmbeddedStore"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """One excerpt or section near a query.

    Attributes
    ----------
    track : int
        Id of its track.
    start, end : float
        Its time range in seconds.
    score : float
        The weighted sum (see `soundalike.scoring`), from float32 vectors.
    cosines : dict of Facet to float
        Cosine of every weighted facet present on both sides.
    """

    track: int
    start: float
    end: float
    score: float
    cosines: dict[Facet, float]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a store holds in its space: tracks, excerpts, seconds of audio, silent tracks."""

    tracks: int
    excerpts: int
    seconds: float
    silent: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check-up: what was looked at, whether it is sound, and what was seen or done."""

    what: str
    ok: bool
    detail: str


@runtime_checkable
class Store(Protocol):
    """What every store does. All methods see each write of any process at once.

    Attributes
    ----------
    space : Space
        The space whose vectors this object reads and writes.
    """

    space: Space

    def add(self, entries: Sequence[AnalysedTrack]) -> list[int]:
        """Add tracks, or replace those of the same path; durable when it returns.

        Parameters
        ----------
        entries : sequence of AnalysedTrack
            Vectors must have exactly the facets and dim of `space`; a silent track has no excerpts.

        Returns
        -------
        list of int
            The tracks' ids. A path that was there keeps its id; ids of removed tracks are never
            given again. When its audio_hash changed, its vectors in other spaces are dropped.

        Raises
        ------
        SpaceMismatchError
            If vectors do not fit the space.
        StoreLockedError
            If another process is writing.
        """
        ...

    def amend(self, track: Track) -> None:
        """Replace what is known about ``track.id`` (moved, retagged); its vectors stay."""
        ...

    def remove(self, ids: Sequence[int]) -> int:
        """Forget tracks in all spaces; returns how many there were."""
        ...

    def tracks(self, where: Filter | None = None) -> list[Track]:
        """All tracks analysed in this space that pass a filter, by ascending id."""
        ...

    def get(self, ids: Sequence[int]) -> dict[int, Track]:
        """Tracks by id; unknown ids are left out."""
        ...

    def find(self, *, path: str = "", file_hash: str = "", audio_hash: str = "") -> list[Track]:
        """Tracks analysed in this space that match the one argument given, by ascending id."""
        ...

    def excerpts(self, ids: Sequence[int]) -> dict[int, FacetVectors]:
        """Facet vectors of the tracks' excerpts; tracks without any are left out."""
        ...

    def transcriptions(self, ids: Sequence[int]) -> dict[int, Transcription]:
        """Notes and chords of the tracks, as analysed in this space; tracks without any are left out."""
        ...

    def nearest(
        self,
        query: Mapping[Facet, Vector],
        scoring: Scoring,
        *,
        k: int,
        level: Literal["excerpt", "section"],
        where: Filter | None = None,
        exclude: Collection[int] = (),
        distinct: bool = False,
    ) -> list[Candidate]:
        """Find the k best excerpts or sections, best first; equal scores by ascending position.

        Parameters
        ----------
        query : mapping of Facet to float32, shape (dim,)
            Unit vectors; a missing or zero one is an absent facet.
        scoring : Scoring
            The weighted sum to rank by. Rows with no weighted facet in common are never returned.
        k : int
            At most so many.
        level : {"excerpt", "section"}
            What to rank.
        where : Filter, optional
            Only tracks that pass.
        exclude : collection of int
            Ids of tracks to leave out.
        distinct : bool
            Only the best row of each track.
        """
        ...

    def count(self) -> Counts:
        """How much there is in this space."""
        ...

    def spaces(self) -> list[str]:
        """Names of all spaces that have vectors here."""
        ...

    def background(self) -> Background | None:
        """The background kept for this space, if any."""
        ...

    def set_background(self, background: Background) -> None:
        """Keep a background for this space."""
        ...

    def verify(self, *, repair: bool = False) -> list[Finding]:
        """Check everything that can be checked; with `repair`, rebuild what can be rebuilt."""
        ...

    def close(self) -> None:
        """Release files and locks; calling it twice is fine."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_store(location: str, space: Space, *, name: str = "embedded") -> Store:
    """Open the store of kind `name` at `location` for `space`, creating it where there is none."""
    store: Store = extensions.load("stores", STORES, name)(location, space)
    return store
