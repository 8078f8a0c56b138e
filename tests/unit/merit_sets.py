"""Small sets of triplets whose answers are known, and heads that hear a part of an embedding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soundalike.facets import unit
from soundalike.research.triplets.sets import GENERATED, RECORDED, ClipNotes, Members, TripletSet

FACTORS = ("melody", "rhythm", "timbre")
SIZE = 4
"""Numbers of an embedding that belong to a factor; one more block says the domain."""


@dataclass(frozen=True)
class PartHead:
    """Hears only the numbers of its factor."""

    factor: str
    name: str = "part"
    in_dim: int = SIZE * (len(FACTORS) + 1)
    dim: int = SIZE

    def project(self, embeddings: np.ndarray) -> np.ndarray:
        first = SIZE * FACTORS.index(self.factor)
        return unit(embeddings[:, first : first + SIZE])


def heads() -> dict[str, PartHead]:
    return {factor: PartHead(factor) for factor in FACTORS}


def make_set(
    factor: str,
    folders: int = 40,
    *,
    positives: int = 5,
    negatives: int = 1,
    domains: tuple[str, str, str] = (RECORDED, GENERATED, RECORDED),
    songs: int | None = None,
    tempos: tuple[float, float, float] = (0.0, 0.0, 0.0),
    seed: int = 0,
) -> TripletSet:
    """Folders in which positives share the factor's numbers with the anchor, and all else is chance.

    `domains` and `tempos` are those of anchors, positives and negatives. The anchors come from as many `songs`, again
    and again with the same sound; the default is a song for each folder.
    """
    rng = np.random.default_rng([seed, FACTORS.index(factor)])
    own = slice(SIZE * FACTORS.index(factor), SIZE * (FACTORS.index(factor) + 1))
    of_domain = {name: rng.standard_normal(SIZE) * 3 for name in sorted(set(domains))}
    songs = folders if songs is None else songs
    rows, clips, notes, members = [], [], [], []
    anchors = rng.standard_normal((songs, SIZE * (len(FACTORS) + 1)))
    for number in range(folders):
        anchor = anchors[number % songs].copy()
        places = []
        kinds = [0, *[1] * positives, *[2] * negatives]
        for place, kind in enumerate(kinds):
            row = rng.standard_normal(len(anchor)) if kind else anchor.copy()
            if kind == 1:
                row[own] = anchor[own] + 0.1 * rng.standard_normal(SIZE)
            row[-SIZE:] = of_domain[domains[kind]] + 0.05 * (rng.standard_normal(SIZE) if kind else 0)
            places.append(len(rows))
            rows.append(row)
            clips.append(f"triplets_{number}/triplet/{place}.wav")
            song = f"song {number % songs}" if kind < 2 else f"other {number}"
            notes.append(ClipNotes((song,), domains[kind], tempos[kind]))
        members.append(
            Members(f"triplets_{number}", places[0], tuple(places[1 : 1 + positives]), tuple(places[1 + positives :]))
        )
    return TripletSet(factor, "toy-1", np.array(rows, np.float32), tuple(clips), tuple(notes), tuple(members))
