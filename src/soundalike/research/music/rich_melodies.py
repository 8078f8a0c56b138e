"""Tunes of many kinds: more scales, metres, rhythms and ways of moving than `soundalike.research.music.composer` has.

All scales lie in (or next to) one major scale, those with another centre too, so any tune still goes with
any progression. Ornaments are not written here: they belong to one playing of a tune
(`soundalike.research.music.ornaments`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

import numpy as np

from soundalike.research.music.composer import Melody, Note, Split, stream

SCALES: Mapping[str, tuple[int, tuple[int, ...], float]] = MappingProxyType(
    {
        "major": (0, (0, 2, 4, 5, 7, 9, 11), 5.0),
        "minor": (9, (0, 2, 3, 5, 7, 8, 10), 3.0),
        "harmonic minor": (9, (0, 2, 3, 5, 7, 8, 11), 1.5),
        "melodic minor": (9, (0, 2, 3, 5, 7, 9, 11), 0.7),
        "dorian": (2, (0, 2, 3, 5, 7, 9, 10), 1.5),
        "phrygian": (4, (0, 1, 3, 5, 7, 8, 10), 0.5),
        "lydian": (5, (0, 2, 4, 6, 7, 9, 11), 0.5),
        "mixolydian": (7, (0, 2, 4, 5, 7, 9, 10), 1.5),
        "major pentatonic": (0, (0, 2, 4, 7, 9), 2.0),
        "minor pentatonic": (9, (0, 3, 5, 7, 10), 2.0),
        "minor blues": (9, (0, 3, 5, 6, 7, 10), 1.0),
        "major blues": (0, (0, 2, 3, 4, 7, 9), 1.0),
    }
)
"""By name: centre in semitones above the tonic, steps above the centre, and how often."""

THIRD = 1 / 3
CELLS: Mapping[int, tuple[tuple[float, ...], ...]] = MappingProxyType(
    {
        1: (
            (1.0,),
            (0.5, 0.5),
            (0.25, 0.25, 0.5),
            (0.5, 0.25, 0.25),
            (0.25, 0.5, 0.25),
            (0.75, 0.25),
            (0.25, 0.75),
            (0.25, 0.25, 0.25, 0.25),
            (THIRD, THIRD, THIRD),
            (2 * THIRD, THIRD),
            (THIRD, 2 * THIRD),
            (-0.5, 0.5),
            (-0.25, 0.75),
            (-0.25, 0.25, 0.5),
            (0.5, -0.5),
            (-1.0,),
        ),
        2: (
            (2.0,),
            (1.5, 0.5),
            (0.5, 1.5),
            (0.5, 1.0, 0.5),
            (0.75, 0.75, 0.5),
            (0.75, 0.5, 0.75),
            (0.5, 0.75, 0.75),
            (1.75, 0.25),
            (0.25, 1.25, 0.5),
            (2 * THIRD, 2 * THIRD, 2 * THIRD),
            (-0.5, 0.5, 0.5, 0.5),
            (-0.5, 1.5),
            (-1.0, 0.5, 0.5),
            (1.0, -1.0),
            (0.5, -0.5, 0.5, 0.5),
            (-2.0,),
        ),
        3: (
            (3.0,),
            (2.0, 1.0),
            (1.0, 2.0),
            (1.5, 1.5),
            (2.5, 0.5),
            (0.75, 0.75, 0.75, 0.75),
            (1.5, 0.5, 1.0),
            (-1.0, 2.0),
            (-0.5, 1.0, 1.5),
        ),
        4: (
            (4.0,),
            (3.0, 1.0),
            (1.5, 1.5, 1.0),
            (1.5, 2.5),
            (-1.0, 3.0),
            (0.75, 0.75, 0.75, 0.75, 0.5, 0.5),
            (2.0, -2.0),
            (-3.0, 1.0),
        ),
    }
)
"""Rhythms by their length in beats; negative is a rest."""

BARS = {2: (4, 8, 8), 3: (4, 4, 8), 4: (2, 4, 4, 4, 6, 8), 5: (2, 4, 4)}
"""How many bars a tune may have, by beats per bar."""


@dataclass(frozen=True, slots=True)
class _Manner:
    """How one tune moves.

    Attributes
    ----------
    cells : tuple of rhythms
        The few it is made of.
    steps, leaps : tuple of int
        Sizes in degrees of the scale that it likes.
    leap, keep, repeat : float
        Chance to leap, to go on in the same direction, and to repeat a note.
    centre, reach : int
        Middle of its range and about how far it goes, in degrees.
    """

    cells: tuple[tuple[float, ...], ...]
    steps: tuple[int, ...]
    leaps: tuple[int, ...]
    leap: float
    keep: float
    repeat: float
    centre: int
    reach: int


_Bar = list[tuple[float, float, int]]  # (start in beats, length in beats, degree of the scale)


def compose_rich_melody(seed: int, split: Split = "train", meter: int = 4) -> Melody:
    """Write a tune of 8 to 32 beats.

    Parameters
    ----------
    seed : int
        Not negative; the same seed and metre give the same tune.
    split : Split
        Training and test tunes come from different random streams.
    meter : int
        Beats per bar, 2 to 5.

    Returns
    -------
    Melody
        At least five notes, of at least two pitches.
    """
    rng = stream(f"rich melody {meter}", seed, split)
    while True:
        melody = _draw_tune(rng, meter)
        if len(melody.notes) >= 5 and len({note.pitch for note in melody.notes}) >= 2:
            return melody


def _draw_tune(rng: np.random.Generator, meter: int) -> Melody:
    names = list(SCALES)
    weights = np.array([SCALES[name][2] for name in names])
    centre, scale, _ = SCALES[names[int(rng.choice(len(names), p=weights / weights.sum()))]]
    manner = _draw_manner(rng, meter, len(scale))
    bars = _write_bars(rng, manner, int(rng.choice(BARS[meter])), meter)
    line = [(bar * meter + start, length, degree) for bar, notes in enumerate(bars) for start, length, degree in notes]
    line = _across_bars(line, rng, meter, meter * len(bars))
    articulation, spice = float(rng.uniform(0.5, 1.0)), float(rng.choice([0, 0, 0, 0.08]))
    low = centre if centre < 6 else centre - 12
    notes = []
    for start, length, degree in line:
        octave, step = divmod(degree, len(scale))
        pitch = low + scale[step] + 12 * octave + (int(rng.choice([-1, 1])) if rng.random() < spice else 0)
        accent = 0.95 if start % meter == 0 else 0.87 if start % 1 == 0 else 0.78
        velocity = accent + rng.uniform(-0.08, 0.05)
        notes.append(Note(start, length * articulation, _within(pitch), float(velocity)))
    return Melody(tuple(notes), meter * len(bars), meter)


def _within(pitch: int) -> int:
    """Fold what runs away back by octaves: -12 to 21."""
    while pitch > 21:
        pitch -= 12
    while pitch < -12:
        pitch += 12
    return pitch


def _draw_manner(rng: np.random.Generator, meter: int, degrees: int) -> _Manner:
    density = float(np.exp(rng.uniform(np.log(0.4), np.log(3.2))))
    known = [cell for size, group in CELLS.items() if size <= meter for cell in group]
    rates = np.array([sum(length > 0 for length in cell) / sum(map(abs, cell)) for cell in known])
    pull = np.exp(-0.5 * (np.log((rates + 0.15) / (density + 0.15)) / 0.5) ** 2) + 1e-3
    chosen = rng.choice(len(known), size=int(rng.integers(2, 7)), replace=False, p=pull / pull.sum())
    kind = rng.integers(4)
    steps = ((1,), (1, 1, 2), (1, 2), (2,))[kind]  # scale runs, walks, wide walks, broken chords
    return _Manner(
        cells=(*(known[i] for i in chosen), known[0]),
        steps=steps,
        leaps=((3, 4), (2, 3, 5), (4, degrees), (3, 4, 5, degrees))[rng.integers(4)],
        leap=float(rng.uniform(0.03, 0.35)),
        keep=float(rng.uniform(0.25, 0.85)),
        repeat=float(rng.choice([0.03, 0.1, 0.2, 0.4])),
        centre=int(rng.integers(-1, degrees - 1)),
        reach=int(rng.integers(2, degrees + 1)),
    )


def _write_bars(rng: np.random.Generator, manner: _Manner, count: int, meter: int) -> list[_Bar]:
    """Bars, of which later ones repeat, move, turn over or vary earlier ones."""
    bars: list[_Bar] = []
    faithful = float(rng.uniform(0.3, 0.75))
    for place in range(count):
        if place == 0 or (place == 1 and count == 2) or rng.random() > faithful:
            bars.append(_write_bar(rng, manner, meter))
            continue
        # Two or four bars back is where phrases answer each other.
        back = int(rng.choice([b for b in (1, 2, 2, 4, 4) if b <= place]))
        bars.append(_changed(bars[place - back], rng, manner))
    return bars


def _changed(bar: _Bar, rng: np.random.Generator, manner: _Manner) -> _Bar:
    kind = rng.choice(["same", "same", "sequence", "sequence", "same rhythm", "new end", "mirror"])
    if kind == "sequence":
        shift = int(rng.choice([-3, -2, -1, 1, 2, 3]))
        return [(start, length, degree + shift) for start, length, degree in bar]
    if kind == "mirror" and bar:
        return [(start, length, 2 * bar[0][2] - degree) for start, length, degree in bar]
    if kind == "same rhythm":
        degrees = _walk(rng, manner, len(bar))
        return [(start, length, degree) for (start, length, _), degree in zip(bar, degrees, strict=True)]
    if kind == "new end" and len(bar) > 2:
        half = len(bar) // 2
        degrees = _walk(rng, manner, len(bar) - half, bar[half - 1][2])
        return bar[:half] + [(s, n, degree) for (s, n, _), degree in zip(bar[half:], degrees, strict=True)]
    return list(bar)


def _write_bar(rng: np.random.Generator, manner: _Manner, meter: int) -> _Bar:
    lengths: list[float] = []
    room = float(meter)
    while room > 1e-6:
        fitting = [cell for cell in manner.cells if sum(map(abs, cell)) <= room + 1e-6]
        cell = fitting[rng.integers(len(fitting))]
        lengths += cell
        room -= round(sum(map(abs, cell)))
    starts = np.cumsum([0.0, *(abs(length) for length in lengths[:-1])])
    degrees = _walk(rng, manner, sum(length > 0 for length in lengths))
    sounding = [(_exact(start), length) for start, length in zip(starts, lengths, strict=True) if length > 0]
    return [(start, length, degree) for (start, length), degree in zip(sounding, degrees, strict=True)]


def _exact(beat: float) -> float:
    """Take the rounding errors of added thirds away, so that a beat is a whole number."""
    return float(Fraction(float(beat)).limit_denominator(12))


def _walk(rng: np.random.Generator, manner: _Manner, count: int, before: int | None = None) -> list[int]:
    """Degrees of a walk that keeps its direction for a while and turns back at the ends of its range."""
    degree = manner.centre + int(rng.integers(-2, 3)) if before is None else before
    direction, walk = (1 if rng.random() < 0.5 else -1), []
    for _ in range(count):
        walk.append(degree)
        away = degree - manner.centre
        if abs(away) > manner.reach / 2 and rng.random() < 0.8:
            direction = -1 if away > 0 else 1
        elif rng.random() > manner.keep:
            direction = -direction
        if rng.random() < manner.repeat:
            continue
        sizes = manner.leaps if rng.random() < manner.leap else manner.steps
        degree += direction * int(sizes[rng.integers(len(sizes))])
    return walk


def _across_bars(line: _Bar, rng: np.random.Generator, meter: int, beats: int) -> _Bar:
    """Anticipate downbeats, tie notes over the bar, and lead in with an upbeat."""
    push, tie = float(rng.choice([0, 0, 0.3, 0.7])), float(rng.choice([0, 0, 0.3]))
    out: _Bar = []
    for start, length, degree in line:
        before = out[-1] if out else None
        if start > 0 and start % meter == 0 and before is not None:
            if rng.random() < push and start - before[0] >= 1:
                out[-1] = (before[0], min(before[1], start - 0.5 - before[0]), before[2])
                out.append((start - 0.5, length + 0.5, degree))
                continue
            if rng.random() < tie and abs(before[0] + before[1] - start) < 1e-6:
                out[-1] = (before[0], before[1] + length, before[2])
                continue
        out.append((start, length, degree))
    if rng.random() < 0.25 and out:
        out = _with_upbeat(out, rng, beats)
    return out


def _with_upbeat(line: _Bar, rng: np.random.Generator, beats: int) -> _Bar:
    """Replace the end by two or three notes that lead by step to the first note of the repetition."""
    step, count = float(rng.choice([0.25, 0.5, 0.5])), int(rng.integers(2, 4))
    start, target = beats - step * count, line[0][2]
    rise = int(rng.choice([-1, 1]))
    kept = [(s, min(length, start - s), degree) for s, length, degree in line if s < start - 1e-6]
    return kept + [(start + i * step, step, target + rise * (count - i)) for i in range(count)]
