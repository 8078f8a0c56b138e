"""Bringing clips to one loudness, so that it says nothing about where they come from.

Source: ITU-R BS.1770-4, of one channel; the target and the compressor are those of the authors of JASCO and MERIT.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from soundalike.audio import Clip

TARGET: Final = -14.0
"""LUFS."""

CONDITION_TARGET: Final = -16.0
"""LUFS of drums that a generator follows."""

QUIETEST: Final = 2e-3
"""Root mean square below which a clip is left as it is."""


def level_clip(clip: Clip, target: float = TARGET, *, compress: bool = True) -> Clip:
    """A mono clip at a loudness.

    Parameters
    ----------
    clip : Clip
        Mono; what is all but silent stays as it is.
    target : float
        LUFS.
    compress : bool
        Bend peaks by a hyperbolic tangent; otherwise the gain is less where they would exceed full scale.
    """
    samples = clip.samples.astype(np.float64)
    if math.sqrt(np.mean(np.square(samples))) < QUIETEST:
        return clip
    louder = samples * 10.0 ** ((target - loudness_of(clip)) / 20.0)
    louder = np.tanh(louder) if compress else louder / max(1.0, float(np.abs(louder).max()))
    return Clip(louder.astype(np.float32), clip.rate)


def loudness_of(clip: Clip) -> float:
    """Integrated loudness of a mono clip in LUFS; -70 where nothing is loud enough to count."""
    heard = clip.samples[0].astype(np.float64)
    for b, a in _weighting(clip.rate):
        heard = lfilter(b, a, heard)
    block, hop = round(0.4 * clip.rate), round(0.1 * clip.rate)
    energy = np.concatenate([[0.0], np.cumsum(np.square(heard))])
    starts = np.arange(0, max(1, len(heard) - block + 1), hop)
    powers = (energy[np.minimum(starts + block, len(heard))] - energy[starts]) / min(block, len(heard))
    powers = powers[_lufs(powers) > -70.0]
    if not len(powers):
        return -70.0
    relative = float(_lufs(powers.mean())) - 10.0
    return float(_lufs(powers[_lufs(powers) > relative].mean()))


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-0.691 + 10.0 * np.log10(np.maximum(power, 1e-20)))


def _weighting(rate: int) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """The two filters of K-weighting at any rate: a high shelf for the head, and a high pass."""
    shelf = _biquad(rate, 1500.0, 1 / math.sqrt(2), 4.0)
    return [shelf, _biquad(rate, 38.0, 0.5, None)]


def _biquad(rate: int, hertz: float, q: float, shelf: float | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A high shelf of so many decibels, or a high pass; after R. Bristow-Johnson's cookbook of filters."""
    w = 2 * math.pi * hertz / rate
    alpha, cosine = math.sin(w) / (2 * q), math.cos(w)
    if shelf is None:
        b = [(1 + cosine) / 2, -1 - cosine, (1 + cosine) / 2]
        a = [1 + alpha, -2 * cosine, 1 - alpha]
    else:
        top = 10.0 ** (shelf / 40)
        root = 2 * math.sqrt(top) * alpha
        b = [
            top * (top + 1 + (top - 1) * cosine + root),
            -2 * top * (top - 1 + (top + 1) * cosine),
            top * (top + 1 + (top - 1) * cosine - root),
        ]
        a = [
            top + 1 - (top - 1) * cosine + root,
            2 * (top - 1 - (top + 1) * cosine),
            top + 1 - (top - 1) * cosine - root,
        ]
    return np.array(b) / a[0], np.array(a) / a[0]
