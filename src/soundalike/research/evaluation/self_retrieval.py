"""Does a piece of a track find its own track? The simplest test on recordings that needs no labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from soundalike.analysis import Analyzer
from soundalike.audio import AUDIO_SUFFIXES
from soundalike.comparison import Measure
from soundalike.errors import AudioDecodeError, UsageError
from soundalike.facets import PRESETS, FacetVectors, Weights, load_preset
from soundalike.matching import measure_background


@dataclass(frozen=True, slots=True)
class SelfRetrieval:
    """Ranks of the own track among all, by weighting.

    Attributes
    ----------
    ranks : mapping of str to tuple of int
        One per track, from 1; `tracks` + 1 where nothing could be compared.
    tracks : int
    seconds : float
        Longest piece.
    """

    ranks: Mapping[str, tuple[int, ...]]
    tracks: int
    seconds: float

    def share_first(self, name: str) -> tuple[float, float, float]:
        """Share of tracks found first, and its 95 % interval (Wilson), 0 to 1."""
        ranks = np.array(self.ranks[name])
        return wilson(int((ranks == 1).sum()), len(ranks))

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries and lists."""
        shares = {name: dict(zip(("first", "low", "high"), self.share_first(name), strict=True)) for name in self.ranks}
        ranks = {name: list(values) for name, values in self.ranks.items()}
        return {"tracks": self.tracks, "seconds": self.seconds, "shares": shares, "ranks": ranks}

    def __str__(self) -> str:
        lines = [f"own track first, of {self.tracks} tracks, by a piece of at most {self.seconds:g} s [95 % interval]"]
        for name in self.ranks:
            share, low, high = self.share_first(name)
            lines.append(f"{name:12} {100 * share:5.1f} % [{100 * low:.0f}, {100 * high:.0f}]")
        return "\n".join(lines)


def wilson(successes: int, trials: int) -> tuple[float, float, float]:
    """Share and its 95 % interval after E. B. Wilson (1927), 0 to 1."""
    z = 1.959964
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    margin = z / (1 + z * z / trials) * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return share, float(max(0.0, centre - margin)), float(min(1.0, centre + margin))


def measure_self_retrieval(
    folder: Path,
    *,
    seconds: float = 15.0,
    seed: int = 0,
    analyzer: Analyzer | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SelfRetrieval:
    """Cut a random piece out of each file below a folder and rank all files by it.

    Parameters
    ----------
    folder : Path
    seconds : float
        Longest piece; never more than 0.6 of a track.
    seed : int
        For the places of the pieces.
    analyzer : Analyzer, optional
        What to listen with; the default is the embedded encoder.
    progress : callable, optional
        Told how many files are done, and of how many.

    Raises
    ------
    UsageError
        If fewer than two files can be heard.
    """
    analyzer = analyzer or Analyzer()
    rng = np.random.default_rng(seed)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    pieces: list[FacetVectors] = []
    tracks: list[FacetVectors] = []
    for done, path in enumerate(paths, start=1):
        try:
            whole = analyzer.analyse(path)
            length = min(seconds, 0.6 * whole.track.duration)
            start = float(rng.uniform(0, whole.track.duration - length))
            piece = analyzer.analyse(path, start=start, end=start + length)
        except AudioDecodeError:
            continue
        if len(whole.excerpts) and len(piece.excerpts):
            tracks.append(whole.excerpts)
            pieces.append(piece.excerpts)
        if progress is not None:
            progress(done, len(paths))
    if len(tracks) < 2:
        raise UsageError(f"{len(tracks)} files below '{folder}' can be heard.", "Give a folder with at least two.")
    background = measure_background(tracks, source=str(folder), seed=seed)
    weightings = {name: load_preset(name) for name in PRESETS} | {"overall": Weights({"overall": 1.0})}
    ranks = {name: _ranks(pieces, tracks, Measure(weights, background)) for name, weights in weightings.items()}
    return SelfRetrieval(ranks, len(tracks), seconds)


def _ranks(pieces: Sequence[FacetVectors], tracks: Sequence[FacetVectors], measure: Measure) -> tuple[int, ...]:
    """Rank of each piece's own track; ties count against it."""
    found = []
    for own, piece in enumerate(pieces):
        scores = np.array([measure.compare(piece, track).score for track in tracks])
        beaten = np.flatnonzero(scores >= scores[own])
        found.append(len(beaten) if not np.isnan(scores[own]) else len(tracks) + 1)
    return tuple(found)
