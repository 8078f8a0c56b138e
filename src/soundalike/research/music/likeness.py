"""How much two scores have in common, 0 to 1, so that opposites are really different and not only differently drawn."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from soundalike.research.music.composer import Harmony, Melody
from soundalike.research.music.grooves import Groove

PERIOD = 32
"""Beats over which progressions are laid side by side."""
GRID = 12
"""Places per beat where hits of grooves are compared."""
_VOICES = (("kick",), ("snare",), ("hat", "open", "ride", "crash"), ("tom", "perc"))


def melody_likeness(one: Melody, other: Melody) -> float:
    """Share of the shorter tune's runs of three intervals that the other tune has too, in any key and rhythm."""
    runs = [_runs(melody) for melody in (one, other)]
    least = min(sum(run.values()) for run in runs)
    return sum((runs[0] & runs[1]).values()) / least if least else 0.0


def _runs(melody: Melody) -> Counter[tuple[int, ...]]:
    pitches = [note.pitch for note in melody.notes]
    steps = [b - a for a, b in pairwise(pitches)]
    return Counter(zip(steps, steps[1:], steps[2:], strict=False))


def harmony_likeness(one: Harmony, other: Harmony) -> float:
    """Share of time in which both have the same root, in the keys and at the time shift where that is largest."""
    a, b = _roots(one), _roots(other)
    shifts = np.stack([np.roll(b, shift) for shift in range(other.beats)])
    apart = (a - shifts) % 12
    return float(max((apart == key).mean(axis=1).max() for key in range(12)))


def _roots(harmony: Harmony) -> NDArray[np.intp]:
    beats = np.arange(PERIOD) % harmony.beats
    starts = np.array([chord.start for chord in harmony.chords])
    places = np.searchsorted(starts, beats + 1e-6, side="right") - 1
    return np.array([harmony.chords[place].root for place in places])


def groove_likeness(one: Groove, other: Groove) -> float:
    """Cosine between the velocities of kick, snare, cymbals and small drums over two bars; 0 in different metres."""
    if one.meter != other.meter:
        return 0.0
    a, b = _grid(one), _grid(other)
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / size) if size else 0.0


def _grid(groove: Groove) -> NDArray[np.float64]:
    period = 2 * groove.meter
    grid = np.zeros((len(_VOICES), period * GRID))
    for row, drums in enumerate(_VOICES):
        for drum in drums:
            for hit in groove.drums.get(drum, ()):
                beat = hit.step / (4 if groove.straight else 3)  # unswung: swing alone is no other pattern
                for repeat in range(2 if groove.bars == 1 else 1):
                    place = round((beat + repeat * groove.meter * groove.bars) * GRID) % (period * GRID)
                    grid[row, place] += hit.velocity
    # Busy cymbals would drown what tells grooves apart.
    return np.asarray(grid / np.maximum(np.sqrt((grid**2).sum(axis=1, keepdims=True)), 1e-9))
