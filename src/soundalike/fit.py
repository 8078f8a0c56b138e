"""What has to be done to a sample so that it fits a song: time stretch and transposition.

Half and double time count as fitting, and so does a relative key: a loop in A minor goes with C major as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from soundalike.key import KEYS, parse_key
from soundalike.tracks import Track

FREE: Final = 0.03
"""Share by which a sample may be stretched at no cost: nobody hears it."""

PRICE: Final = 3.0
"""Deviations of score that an octave of stretch costs: a quarter faster costs one, which tells two good matches apart
but never puts a bad match first."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What a sample needs.

    Attributes
    ----------
    stretch : float or None
        Its tempo afterwards by its tempo now: 1.04 is four per cent faster. None where either tempo is unknown.
    pulse : float
        Beats of the song to one of the sample: 2.0 and 0.5 where it plays in half and double time, else 1.0.
    transposition : int or None
        Semitones, -6 to 5. None where either key is unknown, and for drums.
    cost : float
        By how many deviations of score it ranks lower for its stretch, at least 0.
    """

    stretch: float | None
    pulse: float
    transposition: int | None
    cost: float


def fit(song: Track, sample: Track) -> Fit:
    """What `sample` needs to fit the passage that `song` describes.

    Parameters
    ----------
    song : Track
        Tempo and key are those of the passage.
    sample : Track
        A one-shot has no tempo, and so needs no stretch.
    """
    stretch, pulse, cost = None, 1.0, 0.0
    if song.tempo and sample.tempo:
        octaves, stretch = min(
            (abs(math.log2(song.tempo / (sample.tempo * each))), song.tempo / (sample.tempo * each))
            for each in (0.5, 1.0, 2.0)
        )
        pulse = song.tempo / (sample.tempo * stretch)
        cost = PRICE * max(0.0, octaves - math.log2(1.0 + FREE))
    return Fit(stretch, pulse, _transposition(song, sample), cost)


def _transposition(song: Track, sample: Track) -> int | None:
    if song.key is None or sample.key is None or sample.family == "drums":
        return None
    return (_relative_major(song.key) - _relative_major(sample.key) + 6) % 12 - 6


def _relative_major(key: str) -> int:
    """Pitch class of the major key that has the same notes."""
    index = KEYS.index(parse_key(key))
    return index if index < 12 else (index + 3) % 12


def needs(fitting: Fit) -> str:
    """What a sample needs in a few words, such as "4 % faster, 2 semitones down"; empty if nothing is known."""
    parts = []
    if fitting.stretch is not None:
        per_cent = round(100.0 * (fitting.stretch - 1.0))
        parts.append(f"{abs(per_cent)} % {'faster' if per_cent > 0 else 'slower'}" if per_cent else "at its own tempo")
        parts[0] += {2.0: " in half time", 0.5: " in double time"}.get(round(fitting.pulse, 3), "")
    if fitting.transposition:
        steps = abs(fitting.transposition)
        parts.append(f"{steps} semitone{'s' if steps > 1 else ''} {'up' if fitting.transposition > 0 else 'down'}")
    elif fitting.transposition == 0:
        parts.append("in its own key")
    return ", ".join(parts)
