"""Timbre: the shape of the spectrum and how it moves, whatever the level and the notes."""

from __future__ import annotations

from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Array = NDArray[np.float32]

_COEFFICIENTS: Final = 20
_COVARIED: Final = 8
_CONTRAST_BANDS: Final = 8
DIM: Final = (_COEFFICIENTS - 1) + 2 * _COEFFICIENTS + _COVARIED * (_COVARIED - 1) // 2 + 3 * _CONTRAST_BANDS + 6


def describe(mel: Array) -> Array:
    """Level-independent statistics of a log-mel spectrogram.

    Parameters
    ----------
    mel : float32, shape (frames, 64)
        Power, from `spectra.analyse`.

    Returns
    -------
    float32, shape (`DIM`,)
        MFCC means without the level, deviations, deviations of differences and correlations; spectral contrast;
        shape of the loudness over time.
    """
    mel = mel[: len(mel) // 2 * 2].reshape(-1, 2, mel.shape[1]).mean(axis=1) if len(mel) > 3 else mel
    loudness = mel.sum(axis=1)
    active = loudness > 1e-5 * loudness.max()
    level = np.log10(mel[active] + 1e-6 * float(mel.max()))
    cepstrum = scipy.fft.dct(level, axis=1, norm="ortho", workers=1)[:, :_COEFFICIENTS]
    mean, deviation = cepstrum.mean(axis=0, dtype=np.float64), cepstrum.std(axis=0, dtype=np.float64)
    movement = np.diff(cepstrum, axis=0).std(axis=0, dtype=np.float64) if len(cepstrum) > 2 else np.zeros(_COEFFICIENTS)
    scaled = (cepstrum[:, :_COVARIED] - mean[:_COVARIED]) / np.maximum(deviation[:_COVARIED], 1e-3)
    covariance = np.einsum("ti,tj->ij", scaled, scaled)[np.triu_indices(_COVARIED, 1)] / len(scaled)
    parts = (mean[1:], deviation, movement, covariance, _contrast(level), _envelope(loudness[active]))
    return np.concatenate(parts).astype(np.float32)


def _contrast(level: Array) -> NDArray[np.float64]:
    """Peaks above valleys per band (mean and deviation) and the long-term spread: (24,)."""
    bands = level.reshape(len(level), _CONTRAST_BANDS, -1)
    spread = bands.max(axis=2) - bands.min(axis=2)
    quiet, loud = np.quantile(bands.mean(axis=2), (0.1, 0.9), axis=0)
    return np.concatenate([spread.mean(axis=0), spread.std(axis=0), loud - quiet]).astype(np.float64)


def _envelope(loudness: Array) -> NDArray[np.float64]:
    """Where the energy lies and how spiky it is: (6,)."""
    relative = np.log10(loudness / loudness.max() + 1e-6)
    marks = np.quantile(relative, (0.1, 0.25, 0.5, 0.75, 0.9))
    steps = np.diff(relative) if len(relative) > 1 else np.zeros(1)
    return np.append(marks, np.mean(np.abs(steps))).astype(np.float64)
