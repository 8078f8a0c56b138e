"""Folders on two sides of which no source is on both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from soundalike.errors import UsageError

Place = tuple[str, int]


def split_by_source(
    folders: Mapping[str, Sequence[frozenset[str]]], share: float, seed: int
) -> dict[str, tuple[int, ...]]:
    """Choose folders of several factors for validation so that none shares a source with one that is left.

    Parameters
    ----------
    folders : mapping of str to sequence of frozenset of str
        By factor, what each folder was made from.
    share : float
        Of each factor's folders; fewer where they hang together.
    seed : int

    Returns
    -------
    dict of str to tuple of int
        By factor, numbers of the chosen folders, at least one.

    Raises
    ------
    UsageError
        If the folders of a factor hang together so that they cannot be split.
    """
    parts = _connected(folders)
    order = np.random.default_rng(seed).permutation(len(parts))
    most = {factor: max(1, int(len(rows) * share)) for factor, rows in folders.items()}
    counts = dict.fromkeys(folders, 0)
    chosen: list[Place] = []

    def take(part: Sequence[Place]) -> None:
        chosen.extend(part)
        for factor, _ in part:
            counts[factor] += 1

    left = []
    for number in order:
        part = parts[number]
        fits = all(counts[f] + sum(factor == f for factor, _ in part) <= most[f] for f in {f for f, _ in part})
        take(part) if fits else left.append(part)
    for factor in folders:  # where even the smallest part is larger than the share
        having = [part for part in left if any(f == factor for f, _ in part)]
        if not counts[factor] and len(having) > 1:
            smallest = min(having, key=len)
            left.remove(smallest)
            take(smallest)
    for factor, rows in folders.items():
        if not 0 < counts[factor] < len(rows):
            raise UsageError(
                f"The {len(rows)} folders of {factor} share sources, so that no source can be kept for validation.",
                'Use a split of a file, or split = "folder", whose validation will look better than it is.',
            )
    return {factor: tuple(sorted(place for f, place in chosen if f == factor)) for factor in folders}


def _connected(folders: Mapping[str, Sequence[frozenset[str]]]) -> list[list[Place]]:
    """Folders that hang together by what they were made from, in the order of the first of each."""
    leader: dict[str, str] = {}

    def find(source: str) -> str:
        while (above := leader.setdefault(source, source)) != source:
            leader[source] = leader[above]
            source = leader[source]
        return source

    for rows in folders.values():
        for sources in rows:
            first, *others = sorted(sources)
            for other in others:
                leader[find(other)] = find(first)
    parts: dict[str, list[Place]] = defaultdict(list)
    for factor, rows in folders.items():
        for place, sources in enumerate(rows):
            parts[find(min(sources))].append((factor, place))
    return list(parts.values())
