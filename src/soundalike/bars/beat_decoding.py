"""From what is heard frame by frame to beats.

Tempo first: the path through the local tempi that is strong and even (a Viterbi search); then beats at distances near
that tempo by dynamic programming (D. Ellis, "Beat tracking by dynamic programming", JNMR 2007), at the tempo, its half
or its double, whichever explains what the net expects best (frames are beats or are not, as in F. Krebs, S. Böck,
G. Widmer, "An efficient state-space model for joint tempo and meter tracking", ISMIR 2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.encoders.embedded.rhythm import comb
from soundalike.tempo import BPM

Array = NDArray[np.float64]

_WINDOW: Final = 12.0
_HOP: Final = 3.0
"""Seconds of a local tempo profile, and from one to the next."""

_STEADY: Final = 0.35
_REACH: Final = 8
"""What a change of the tempo by so many grid points costs, in strengths of the best tempo; it cannot change by more."""

_PREFERRED: Final = 115.0
_OCTAVES: Final = 0.75
"""Centre and width of what listeners take for the beat, as in `soundalike.tempo`."""

_RATIOS: Final = (1.0, 2.0, 0.5, 1.5, 2.0 / 3.0, 3.0, 1.0 / 3.0, 0.75, 4.0 / 3.0)
_SLOWEST, _FASTEST = 50.0, 215.0
_TIGHT: Final = 60.0
"""How much a distance between beats that is off the tempo costs, times the square of its logarithm."""

_LIKELIER: Final = 1.3
"""A beat's log-likelihood beside that of no beat, where the net says one half."""

_EXPLAINED, _RECURRING, _USUAL, _SHIFTED = 0.59, 4.22, 0.9, -0.66
"""What is added for one nat a second, for the strongest tempo, for a usual one, and for beats halfway between those
that the search found. Fitted, with what `soundalike.bars.bar_decoding` adds, to the readings of the pieces that
`soundalike.research.training.bar_weights` learns from, by softmax regression on those with an F-measure above 0.8."""

_LIKELIEST: Final = 3
"""Tempi that are considered further."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Beats that a passage may have.

    Attributes
    ----------
    frames : int64, shape (n,)
        In order, two or more.
    score : float
        How well they explain what is heard, compared with other readings.
    """

    frames: NDArray[np.int64]
    score: float


def likely_beats(beat: Array, rate: float, tempo: Array) -> list[Reading]:
    """Find the likeliest beats, on and off what seems to be the beat.

    Parameters
    ----------
    beat : float64, shape (frames,)
        How likely each frame is a beat.
    rate : float
        Frames a second.
    tempo : float64, shape (320,)
        Tempo profile of the whole, see `soundalike.tempo`.

    Returns
    -------
    list of Reading
        Empty where nothing recurs, or the beats would not be two.
    """
    path = tempo_path(beat, rate)
    if path is None:
        return []
    middle = np.median(path) * np.array(_RATIOS)
    usable = (middle >= _SLOWEST) & (middle <= _FASTEST)
    tracked = track(beat, np.log(60.0 * rate / path), np.log(np.array(_RATIOS)[usable]))
    strength = np.maximum(tempo, 0.0) / max(float(tempo.max()), 1e-9)
    readings = []
    for bpm, on in zip(middle[usable], tracked, strict=True):
        near = int(np.abs(BPM - bpm).argmin())
        taste = -0.5 * (np.log2(bpm / _PREFERRED) / _OCTAVES) ** 2
        known = _RECURRING * float(strength[max(0, near - 1) : near + 2].max()) + _USUAL * float(taste)
        pair = []
        for frames, shift in ((on, 0.0), (_halfway(on, len(beat)), _SHIFTED)):
            gain = float(np.sum(evidence(beat, frames))) * rate / len(beat)
            pair.append(Reading(frames, _EXPLAINED * gain + known + shift))
        if len(on) > 1:
            readings.append(pair)
    readings.sort(key=lambda pair: -pair[0].score)
    return [reading for pair in readings[:_LIKELIEST] for reading in pair if len(reading.frames) > 1]


def _halfway(frames: NDArray[np.int64], end: int) -> NDArray[np.int64]:
    """Between the beats, and half a beat before the first and after the last where the sound has begun or goes on."""
    if len(frames) < 2:
        return frames
    first, last = (frames[1] - frames[0]) // 2, (frames[-1] - frames[-2]) // 2
    inside = (frames[1:] + frames[:-1]) // 2
    found = np.concatenate([[frames[0] - first], inside, [frames[-1] + last]])
    return np.asarray(found[(found >= 0) & (found < end)])


def strongest(curves: NDArray[np.floating], frames: NDArray[np.int64]) -> Array:
    """The largest value at each frame or beside it: float64, the shape of ``curves[frames]``."""
    near = [curves[np.clip(frames + shift, 0, len(curves) - 1)] for shift in (-1, 0, 1)]
    return np.asarray(np.max(near, axis=0), np.float64)


