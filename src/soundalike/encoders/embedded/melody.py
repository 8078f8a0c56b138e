"""Melody: which interval follows after how many beats, in the most prominent voice."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.encoders.embedded.correlation import at_steps, correlate_pitches, unit_block
from soundalike.encoders.embedded.pitch import fold
from soundalike.encoders.embedded.spectra import LOWEST, PITCH_RATE

Array = NDArray[np.float32]

_LOW: Final = 52
_HIGH: Final = 93
_SHARPNESS: Final = 16
_LAGS: Final = 140
_STEPS: Final = 32
_STEPS_PER_BEAT: Final = 4
_OCTAVE_SHARE: Final = 0.5
DIM: Final = 2 * _STEPS * 12


def describe(salience: Array, beat: float) -> Array:
    """Key- and tempo-invariant statistics of the lead voice.

    Parameters
    ----------
    salience : float32, shape (frames, 96)
        From `pitch.salience`.
    beat : float
        Length of a beat in seconds.

    Returns
    -------
    float32, shape (`DIM`,)
        Lag x interval table of the lead's pitch classes over eight beats, and a blend of it with those at half
        and twice the tempo, which are taken for each other most easily.
    """
    voice = fold(lead(salience), _LOW)
    table = correlate_pitches(voice, voice, _LAGS)
    step = beat * PITCH_RATE / _STEPS_PER_BEAT
    half, plain, double = (unit_block(at_steps(table, factor * step, _STEPS)) for factor in (0.5, 1.0, 2.0))
    return np.concatenate([plain, np.float32(_OCTAVE_SHARE) * unit_block(0.5 * half + plain + 0.5 * double)])


def lead(salience: Array) -> Array:
    """Share of the lead voice that each pitch from MIDI 52 to 92 has: float32 (frames, 41), rows sum to at most 1."""
    heard = salience[:, _LOW - LOWEST : _HIGH - LOWEST]
    # Melodies are mostly on top: a note may be a little weaker than the ones below it.
    favoured = heard * np.linspace(0.8, 1.2, heard.shape[1], dtype=np.float32)
    strongest = favoured.max(axis=1, keepdims=True)
    sharp = favoured / np.maximum(strongest, 1e-6)
    for _ in range(_SHARPNESS.bit_length() - 1):
        sharp = np.square(sharp)
    share = sharp / np.maximum(sharp.sum(axis=1, keepdims=True), 1e-6)
    voiced = np.minimum(1.0, strongest / max(0.5 * float(np.quantile(strongest, 0.8)), 1e-6))
    voice: Array = (share * voiced).astype(np.float32)
    return voice
