"""Tempo from how well each of a range of tempi explains a track's onsets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

BPM: Final = np.geomspace(30.0, 300.0, 320)
"""The tempi that a tempo profile has a value for, in beats per minute, 0.7 % apart."""

_PREFERRED: Final = 115.0
_OCTAVES: Final = 0.75


@dataclass(frozen=True, slots=True)
class TempoEstimate:
    """A tempo.

    Attributes
    ----------
    bpm : float
        Beats per minute.
    confidence : float
        From 0 to 1: how far the tempo, its half and its double stand out from all others.
    """

    bpm: float
    confidence: float


def estimate_tempo(profile: NDArray[np.floating]) -> TempoEstimate | None:
    """Read the tempo off a profile.

    The best tempo is the peak under a log-normal preference for about 120 BPM, as listeners have it
    (D. Moelants, "Preferred tempo reconsidered", ICMPC 2002), placed between grid points by a parabola.

    Parameters
    ----------
    profile : float, shape (320,)
        Strength of each tempo of `BPM`; the mean over a track's excerpts is best. May be negative.

    Returns
    -------
    TempoEstimate or None
        None if the profile is nowhere above zero: no pulse was heard.
    """
    strength = np.maximum(np.asarray(profile, np.float64), 0.0)
    if not strength.max() > 0.0:
        return None
    distance = np.log2(BPM / _PREFERRED) / _OCTAVES
    weighted = strength * np.exp(-0.5 * np.square(distance))
    best = int(np.clip(weighted.argmax(), 1, len(BPM) - 2))
    below, here, above = strength[best - 1 : best + 2]
    curve = below - 2.0 * here + above
    shift = float(np.clip(0.5 * (below - above) / curve, -0.5, 0.5)) if curve < 0.0 else 0.0
    bpm = float(BPM[best] * (BPM[1] / BPM[0]) ** shift)
    return TempoEstimate(bpm, _confidence(strength, bpm))


def _confidence(strength: NDArray[np.float64], bpm: float) -> float:
    """Strength at the tempo (or its half or double) against the strongest that is not related to it."""
    ratio = np.abs(np.log2(BPM / bpm))
    family = np.abs(ratio - np.round(ratio)) < 0.06
    related = np.abs(np.log2(BPM / bpm * 3.0) - np.round(np.log2(BPM / bpm * 3.0))) < 0.06
    other = strength[~family & ~related]
    return float(np.clip(1.0 - other.max() / strength[family].max(), 0.0, 1.0))