def evidence(beat: Array, frames: NDArray[np.int64]) -> Array:
    """By how much likelier what is heard is if each of these frames is a beat, in nats."""
    chance = np.clip(strongest(beat, frames), 0.01, 0.99)
    return np.asarray(np.log(chance / (1.0 - chance)) + _LIKELIER)


def tempo_path(beat: Array, rate: float) -> Array | None:
    """The tempo in each frame, in beats per minute; None where nothing recurs."""
    profiles, centres = [], []
    size, hop = round(_WINDOW * rate), round(_HOP * rate)
    lags = int(0.75 * _WINDOW * rate)
    for first in range(0, max(1, len(beat) - size + hop), hop):
        part = beat[max(0, min(first, len(beat) - size)) :][:size]
        profiles.append(local_tempo(part, rate, lags))
        centres.append(min(first, max(0, len(beat) - size)) + len(part) / 2)
    strength = np.maximum(np.array(profiles), 0.0)
    if not strength.max() > 0.0:
        return None
    distance = np.log2(BPM / _PREFERRED) / _OCTAVES
    strength *= np.exp(-0.5 * np.square(distance))
    strength[:, (BPM < _SLOWEST) | (BPM > _FASTEST)] = 0.0
    path = _even_path(strength / strength.max())
    fine = [_between(row, place) for row, place in zip(strength, path, strict=True)]
    return np.exp(np.interp(np.arange(len(beat)), centres, np.log(fine)))


def local_tempo(part: Array, rate: float, lags: int) -> Array:
    """How well each tempo explains after which time beats recur, in part of the curve."""
    size = 1 << int(np.ceil(np.log2(len(part) + lags)))
    centred = part - part.mean()
    repeats = np.fft.irfft(np.square(np.abs(np.fft.rfft(centred, size))), size)[:lags]
    if not repeats[0] > 1e-9:
        return np.zeros(len(BPM))
    profile: Array = np.asarray(comb(rate, lags) @ (repeats / repeats[0])) * np.sqrt(repeats[0] / len(part))
    return profile


def _even_path(strength: Array) -> NDArray[np.intp]:
    """The grid point in each row, with little movement from row to row."""
    score, back = strength[0], []
    shifts = np.arange(-_REACH, _REACH + 1)
    cost = _STEADY * np.abs(shifts) / _REACH
    points = np.arange(len(score))
    for row in strength[1:]:
        padded = np.pad(score, _REACH, constant_values=-np.inf)
        moved = padded[points + shifts[:, None] + _REACH] - cost[:, None]
        choice = moved.argmax(axis=0)
        score = moved[choice, points] + row
        back.append(points + choice - _REACH)
    path = [int(score.argmax())]
    for step in reversed(back):
        path.append(int(step[path[-1]]))
    return np.array(path[::-1])


def _between(row: Array, place: int) -> float:
    """The tempo at a peak near a grid point, by a parabola."""
    place = int(np.clip(place, 1, len(row) - 2))
    below, here, above = row[place - 1 : place + 2]
    curve = below - 2.0 * here + above
    shift = float(np.clip(0.5 * (below - above) / curve, -0.5, 0.5)) if curve < 0.0 else 0.0
    return float(BPM[place] * (BPM[1] / BPM[0]) ** shift)


def track(beat: Array, log_period: Array, log_ratios: Array) -> list[NDArray[np.int64]]:
    """Beats whose distances are near each of some periods, by dynamic programming.

    Parameters
    ----------
    beat : float64, shape (frames,)
    log_period : float64, shape (frames,)
        Logarithm of the period in frames.
    log_ratios : float64, shape (n,)
        Logarithms of how many times faster the beats shall be.

    Returns
    -------
    list of int64, each of shape (beats,)
        The frames of the beats, for each ratio.
    """
    longest = int(np.ceil(1.6 * np.exp(log_period.max() - log_ratios.min())))
    rows = np.arange(len(log_ratios))
    logs = np.log(np.arange(longest, 0, -1)) + log_ratios[:, None]
    score = np.zeros((len(rows), longest + len(beat)))
    back = np.empty((len(rows), len(beat)), np.int16)
    for frame, chance in enumerate(beat):
        before = score[:, frame : frame + longest] - _TIGHT * np.square(logs - log_period[frame])
        best = before.argmax(axis=1)
        score[:, frame + longest] = chance + before[rows, best]
        back[:, frame] = longest - best
    last = np.exp(log_period[-1] - log_ratios).astype(np.int64) + 1
    return [_walked(score[row, longest:], back[row], int(last[row])) for row in rows]


def _walked(score: Array, back: NDArray[np.int16], period: int) -> NDArray[np.int64]:
    """The beats, from the best one within the last period back to the first; `back` says how far the one before is."""
    frames = [len(score) - 1 - int(score[::-1][:period].argmax())]
    while (before := frames[-1] - int(back[frames[-1]])) >= 0:
        frames.append(before)
    return np.array(frames[::-1])
