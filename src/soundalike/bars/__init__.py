"""Beats and bars of a recording of any length.

How to use it
-------------
>>> from soundalike.bars import find_bars
>>> bars = find_bars("song.mp3")  # doctest: +SKIP
>>> bars.tempo, bars.meter, bars.bar_spans()[:2]  # doctest: +SKIP
(119.98, 4, [(0.512, 2.513), (2.513, 4.513)])
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio.decoding import AnyPath
from soundalike.bars.bar_decoding import choose, decode_bars
from soundalike.bars.beat_decoding import likely_beats, strongest
from soundalike.bars.beat_times import refine
from soundalike.bars.pulse_hearing import ATTACK_RATE, BEAT, Pulse, hear_pulse
from soundalike.encoders.embedded.drums import DRUM_RATE

LEAST_CONFIDENCE: Final = 0.5
"""Confidence, 0 to 1, below which no beat is reported.

Confidence is the estimated chance that there is a beat: a logistic regression on how surely a net expects each beat and
on how well one tempo explains after which time onsets recur. It is fitted to rendered music on one side and noise,
drones, babble, and notes and drums at random times on the other, both taken as equally frequent.
"""

_EXPECTED, _RECURRING, _OFFSET, _SOFTENED = 5.0, 2.9, 11.9, 0.05

_EDGE: Final = 0.012
"""Seconds that a beat may seem to lie before the start of the sound or after its end."""

_FEWEST: Final = 4
"""Beats that there must be."""


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Beats and bars.

    Attributes
    ----------
    beats : float64, shape (n,)
        When each beat's attack begins, in seconds from the start of the file, in order. Where music keeps to a click
        they are evenly spaced.
    downbeats : float64, shape (m,)
        Those beats that begin a bar.
    meter : int
        Beats per bar, 3 or 4; a bar of two beats is half of one of four.
    tempo : float
        Beats per minute, from the median distance between beats.
    confidence : float
        From 0 to 1, how surely there is a beat: see `LEAST_CONFIDENCE`.
    """

    beats: NDArray[np.float64]
    downbeats: NDArray[np.float64]
    meter: int
    tempo: float
    confidence: float

    def bar_spans(self) -> list[tuple[float, float]]:
        """Start and end in seconds of each complete bar: one that has `meter` beats and ends with another's start."""
        places = np.searchsorted(self.beats, self.downbeats)
        return [
            (float(self.beats[first]), float(self.beats[last]))
            for first, last in pairwise(places)
            if last - first == self.meter
        ]


def find_bars(path: AnyPath, *, start: float = 0.0, end: float | None = None) -> Bars | None:
    """Listen for beats and bars.

    Parameters
    ----------
    path : path
        An audio file.
    start, end : float
        Only this range, in seconds. The default is the whole file.

    Returns
    -------
    Bars or None
        None if no beat is heard: in silence, in a drone, in speech, in less than a bar.

    Raises
    ------
    AudioDecodeError
        If nothing can be decoded.
    UsageError
        If the range is not ``0 <= start < end`` or starts after the end of the sound.
    """
    return bars_of(hear_pulse(path, start=start, end=end), start)


def bars_of(pulse: Pulse, start: float = 0.0) -> Bars | None:
    """Beats and bars of what was heard of a passage that starts at `start` seconds."""
    beat = pulse.activations[:, BEAT].astype(np.float64)
    readings = likely_beats(beat, DRUM_RATE, pulse.tempo)
    frames = choose(pulse, readings) if readings else np.zeros(0, np.int64)
    if len(frames) < _FEWEST:
        return None
    confidence = _confidence(strongest(beat, frames), pulse.tempo)
    if confidence < LEAST_CONFIDENCE:
        return None
    beats = _to_the_edges(refine(frames / DRUM_RATE, pulse.attacks, ATTACK_RATE), pulse.seconds)
    meter, first = decode_bars(pulse, beats)
    tempo = 60.0 / float(np.median(np.diff(beats)))
    return Bars(beats + start, beats[first] + start, meter, tempo, confidence)


def _to_the_edges(beats: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """Beats from the first to the last moment of the sound: a loop begins, and ends, with a beat."""
    more = np.concatenate([[2 * beats[0] - beats[1]], beats, [2 * beats[-1] - beats[-2]]])
    inside = (more >= -_EDGE) & (more <= seconds + _EDGE)
    return np.asarray(np.clip(more[inside], 0.0, seconds))


def _confidence(expected: NDArray[np.float64], tempo: NDArray[np.float64]) -> float:
    """See `LEAST_CONFIDENCE`."""
    surely = np.log(max(float(expected.mean()), 1e-6))
    recurring = np.log(max(float(tempo.max()), 0.0) + _SOFTENED)
    return float(1.0 / (1.0 + np.exp(-(_EXPECTED * surely + _RECURRING * recurring + _OFFSET))))
