"""Recorded sounds whose family is known: single sounds by class, whole tracks, and the parts of songs.

Each folder has an ``index.csv``. What is learned from and what is held out have no class, and so no instrument and no
session, and no artist in common; the parts of songs are held out whole.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip, load_clip
from soundalike.encoders.embedded import EmbeddedEncoder
from soundalike.errors import NotFoundError
from soundalike.stems import STEM_DB, level

LEARNED, HELD_OUT = "learned", "held out"

ONE_SHOTS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        LEARNED: MappingProxyType(
            {
                "drums": "acoustic-drum bamboo conga cymbal electronic-percussion gong metal-hit shaker",
                "bass": "bass-string",
                "vocals": "female-voice",
                "guitar": "acoustic-guitar-string",
                "piano": "upright-olpc-piano",
                "other": """analog-synth bell casio-horn flute kalimba long-synth synth-drone synth-patch
                    violin-effects""",
            }
        ),
        HELD_OUT: MappingProxyType(
            {
                "drums": """bottle brushed-snare cowbell drum-loop kick percussion rainstick tabla tambourine
                    woodblock""",
                "bass": "fm-bass",
                "vocals": "male-voice voice-ensemble",
                "guitar": "electric-guitar guitar-chord",
                "piano": "acoustic-piano-yamaha-c5",
                "other": """pluck short-synth sitar string-pad synth-tone theremin tiny-bell vibraphone-effect""",
            }
        ),
    }
)
"""Folders of single sounds by family. Glitches, robots, textures and a prepared piano are in neither."""
UNCLEAR: Final = frozenset(
    {
        *(f"elec_{name}" for name in ("beep", "bell", "blup", "chime", "ping", "twang")),
        *("misc_cineboom", "perc_bell", "perc_bell2", "perc_swash"),
    }
)
"""Sounds of these folders of which nobody could say that they are drums."""

LEARNED_ARTISTS: Final = frozenset({"Jason Shaw", "Kevin MacLeod", "Rafael Krux"})
SOLO_PIANO: Final = frozenset({"eliogu", "Raphael Novarina"})
NO_MIX: Final = frozenset({"White Noise Audio"})
"""Artists of whole tracks: those to learn mixes from, pianists, and one of drum machines. All others are held out."""

PARTS: Final = MappingProxyType({"keys": "piano", "horns": "other"})
"""Families of the parts of songs that are called otherwise."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is heard in an excerpt.

    Attributes
    ----------
    file, source : str
        Path below the folder, and what it has in common with others: class or artist; parts of songs stand alone.
    use : str
        `LEARNED` or `HELD_OUT`.
    family : str
    seconds : float
        Of the excerpt.
    embedding : float32, shape (dim,)
    """

    file: str
    source: str
    use: str
    family: str
    seconds: float
    embedding: NDArray[np.float32]


def one_shots(folder: Path) -> Iterator[Recorded]:
    """Single sounds, each as a whole.

    Raises
    ------
    NotFoundError
        If the folder has no index.
    """
    known = {
        place: (use, family)
        for use, families in ONE_SHOTS.items()
        for family, places in families.items()
        for place in places.split()
    }
    for line in _index(folder):
        place, _, name = line["file"].partition("/")
        if place in known and Path(name).stem not in UNCLEAR:
            use, family = known[place]
            yield from _excerpts(folder, line["file"], place, use, family, (EmbeddedEncoder.window,))


def tracks(folder: Path, lengths: tuple[float, ...] = (10.0, 2.0)) -> Iterator[Recorded]:
    """Whole tracks, at every 20 s an excerpt of each length; as `one_shots`."""
    for line in _index(folder):
        artist = line["artist"]
        if artist not in NO_MIX:
            use = LEARNED if artist in LEARNED_ARTISTS else HELD_OUT
            family = "piano" if artist in SOLO_PIANO else "mix"
            yield from _excerpts(folder, line["file"], artist, use, family, lengths, step=20.0)


def song_parts(folder: Path, lengths: tuple[float, ...] = (10.0, 2.0)) -> Iterator[Recorded]:
    """The parts of songs and their mixes, at every 10 s an excerpt of each length; as `one_shots`."""
    for line in _index(folder):
        family = PARTS.get(line["stem"], line["stem"])
        yield from _excerpts(folder, line["file"], line["file"], HELD_OUT, family, lengths, step=10.0)


def _index(folder: Path) -> Iterator[dict[str, str]]:
    index = folder / "index.csv"
    if not index.is_file():
        raise NotFoundError(f"'{folder}' has no index.csv.", "Give a folder of recordings with its index.")
    with index.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _excerpts(
    folder: Path,
    file: str,
    source: str,
    use: str,
    family: str,
    lengths: tuple[float, ...],
    *,
    step: float = 20.0,
) -> Iterator[Recorded]:
    """Excerpts that are not silent, the first at the start; a shorter file is one excerpt."""
    encoder = EmbeddedEncoder()
    clip = load_clip(str(folder / file), rate=encoder.sample_rate, mono=True)
    size = clip.samples.shape[1]
    starts = range(0, max(size - round(min(encoder.window, clip.duration) * clip.rate), 0) + 1, round(step * clip.rate))
    for first in starts:
        for seconds in lengths:
            excerpt = Clip(clip.samples[:, first : first + round(seconds * clip.rate)], clip.rate)
            if level(excerpt) >= STEM_DB:
                yield Recorded(file, source, use, family, excerpt.duration, encoder.encode([excerpt])[0])
