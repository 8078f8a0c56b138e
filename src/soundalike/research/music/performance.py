"""What is played in a clip, note by note, in seconds: the exact labels of its sound."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from soundalike.research.sound.synthesizer import Sounding

PARTS = ("lead", "comp", "pad", "bass", "drums")
"""What can be heard in a piece."""


@dataclass(frozen=True, slots=True)
class ChordSpan:
    """A chord in a performance.

    Attributes
    ----------
    start, end : float
        In seconds.
    root : int
        Absolute pitch class, 0 is C.
    tones : tuple of int
        Absolute pitch classes, root first.
    bass : int
        Absolute pitch class of the note that the chord stands on.
    """

    start: float
    end: float
    root: int
    tones: tuple[int, ...]
    bass: int


@dataclass(frozen=True, slots=True)
class Performance:
    """What is played, in seconds from the start of the clip.

    Attributes
    ----------
    lead, comp, pad, bass : tuple of Sounding
        Notes by instrument, in order of time. The lead has one note at a time, ornaments included; a
        counter-melody is in `comp`.
    drums : dict of str to tuple of (seconds, velocity)
        By drum.
    chords : tuple of ChordSpan
        Empty where neither `comp` nor `pad` is heard.
    beats, downbeats : float64, shape (n,)
        Times of the beats in the clip, and of those that begin a bar.
    tempo : float
        Beats per minute as played, on average.
    meter : int
        Beats per bar.
    doubling : tuple of Sounding
        A second line under the lead, on the same instrument.
    tuning : float
        Cents by which everything that has a pitch sounds higher than written.
    """

    lead: tuple[Sounding, ...]
    comp: tuple[Sounding, ...]
    pad: tuple[Sounding, ...]
    bass: tuple[Sounding, ...]
    drums: dict[str, tuple[tuple[float, float], ...]]
    chords: tuple[ChordSpan, ...]
    beats: NDArray[np.float64]
    tempo: float
    downbeats: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    meter: int = 4
    doubling: tuple[Sounding, ...] = ()
    tuning: float = 0.0
