"""Rhythm: when things begin, and after how long they do again; groove: the same with the tempo taken out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from soundalike.encoders.embedded.correlation import at_steps, correlate, lag_pool, unit_block
from soundalike.encoders.embedded.spectra import MELS, ONSET_RATE
from soundalike.tempo import BPM, estimate_tempo

Array = NDArray[np.float32]

_EDGES: Final = (0, 6, 18, 40, MELS)
BANDS: Final = len(_EDGES) - 1
_PAIRS: Final = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
_TABLES: Final = BANDS + 2 * len(_PAIRS)
_CROSS_SHARE: Final = 0.7

_LAGS: Final = int(4.5 * ONSET_RATE)
_LONG_LAGS: Final = 2 * _LAGS
_LAG_BINS: Final = 160
RHYTHM_DIM: Final = BANDS * _LAG_BINS

_STEPS_PER_BEAT: Final = 12
_STEPS: Final = 4 * _STEPS_PER_BEAT
GROOVE_DIM: Final = _TABLES * _STEPS
TEMPO_DIM: Final = len(BPM)

DEFAULT_BEAT: Final = 0.5
"""Seconds per beat where no pulse is heard."""

_SHORTEST: Final = 1.5
_FAINTEST: Final = 0.02
_SOFTENING: Final = np.array([0.0832, 0.25, 0.3336, 0.25, 0.0832], np.float32)


@dataclass(frozen=True, slots=True)
class Pulse:
    """What is known of a clip's rhythm.

    Attributes
    ----------
    bands : float32, shape (frames, 4)
        Standardised `onsets`.
    repeats : float32, shape (lags, 4)
        Their autocorrelations.
    tempo : float32, shape (`TEMPO_DIM`,)
        Tempo profile, see `soundalike.tempo`.
    beat : float
        Length of a beat in seconds.
    """

    bands: Array
    repeats: Array
    tempo: Array
    beat: float

    def rhythm(self) -> Array:
        """After how many seconds each band repeats: float32, shape (`RHYTHM_DIM`,)."""
        return unit_block(lag_pool(_LAGS, _LAG_BINS) @ self.repeats[:_LAGS])

    def groove(self) -> Array:
        """After how many beats bands repeat themselves and follow each other: float32, shape (`GROOVE_DIM`,)."""
        return _groove(self.bands, self.repeats, self.beat)


def onsets(mel: Array) -> Array:
    """Rise of the logarithmic level in four bands of pitch: float32 (frames, 4).

    What is 20 dB below the clip's mean does not count: the rise of noise out of silence is no beat.
    """
    level = np.log10(mel + 1e-2 * float(mel.mean()))
    rise = np.maximum(level[2:] - level[:-2], 0.0)
    strips = [rise[:, low:high].mean(axis=1) for low, high in pairwise(_EDGES)]
    bands = np.stack(strips, axis=1)
    padded = np.pad(bands, ((2, 2), (0, 0)))
    softened = np.zeros_like(bands)
    # Musicians are not machines: hits 20 ms apart are still together.
    for shift, weight in enumerate(_SOFTENING):
        softened += weight * padded[shift : shift + len(bands)]
    return softened


def describe(mel: Array) -> Pulse | None:
    """Correlate the onsets of a clip.

    Parameters
    ----------
    mel : float32, shape (frames, 64)
        Power, from `spectra.analyse`.

    Returns
    -------
    Pulse or None
        None if the clip is shorter than 1.5 s or nothing begins in it.
    """
    if len(mel) < _SHORTEST * ONSET_RATE:
        return None
    bands = onsets(mel)
    spread = bands.std(axis=0)
    if float(spread.max()) < _FAINTEST:
        return None
    bands = (bands - bands.mean(axis=0)) / np.maximum(spread, _FAINTEST)
    repeats = correlate(bands, bands, _LONG_LAGS)
    tempo = _tempo_profile(repeats.sum(axis=1))
    estimate = estimate_tempo(tempo)
    beat = 60.0 / estimate.bpm if estimate else DEFAULT_BEAT
    return Pulse(bands, repeats, tempo, beat)


def _tempo_profile(repeats: Array) -> Array:
    """How well each tempo of `soundalike.tempo.BPM` explains at which lags onsets repeat: float32 (n,)."""
    profile: Array = (comb(ONSET_RATE, _LONG_LAGS) @ (repeats / max(float(repeats[0]), 1e-6))).astype(np.float32)
    return profile


def _groove(bands: Array, repeats: Array, beat: float) -> Array:
    """The bands' correlations with themselves and with each other, both ways, over four beats."""
    step = beat * ONSET_RATE / _STEPS_PER_BEAT
    first, second = np.array(_PAIRS).T
    across = correlate(bands[:, [*first, *second]], bands[:, [*second, *first]], _LAGS)
    own, mutual = (at_steps(table, step, _STEPS) for table in (repeats, across))
    return np.concatenate([unit_block(own), np.float32(_CROSS_SHARE) * unit_block(mutual)])


@lru_cache(maxsize=4)
def comb(rate: float, lags: int) -> scipy.sparse.csr_array[np.float32, tuple[int, int]]:
    """Mean of lags, `rate` of them a second, at the first eight multiples of a beat: sparse (tempi, lags)."""
    weights = np.zeros((len(BPM), lags), np.float32)
    for row, bpm in zip(weights, BPM, strict=True):
        beats = np.arange(1, 9) * (60.0 / bpm * rate)
        beats = beats[beats < lags - 2]
        whole = beats.astype(np.intp)
        np.add.at(row, whole, (1.0 - (beats - whole)) / len(beats))
        np.add.at(row, whole + 1, (beats - whole) / len(beats))
    return scipy.sparse.csr_array(weights)
