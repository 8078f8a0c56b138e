"""Folders that belong together because they were made from the same songs: what intervals are drawn over."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from soundalike.research.triplets.sets import TripletSet
from soundalike.research.triplets.splits import connected

FEW: Final = 10
"""With fewer independent parts than this, a bootstrap over them says nothing."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """A label per folder; folders of one label are not independent.

    Attributes
    ----------
    labels : tuple of int
    over : str
        What the labels stand for.
    """

    labels: tuple[int, ...]
    over: str

    @property
    def count(self) -> int:
        """Number of labels."""
        return len(set(self.labels))


def cluster(triplets: TripletSet) -> Clusters:
    """Labels for the folders of a set.

    Folders that share any source are of one cluster, directly or through others. Random negatives soon join everything
    that way; where fewer than `FEW` clusters would be left, folders are together only if their anchors come from the
    same sources.
    """
    if not any(triplets.notes[clip].sources for folder in triplets.folders for clip in folder.clips):
        return Clusters(tuple(range(len(triplets.folders))), "folders, whose songs are not known")
    labels = connect([triplets.sources(folder) for folder in triplets.folders])
    if len(set(labels)) >= FEW:
        return Clusters(tuple(labels), "connected songs")
    anchors = [triplets.notes[folder.anchor].sources or (triplets.clips[folder.anchor],) for folder in triplets.folders]
    return Clusters(tuple(connect(anchors)), "songs of anchors")


def connect(groups: Sequence[Collection[str]]) -> list[int]:
    """Number groups of names; groups that have a name in common, directly or through others, have one number."""
    labels = [0] * len(groups)
    parts = connected({"": {str(place): frozenset(group) for place, group in enumerate(groups)}})
    for number, part in enumerate(parts):
        for _, place in part:
            labels[int(place)] = number
    return labels
