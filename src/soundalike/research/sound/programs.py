"""Which programs of the SoundFonts play what, and for whom: training, validation or test.

The numbers are those of General MIDI, the same in every SoundFont. No program is in two of the three sets, whatever
the SoundFont, and none that shares its recordings with one of another set (as violin and fiddle do in some).
The drum kits of one SoundFont share most cymbals: only another SoundFont has kits that are all its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np

from soundalike.research.sound.soundfonts import Program

Use: TypeAlias = Literal["train", "validation", "test"]
_Named = Mapping[int, str]

_LOW, _HIGH, _ANY = (-1, -1, 0), (0, 1), (-1, 0, 0, 0, 1)
_OCTAVES = MappingProxyType(
    dict.fromkeys((27, 29, 30, 42, 57, 60, 66, 70, 104), _LOW)
    | dict.fromkeys((10, 13, 40, 72, 73, 79), _HIGH)
    | dict.fromkeys((0, 3, 4, 5, 7, 11, 46, 61, 80, 81, 84, 107), _ANY)
)
"""Octaves in which a lead is at home; 0 alone where nothing is said."""

LEADS: Mapping[Use, _Named] = MappingProxyType(
    {
        "train": {
            0: "grand piano",
            4: "electric piano",
            6: "harpsichord",
            12: "marimba",
            21: "accordion",
            24: "nylon guitar",
            27: "clean electric guitar",
            29: "overdriven guitar",
            40: "violin",
            42: "cello",
            46: "harp",
            52: "choir",
            56: "trumpet",
            57: "trombone",
            61: "brass section",
            64: "soprano saxophone",
            66: "tenor saxophone",
            68: "oboe",
            71: "clarinet",
            73: "flute",
            75: "pan flute",
            79: "ocarina",
            80: "square lead",
            81: "saw lead",
            85: "synthetic voice",
            105: "banjo",
            108: "kalimba",
        },
        "validation": {
            5: "FM electric piano",
            10: "music box",
            22: "harmonica",
            26: "jazz guitar",
            53: "oohs",
            59: "muted trumpet",
            70: "bassoon",
            74: "recorder",
            82: "calliope",
            107: "koto",
        },
        "test": {
            3: "honky-tonk piano",
            7: "clavinet",
            11: "vibraphone",
            13: "xylophone",
            20: "reed organ",
            25: "steel guitar",
            30: "distorted guitar",
            41: "viola",
            54: "vocoder",
            60: "French horn",
            65: "alto saxophone",
            69: "English horn",
            72: "piccolo",
            84: "charang",
            104: "sitar",
        },
    }
)

COMPS: Mapping[Use, _Named] = MappingProxyType(
    {
        "train": {
            0: "grand piano",
            2: "electric grand",
            4: "electric piano",
            6: "harpsichord",
            12: "marimba",
            16: "drawbar organ",
            19: "church organ",
            21: "accordion",
            24: "nylon guitar",
            27: "clean electric guitar",
            28: "muted guitar",
            46: "harp",
            48: "strings",
            49: "slow strings",
            50: "synthetic strings",
            52: "choir",
            61: "brass section",
            81: "saw synth",
        },
        "validation": {5: "FM electric piano", 17: "percussive organ", 26: "jazz guitar", 90: "polysynth"},
        "test": {
            3: "honky-tonk piano",
            7: "clavinet",
            11: "vibraphone",
            18: "rock organ",
            20: "reed organ",
            25: "steel guitar",
            62: "synth brass",
            54: "vocoder",
            63: "soft synth brass",
        },
    }
)

PADS: Mapping[Use, _Named] = MappingProxyType(
    {
        "train": {
            19: "church organ",
            48: "strings",
            49: "slow strings",
            50: "synthetic strings",
            52: "choir",
            89: "warm pad",
            94: "halo pad",
            95: "sweep pad",
        },
        "validation": {53: "oohs", 90: "polysynth"},
        "test": {54: "vocoder", 63: "soft synth brass", 91: "space voice", 92: "bowed glass", 93: "metal pad"},
    }
)

BASSES: Mapping[Use, _Named] = MappingProxyType(
    {
        "train": {32: "upright bass", 33: "fingered bass", 35: "fretless bass", 38: "synth bass"},
        "validation": {37: "slap bass", 43: "contrabass"},
        "test": {34: "picked bass", 36: "thumb bass", 39: "hollow synth bass", 58: "tuba"},
    }
)

KITS: Mapping[Use, _Named] = MappingProxyType(
    {
        "train": {0: "standard kit", 1: "second standard kit", 16: "power kit", 25: "analogue machine"},
        "validation": {8: "room kit", 32: "jazz kit"},
        "test": {24: "electronic kit", 40: "brush kit"},
    }
)
OTHER_FONT_KITS: _Named = MappingProxyType(
    {0: "standard kit", 16: "power kit", 24: "electronic kit", 25: "analogue machine", 40: "brush kit"}
)
"""Kits of the SoundFont that only tests use: its drums are other recordings, whatever they are called."""

_STROKES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "kick": (36, 36, 35),
        "snare": (38, 38, 40, 40, 37, 39),
        "hat": (42, 42, 42, 44, 54, 70),
        "open": (46, 46, 46, 51, 49),
        "tom": (45, 47, 48, 50, 41, 43),
        "ride": (51, 53, 59),
        "crash": (49, 57, 55),
        "perc": (37, 39, 45, 47, 48, 54, 56, 60, 61, 62, 63, 64, 67, 69, 70, 75, 76),
    }
)
"""MIDI notes that may play a drum."""
FIRST_STROKES: Mapping[str, int] = MappingProxyType({drum: notes[0] for drum, notes in _STROKES.items()})


def draw_program(role: Mapping[Use, _Named], use: Use, font: str, rng: np.random.Generator) -> Program:
    """Choose an instrument for a role, and change it a little.

    Parameters
    ----------
    role : mapping
        `LEADS`, `COMPS`, `PADS` or `BASSES`.
    use : Use
        For whom.
    font : str
        Name of the SoundFont.
    rng : numpy.random.Generator
        What decides.
    """
    number = int(rng.choice(list(role[use])))
    program = Program(role[use][number], font, 0, number, _OCTAVES.get(number, (0,)))
    return vary_program(program, rng)


def draw_kit(kits: _Named, font: str, rng: np.random.Generator) -> Program:
    """Choose a drum kit and which of its drums play what; never are two drums played by the same one."""
    number = int(rng.choice(list(kits)))
    strokes: dict[str, int] = {}
    for drum, notes in _STROKES.items():
        strokes[drum] = int(rng.choice([note for note in notes if note not in strokes.values()]))
    return Program(
        kits[number],
        font,
        128,
        number,
        touch=float(rng.uniform(0.75, 1.1)),
        tuning=float(rng.uniform(-99, 99)),
        cutoff=float(rng.uniform(-1800, 0)) if rng.random() < 0.4 else 0.0,
        decay=float(rng.uniform(-1500, 300)),
        strokes=tuple(strokes.items()),
    )


def vary_program(program: Program, rng: np.random.Generator) -> Program:
    """Another instrument of the same kind: colour, envelope and touch changed a little."""
    dark, slow, moved = rng.random() < 0.5, rng.random() < 0.25, rng.random() < 0.3
    return replace(
        program,
        cutoff=float(rng.uniform(-2600, 0)) if dark else 0.0,
        resonance=float(rng.uniform(0, 60)) if dark else 0.0,
        attack=float(rng.uniform(0.005, 0.05)) if slow else 0.0,
        decay=float(rng.uniform(-1200, 600)),
        release=float(rng.uniform(-1200, 900)),
        tuning=float(rng.uniform(-8, 8)),
        vibrato=float(rng.uniform(4, 25)) if moved else 0.0,
        vibrato_rate=float(rng.uniform(-600, 200)) if moved else 0.0,
        touch=float(rng.uniform(0.65, 1.1)),
    )
