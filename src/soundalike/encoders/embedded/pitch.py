"""What is common to melody and harmony: which notes stand out in a semitone spectrogram."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.encoders.embedded.spectra import PITCHES, Spectra

Array = NDArray[np.float32]

_HARMONICS: Final = ((0, 1.0), (12, 0.7), (19, 0.5), (24, 0.35), (28, 0.25))
PITCHED: Final = 0.45
"""Below this `pitchedness` a clip has no melody and no harmony."""
_HOLD: Final = 4


def prominence(spectra: Spectra) -> Array:
    """How far each semitone stands out from its neighbours: float32 (frames, 96), at least 0.

    Logarithmic amplitude minus its mean over the octave around it: steady spectra and noise vanish.
    """
    level = np.log1p(100.0 * spectra.semitone)
    padded = np.pad(level, ((0, 0), (6, 7)), mode="edge")
    total = np.cumsum(padded, axis=1, dtype=np.float32)
    local = (total[:, 12:] - np.pad(total, ((0, 0), (1, 0)))[:, :-13]) / 13.0
    peaks: Array = np.maximum(level - local[:, :PITCHES], 0.0)
    return peaks


def salience(peaks: Array) -> Array:
    """Evidence for a fundamental at each semitone: its harmonics' sum, minus what a lower note would explain."""
    total = np.zeros_like(peaks)
    for offset, weight in _HARMONICS:
        total[:, : PITCHES - offset] += np.float32(weight) * peaks[:, offset:]
    explained = np.zeros_like(peaks)
    explained[:, 12:] = 0.5 * peaks[:, :-12]
    explained[:, 19:] += 0.35 * peaks[:, :-19]
    evidence: Array = np.maximum(total - explained, 0.0)
    return evidence


def pitchedness(spectra: Spectra, peaks: Array) -> float:
    """How far steady notes stand out, from 0 (noise, drums) to about 4 (a few loud, long notes).

    Height of each frame's highest peak times how alike the peaks are 0.2 s later, both weighted by amplitude.
    """
    weight = np.sqrt(np.square(spectra.semitone).sum(axis=1))
    height = float(np.sum(weight * peaks.max(axis=1))) / max(float(weight.sum()), 1e-9)
    if len(peaks) <= _HOLD:
        return height
    centred = peaks - peaks.mean(axis=1, keepdims=True)
    length = np.sqrt(np.square(centred).sum(axis=1))
    alike = np.einsum("tp,tp->t", centred[_HOLD:], centred[:-_HOLD])
    alike = alike / np.maximum(length[_HOLD:] * length[:-_HOLD], 1e-9)
    held = float(np.sum(weight[_HOLD:] * alike)) / max(float(weight[_HOLD:].sum()), 1e-9)
    return height * max(held, 0.0)


def fold(pitches: Array, lowest: int) -> Array:
    """Sum pitches into pitch classes, C first: (frames, n) to (frames, 12)."""
    classes = np.zeros((len(pitches), 12), np.float32)
    for column in range(pitches.shape[1]):
        classes[:, (lowest + column) % 12] += pitches[:, column]
    return classes


def pool(rows: Array, step: float) -> Array:
    """Means of rows over consecutive stretches of `step` frames, not a whole number: at least one row."""
    total = np.cumsum(np.pad(rows, ((1, 0), (0, 0))), axis=0, dtype=np.float64)
    edges = np.arange(max(int(len(rows) / step), 1) + 1) * min(step, len(rows))
    whole = np.minimum(edges.astype(np.intp), len(rows) - 1)
    reached = total[whole] + (edges - whole)[:, None] * (total[whole + 1] - total[whole])
    means: Array = (np.diff(reached, axis=0) / step).astype(np.float32)
    return means


def smooth(rows: Array, frames: int) -> Array:
    """Centred moving mean over time with an odd number of frames; shorter at the ends."""
    half = frames // 2
    total = np.cumsum(np.pad(rows, ((1, 0), (0, 0))), axis=0, dtype=np.float64)
    index = np.arange(len(rows))
    end, start = np.minimum(index + half + 1, len(rows)), np.maximum(index - half, 0)
    means: Array = ((total[end] - total[start]) / (end - start)[:, None]).astype(np.float32)
    return means
