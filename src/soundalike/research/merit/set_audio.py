"""The sounds of an embedded set, from the folder or the archive that was embedded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from soundalike.audio import Clip
from soundalike.errors import AudioDecodeError, UsageError
from soundalike.research.triplets.folders import open_root
from soundalike.research.triplets.sets import TripletSet


def sounds_of(triplets: TripletSet, root: Path) -> Iterator[tuple[int, Clip]]:
    """Every clip of the set's folders once, mono, with its place in the set; clips that cannot be heard are left out.

    Parameters
    ----------
    triplets : TripletSet
        With the folders that are wanted.
    root : Path
        See `soundalike.research.triplets.folders.open_root`.

    Raises
    ------
    UsageError
        If it is no root of triplets, or holds none of the clips.
    """
    places = {triplets.clips[clip]: clip for folder in triplets.folders for clip in folder.clips}
    count = len(places)
    for folder in open_root(root).read([folder.name for folder in triplets.folders]):
        for sound in folder.sounds:
            place = places.pop(sound.path, None)
            if place is not None:
                try:
                    yield place, sound.load()[0].mono()
                except AudioDecodeError:
                    continue
    if len(places) == count:
        raise UsageError(f"'{root}' holds none of the set's clips.", "Name the folder that was embedded.")
