"""What listeners hear: one excerpt of a track, and what a file of judgments calls it.

A name is the path of the track's file and, as the W3C's media fragments write it, the times that were heard:
``/music/song.flac#t=30,40`` in seconds. Without times the whole track is meant. In place of a path may stand the id of
a track.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from soundalike.tracks import Track

_TIMES: Final = re.compile(r"#t=(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)\Z")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of a track: `start` to `end` in seconds."""

    track: Track
    start: float
    end: float

    @property
    def name(self) -> str:
        """What a file of judgments calls it."""
        return f"{_written(self.track)}#t={round(self.start, 3):.12g},{round(self.end, 3):.12g}"


def parse_name(name: str) -> tuple[str, tuple[float, float] | None]:
    """Path or id, and the times in seconds if they are named."""
    found = _TIMES.search(name)
    if found is None:
        return name, None
    return name[: found.start()], (float(found[1]), float(found[2]))


class TrackNames:
    """Finds the tracks of a library that judgments name.

    Parameters
    ----------
    tracks : iterable of Track
        All of the library's.
    """

    def __init__(self, tracks: Iterable[Track]) -> None:
        self._known: dict[str, Track] = {}
        self._ends: dict[tuple[str, ...], Track | None] = {}
        for track in tracks:
            self._known[track.path] = self._known[str(track.id)] = track
            end = _end(track.path)
            self._ends[end] = None if end in self._ends else track

    def find(self, name: str) -> Track | None:
        """The track that a name means, None if it is not there.

        A file that was moved, or lies elsewhere on another machine, is known by its own and its folder's name, where
        only one track has both.
        """
        path, _ = parse_name(name)
        absolute = os.path.abspath(path)  # noqa: PTH100 - as the library names files
        return self._known.get(path) or self._known.get(absolute) or self._ends.get(_end(absolute))


def _end(path: str) -> tuple[str, ...]:
    return PurePath(path).parts[-2:]


def _written(track: Track) -> str:
    """Path, or the id where the path is not text and could not be written."""
    try:
        track.path.encode()
    except UnicodeEncodeError:
        return str(track.id)
    return track.path
