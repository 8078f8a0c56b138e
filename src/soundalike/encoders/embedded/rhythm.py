"""Rhythm: when things begin, and after how long they do again; groove: the same with the tempo taken out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.typing import NDArray

from soundalike.encoders.embedded.correlation import correlate, lag_pool, unit_block
from soundalike.encoders.embedded.spectra import MELS, ONSET_RATE
from soundalike.tempo import BPM, estimate_tempo

Array = NDArray[np.float32]

BANDS: Final = 4
_EDGES: Final = (0, 6, 18, 40, MELS)
_PAIRS: Final = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
_SECONDS: Final = 4.5
_LAGS: Final = int(_SECONDS * ONSET_RATE)
_TABLES: Final = BANDS + 2 * len(_PAIRS)

_LAG_BINS: Final = 160
_MODULATIONS: Final = 40
RHYTHM_DIM: Final = _TABLES * _LAG_BINS + BANDS * _MODULATIONS

_STEPS: Final = 96
_SCALE_POINTS: Final = 192
_SCALES: Final = 48
GROOVE_DIM: Final = _TABLES * _STEPS + BANDS * _SCALES
TEMPO_DIM: Final = len(BPM)


@dataclass(frozen=True, slots=True)
class Pulse:
    """Rhythm, groove and tempo profile of a clip; None where nothing repeats."""

    rhythm: Array
    groove: Array
    tempo: Array


def onsets(mel: Array) -> Array:
    """Onset strength in four bands, each with mean 0 and deviation 1: float32 (frames, 4)."""
    level = np.log10(mel + 1e-4 * float(mel.mean()))
    rise = np.maximum(level[2:] - level[:-2], 0.0)
    bands = np.stack([rise[:, a:b].mean(axis=1) for a, b in zip(_EDGES[:-1], _EDGES[1:], strict=True)], axis=1)
    return bands


def describe(mel: Array) -> Pulse | None:
    """Correlate the onsets of a clip; None if it is shorter than 1.5 s or has none."""
    if len(mel) < 1.5 * ONSET_RATE:
        return None
    bands = onsets(mel)
    spread = bands.std(axis=0)
    if float(spread.max()) < 0.02:
        return None
    bands = (bands - bands.mean(axis=0)) / np.maximum(spread, 0.02)
    tables = _tables(bands)
    profile = _tempo_profile(bands)
    rhythm = np.concatenate([unit_block(lag_pool(_LAGS, _LAG_BINS) @ tables), unit_block(_modulation(bands))])
    return Pulse(rhythm, _groove(tables, profile), profile)


def _tables(bands: Array) -> Array:
    """Correlations of every band with itself and of every pair both ways: float32 (lags, 16)."""
    first = [*range(BANDS), *(a for a, _ in _PAIRS), *(b for _, b in _PAIRS)]
    second = [*range(BANDS), *(b for _, b in _PAIRS), *(a for a, _ in _PAIRS)]
    return correlate(bands[:, first], bands[:, second], _LAGS)


def _modulation(bands: Array) -> Array:
    """Strength of the bands' periodicities from 0.4 to 16 Hz, logarithmically spaced: float32 (40, 4)."""
    size = 2048
    windowed = bands[:size] * np.hanning(len(bands[:size]))[:, None].astype(np.float32)
    power = np.abs(scipy.fft.rfft(windowed, size, axis=0, workers=1)).astype(np.float32)
    return np.log1p(_modulation_filters(size) @ power)


def _tempo_profile(bands: Array) -> Array:
    """How well each tempo of `soundalike.tempo.BPM` explains the onsets: float32 (n,)."""
    total = bands.sum(axis=1, keepdims=True)
    table = correlate(total, total, 2 * _LAGS)[:, 0]
    return unit_block((_comb() @ (table / max(float(table[0]), 1e-6))).astype(np.float32))


def _groove(tables: Array, profile: Array) -> Array:
    """The correlations on a lag axis in beats, and the magnitudes of their scale transform."""
    estimate = estimate_tempo(profile)
    period = 60.0 / (estimate.bpm if estimate else 120.0) * ONSET_RATE
    return _groove_at(tables, period)


def _groove_at(tables: Array, period: float) -> Array:
    lags = np.arange(_LAGS)
    wanted = period * np.arange(1, _STEPS + 1) / 12.0
    beats = np.stack([np.interp(wanted, lags, column, right=0.0) for column in tables.T])
    points = np.geomspace(0.1 * ONSET_RATE, _LAGS - 1, _SCALE_POINTS)
    stretched = np.stack([np.interp(points, lags, column) for column in tables.T[:BANDS]])
    scale = np.abs(scipy.fft.rfft(stretched * np.sqrt(points), axis=1, workers=1))[:, :_SCALES]
    return np.concatenate([unit_block(beats.astype(np.float32)), unit_block(scale.astype(np.float32))])


@lru_cache(maxsize=1)
def _modulation_filters(size: int) -> scipy.sparse.csr_array:
    hertz = np.fft.rfftfreq(size, 1.0 / ONSET_RATE)
    centres = np.geomspace(0.4, 16.0, _MODULATIONS)
    width = np.maximum(centres * 0.1, hertz[1])
    weights = np.maximum(0.0, 1.0 - np.abs(hertz - centres[:, None]) / width[:, None])
    return scipy.sparse.csr_array((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))


@lru_cache(maxsize=1)
def _comb() -> scipy.sparse.csr_array:
    """Mean correlation at multiples of a beat minus half of that between beats: sparse (tempi, lags)."""
    lags = 2 * _LAGS
    rows, columns, values = [], [], []
    for row, bpm in enumerate(BPM):
        period = 60.0 / bpm * ONSET_RATE
        beats = np.arange(1, int((lags - 2) / period) + 1)[:8] * period
        off = beats - period / 2.0
        for places, sign in ((beats, 1.0), (off, -0.5)):
            whole = np.floor(places).astype(int)
            part = places - whole
            for column, value in ((whole, 1.0 - part), (whole + 1, part)):
                rows.append(np.full(len(places), row))
                columns.append(column)
                values.append(sign * value / len(places))
    flat = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return scipy.sparse.csr_array(flat, shape=(len(BPM), lags), dtype=np.float32)
