"""The same tune, or the same chords, played otherwise: tasks on songs in folders as POP909 has them.

A passage of every song is rendered several times by instruments of the tests, each time in another key and
at another tempo, alone and inside an arrangement that has nothing to do with the song. Only songs of the
split "test" are asked (`soundalike.research.music.material`): heads may have been trained on the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from soundalike.audio import Clip
from soundalike.research.evaluation.hearing import Vectors, hear
from soundalike.research.evaluation.runs import Measured, Run
from soundalike.research.evaluation.tasks import Task, facet_tables, judge, same
from soundalike.research.music.composer import Harmony, Melody
from soundalike.research.music.material import find_material
from soundalike.research.music.midi_songs import cut_harmony, cut_melody, read_song
from soundalike.research.music.performer import PieceSpec
from soundalike.research.renderer import render

SONGS: Final = 60
VERSIONS: Final = 4
SLOWEST, FASTEST = 75.0, 150.0
"""Range of tempo, in beats per minute."""
LATEST: Final = 4.0
"""Beats of the passage before which every version begins, so that any two have most of it in common."""
ALONE: Final = {"melody": ("lead",), "harmony": ("comp", "bass")}
"""Parts that play the passage."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pieces as a source of clips, see `soundalike.research.evaluation.hearing.Source`."""

    pieces: tuple[PieceSpec, ...]

    def clips(self) -> list[Clip]:
        """One clip per piece."""
        return [render(piece) for piece in self.pieces]


def measure_tune_variants(folder: Path, run: Run, *, songs: int = SONGS) -> Measured:
    """Find other versions of a passage by its melody, or by its chords.

    Parameters
    ----------
    folder : Path
        With a folder per song, see `soundalike.research.music.midi_songs.read_song`.
    run : Run
    songs : int
        How many, drawn by chance; fewer where there are fewer.

    Returns
    -------
    dict of str to dict
        Tasks by system.
    """
    rng = np.random.default_rng([run.seed, 2])
    known = find_material("test", songs=folder).songs
    sources: list[Pieces] = []
    for place in rng.permutation(len(known)):
        passage = _cut(known[place], rng)
        if passage is not None and len(sources) < songs:
            sources.append(Pieces(_versions(*passage, rng, run)))
    heard = hear(sources, run.systems, jobs=run.jobs, progress=run.progress)
    return {name: _score(found, run.seed) for name, found in heard.items()}


def _cut(folder: Path, rng: np.random.Generator) -> tuple[Melody, Harmony] | None:
    """Cut a tune and chords out of a song in common time; None where there is no such passage."""
    song = read_song(folder)
    if song is None or song.meter not in (2, 4):
        return None
    melody, harmony = cut_melody(song, rng), cut_harmony(song, rng)
    return None if melody is None or harmony is None else (melody, harmony)


def _versions(melody: Melody, harmony: Harmony, rng: np.random.Generator, run: Run) -> tuple[PieceSpec, ...]:
    """`VERSIONS` of each kind: melody alone, melody arranged, harmony alone, harmony arranged."""
    pieces = []
    for part, arranged in (("melody", False), ("melody", True), ("harmony", False), ("harmony", True)):
        for _ in range(VERSIONS):
            seeds = [int(seed) for seed in rng.integers(2**31, size=5)]
            piece = PieceSpec(
                melody if part == "melody" else seeds[0],
                harmony if part == "harmony" else seeds[1],
                groove=seeds[2],
                timbre=seeds[3],
                nuisance=seeds[4],
                tempo=float(np.exp(rng.uniform(np.log(SLOWEST), np.log(FASTEST)))),
                key=int(rng.integers(12)),
                start=float(rng.uniform(0, LATEST)),
                split="test",
                parts=None if arranged else ALONE[part],
                **run.playing,
            )
            pieces.append(piece)
    return tuple(pieces)


def _score(found: Sequence[Vectors], seed: int) -> dict[str, dict[str, Any]]:
    songs = [place for place in range(len(found)) for _ in range(VERSIONS)]
    right, other = same(songs), ~np.eye(len(songs), dtype=np.bool_)
    alone, arranged, chords, chords_arranged = (
        [{facet: array[i * VERSIONS : (i + 1) * VERSIONS] for facet, array in vectors.items()} for vectors in found]
        for i in range(4)
    )
    asked = {
        "tune, alone": ("melody", alone, alone, other),
        "tune, inside arrangements": ("melody", arranged, arranged, other),
        "tune, alone, found inside arrangements": ("melody", alone, arranged, np.ones_like(other)),
        "chords, alone": ("harmony", chords, chords, other),
        "chords, under other tunes and drums": ("harmony", chords_arranged, chords_arranged, other),
    }
    results = {}
    for name, (own, queries, candidates, allowed) in asked.items():
        title = "versions of the same passage by another instrument, in another key and tempo"
        task = Task(title, own, right, allowed, songs, "songs", ("first", "precision"))
        results[name] = judge(task, facet_tables(queries, candidates), seed=seed)
    return results
