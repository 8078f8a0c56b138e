"""Groove: after how many beats one drum follows another, whatever the tempo, the kit and the start of the clip.

Which of a few tempi is the beat cannot always be told, least of all twice in the same way. So a groove
is read at every likely beat, and the readings are blended by how likely each is: two clips of one groove at
different tempi then agree in most of the blend, even where they disagree about the likeliest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.encoders.embedded.correlation import correlate, unit_block
from soundalike.encoders.embedded.drums import CLASSES, DRUM_RATE, Activations
from soundalike.encoders.embedded.rhythm import BANDS, comb, onsets
from soundalike.tempo import BPM

Array = NDArray[np.float32]

_STEPS_PER_BEAT: Final = 12
_STEPS: Final = 4 * _STEPS_PER_BEAT
_DRUMS: Final = len(CLASSES)
_ORDERED: Final = np.array([(i, j) for i in range(_DRUMS) for j in range(_DRUMS)]).T
_PLACED: Final = np.array([(i, j) for i in range(2) for j in range(_DRUMS)]).T
_BANDED: Final = np.array([(i, j) for i in range(BANDS) for j in range(i, BANDS)]).T
DIM: Final = _STEPS * (_ORDERED.shape[1] + _PLACED.shape[1] + _BANDED.shape[1])

_PLACED_SHARE: Final = 0.5
_BANDED_SHARE: Final = 0.3
"""Lengths of the blocks, beside 1 for how drums follow each other: drums after beats, and onsets by pitch range."""

_LAGS: Final = int(9.7 * DRUM_RATE)
_PROFILE_LAGS: Final = int(9.3 * DRUM_RATE)
_SHORTEST: Final = 1.5
_FAINTEST: Final = np.array([0.03, 0.05, 0.02], np.float32)
"""Standard deviations of strokes, beats and onsets below which they are not blown up further."""

_READINGS: Final = 8
_SLOWEST, _FASTEST = 40.0, 250.0
_PREFERRED: Final = 115.0
_OCTAVES: Final = 0.75
_DECISION: Final = 6.0
"""How sharply likelier beats are preferred: 0 blends all readings equally, infinity takes the likeliest."""
_LEAST: Final = 0.01
_FAINTEST_BEAT: Final = 0.05
"""Mean correlation over multiples of a beat, below which it is none."""

_STROKE: Final = 0.25
_FEWEST: Final = 4
"""With fewer strokes that are surer than `_STROKE` there are no drums."""


@dataclass(frozen=True, slots=True)
class Beats:
    """Beats that a clip may have.

    Attributes
    ----------
    bpm : float64, shape (n,)
        Beats per minute, likeliest first.
    weight : float64, shape (n,)
        How likely each is, sum 1.
    """

    bpm: NDArray[np.float64]
    weight: NDArray[np.float64]


def describe(heard: Activations | None, mel: Array) -> Array | None:
    """What follows what after which part of a beat.

    Parameters
    ----------
    heard : Activations or None
        From `drums.hear`.
    mel : float32, shape (frames, 64)
        Of the same clip, from `spectra.analyse`.

    Returns
    -------
    float32, shape (`DIM`,), or None
        None where nothing recurs: the clip is shorter than 1.5 s, or nothing begins in it. Where no drums are
        heard, only how onsets in ranges of pitch follow each other is told.
    """
    if heard is None or len(heard.beat) < _SHORTEST * DRUM_RATE:
        return None
    drums, tables, shares = _tables(heard, mel)
    recurrence = tables[0 if drums else -1]
    pairs = (_ORDERED, _PLACED, _BANDED)[0 if drums else -1]
    beats = likely_beats(recurrence[:, pairs[0] == pairs[1]].sum(axis=1))
    if beats is None:
        return None
    blend = np.zeros(DIM, np.float32)
    for bpm, weight in zip(beats.bpm, beats.weight, strict=True):
        step = 60.0 / float(bpm) * DRUM_RATE / _STEPS_PER_BEAT
        blocks = [share * unit_block(_pooled(table, step)) for table, share in zip(tables, shares, strict=True)]
        blend += np.float32(weight) * np.concatenate(blocks)
    return unit_block(blend) if blend.any() else None


def likely_beats(recurrence: Array) -> Beats | None:
    """The few tempi that explain best after which time strokes recur.

    Parameters
    ----------
    recurrence : float32, shape (lags,)
        Autocorrelation, `DRUM_RATE` lags a second.

    Returns
    -------
    Beats or None
        None where nothing recurs.
    """
    first = float(recurrence[0])
    if first < 1e-6:
        return None
    profile: NDArray[np.float64] = np.asarray(
        comb(DRUM_RATE, _PROFILE_LAGS) @ (recurrence[:_PROFILE_LAGS].astype(np.float64) / first)
    )
    inner = profile[1:-1]
    peaks = 1 + np.flatnonzero((inner >= profile[:-2]) & (inner > profile[2:]) & (inner > _FAINTEST_BEAT))
    peaks = peaks[(BPM[peaks] >= _SLOWEST) & (BPM[peaks] <= _FASTEST)]
    if not len(peaks):
        return None
    peaks = peaks[np.argsort(-profile[peaks], kind="stable")][:_READINGS]
    below, here, above = profile[peaks - 1], profile[peaks], profile[peaks + 1]
    shift = np.clip(0.5 * (below - above) / np.minimum(below - 2.0 * here + above, -1e-9), -0.5, 0.5)
    bpm = BPM[peaks] * (BPM[1] / BPM[0]) ** shift
    taste = np.exp(-0.5 * np.square(np.log2(bpm / _PREFERRED) / _OCTAVES))
    weight = (here * taste / np.max(here * taste)) ** _DECISION
    order = np.argsort(-weight, kind="stable")
    order = order[weight[order] >= _LEAST]
    return Beats(bpm[order], weight[order] / weight[order].sum())


def _tables(heard: Activations, mel: Array) -> tuple[bool, tuple[Array, Array, Array], tuple[np.float32, ...]]:
    """Whether there are drums; tables of lags of drums, of drums after beats and of onsets; and their shares."""
    strokes = heard.strokes
    peaks = (strokes[1:-1] >= strokes[:-2]) & (strokes[1:-1] > strokes[2:]) & (strokes[1:-1] > _STROKE)
    drums = int(peaks.sum()) >= _FEWEST
    frames = min(len(strokes), len(mel) // 2)
    rises = onsets(mel)
    rises = np.pad(rises, ((1, 2 * frames), (0, 0)))[: 2 * frames].reshape(frames, 2, BANDS).mean(axis=1)
    beats = np.stack([heard.beat, heard.downbeat], axis=1)
    played, pulse, bands = (_standard(a, floor) for a, floor in zip((strokes, beats, rises), _FAINTEST, strict=True))
    tables = (
        correlate(played[:, _ORDERED[0]], played[:, _ORDERED[1]], _LAGS),
        correlate(pulse[:, _PLACED[0]], played[:, _PLACED[1]], _LAGS),
        correlate(bands[:, _BANDED[0]], bands[:, _BANDED[1]], _LAGS),
    )
    present = np.float32(drums)
    return drums, tables, (present, present * np.float32(_PLACED_SHARE), np.float32(_BANDED_SHARE))


def _standard(values: Array, floor: np.float32) -> Array:
    centred = values - values.mean(axis=0)
    standard: Array = (centred / np.maximum(centred.std(axis=0), floor)).astype(np.float32)
    return standard


def _pooled(table: Array, step: float) -> Array:
    """A table of lags at `_STEPS` multiples of `step` lags, each the mean of what is less than a step away."""
    width = max(step, 1.0)
    distance = np.abs(np.arange(len(table)) - (np.arange(_STEPS) * step)[:, None]) / width
    weights = np.maximum(0.0, 1.0 - distance)
    total = weights.sum(axis=1, keepdims=True)
    weights = np.where(total > 1e-6, weights / np.maximum(total, 1e-6), 0.0).astype(np.float32)
    # einsum and not BLAS, whose sums depend on threads.
    pooled: Array = np.einsum("sl,lp->sp", weights, table)
    return pooled
