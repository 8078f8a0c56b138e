"""Many sounds heard by several systems, here or in processes of their own.

A **source** makes clips: it renders a piece, or reads a passage of a file. A **system** turns clips into
vectors by facet. Both are small enough to be sent to another process, so that what takes time, making
sound and listening to it, happens there, and each sound is made once for all systems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip, load_clip
from soundalike.errors import AudioDecodeError, ShapeError
from soundalike.facets import Facet
from soundalike.workers import become_worker, worker_pool

Encode: TypeAlias = Callable[[Sequence[Clip]], Mapping[Facet, NDArray[np.float32]]]
"""Clips to vectors by facet, each float32 (n, d); rows of zeros, or a missing facet, are absent."""

Vectors: TypeAlias = dict[Facet, NDArray[np.float32]]
Heard: TypeAlias = dict[str, list[Vectors]]
"""By system: vectors of each source, a row per clip."""

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many sources are done, and of how many."""


class Source(Protocol):
    """Something that sounds."""

    def clips(self) -> Sequence[Clip]:
        """Make the clips, always the same ones."""
        ...


class System(Protocol):
    """Something that listens.

    Attributes
    ----------
    name : str
        To call it by in tables.
    space : str
        Changes whenever its vectors do.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def space(self) -> str: ...  # noqa: D102

    def load(self) -> Encode:
        """Make it ready to listen."""
        ...


@dataclass(frozen=True, slots=True)
class FileParts:
    """A sound file cut evenly, as a source of clips.

    Attributes
    ----------
    path : str
    seconds : float
        Longest part.
    least : int
        Parts there are at least.
    longest : float
        Seconds of the file that are heard.
    """

    path: str
    seconds: float = 10.0
    least: int = 1
    longest: float = 120.0

    def clips(self) -> list[Clip]:
        """The parts, mono; none if the file cannot be decoded."""
        try:
            clip = load_clip(self.path, end=self.longest).mono()
        except AudioDecodeError:
            return []
        count = max(self.least, int(np.ceil(clip.duration / self.seconds - 1e-6)))
        edges = np.linspace(0, clip.samples.shape[1], count + 1).astype(int)
        return [Clip(clip.samples[:, a:b], clip.rate) for a, b in pairwise(edges)]


def hear(
    sources: Sequence[Source], systems: Sequence[System], *, jobs: int = 1, progress: Progress | None = None
) -> Heard:
    """Let every system hear every source.

    Parameters
    ----------
    sources : sequence of Source
    systems : sequence of System
    jobs : int
        Processes; 1 listens in this one.
    progress : callable, optional

    Returns
    -------
    dict of str to list of dict of Facet to float32, shape (n clips, d)
        By system and source; the same whatever `jobs` is.

    Raises
    ------
    ShapeError
        If a system does not give one row per clip.
    """
    heard: Heard = {system.name: [] for system in systems}
    for done, vectors in enumerate(_outcomes(sources, systems, jobs), start=1):
        for name, found in vectors.items():
            heard[name].append(found)
        if progress is not None:
            progress(done, len(sources))
    return heard


def facets_of(found: Sequence[Vectors]) -> list[Facet]:
    """All facets heard, in the order of their first appearance."""
    return list(dict.fromkeys(facet for vectors in found for facet in vectors))


def _outcomes(sources: Sequence[Source], systems: Sequence[System], jobs: int) -> Iterator[dict[str, Vectors]]:
    if jobs == 1 or len(sources) < 2:
        encoders = {system.name: system.load() for system in systems}
        yield from (_hear_one(source, encoders) for source in sources)
        return
    pool = worker_pool(min(jobs, len(sources)), _start, systems)
    try:
        yield from pool.map(_hear_there, sources)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _hear_one(source: Source, encoders: Mapping[str, Encode]) -> dict[str, Vectors]:
    clips = source.clips()
    if not clips:
        return {name: {} for name in encoders}
    heard = {}
    for name, encode in encoders.items():
        vectors = {Facet(facet): np.asarray(array, np.float32) for facet, array in encode(clips).items()}
        for facet, array in vectors.items():
            if len(array) != len(clips):
                raise ShapeError(f"'{facet}' has {len(array)} rows for {len(clips)} clips.", "Encode one row per clip.")
        heard[name] = vectors
    return heard


_encoders: dict[str, Encode] = {}


def _start(systems: Sequence[System]) -> None:
    become_worker()
    _encoders.update({system.name: system.load() for system in systems})


def _hear_there(source: Source) -> dict[str, Vectors]:
    return _hear_one(source, _encoders)
