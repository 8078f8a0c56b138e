"""The drumming and the kits that the drum net and the groove head are made from, and what is kept for tests.

Drummers for tests play in tests only; so it is with kits and SoundFonts.
"""

from __future__ import annotations

import csv
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import numpy as np

from soundalike.errors import NotFoundError
from soundalike.research.music.material import MaterialSplit, split_of
from soundalike.research.music.midi_scores import read_midi
from soundalike.research.training.drum_samples import Kit, font_kits, own_kits, random_kits
from soundalike.research.training.drum_scenes import Drumming

FONTS = MappingProxyType(
    {
        "train": (("FluidR3_GM", 128), ("MuseScore_General_Full", 128)),
        "validation": (("Red_Zeppelin_4_LV2", 0),),
        "test": (("TimGM6mb", 128),),
    }
)
"""SoundFonts and the bank that their kits are in."""
PRESETS = (0, 1, 2, 3, 4, 8, 9, 11, 16, 17, 24, 25, 32, 33, 40, 41, 48)
RANDOM_KITS = 60
SHORTEST = 12.0
BARS = MappingProxyType({"4-4": 4, "3-4": 3})


def read_drumming(folder: Path, use: MaterialSplit) -> list[Drumming]:
    """Human performances of one set from a folder of the Groove MIDI Dataset, fills and very short ones left out.

    Raises
    ------
    NotFoundError
        If the folder has no ``info.csv``.
    """
    index = folder / "info.csv"
    if not index.is_file():
        raise NotFoundError(f"'{folder}' has no info.csv.", "Give the folder of the Groove MIDI Dataset.")
    found = []
    with index.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            path = folder / line["midi_filename"]
            wanted = split_of(path.name, line["drummer"]) == use
            if wanted and line["beat_type"] == "beat" and float(line["duration"]) >= SHORTEST:
                found.append(_read(path, float(line["bpm"]), BARS.get(line["time_signature"], 0)))
    return found


def _read(path: Path, tempo: float, beats_per_bar: int) -> Drumming:
    """One file; its ticks count beats of the metronome that the drummer heard."""
    midi = read_midi(path)
    strokes = []
    for track in midi.tracks if midi is not None else ():
        ticks = 0
        for message in track:
            ticks += message.time
            if midi is not None and message.type == "note_on" and message.velocity:
                strokes.append((ticks / midi.ticks_per_beat, message.note, message.velocity / 127))
    return Drumming(path.stem, np.array(sorted(strokes), np.float64).reshape(-1, 3), tempo, beats_per_bar)


def read_kits(use: MaterialSplit) -> list[Kit]:
    """The kits of one set; those of SoundFonts that are not installed are left out.

    Parameters
    ----------
    use : MaterialSplit
    """
    kits: list[Kit] = []
    for name, bank in FONTS[use]:
        with suppress(NotFoundError):
            kits += font_kits(name, PRESETS, bank=bank)
    if use == "train":
        return kits + own_kits("train") + random_kits(RANDOM_KITS)
    return kits + own_kits("test", variants=2) if use == "test" else kits
