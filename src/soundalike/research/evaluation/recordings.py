"""What facets are good for on real sound: tasks on a folder of recordings, stems, one-shots and MIDI files.

The folder is no part of the project. Each task asks every facet, also those that should not be able to
answer: a head is good if it wins its own task and loses the others'.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np

from soundalike.research.evaluation.drum_performances import measure_drum_performances
from soundalike.research.evaluation.hearing import FileParts, hear
from soundalike.research.evaluation.runs import Measured, Run
from soundalike.research.evaluation.tasks import Task, facet_tables, judge, picked, same
from soundalike.research.evaluation.tune_variants import measure_tune_variants

Measure: TypeAlias = Callable[[Path, Run], Measured]


def read_index(folder: Path) -> list[dict[str, str]]:
    """Lines of ``index.csv`` whose ``file`` is here, in its order."""
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        return [line for line in csv.DictReader(file) if (folder / line["file"]).is_file()]


def measure_music(folder: Path, run: Run) -> Measured:
    """One half of a track finds the other; a track finds others by its artist.

    Parameters
    ----------
    folder : Path
        With ``index.csv`` (``file``, ``artist``) and the tracks.
    run : Run
    """
    index = read_index(folder)
    files, artists = [line["file"] for line in index], [line["artist"] for line in index]
    sources = [FileParts(str(folder / name), seconds=inf, least=2) for name in files]
    own, artist = same(files), same(artists)
    halves = Task("the other half of the track", "overall", own, np.ones_like(own), files, "tracks")
    # Halves of other tracks: a track must not be found through its own other half.
    others = Task("another track by the artist", "overall", artist, ~own, artists, "artists")
    results: Measured = {}
    for name, found in hear(sources, run.systems, jobs=run.jobs, progress=run.progress).items():
        tables = facet_tables(picked(found, 0), picked(found, 1))
        results[name] = {
            "same track": judge(halves, tables, seed=run.seed),
            "artist": judge(others, tables, seed=run.seed),
        }
    return results


def measure_stems(folder: Path, run: Run) -> Measured:
    """Ask whether the same instrument of another song is nearer than other instruments of the same song.

    Parameters
    ----------
    folder : Path
        With ``index.csv`` (``file``, ``song``, ``stem``) and the stems.
    run : Run
    """
    index = [line for line in read_index(folder) if line["stem"] != "mix"]
    sources = [FileParts(str(folder / line["file"])) for line in index]
    results: Measured = {}
    for name, found in hear(sources, run.systems, jobs=run.jobs, progress=run.progress).items():
        counts = [len(next(iter(vectors.values()))) if vectors else 1 for vectors in found]
        stems, songs = (np.repeat([line[key] for line in index], counts).tolist() for key in ("stem", "song"))
        files = np.repeat([line["file"] for line in index], counts).tolist()
        stem, song = same(stems), same(songs)
        title = "excerpts of the same stem of another song, against other stems of the same song"
        task = Task(title, "timbre", stem & ~song, (stem & ~song) | (song & ~stem), files, "stems", ("nearer",))
        results[name] = {"stem type": judge(task, facet_tables(found, found), seed=run.seed)}
    return results


def measure_oneshots(folder: Path, run: Run) -> Measured:
    """Let single sounds find their class, without help from the instrument or the pack they are from.

    Parameters
    ----------
    folder : Path
        With ``index.csv`` (``file``, ``class``, ``source_repo``, ``source_path``) and the sounds.
    run : Run
    """
    index = read_index(folder)
    sources = [FileParts(str(folder / line["file"]), seconds=inf) for line in index]
    classes, packs = [line["class"] for line in index], [line["source_repo"] for line in index]
    kind, pack = same(classes), same(packs)
    instrument = same([(line["source_repo"], instrument_of(line["source_path"])) for line in index])
    title = "another instrument of the class, against other classes of the same pack"
    strict = Task(title, "timbre", kind, pack & ~instrument, classes, "classes")
    loose = Task("another sound of the class", "timbre", kind, ~np.eye(len(index), dtype=np.bool_), classes, "classes")
    results: Measured = {}
    for name, found in hear(sources, run.systems, jobs=run.jobs, progress=run.progress).items():
        tables = facet_tables(found, found)
        results[name] = {
            "one-shot class": judge(strict, tables, seed=run.seed),
            "one-shot class, any sound": judge(loose, tables, seed=run.seed),
        }
    return results


def instrument_of(path: str) -> str:
    """Name the instrument that a one-shot is from: its file name without note, number and take, or else its folder.

    >>> instrument_of("berklee/malevoice_aa_C#4.mp3")
    'malevoice_aa'
    >>> instrument_of("berklee/bell_2b.mp3")
    'bell'
    """
    stem = Path(path).stem.lower()
    stem = re.sub(r"[ _-]?(?<![a-z])[a-g](#|b|s)?-?\d$", "", stem)
    return re.sub(r"[ _-]?\d+[a-z]?$", "", stem) or Path(path).parent.name


TASKS: Final = MappingProxyType(
    {
        "music": measure_music,
        "stems": measure_stems,
        "oneshots": measure_oneshots,
        "groove_midi": measure_drum_performances,
        "pop909": measure_tune_variants,
    }
)
"""What is measured on each folder of the data."""

RENDERED: Final = ("groove_midi", "pop909")
"""Folders of scores, which instruments have to play."""
INDEX: Final = MappingProxyType(
    dict.fromkeys(("music", "stems", "oneshots"), "index.csv") | {"groove_midi": "info.csv", "pop909": ""}
)
"""What must lie in each folder, besides what it lists."""


def present(data: Path) -> list[str]:
    """The folders of `TASKS` that are in `data`."""
    return [name for name in TASKS if (data / name / INDEX[name]).exists()]
