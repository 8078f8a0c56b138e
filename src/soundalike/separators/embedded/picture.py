"""The picture of a segment that masks are painted on, and what the net is told of it.

Spectra have frames of `SIZE` samples every `HOP`. Their 1025 frequencies are grouped into `BANDS` bands: one frequency
each at the bottom, about a whole tone wide at the top. Every cell is divided into what lasts (tonal) and what covers
many frequencies at once (noisy), so that a band can give its tone to one stem and its noise to another.

Everything is computed frame by frame and band by band in one order, without BLAS: the same samples give the same bits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float32]
Spectrum: TypeAlias = NDArray[np.complex64]

RATE: Final = 44100
SIZE: Final = 2048
HOP: Final = 512
BANDS: Final = 64
LEVELS: Final = 3
"""Channels of `features`."""

_HIGHEST: Final = 16000.0
"""Where the last band begins, in hertz, about: it reaches to the end."""
_FLOOR: Final = 1e-6
"""Power against the loudest stretches that counts as silence."""
_OVERLAP: Final = SIZE // HOP


def transform(samples: Array) -> Spectrum:
    """Spectra of a segment: float32 (channels, n) to complex64 (channels, frames, 1025).

    Every sample lies in four frames, so that `restore` gives back all of them.
    """
    frames = -(-samples.shape[1] // HOP) + _OVERLAP - 1
    before = SIZE - HOP
    after = (frames - 1) * HOP + SIZE - before - samples.shape[1]
    framed = sliding_window_view(np.pad(samples, ((0, 0), (before, after))), SIZE, axis=1)[:, ::HOP]
    return np.stack([np.asarray(scipy.fft.rfft(channel * _window(), workers=1), np.complex64) for channel in framed])


def restore(spectrum: Spectrum, length: int) -> Array:
    """Sound of spectra that `transform` made: complex64 (channels, frames, 1025) to float32 (channels, length)."""
    channels, frames, _ = spectrum.shape
    sound = np.zeros((channels, (frames + _OVERLAP - 1) * HOP), np.float32)
    for channel, row in zip(spectrum, sound, strict=True):
        framed = scipy.fft.irfft(channel, SIZE, workers=1) * (_window() * np.float32(2.0 / _OVERLAP))
        for i in range(_OVERLAP):
            row[i * HOP : (i + frames) * HOP] += framed[:, i * HOP : (i + 1) * HOP].reshape(-1)
    return sound[:, SIZE - HOP : SIZE - HOP + length]


def tonality(power: Array) -> Array:
    """How far each cell lasts rather than bursts: float32 (frames, 1025) to the same shape, 0 to 1.

    What lasts is there both before and after; a burst is there both below and above.
    """
    amplitude = np.sqrt(power)
    lasting = np.square(_lesser_side(amplitude.T).T)
    bursting = np.square(_lesser_side(amplitude))
    return np.asarray(lasting / (lasting + bursting + np.float32(1e-20)), np.float32)


def features(power: Array, tonal: Array, side: Array) -> Array:
    """What the net is told: float32 (3, frames, 64).

    Parameters
    ----------
    power : float32, shape (frames, 1025)
        Mean over the channels.
    tonal : float32, shape (frames, 1025)
        From `tonality`.
    side : float32, shape (frames, 1025)
        Power of half the difference of left and right; zeros for a single channel.

    Returns
    -------
    float32, shape (3, frames, 64)
        Decades of tonal and of noisy power against the loudest stretches, moved to lie around 0; and which part of the
        power is side.
    """
    whole, lasting, beside = by_band(power), by_band(power * tonal), by_band(side)
    frame = whole.sum(axis=1, dtype=np.float64)
    # Weighted by itself: silence around a short sound must not change what is heard of it.
    reference = np.float32(np.square(frame).sum() / max(float(frame.sum()), 1e-30) / BANDS + 1e-30)
    noisy = np.maximum(whole - lasting, np.float32(0.0))
    return np.stack(
        [_decades(lasting / reference), _decades(noisy / reference), beside / (whole + np.float32(1e-20))]
    ).astype(np.float32)


def by_band(cells: Array) -> Array:
    """Sums over the bands: (..., 1025) to (..., 64)."""
    sums: Array = np.add.reduceat(cells, edges()[:-1], axis=-1)
    return sums


def by_bin(bands: Array) -> Array:
    """Every frequency has its band's value: (..., 64) to (..., 1025)."""
    return np.repeat(bands, np.diff(edges()), axis=-1)


@lru_cache(maxsize=1)
def edges() -> NDArray[np.intp]:
    """First frequency of each band, and the one after the last: shape (65,)."""
    low, high = 1.0, 2.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if len(_growing(middle)) > BANDS + 1 else (low, middle)
    found = np.round(_growing(high)).astype(np.intp)
    found[-1] = SIZE // 2 + 1
    assert len(found) == BANDS + 1, "the bands must be those that the net was trained with"
    return found


def _growing(ratio: float) -> list[float]:
    """Edges that grow by a ratio, and by one frequency at least."""
    found = [0.0, 1.0]
    while found[-1] < int(_HIGHEST * SIZE / RATE):
        found.append(max(found[-1] + 1.0, found[-1] * ratio))
    return found


def _decades(power: Array) -> Array:
    scaled: Array = (np.log10(power + np.float32(_FLOOR)) + np.float32(3.0)) / np.float32(1.5)
    return scaled


def _lesser_side(rows: Array) -> Array:
    """The smaller of the sums of eight cells up to each one and from each one on, along the last axis."""
    after = rows
    for step in (1, 2, 4):
        after = after + np.pad(after[:, step:], ((0, 0), (0, step)))[:, : rows.shape[1]]
    before = np.empty_like(after)
    before[:, 7:] = after[:, :-7]
    before[:, :7] = np.cumsum(rows[:, :7], axis=1)
    return np.minimum(before, after)


@lru_cache(maxsize=1)
def _window() -> Array:
    """Root of a Hann window: applied before and after, its squares add up to a constant."""
    phase = np.arange(SIZE) / SIZE
    root: Array = np.sqrt(0.5 - 0.5 * np.cos(2.0 * np.pi * phase)).astype(np.float32)
    return root
