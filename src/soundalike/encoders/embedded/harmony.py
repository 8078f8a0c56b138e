"""Harmony: which chord follows which after how many beats, and which pitch classes sound together."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.encoders.embedded.correlation import correlate_pitches, unit_block
from soundalike.encoders.embedded.pitch import fold, pool, smooth
from soundalike.encoders.embedded.spectra import LOWEST, PITCH_RATE

Array = NDArray[np.float32]

_STEPS_PER_BEAT: Final = 2
_LAGS: Final = 13
_CHORD_PAIRS: Final = 4
_TONE_PAIRS: Final = 3
_TONE_SHARE: Final = 0.3
_BASS_SHARE: Final = 0.5
_DECISIVENESS: Final = 12.0
DIM: Final = (_CHORD_PAIRS + _TONE_PAIRS) * _LAGS * 12


def chroma(peaks: Array) -> tuple[Array, Array]:
    """Pitch classes of the middle voices and of the bass: two of float32 (frames, 12), from `pitch.prominence`."""
    notes = np.arange(LOWEST, LOWEST + peaks.shape[1])
    body = np.exp(-0.5 * np.square((notes - 57.0) / 9.0)).astype(np.float32)
    bass = np.exp(-0.5 * np.square((notes - 40.0) / 7.0)).astype(np.float32)
    return fold(peaks * body, LOWEST), fold(peaks * bass, LOWEST)


def profile(body: Array, bass: Array) -> Array:
    """Mean pitch classes of a clip, C first, of length 1: float32 (12,); what a key is estimated from."""
    return unit_block((_balance(smooth(body, 15)) + 0.3 * _balance(smooth(bass, 15))).mean(axis=0))


def describe(body: Array, bass: Array, beat: float) -> Array:
    """Key- and tempo-invariant statistics of the chords.

    Parameters
    ----------
    body, bass : float32, shape (frames, 12)
        From `chroma`.
    beat : float
        Length of a beat in seconds.

    Returns
    -------
    float32, shape (`DIM`,)
        Lag x interval tables over six beats: major and minor chords among and after each other, then, with less
        say, pitch classes, bass notes, and what is played over the bass.
    """
    step = beat * PITCH_RATE / _STEPS_PER_BEAT
    body, bass = (_balance(smooth(pool(rows, step), 3)) for rows in (body, bass))
    major, minor = _chords(body + _BASS_SHARE * bass)
    chords = ((major, major), (minor, minor), (major, minor), (minor, major))
    tones = ((body, body), (bass, bass), (bass, body))
    blocks = [unit_block(correlate_pitches(first, second, _LAGS)) for first, second in (*chords, *tones)]
    blocks[_CHORD_PAIRS:] = [np.float32(_TONE_SHARE) * block for block in blocks[_CHORD_PAIRS:]]
    return np.concatenate(blocks)


def _balance(rows: Array) -> Array:
    """Rows of length 1, but silent ones left small."""
    length = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    balanced: Array = (rows / np.maximum(length, 0.05 * max(float(length.max()), 1e-6))).astype(np.float32)
    return balanced


def _chords(rows: Array) -> tuple[Array, Array]:
    """Soft choice among the 12 major and 12 minor triads: two of float32 (frames, 12)."""
    likeness = np.einsum("tc,kc->tk", rows, _triads())
    best = likeness.max(axis=1, keepdims=True)
    share = np.exp(_DECISIVENESS * (likeness - best))
    share *= np.clip(best, 0.0, 1.0) / share.sum(axis=1, keepdims=True)
    return np.ascontiguousarray(share[:, :12]), np.ascontiguousarray(share[:, 12:])


@lru_cache(maxsize=1)
def _triads() -> Array:
    templates = np.full((24, 12), -0.15, np.float32)
    for root in range(12):
        for row, third in ((root, 4), (12 + root, 3)):
            templates[row, [root, (root + third) % 12, (root + 7) % 12]] = (0.7, 0.55, 0.55)
    return templates
