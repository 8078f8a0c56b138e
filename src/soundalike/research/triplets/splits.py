"""Folders for training and for testing: by folder, as MERIT splits, or by source, so that no song is on both sides.

A split by folder says little where songs come back: nearly every song of a test folder was trained on. A split by
source keeps what hangs together by its sources on one side, over all factors at once. Where everything hangs together,
as in MERIT's archives, whose negatives are drawn from all songs, songs can be split instead: folders that would need
both sides are then left out.

Source of the split by folder: Roy et al., "MERIT: Learning Disentangled Music Representations for Audio Similarity",
2026, and the authors' program, whose splits are the same with 0.1 and seed 42.
"""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from soundalike.atomic import write_atomically
from soundalike.errors import UsageError

Sources: TypeAlias = Mapping[str, Mapping[str, frozenset[str]]]
"""By root (or factor) and name of the folder, everything that it was made from; none where it is not known."""

Part: TypeAlias = list[tuple[str, str]]
"""Folders that hang together, each as its root and its name."""

LARGEST: float = 0.5
"""Share of a root's folders beyond which a part of them that hangs together leaves nothing to split."""


@dataclass(frozen=True, slots=True)
class Split:
    """Names of folders, sorted as text.

    Attributes
    ----------
    train, test : tuple of str
    """

    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leak:
    """What training has met of the test folders.

    Attributes
    ----------
    folders : int
        Test folders.
    by_source : float or None
        Share of those with known sources that have one in a training folder.
    by_anchor : float or None
        Share whose anchor is, byte for byte, a clip of a training folder; None where no sounds are known.
    """

    folders: int
    by_source: float | None
    by_anchor: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"test_folders": self.folders, "by_source": self.by_source, "by_anchor": self.by_anchor}


def split_by_folder(names: Collection[str], *, fraction: float = 0.1, seed: int = 42) -> Split:
    """Split folders as MERIT does, whatever they were made from.

    Parameters
    ----------
    names : collection of str
        Of all folders, also those that are not whole.
    fraction : float
        Of the folders, for testing; at least one is.
    seed : int

    Raises
    ------
    UsageError
        If there are no folders, or none would be left for training.
    """
    shuffled = sorted(names)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - the authors' generator
    count = max(1, round(len(shuffled) * _checked(fraction)))
    if count >= len(shuffled):
        raise UsageError(f"{len(shuffled)} folders are to be split, {count} for testing.", "Give more folders.")
    return Split(tuple(sorted(shuffled[count:])), tuple(sorted(shuffled[:count])))


def inner_split(count: int, *, fraction: float = 0.1, seed: int = 42) -> tuple[list[int], list[int]]:
    """Split training folders once more, for validation, as MERIT's training does.

    Parameters
    ----------
    count : int
        Folders.
    fraction : float
        Of them, for validation; at least one is.
    seed : int

    Returns
    -------
    train, validation : list of int
        Numbers of folders, in the order in which MERIT's program goes through them.
    """
    numbers = list(range(count))
    random.Random(seed).shuffle(numbers)  # noqa: S311 - the authors' generator
    held = max(1, int(count * _checked(fraction)))
    return numbers[held:], numbers[:held]


def split_by_source(sources: Sources, *, fraction: float = 0.1, seed: int = 42) -> dict[str, Split]:
    """Split the folders of several roots so that no source is on both sides, in whatever root.

    Parameters
    ----------
    sources : Sources
        A folder of unknown sources is taken to stand alone.
    fraction : float
        Of each root's folders, for testing; as nearly as the parts that hang together allow.
    seed : int

    Returns
    -------
    dict of str to Split
        By root.

    Raises
    ------
    UsageError
        If too many of a root's folders hang together, or one side of a root would be empty.
    """
    _checked(fraction)
    parts = connected(sources)
    _check_parts(parts, sources)
    random.Random(seed).shuffle(parts)  # noqa: S311 - nothing secret
    wanted = {root: max(1, round(len(folders) * fraction)) for root, folders in sources.items()}
    left = dict(wanted)
    test: set[tuple[str, str]] = set()
    for part in parts:
        counts = {root: sum(each == root for each, _ in part) for root in sources}
        # taken if that brings the roots, each by its own measure, nearer to what is wanted
        before = sum(abs(left[root]) / wanted[root] for root in sources)
        after = sum(abs(left[root] - counts[root]) / wanted[root] for root in sources)
        if after < before:
            test.update(part)
            left = {root: left[root] - counts[root] for root in sources}
    return {root: _sides(root, folders, test) for root, folders in sources.items()}


