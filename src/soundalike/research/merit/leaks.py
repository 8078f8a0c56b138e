"""What training folders already say about test folders, and how often one anchor comes back."""

from __future__ import annotations

from collections import Counter
from typing import Any

from soundalike.research.triplets.sets import Members, TripletSet


def measure_leaks(triplets: TripletSet, train: frozenset[str], test: frozenset[str]) -> dict[str, Any]:
    """Shares of test folders and test anchors that training has met.

    Parameters
    ----------
    triplets : TripletSet
        With the folders of both parts.
    train, test : frozenset of str
        Names of folders.

    Returns
    -------
    dict
        ``train_folders`` and ``test_folders``; of the test folders the shares whose anchor sound is in a training
        folder too (``anchors_seen``: as anchor or anything else), any of whose clips is (``clips_seen``), and that
        have a source in common with a training folder (``sources_seen``; None where no sources are known).
        Sounds are the same where their embeddings are, bit for bit.
    """
    learned = [folder for folder in triplets.folders if folder.name in train]
    judged = [folder for folder in triplets.folders if folder.name in test]
    sounds = {_sound(triplets, clip) for folder in learned for clip in folder.clips}
    sources = {source for folder in learned for source in _known(triplets, folder)}
    known = [_known(triplets, folder) for folder in judged]
    return {
        "train_folders": len(learned),
        "test_folders": len(judged),
        "anchors_seen": _share([_sound(triplets, folder.anchor) in sounds for folder in judged]),
        "clips_seen": _share([any(_sound(triplets, c) in sounds for c in folder.clips) for folder in judged]),
        "sources_seen": _share([bool(own & sources) for own in known if own]),
    }


def measure_recurrence(triplets: TripletSet) -> dict[str, Any]:
    """How many folders one anchor sound is in: ``folders``, ``anchors`` (different ones), ``mean`` and ``most``."""
    counts = Counter(_sound(triplets, folder.anchor) for folder in triplets.folders)
    return {
        "folders": len(triplets.folders),
        "anchors": len(counts),
        "mean": round(len(triplets.folders) / len(counts), 3) if counts else None,
        "most": max(counts.values(), default=0),
    }


def _sound(triplets: TripletSet, clip: int) -> bytes:
    return bytes(triplets.embeddings[clip].data)


def _known(triplets: TripletSet, folder: Members) -> frozenset[str]:
    """Sources that are really known; a folder without any stands for itself elsewhere."""
    return frozenset(source for clip in folder.clips for source in triplets.notes[clip].sources)


def _share(found: list[bool]) -> float | None:
    return round(sum(found) / len(found), 5) if found else None
