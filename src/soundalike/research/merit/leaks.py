"""What training folders already say about test folders, and how often one anchor comes back."""

from __future__ import annotations

from collections import Counter
from typing import Any

from soundalike.research.triplets.sets import TripletSet
from soundalike.research.triplets.splits import Split, measure_leak


def leaks_of(triplets: TripletSet, split: Split) -> dict[str, Any]:
    """What training has met of the test folders; sounds are the same where their embeddings are, bit for bit.

    Parameters
    ----------
    triplets : TripletSet
        With the folders of both sides.
    split : Split

    Returns
    -------
    dict
        ``train_folders``, and what `soundalike.research.triplets.splits.measure_leak` says.
    """
    known = {
        folder.name: frozenset(source for clip in folder.clips for source in triplets.notes[clip].sources)
        for folder in triplets.folders
    }
    sounds = {folder.name: [_sound(triplets, clip) for clip in folder.clips] for folder in triplets.folders}
    learned = sum(name in known for name in split.train)
    return {"train_folders": learned, **measure_leak(split, known, sounds).to_json()}


def recurrence_of(triplets: TripletSet) -> dict[str, Any]:
    """How many folders one anchor sound is in: ``folders``, ``anchors`` (different ones), and the ``most`` of one."""
    counts = Counter(_sound(triplets, folder.anchor) for folder in triplets.folders)
    return {"folders": len(triplets.folders), "anchors": len(counts), "most": max(counts.values(), default=0)}


def _sound(triplets: TripletSet, clip: int) -> str:
    return bytes(triplets.embeddings[clip].data).hex()
