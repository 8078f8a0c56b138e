"""Melody: which intervals follow each other after which time, in the most prominent voice."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.encoders.embedded.correlation import correlate_pitches, lag_pool, unit_block
from soundalike.encoders.embedded.pitch import fold
from soundalike.encoders.embedded.spectra import LOWEST

Array = NDArray[np.float32]

_LOW: Final = 52
_HIGH: Final = 93
_LAGS: Final = 96
_BINS: Final = 40
_BLOCKS: Final = 3
DIM: Final = _BLOCKS * _BINS * 12


def describe(salience: Array) -> Array:
    """Key-invariant statistics of the lead voice.

    Parameters
    ----------
    salience : float32, shape (frames, 96)
        From `pitch.salience`.

    Returns
    -------
    float32, shape (`DIM`,)
        Lag x interval tables of the lead's pitch classes, of its note onsets, and from onsets to onsets' successors.
    """
    voice = lead(salience)
    starts = np.maximum(voice[1:] - voice[:-1], 0.0)
    sounding, onsets = fold(voice[1:], _LOW), fold(starts, _LOW)
    pool = lag_pool(_LAGS, _BINS)
    tables = (
        correlate_pitches(sounding, sounding, _LAGS),
        correlate_pitches(onsets, onsets, _LAGS),
        correlate_pitches(onsets, sounding, _LAGS),
    )
    return np.concatenate([unit_block(np.asarray(pool @ table)) for table in tables])


def lead(salience: Array) -> Array:
    """Share of the lead voice that each pitch from MIDI 52 to 92 has: float32 (frames, 41), rows sum to at most 1."""
    heard = salience[:, _LOW - LOWEST : _HIGH - LOWEST]
    # Melodies are mostly on top: a note may be a little weaker than the ones below it.
    favoured = heard * np.linspace(0.8, 1.2, heard.shape[1], dtype=np.float32)
    strongest = favoured.max(axis=1, keepdims=True)
    sharp = np.power(favoured / np.maximum(strongest, 1e-6), 6)
    share = sharp / np.maximum(sharp.sum(axis=1, keepdims=True), 1e-6)
    voiced = np.minimum(1.0, strongest / max(0.5 * float(np.quantile(strongest, 0.8)), 1e-6))
    return (share * voiced).astype(np.float32)
