"""Folders of MIDI files as sources of scores, in splits that share no song, performance or (for tests) drummer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

import numpy as np

from soundalike.errors import NotFoundError, UsageError
from soundalike.research.music.composer import Harmony, Melody
from soundalike.research.music.grooves import Groove
from soundalike.research.music.midi_grooves import cut_groove, read_drumming
from soundalike.research.music.midi_songs import Song, cut_harmony, cut_melody, read_song, read_tune

MaterialSplit: TypeAlias = Literal["train", "validation", "test"]
MATERIAL_SPLITS: tuple[MaterialSplit, ...] = ("train", "validation", "test")
TESTED, VALIDATED = 0.15, 0.25
"""Sources whose number is below are for tests; between the two, for validation."""
TEST_DRUMMERS = 0.3
"""Players whose number is below are for tests, with all they play."""
TRIES = 12

T = TypeVar("T", Melody, Harmony, Groove)


def split_of(name: str, player: str | None = None) -> MaterialSplit:
    """Say which split a source belongs to; other sources make no difference.

    Parameters
    ----------
    name : str
        Of the file or song, without its folder's path.
    player : str or None
        Who plays. Some players are for tests only, the others never.
    """
    if player is not None:
        if _number(player) < TEST_DRUMMERS:
            return "test"
        return "validation" if _number(name) < VALIDATED - TESTED else "train"
    number = _number(name)
    return "test" if number < TESTED else "validation" if number < VALIDATED else "train"


def _number(name: str) -> float:
    """0 to 1, the same for ever."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32


@dataclass(frozen=True, slots=True)
class Material:
    """Sources of one split.

    Attributes
    ----------
    drums : tuple of Path
        MIDI files of drum performances.
    songs : tuple of Path
        Folders with a song's files.
    tunes : tuple of Path
        Other MIDI files with a melody.
    """

    drums: tuple[Path, ...] = ()
    songs: tuple[Path, ...] = ()
    tunes: tuple[Path, ...] = ()

    def draw_groove(self, rng: np.random.Generator, meter: int = 4) -> Groove | None:
        """Cut bars out of some performance in a metre; None where a few tries find none."""

        def cut(path: Path) -> Groove | None:
            drumming = read_drumming(path)
            return None if drumming is None or drumming.meter != meter else cut_groove(drumming, rng)

        return _draw(self.drums, cut, rng)

    def draw_melody(self, rng: np.random.Generator, meter: int = 4) -> Melody | None:
        """Cut bars out of the melody of some song in a metre; None where a few tries find none."""

        def cut(path: Path) -> Melody | None:
            song = _read(path)
            return None if song is None or song.meter != meter else cut_melody(song, rng)

        return _draw((*self.songs, *self.tunes), cut, rng)

    def draw_harmony(self, rng: np.random.Generator, meter: int = 4) -> Harmony | None:
        """Cut bars out of the chords of some song in a metre; None where a few tries find none."""

        def cut(path: Path) -> Harmony | None:
            song = _read(path)
            return None if song is None or song.meter != meter else cut_harmony(song, rng)

        return _draw(self.songs, cut, rng)


def _read(path: Path) -> Song | None:
    return read_tune(path) if path.suffix else read_song(path)


def _draw(paths: Sequence[Path], cut: Callable[[Path], T | None], rng: np.random.Generator) -> T | None:
    for _ in range(TRIES if paths else 0):
        score = cut(paths[int(rng.integers(len(paths)))])
        if score is not None:
            return score
    return None


def find_material(
    split: MaterialSplit, *, drums: Path | None = None, songs: Path | None = None, tunes: Path | None = None
) -> Material:
    """List the sources of one split; they are read when they are drawn.

    Parameters
    ----------
    split : MaterialSplit
        Which sources.
    drums : Path, optional
        Folder of MIDI drum performances in folders by player, as the Groove MIDI Dataset has them.
    songs : Path, optional
        Folder of folders by song, as POP909 has them.
    tunes : Path, optional
        Folder, searched with all below, of any MIDI files with a melody.

    Returns
    -------
    Material
        In order of names.

    Raises
    ------
    UsageError
        If `split` is unknown.
    NotFoundError
        If a folder is not there.
    """
    if split not in MATERIAL_SPLITS:
        raise UsageError(f"Material of split '{split}' was asked for.", f"Choose one of {', '.join(MATERIAL_SPLITS)}.")
    for folder in (drums, songs, tunes):
        if folder is not None and not folder.is_dir():
            raise NotFoundError(f"There is no folder '{folder}'.", "Give a folder with MIDI files.")

    def files(folder: Path | None) -> list[Path]:
        return [] if folder is None else sorted(path for path in folder.rglob("*.mid*") if path.is_file())

    return Material(
        drums=tuple(p for p in files(drums) if split_of(p.name, p.relative_to(drums or p).parts[0]) == split),
        songs=tuple(
            folder
            for folder in (sorted(songs.iterdir()) if songs else ())
            if (folder / f"{folder.name}.mid").is_file() and split_of(folder.name) == split
        ),
        tunes=tuple(path for path in files(tunes) if split_of(path.name) == split),
    )
