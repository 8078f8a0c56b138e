"""Harmony: which chords follow each other after which time, and which pitch classes sound together."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.encoders.embedded.correlation import correlate_pitches, lag_pool, unit_block
from soundalike.encoders.embedded.pitch import fold, smooth
from soundalike.encoders.embedded.spectra import LOWEST

Array = NDArray[np.float32]

_STEP: Final = 4
_LAGS: Final = 40
_BINS: Final = 24
_PAIRS: Final = 8
DIM: Final = _PAIRS * _BINS * 12


def chroma(peaks: Array) -> tuple[Array, Array]:
    """Pitch classes of everything and of the bass: two of float32 (frames, 12), from `pitch.prominence`."""
    notes = np.arange(LOWEST, LOWEST + peaks.shape[1])
    body = np.exp(-0.5 * np.square((notes - 62.0) / 11.0)).astype(np.float32)
    bass = np.exp(-0.5 * np.square((notes - 40.0) / 7.0)).astype(np.float32)
    return fold(peaks * body, LOWEST), fold(peaks * bass, LOWEST)


def describe(body: Array, bass: Array) -> Array:
    """Key-invariant statistics of the chords.

    Parameters
    ----------
    body, bass : float32, shape (frames, 12)
        From `chroma`.

    Returns
    -------
    float32, shape (`DIM`,)
        Lag x interval tables of pitch classes, bass notes, major and minor chords, and pairs of them.
    """
    body, bass = (_steady(rows) for rows in (body, bass))
    chords = _chords(body + 0.5 * bass)
    major, minor = chords[:, :12], chords[:, 12:]
    pairs = ((body, body), (bass, bass), (bass, body), (major, major), (minor, minor), (major, minor), (minor, major))
    pool = lag_pool(_LAGS, _BINS)
    tables = [correlate_pitches(first, second, _LAGS) for first, second in pairs]
    roots = chords[:, :12] + chords[:, 12:]
    tables.append(correlate_pitches(roots, roots, _LAGS))
    return np.concatenate([unit_block(np.asarray(pool @ table)) for table in tables])


def profile(body: Array, bass: Array) -> Array:
    """Mean pitch classes of a clip, C first, of length 1: float32 (12,); what a key is estimated from."""
    return unit_block((_steady(body) + 0.3 * _steady(bass)).mean(axis=0))


def _steady(rows: Array) -> Array:
    """About five smoothed rows a second, each of length 1 where there is sound."""
    slow = smooth(rows, 15)[::_STEP]
    length = np.sqrt(np.square(slow).sum(axis=1, keepdims=True))
    return (slow / np.maximum(length, 0.05 * max(float(length.max()), 1e-6))).astype(np.float32)


def _chords(rows: Array) -> Array:
    """Soft choice among the 12 major and 12 minor triads: float32 (frames, 24)."""
    likeness = np.einsum("tc,kc->tk", rows, _triads())
    best = likeness.max(axis=1, keepdims=True)
    share = np.exp(12.0 * (likeness - best))
    return (share / share.sum(axis=1, keepdims=True) * np.minimum(best, 1.0)).astype(np.float32)


@lru_cache(maxsize=1)
def _triads() -> Array:
    templates = np.full((24, 12), -0.15, np.float32)
    for root in range(12):
        for row, third in ((root, 4), (12 + root, 3)):
            templates[row, [root, (root + third) % 12, (root + 7) % 12]] = (0.7, 0.55, 0.55)
    return templates
