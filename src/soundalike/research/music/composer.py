"""Random melodies and harmonies as scores, each from its own seed.

The two know nothing of each other, nor of the groove (`soundalike.research.music.grooves`): any melody is
played over any harmony in any groove, so that what two pieces share is known exactly. Melody and
harmony stay inside one major scale (its relative minor included), so they sound well together all the
same. Pitches are semitones above the tonic, times are beats; tempo, key and sound are added by
`soundalike.research.renderer`.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from soundalike.errors import UsageError

Split: TypeAlias = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")

BEATS_PER_BAR = 4
MAJOR = (0, 2, 4, 5, 7, 9, 11)
PENTATONIC = (0, 2, 4, 7, 9)

FORMS = ("AABA", "ABAC", "AABC", "AaBA", "ABaC", "AABa", "ABCA", "AaBC")
"""Bars of a melody by letter; a small letter is its bar moved up or down the scale."""

CELLS = (
    (1.0, 1.0),
    (0.5, 0.5, 1.0),
    (1.0, 0.5, 0.5),
    (0.5, 1.0, 0.5),
    (1.5, 0.5),
    (0.5, 1.5),
    (0.5, 0.5, 0.5, 0.5),
    (0.75, 0.75, 0.5),
    (0.25, 0.25, 0.5, 1.0),
    (0.5, 0.25, 0.25, 1.0),
    (2.0,),
    (-0.5, 0.5, 1.0),
    (-0.5, 0.5, 0.5, 0.5),
    (1.0, -1.0),
)
"""Rhythms of half a bar in beats; negative is a rest."""
BUSY = tuple(i for i, cell in enumerate(CELLS) if len(cell) > 2)

PROGRESSION_PULL = np.array(
    [  # from a degree of the scale (row) to the next (column), rough habits of popular music
        [0, 2, 1, 4, 4, 3, 0.2],
        [1, 0, 1, 2, 4, 1, 0.2],
        [1, 1, 0, 4, 1, 3, 0],
        [4, 1, 1, 0, 4, 2, 0.2],
        [4, 1, 1, 2, 0, 4, 0],
        [1, 2, 2, 4, 3, 0, 0.2],
        [4, 0, 2, 0, 0, 2, 0],
    ]
)
CHORD_LENGTHS = {
    2: ((4, 4), (8, 8), (6, 2)),
    3: ((4, 4, 8), (8, 4, 4), (4, 2, 2)),
    4: ((4, 4, 4, 4), (2, 2, 2, 2), (6, 2, 4, 4), (4, 4, 6, 2)),
    5: ((4, 4, 4, 2, 2), (4, 2, 2, 4, 4)),
    6: ((4, 2, 2, 4, 2, 2), (2, 2, 4, 4, 2, 2)),
    8: ((2, 2, 2, 2, 2, 2, 2, 2),),
}
BORROWED = ((5, (0, 3, 7)), (10, (0, 4, 7)), (8, (0, 4, 7)), (2, (0, 4, 7)), (4, (0, 4, 7)))
"""Chords from outside the scale: (root, intervals), in semitones."""


@dataclass(frozen=True, slots=True)
class Note:
    """One note: `start` and `length` in beats, `pitch` in semitones above the tonic, `velocity` 0 to 1."""

    start: float
    length: float
    pitch: int
    velocity: float


@dataclass(frozen=True, slots=True)
class Melody:
    """A tune that repeats.

    Attributes
    ----------
    notes : tuple of Note
        In order of time, one at a time; pitches from about -10 to 16.
    beats : int
        Length until it repeats.
    meter : int
        Beats per bar.
    """

    notes: tuple[Note, ...]
    beats: int
    meter: int = BEATS_PER_BAR


@dataclass(frozen=True, slots=True)
class Chord:
    """One chord.

    Attributes
    ----------
    start, length : float
        In beats.
    root : int
        Pitch class above the tonic, 0 to 11.
    tones : tuple of int
        Pitch classes above the tonic, root first.
    bass : int or None
        Pitch class above the tonic of the bass note, where it is not the root.
    """

    start: float
    length: float
    root: int
    tones: tuple[int, ...]
    bass: int | None = None


@dataclass(frozen=True, slots=True)
class Harmony:
    """A chord progression that repeats every `beats` beats, `meter` of which make a bar."""

    chords: tuple[Chord, ...]
    beats: int
    meter: int = BEATS_PER_BAR


def stream(kind: str, seed: int, split: Split) -> np.random.Generator:
    """Random numbers for one object: independent between kinds, seeds and splits.

    Raises
    ------
    UsageError
        If `seed` is negative or `split` unknown.
    """
    if seed < 0 or split not in SPLITS:
        raise UsageError(f"Seed {seed} of split '{split}' was asked for.", "Give a seed from 0 and 'train' or 'test'.")
    return np.random.default_rng([zlib.crc32(f"{split} {kind}".encode()), seed])


def compose_melody(seed: int, split: Split = "train") -> Melody:
    """Write a tune of 16 beats.

    Four bars in one of `FORMS`, from few rhythm cells, as a walk on the major or pentatonic scale with leaps.

    Parameters
    ----------
    seed : int
        Not negative; the same seed gives the same tune.
    split : Split
        Training and test tunes come from different random streams.
    """
    rng = stream("melody", seed, split)
    scale = MAJOR if rng.random() < 0.7 else PENTATONIC
    form = FORMS[rng.integers(len(FORMS))]
    cells = [CELLS[i] for i in rng.choice(BUSY, 2, replace=False)]
    cells += [CELLS[i] for i in rng.choice(len(CELLS), 2, replace=False)]
    centre, leap = int(rng.integers(-1, len(scale) - 2)), float(rng.uniform(0.08, 0.35))
    articulation = float(rng.uniform(0.65, 1.0))
    bars: dict[str, list[tuple[float, float, int]]] = {}
    for letter in form.upper():
        if letter not in bars:
            bars[letter] = _write_bar(rng, cells, centre, leap)
    shift = int(rng.choice([-2, -1, 1, 2, 3]))
    notes = []
    for bar, letter in enumerate(form):
        for start, length, degree in bars[letter.upper()]:
            octave, step = divmod(degree + (shift if letter.islower() else 0), len(scale))
            velocity = (0.95 if start % 2 == 0 else 0.85 if start % 1 == 0 else 0.75) + rng.uniform(-0.05, 0.05)
            notes.append(
                Note(bar * BEATS_PER_BAR + start, length * articulation, scale[step] + 12 * octave, float(velocity))
            )
    return Melody(tuple(notes), BEATS_PER_BAR * len(form))


def _write_bar(
    rng: np.random.Generator, cells: Sequence[tuple[float, ...]], centre: int, leap: float
) -> list[tuple[float, float, int]]:
    """One bar as (start, length, degree of the scale); the walk is drawn back to `centre`."""
    degree = centre + int(rng.integers(-2, 4))
    notes, time = [], 0.0
    for cell in (cells[i] for i in rng.integers(len(cells), size=2)):
        for length in cell:
            if length > 0:
                notes.append((time, length, degree))
                size = int(rng.integers(2, 5)) if rng.random() < leap else int(rng.choice([0, 1, 1, 1, 2]))
                upward = rng.random() < 0.5 - 0.12 * (degree - centre)
                degree += size if upward else -size
            time += abs(length)
    return notes


def compose_harmony(seed: int, split: Split = "train") -> Harmony:
    """Write a progression of 2 to 8 chords over 8 or 16 beats.

    Parameters
    ----------
    seed : int
        Not negative; the same seed gives the same progression.
    split : Split
        Training and test progressions come from different random streams.
    """
    rng = stream("harmony", seed, split)
    count = int(rng.choice([2, 3, 4, 4, 4, 4, 5, 6, 8]))
    lengths = CHORD_LENGTHS[count][rng.integers(len(CHORD_LENGTHS[count]))]
    style = ("triad", "triad", "seventh", "sus", "power")[rng.integers(5)]
    degrees = [int(rng.choice(7, p=np.array([5, 1.5, 0.7, 2, 1, 3, 0]) / 13.2))]
    while len(degrees) < count:
        pull = PROGRESSION_PULL[degrees[-1]].copy()
        if len(degrees) == count - 1:
            pull[degrees[0]] = 0
        degrees.append(int(rng.choice(7, p=pull / pull.sum())))
    chords, time = [], 0
    for place, (degree, length) in enumerate(zip(degrees, lengths, strict=True)):
        root, intervals = _chord_on(degree, style, rng)
        if place and rng.random() < 0.1:
            root, intervals = BORROWED[rng.integers(len(BORROWED))]
        chords.append(Chord(time, length, root, tuple((root + i) % 12 for i in intervals)))
        time += length
    return Harmony(tuple(chords), time)


def _chord_on(degree: int, style: str, rng: np.random.Generator) -> tuple[int, tuple[int, ...]]:
    """Root and intervals in semitones of the chord on a degree of the scale."""
    thirds = [MAJOR[(degree + 2 * i) % 7] + 12 * ((degree + 2 * i) // 7) - MAJOR[degree] for i in range(4)]
    if style == "power" and thirds[2] == 7:
        return MAJOR[degree], (0, 7)
    if style == "sus" and thirds[2] == 7 and rng.random() < 0.5:
        return MAJOR[degree], (0, 2, 7) if degree not in (2, 6) else (0, 5, 7)
    return MAJOR[degree], tuple(thirds if style == "seventh" else thirds[:3])