def split_sources(sources: Sources, *, fraction: float = 0.1, seed: int = 42) -> dict[str, Split]:
    """Split sources instead of folders, and leave out the folders that have some on either side.

    Parameters
    ----------
    sources, fraction, seed
        See `split_by_source`. The fraction is that of the folders that are kept, at least, in each root.

    Returns
    -------
    dict of str to Split
        By root; folders that are left out are on neither side.

    Raises
    ------
    UsageError
        If one side of a root would be empty.
    """
    _checked(fraction)
    owned = {root: {name: own or {f"{root}/{name}"} for name, own in each.items()} for root, each in sources.items()}
    order = sorted({source for each in owned.values() for own in each.values() for source in own})
    random.Random(seed).shuffle(order)  # noqa: S311 - nothing secret
    rank = {source: place for place, source in enumerate(order)}
    spans = {
        root: {name: (min(rank[s] for s in own), max(rank[s] for s in own)) for name, own in each.items()}
        for root, each in owned.items()
    }
    cut = next((cut for cut in range(1, len(order)) if _enough(spans, cut, fraction)), len(order))
    splits = {}
    for root, folders in spans.items():
        train = tuple(sorted(name for name, (first, _) in folders.items() if first >= cut))
        test = tuple(sorted(name for name, (_, last) in folders.items() if last < cut))
        if not train or not test:
            raise UsageError(
                f"The {len(folders)} folders of {root} leave {len(train)} for training and {len(test)} for testing.",
                "Give more folders, or another fraction.",
            )
        splits[root] = Split(train, test)
    return splits


def connected(sources: Sources) -> list[Part]:
    """Folders that hang together by what they were made from, in the order of the first folder of each part."""
    leader: dict[str, str] = {}

    def find(source: str) -> str:
        while (above := leader.setdefault(source, source)) != source:
            leader[source] = leader[above]
            source = leader[source]
        return source

    parts: dict[str, Part] = {}
    places = [(root, name, sorted(own)) for root, folders in sources.items() for name, own in folders.items()]
    for _, _, own in places:
        for other in own[1:]:
            leader[find(other)] = find(own[0])
    for root, name, own in places:
        key = f"source {find(own[0])}" if own else f"folder {root}/{name}"
        parts.setdefault(key, []).append((root, name))
    return list(parts.values())


def measure_leak(
    split: Split,
    sources: Mapping[str, frozenset[str]],
    sounds: Mapping[str, Sequence[str]] | None = None,
) -> Leak:
    """What training has met of the test folders.

    Parameters
    ----------
    split : Split
        Folders that are not known are not counted.
    sources : mapping of str to frozenset of str
        By folder.
    sounds : mapping of str to sequence of str, optional
        By folder, what tells its clips apart, such as a hash of their bytes; the anchor first.
    """
    test = [name for name in split.test if name in sources]
    learned = {source for name in split.train for source in sources.get(name, ())}
    known = [bool(sources[name] & learned) for name in test if sources[name]]
    heard = {sound for name in split.train for sound in (sounds or {}).get(name, ())}
    anchors = [sounds[name][0] in heard for name in test if sounds.get(name)] if sounds else []
    return Leak(len(test), _share(known), _share(anchors))


def write_split(path: Path, split: Split) -> None:
    """Write a split as MERIT does: a JSON object with the lists "train" and "test"."""
    document = {"train": list(split.train), "test": list(split.test)}
    write_atomically(Path(path), json.dumps(document, indent=2, ensure_ascii=False).encode())


def read_split(path: Path) -> Split:
    """Read a split of ours or of MERIT's.

    Raises
    ------
    UsageError
        If the file is missing or no split, or has a folder on both sides.
    """
    try:
        document = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror}.", "Name a split that is there.") from None
    except ValueError:
        document = None
    sides = [document.get(side) for side in ("train", "test")] if isinstance(document, dict) else []
    if not sides or not all(isinstance(side, list) and all(isinstance(n, str) for n in side) for side in sides):
        raise UsageError(f"'{path}' is no split.", 'Write {"train": [...], "test": [...]} with names of folders.')
    train, test = (tuple(side or ()) for side in sides)
    if both := sorted(set(train) & set(test)):
        raise UsageError(f"'{path}' has {both[0]} on both sides.", "Name each folder once.")
    return Split(train, test)


def _checked(fraction: float) -> float:
    if not 0 < fraction < 1:
        raise UsageError(f"A fraction of {fraction:g} was asked for.", "Give more than 0 and less than 1.")
    return fraction


def _check_parts(parts: Sequence[Part], sources: Sources) -> None:
    largest = max(parts, key=len, default=[])
    for root, folders in sources.items():
        held = sum(each == root for each, _ in largest)
        if held > LARGEST * len(folders) or len(folders) < 2:
            raise UsageError(
                f"Of the {len(folders)} folders of {root}, {held} hang together by shared sources and cannot be split.",
                "Leave out folders that need both sides (--drop), or split by folder.",
            )


def _sides(root: str, folders: Collection[str], test: Collection[tuple[str, str]]) -> Split:
    chosen = {name for name in folders if (root, name) in test}
    if not 0 < len(chosen) < len(folders):
        raise UsageError(
            f"Of the {len(folders)} folders of {root}, {len(chosen)} would be for testing.",
            "Give another fraction or seed, or more folders.",
        )
    return Split(tuple(sorted(set(folders) - chosen)), tuple(sorted(chosen)))


def _enough(spans: Mapping[str, Mapping[str, tuple[int, int]]], cut: int, fraction: float) -> bool:
    """Whether in every root the sources before `cut` make that share of what is left of its folders."""
    for folders in spans.values():
        test = sum(last < cut for _, last in folders.values())
        train = sum(first >= cut for first, _ in folders.values())
        if not test or test < fraction * (test + train):
            return False
    return True


def _share(found: Sequence[bool]) -> float | None:
    return round(sum(found) / len(found), 5) if found else None
