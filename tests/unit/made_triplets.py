"""Sets of triplets in which a factor is linearly hidden among others."""

from __future__ import annotations

import numpy as np

from soundalike.research.triplets.sets import ClipNotes, Members, TripletSet

FACTORS = ("melody", "rhythm", "timbre")
SIZE = 6
"""Numbers that each factor has in an embedding."""


def made_set(
    factor: str = "melody", *, folders: int = 40, positives: int = 3, dim: int = 32, seed: int = 0, songs: int = 0
) -> TripletSet:
    """Embeddings mix three hidden factors and noise; anchor and positives of a folder share only `factor`.

    The negative shares the other two with the anchor, so that without a head it is nearer. Folder i is made from song
    i, or i modulo `songs`.
    """
    mixing = np.random.default_rng(99).standard_normal((len(FACTORS) * SIZE, dim))
    rng = np.random.default_rng((seed, FACTORS.index(factor)))
    own = slice(FACTORS.index(factor) * SIZE, (FACTORS.index(factor) + 1) * SIZE)
    rows, clips, notes, members = [], [], [], []
    for i in range(folders):
        anchor = rng.standard_normal(len(mixing))
        others = rng.standard_normal((positives, len(mixing)))
        others[:, own] = anchor[own]
        negative = anchor.copy()
        negative[own] = rng.standard_normal(SIZE)
        first = len(rows)
        hidden = np.stack([anchor, *others, negative])
        rows += list(hidden @ mixing + 0.1 * rng.standard_normal((len(hidden), dim)) + 1.0)
        names = ["anchor", *(f"positive_{k:02d}" for k in range(1, positives + 1)), "negative"]
        clips += [f"triplets_{i}/triplet/{name}.wav" for name in names]
        notes += [ClipNotes((f"song {i % songs if songs else i}",))] * len(names)
        last = first + positives + 1
        members.append(Members(f"triplets_{i}", first, tuple(range(first + 1, last)), (last,)))
    return TripletSet(factor, "toy@1", np.array(rows, np.float32), tuple(clips), tuple(notes), tuple(members))
