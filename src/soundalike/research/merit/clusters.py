"""Folders that belong together because they were made from the same songs: what intervals are drawn over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from soundalike.research.triplets.sets import TripletSet

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
    sources = [sorted(triplets.sources(folder)) for folder in triplets.folders]
    connected = connect(sources)
    if len(set(connected)) >= FEW:
        return Clusters(tuple(connected), "connected songs")
    anchors = [
        sorted(triplets.notes[folder.anchor].sources) or [triplets.clips[folder.anchor]] for folder in triplets.folders
    ]
    return Clusters(tuple(connect(anchors)), "songs of anchors")


def connect(groups: Sequence[Sequence[str]]) -> list[int]:
    """Number the connected components of groups of names; groups with a name in common have one number."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    for group in groups:
        for name in group[1:]:
            parent[root(name)] = root(group[0])
    numbers: dict[str, int] = {}
    return [numbers.setdefault(root(group[0]), len(numbers)) for group in groups]
