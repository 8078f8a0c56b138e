"""Correlations over time lags: what stays the same when a clip starts later."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.typing import NDArray

Array = NDArray[np.float32]


def correlate(first: Array, second: Array, lags: int) -> Array:
    """Correlate columns over time, per frame of overlap.

    Parameters
    ----------
    first, second : float32, shape (frames, n)

    Returns
    -------
    float32, shape (lags, n)
        Entry (l, i) is the mean over t of ``first[t, i] * second[t + l, i]``; lags that do not fit are zero.
    """
    size = scipy.fft.next_fast_len(len(first) + lags, real=True)
    spectrum = scipy.fft.rfft(first, size, axis=0, workers=1)
    other = spectrum if second is first else scipy.fft.rfft(second, size, axis=0, workers=1)
    table: Array = scipy.fft.irfft(np.conj(spectrum) * other, size, axis=0, workers=1)[:lags]
    return table * _per_overlap(len(first), lags)


def correlate_pitches(first: Array, second: Array, lags: int) -> Array:
    """How often pitch class c + i follows pitch class c after each lag, whatever c is.

    Parameters
    ----------
    first, second : float32, shape (frames, 12)

    Returns
    -------
    float32, shape (lags, 12)
        Entry (l, i) is the mean over t of the sum over c of ``first[t, c] * second[t + l, (c + i) % 12]``.
    """
    size = scipy.fft.next_fast_len(len(first) + lags, real=True)
    spectrum = _transform(first, size)
    other = spectrum if second is first else _transform(second, size)
    product = scipy.fft.ifft(np.conj(spectrum) * other, axis=1, workers=1)
    table: Array = scipy.fft.irfft(product, size, axis=0, workers=1)[:lags]
    return table * _per_overlap(len(first), lags)


@lru_cache(maxsize=16)
def lag_pool(lags: int, bins: int) -> scipy.sparse.csr_array:
    """Triangular pooling of `lags` lags into fewer `bins`, narrow at short lags and wide at long ones.

    Two takes of one passage differ a little in tempo, which moves long lags more than short ones.

    Returns
    -------
    sparse float32, shape (bins, lags)
        Rows sum to 1.
    """
    # Centres grow linearly at first and then by a constant factor: asinh-spaced.
    knee = lags / 8.0
    centres = knee * np.sinh(np.linspace(0.0, np.arcsinh((lags - 1) / knee), bins))
    width = np.maximum(np.gradient(centres), 1.0)
    weights = np.maximum(0.0, 1.0 - np.abs(np.arange(lags) - centres[:, None]) / width[:, None])
    return scipy.sparse.csr_array((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))


def at_steps(table: Array, step: float, count: int) -> Array:
    """Rows of a table of lags at multiples of `step` lags, interpolated: (lags, n) to (count, n); zero beyond it."""
    place = np.arange(count) * step
    whole = np.minimum(place.astype(np.intp), len(table) - 2)
    part = (place - whole).astype(np.float32)[:, None]
    rows = table[whole] * (1.0 - part) + table[whole + 1] * part
    return np.where(part <= 1.0, rows, np.float32(0.0))


def unit_block(block: Array) -> Array:
    """A block flattened and scaled to length 1, so that blocks have equal say; zeros stay zeros."""
    flat = block.reshape(-1)
    length = float(np.sqrt(np.sum(np.square(flat, dtype=np.float64))))
    return np.zeros_like(flat) if length < 1e-9 else (flat / np.float32(length)).astype(np.float32)


def _transform(rows: Array, size: int) -> NDArray[np.complex64]:
    over_time = scipy.fft.rfft(rows, size, axis=0, workers=1)
    both: NDArray[np.complex64] = scipy.fft.fft(over_time, axis=1, workers=1)
    return both


@lru_cache(maxsize=64)
def _per_overlap(frames: int, lags: int) -> Array:
    overlap = frames - np.arange(lags)
    # A lag that only a few frames overlap at is chance, not music.
    enough = overlap >= min(frames, max(8, frames // 4))
    return np.where(enough, 1.0 / np.maximum(overlap, 1), 0.0).astype(np.float32)[:, None]
