"""Which beats begin a bar: by the strokes on them and by what changes with them, and evenly.

Chords, their roots and the bass change at the first beat of a bar more than elsewhere; strokes are stronger or of
another drum. How much each of these says is fitted to rendered pieces, drummers and songs
(`soundalike.research.training.bar_weights`); a Viterbi search then finds the meter and the positions that explain all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.bars.beat_decoding import Reading, strongest
from soundalike.bars.pulse_hearing import HARMONY_PARTS, HARMONY_RATE, Pulse
from soundalike.encoders.embedded.drums import DRUM_RATE

Array = NDArray[np.float64]

METERS: Final = (4, 3)

_COMMON: Final = 4.0
"""How much commoner bars of four are than bars of three, in nats."""

_CUT: Final = 0.015
_LOOP: Final = 3.0
"""Sound that begins and ends with a beat, within so many seconds, was cut there: that it was cut at bars is likelier by
so many nats."""

_JUMP: Final = 1e-4
"""How likely a bar is too short or too long."""

WEIGHTS: Final = np.array(
    [
        [1.95, -0.48, 0.14, -0.71, -1.24, 2.05, -0.33, 0.44, 1.44, 1.22, 0.94, 0.09],
        [-0.88, 0.12, -0.0, 0.62, 0.25, -0.19, 0.67, -1.75, 0.22, -1.12, 0.36, -0.51],
        [-0.98, 0.05, -0.28, 0.13, 0.66, -1.33, -2.47, 2.33, 0.77, -2.35, -0.45, -0.57],
    ]
)
_OFFSET: Final = -0.14
"""Evidence that a beat begins a bar, in nats, by `described`: of the beat itself, the one before, the one after."""


_EVEN_BARS, _BASS, _KICK = 1.6, 4.61, 1.48
"""What is added to a reading of the beats for one nat a second of bars, and for the bass that changes and the kick that
sounds on the beats rather than between them; fitted together with those of `soundalike.bars.beat_decoding`."""

_KICK_COLUMN, _BASS_COLUMN = 0, 10


def choose(pulse: Pulse, readings: Sequence[Reading]) -> NDArray[np.int64]:
    """The reading of the beats that makes the best bars.

    Parameters
    ----------
    pulse : Pulse
        What was heard.
    readings : sequence of Reading
        One or more.

    Returns
    -------
    int64, shape (n,)
        The frames of its beats.
    """
    return max(readings, key=lambda reading: reading.score + _fitness(pulse, reading.frames / DRUM_RATE)).frames


def _fitness(pulse: Pulse, beats: Array) -> float:
    """How good the bars are that these beats make, and how much more happens on them than between them."""
    on, between = described(pulse, beats), described(pulse, (beats[1:] + beats[:-1]) / 2)
    more = on.mean(axis=0) - between.mean(axis=0)
    bars = max(positions(evidence(on), meter)[0] for meter in METERS) / pulse.seconds
    return float(_EVEN_BARS * bars + _BASS * more[_BASS_COLUMN] + _KICK * more[_KICK_COLUMN])


def decode_bars(pulse: Pulse, beats: Array) -> tuple[int, NDArray[np.int64]]:
    """Say how many beats a bar has, and which beats begin one.

    Parameters
    ----------
    pulse : Pulse
        What was heard.
    beats : float64, shape (n,)
        In seconds from the start of the passage, two or more, in order.

    Returns
    -------
    int, int64 of shape (m,)
        The meter, one of `METERS`, and indices of beats.
    """
    first = evidence(described(pulse, beats))
    if beats[0] < _CUT and beats[-1] > pulse.seconds - _CUT:
        first[[0, -1]] += _LOOP
    readings = [(*positions(first, meter), meter) for meter in METERS]
    _, found, meter = max(readings, key=lambda reading: reading[0] + _COMMON * (reading[2] == METERS[0]))
    return meter, np.flatnonzero(found == 0)


def described(pulse: Pulse, beats: Array) -> Array:
    """What is heard at each beat: float64 (n, 12).

    Strokes, beat and first beat as the net has them; then how much the chord's tones, its root and the bass change,
    each from the beat before to this one and from the two beats before to these two.
    """
    frames = np.clip(np.round(beats * DRUM_RATE).astype(np.int64), 0, len(pulse.activations) - 1)
    length = np.gradient(beats) if len(beats) > 1 else np.full(1, 0.5)
    sums = np.pad(np.cumsum(pulse.harmony, axis=0, dtype=np.float64), ((1, 0), (0, 0)))
    columns = [strongest(pulse.activations, frames)]
    for part in HARMONY_PARTS:
        for count in (1, 2):
            before = _mean(sums[:, part], beats - count * length, beats)
            after = _mean(sums[:, part], beats, beats + count * length)
            columns.append(_change(before, after)[:, None])
    return np.concatenate(columns, axis=1)


def _mean(sums: Array, start: Array, end: Array) -> Array:
    """Mean over spans of time in seconds, from sums up to each frame: float64 (n, columns)."""

    def upto(time: Array) -> Array:
        # The first row is centred a quarter of a row after the beginning.
        place = np.clip(time * HARMONY_RATE + 0.25, 0.0, len(sums) - 1.0)
        whole = np.minimum(place.astype(np.int64), max(len(sums) - 2, 0))
        share = (place - whole)[:, None]
        return np.asarray((1.0 - share) * sums[whole] + share * sums[np.minimum(whole + 1, len(sums) - 1)])

    return np.asarray((upto(end) - upto(start)) / (HARMONY_RATE * (end - start))[:, None])


def _change(before: Array, after: Array) -> Array:
    """One minus the cosine between rows; 1 where there is nothing in one of them."""
    lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    return np.asarray(1.0 - np.sum(before * after, axis=1) / np.maximum(lengths, 1e-6))


def neighbours(heard: Array) -> Array:
    """What is heard at each beat, at the one before and at the one after: float64 (n, 36), from `described`."""
    place = np.arange(len(heard))
    around = (place, np.maximum(place - 1, 0), np.minimum(place + 1, len(heard) - 1))
    return np.concatenate([heard[at] for at in around], axis=1)


def evidence(heard: Array) -> Array:
    """By how much likelier what is heard is at the first beat of a bar than at another, in nats: float64 (n,)."""
    # Not a matrix product: a library's sum may depend on the number of threads.
    return np.asarray(np.einsum("ij,j->i", neighbours(heard), WEIGHTS.ravel()) + _OFFSET)


def positions(first: Array, meter: int) -> tuple[float, NDArray[np.int64]]:
    """Place beats in bars.

    Parameters
    ----------
    first : float64, shape (n,)
        Evidence that each beat is the first of a bar, in nats.
    meter : int
        Beats per bar.

    Returns
    -------
    float, int64 of shape (n,)
        Log-likelihood, and the position of each beat in its bar, 0 for the first.
    """
    score, back = np.zeros(meter), []
    for nats in first:
        stay, jump = np.roll(score, 1), score.max() + np.log(_JUMP)
        source = np.where(stay >= jump, (np.arange(meter) - 1) % meter, int(score.argmax()))
        score = np.maximum(stay, jump)
        score[0] += nats
        back.append(source)
    found = [int(score.argmax())]
    for source in reversed(back[1:]):
        found.append(int(source[found[-1]]))
    return float(score.max()), np.array(found[::-1])
