"""Corpora that MERIT's heads are probed with, read from folders as they are published.

musdb
    MUSDB18-HQ: ``train|test/<song>/<stem>.wav``; the class is the stem, ``mixture`` is left out.
ballroom
    Ballroom: ``<class>/<file>.wav`` anywhere below, as in ``BallroomData/`` and as mirdata lays it out
    (``ballroom/audio/``); tempos from ``<file>.bpm`` anywhere below. We read mirdata's layout without mirdata 1.0,
    which would bring the toolkits of several clouds.
covers80
    Covers80: a folder per song with its versions, as in ``covers32k/``; where ``list1.list`` and ``list2.list`` are
    there, only the pairs that they name.
classes
    Any folder with a folder per class.

Nothing of a corpus comes with this program. Recordings that are cut from one album are no test of a class, so
each recording has a group, and those of one group are neither right nor wrong answers to each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from soundalike.audio import AUDIO_SUFFIXES
from soundalike.errors import UnknownNameError, UsageError


@dataclass(frozen=True, slots=True)
class Recording:
    """A file of a corpus.

    Attributes
    ----------
    path : str
        Relative to the corpus, with ``/``.
    label : str
        Its class: a stem, a dance, a song that is covered.
    group : str
        Recordings of one group are not answers to each other. Each has one of its own where nothing joins them.
    tempo : float
        Beats per minute; 0 where it is not known.
    """

    path: str
    label: str
    group: str
    tempo: float = 0.0


def read_corpus(kind: str, root: Path) -> list[Recording]:
    """The recordings of a corpus, in the order of their paths, part by part.

    Parameters
    ----------
    kind : str
        One of `CORPORA`.
    root : Path

    Raises
    ------
    UnknownNameError
        If there is no such kind.
    UsageError
        If the folder holds no such corpus.
    """
    if kind not in CORPORA:
        raise UnknownNameError(f"'{kind}' is not a kind of corpus.", f"Known kinds: {', '.join(CORPORA)}.")
    found = CORPORA[kind](root)
    if len({recording.label for recording in found}) < 2:
        raise UsageError(
            f"'{root}' is no corpus of the kind '{kind}': {len(found)} recordings fit its layout.", LAYOUTS[kind]
        )
    return found


def read_musdb(root: Path) -> list[Recording]:
    """Stems of MUSDB18-HQ; stems of one song are one group."""
    found = [path for path in _files(root, {".wav"}) if len(path.parts) >= 2 and path.stem != "mixture"]
    return [Recording(str(path), path.stem, str(path.parent)) for path in found]


def read_ballroom(root: Path) -> list[Recording]:
    """Dances of Ballroom, those whose name begins with "Rumba" as one; recordings of one album are one group.

    Files are called ``Albums-<album>-<number>`` or ``Media-<six digits>``, of which the first four are taken for the
    album.
    """
    tempos = {path.stem: _read_tempo(root / path) for path in _files(root, {".bpm"})}
    recordings = []
    for path in _files(root, {".wav"}):
        if len(path.parts) >= 2:
            folder = path.parent.name
            label = "Rumba" if folder.startswith("Rumba") else folder
            tempo = tempos.get(path.stem, 0.0)
            recordings.append(Recording(str(path), label, album_of(path.stem), tempo))
    return recordings


def album_of(name: str) -> str:
    """The album that a file of Ballroom is from, by its name."""
    if match := re.fullmatch(r"(Albums-.+)-\d+|(Media-\d{4})\d+", name):
        return match[1] or match[2]
    return name


def read_covers(root: Path) -> list[Recording]:
    """Versions of songs, of which there are at least two."""
    listed = _listed(root)
    songs: dict[str, list[PurePosixPath]] = {}
    for path in _files(root, AUDIO_SUFFIXES):
        if len(path.parts) >= 2 and (not listed or "/".join(path.with_suffix("").parts[-2:]) in listed):
            songs.setdefault(str(path.parent), []).append(path)
    return [Recording(str(path), song, str(path)) for song, paths in songs.items() if len(paths) >= 2 for path in paths]


def read_classes(root: Path) -> list[Recording]:
    """Files by the folder that they are in."""
    found = [path for path in _files(root, AUDIO_SUFFIXES) if len(path.parts) >= 2]
    return [Recording(str(path), path.parent.name, str(path)) for path in found]


def read_for_reference(kind: str, root: Path) -> list[Recording]:
    """All audio files as MERIT's program takes them: classes by the names of file or folder, and nothing else known.

    Parameters
    ----------
    kind : str
        One of `CORPORA`; of "musdb" the files ``mixture`` are left out, as the program is told to.
    root : Path
    """
    paths = _files(root, AUDIO_SUFFIXES)
    if kind == "musdb":
        paths = [path for path in paths if path.stem != "mixture"]
    labels = [path.stem if kind == "musdb" else path.parent.name for path in paths]
    return [Recording(str(path), label, str(path)) for path, label in zip(paths, labels, strict=True)]


def _files(root: Path, suffixes: frozenset[str] | set[str]) -> list[PurePosixPath]:
    """Files below a folder, in the order in which MERIT's program visits them; what is hidden is left out."""
    found = [path.relative_to(root) for path in root.rglob("*") if path.suffix.lower() in suffixes and path.is_file()]
    visible = [path for path in found if not any(part.startswith(".") for part in path.parts)]
    return [PurePosixPath(path.as_posix()) for path in sorted(visible)]


def _listed(root: Path) -> frozenset[str]:
    """``song/file`` without suffix, as the two lists of Covers80 name them; empty where the lists are not there."""
    lists = [next(iter(sorted(root.rglob(name))), None) for name in ("list1.list", "list2.list")]
    names = (line.strip() for path in lists if path for line in path.read_text("utf-8", "replace").splitlines())
    return frozenset(name for name in names if name) if all(lists) else frozenset()


def _read_tempo(path: Path) -> float:
    """The first number of a file; 0 if there is none."""
    match = re.match(r"\s*(\d+(?:\.\d+)?)", path.read_text("utf-8", "replace"))
    return float(match[1]) if match else 0.0


CORPORA: Final[Mapping[str, Callable[[Path], list[Recording]]]] = MappingProxyType(
    {"musdb": read_musdb, "ballroom": read_ballroom, "covers80": read_covers, "classes": read_classes}
)

LAYOUTS: Final = MappingProxyType(
    {
        "musdb": "Name the folder that holds train/ and test/, each with a folder of stems per song.",
        "ballroom": "Name the folder that holds a folder of wav files per dance, such as BallroomData.",
        "covers80": "Name the folder that holds a folder per song with its versions, such as covers32k.",
        "classes": "Name a folder that holds at least two folders of audio files, one per class.",
    }
)
"""What to do where a corpus is not found."""

OWN_FACTOR: Final = MappingProxyType({"musdb": "timbre", "ballroom": "rhythm", "covers80": "melody"})
"""The head that should win each."""

SOURCES: Final = MappingProxyType(
    {
        "musdb": "MUSDB18-HQ is at zenodo.org/records/3338373; unpack it.",
        "ballroom": "Ballroom is at mtg.upf.edu/ismir2004/contest/tempoContest, its tempos beside it; unpack both.",
        "covers80": "Covers80 is at labrosa.ee.columbia.edu/projects/coversongs/covers80; unpack it.",
        "classes": "Make a folder per class.",
    }
)
"""Where those who may use a corpus find it."""
