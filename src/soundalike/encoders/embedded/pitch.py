"""What is common to melody and harmony: which notes stand out in a semitone spectrogram."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.encoders.embedded.spectra import LOWEST, PITCHES, Spectra

Array = NDArray[np.float32]

_HARMONICS: Final = ((0, 1.0), (12, 0.7), (19, 0.5), (24, 0.35), (28, 0.25))
PITCHED: Final = 0.5
"""Below this `pitchedness` a clip has no melody and no harmony."""


def prominence(spectra: Spectra) -> Array:
    """How far each semitone stands out from its neighbours: float32 (frames, 96), at least 0.

    Logarithmic amplitude minus its mean over the octave around it: steady spectra and noise vanish.
    """
    level = np.log1p(100.0 * spectra.semitone)
    padded = np.pad(level, ((0, 0), (6, 7)), mode="edge")
    total = np.cumsum(padded, axis=1, dtype=np.float32)
    local = (total[:, 12:] - np.pad(total, ((0, 0), (1, 0)))[:, :-13]) / 13.0
    return np.maximum(level - local[:, :PITCHES], 0.0)


def salience(peaks: Array) -> Array:
    """Evidence for a fundamental at each semitone: its harmonics' sum, minus what a lower note would explain."""
    total = np.zeros_like(peaks)
    for offset, weight in _HARMONICS:
        total[:, : PITCHES - offset] += np.float32(weight) * peaks[:, offset:]
    explained = np.zeros_like(peaks)
    explained[:, 12:] = 0.5 * peaks[:, :-12]
    explained[:, 19:] += 0.35 * peaks[:, :-19]
    return np.maximum(total - explained, 0.0)


def pitchedness(spectra: Spectra) -> float:
    """Share of a clip's sound that is in narrow peaks, from 0 (noise, drums) to 1 (a sine)."""
    power = np.square(spectra.semitone[:, 48 - LOWEST : 96 - LOWEST])
    ranked = np.sort(power, axis=1)
    loud = power.sum(axis=1)
    floor = ranked[:, : power.shape[1] // 2].sum(axis=1) * 2.0
    total = float(loud.sum(dtype=np.float64))
    return max(0.0, 1.0 - float(floor.sum(dtype=np.float64)) / total) if total > 0 else 0.0


def fold(pitches: Array, lowest: int) -> Array:
    """Sum pitches into pitch classes, C first: (frames, n) to (frames, 12)."""
    classes = np.zeros((len(pitches), 12), np.float32)
    for column in range(pitches.shape[1]):
        classes[:, (lowest + column) % 12] += pitches[:, column]
    return classes


def smooth(rows: Array, frames: int) -> Array:
    """Centred moving mean over time with an odd number of frames; shorter at the ends."""
    half = frames // 2
    total = np.cumsum(np.pad(rows, ((1, 0), (0, 0))), axis=0, dtype=np.float64)
    index = np.arange(len(rows))
    end, start = np.minimum(index + half + 1, len(rows)), np.maximum(index - half, 0)
    return ((total[end] - total[start]) / (end - start)[:, None]).astype(np.float32)
