"""Beats from the grid of frames to the attacks that are heard, to about two milliseconds.

Each beat is moved to the attack near it; then a smooth curve is laid through all of them, since neither a soft note
nor a hasty one moves the beat. Music made to a click lies on a straight line, and then the line is taken.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_REACHES: Final = (0.045, 0.025)
"""Seconds from a beat within which its attack is looked for, first and then around the smooth curve."""

_NEIGHBOURS: Final = 8
"""Beats on either side that the smooth curve is fitted to."""

_STRAIGHT: Final = 0.012
_SHARE: Final = 0.72
"""Attacks, as a share of their strength, that must lie within so many seconds of a straight line for it to be taken:
where nothing is struck, or late by habit, music to a click still keeps to the line."""


def refine(times: Array, attacks: NDArray[np.float32], rate: float) -> Array:
    """Move beats to the attacks near them.

    Parameters
    ----------
    times : float64, shape (n,)
        Beats in seconds, in order.
    attacks : float32, shape (m,)
        How much begins, `rate` values a second.
    rate : float

    Returns
    -------
    float64, shape (n,)
        In order, in seconds.
    """
    smooth = times
    for reach in _REACHES:
        found, strength = _nearest_attacks(smooth, attacks, rate, reach)
        smooth = _smoothed(found, strength)
    line = _straight(found, strength)
    return line if strength[np.abs(found - line) < _STRAIGHT].sum() > _SHARE * strength.sum() else smooth


def _nearest_attacks(times: Array, attacks: NDArray[np.float32], rate: float, reach: float) -> tuple[Array, Array]:
    """Where something begins near each time, in seconds, and how much, 1 for the typical beat."""
    radius = int(np.ceil(2.0 * reach * rate))
    padded = np.pad(attacks.astype(np.float64), radius + 1)
    centre = np.round(times * rate).astype(np.intp)
    offsets = np.arange(-radius, radius + 1)
    around = padded[np.clip(centre[:, None] + offsets + radius + 1, 0, len(padded) - 1)]
    distance = (centre[:, None] + offsets) / rate - times[:, None]
    best = (around * np.exp(-0.5 * np.square(distance / (0.5 * reach)))).argmax(axis=1)
    place = np.clip(centre + offsets[best] + radius + 1, 1, len(padded) - 2)
    below, here, above = padded[place - 1], padded[place], padded[place + 1]
    curve = below - 2.0 * here + above
    shift = np.where(curve < 0.0, 0.5 * (below - above) / np.minimum(curve, -1e-12), 0.0)
    found = (place - radius - 1 + np.clip(shift, -0.5, 0.5)) / rate
    strength = np.minimum(here / max(float(np.median(here)), 1e-9), 2.0)
    return found, np.maximum(strength, 1e-3)


def _smoothed(times: Array, strength: Array) -> Array:
    """A local parabola through the neighbours of each beat, twice, those that lie aside counting less."""
    count = len(times)
    reach = min(_NEIGHBOURS, count - 1)
    index = np.arange(count)[:, None] + np.arange(-reach, reach + 1)
    inside = (index >= 0) & (index < count)
    index = np.clip(index, 0, count - 1)
    step = np.arange(-reach, reach + 1) / (reach + 1.0)
    taper = np.power(1.0 - np.power(np.abs(step), 3), 3) * inside
    powers = np.stack([np.ones_like(step), step, np.square(step)][: min(3, count)], axis=1)
    weight = taper * strength[index]
    smooth = times
    for _ in range(3):
        left = np.einsum("nk,ki,kj->nij", weight, powers, powers) + 1e-9 * np.eye(powers.shape[1])
        right = np.einsum("nk,ki,nk->ni", weight, powers, times[index])
        smooth = np.linalg.solve(left, right[:, :, None])[:, 0, 0]
        weight = taper * (strength * _trust(times - smooth))[index]
    return smooth


def _straight(times: Array, strength: Array) -> Array:
    """The line through all beats, those that lie aside counting less."""
    place = np.arange(len(times), dtype=np.float64)
    weight, line = strength, times
    for _ in range(5):
        total = weight.sum()
        middle, mean = (weight * place).sum() / total, (weight * times).sum() / total
        spread = (weight * np.square(place - middle)).sum()
        slope = (weight * (place - middle) * (times - mean)).sum() / spread
        line = mean + slope * (place - middle)
        weight = strength * _trust(times - line)
    return line


def _trust(aside: Array) -> Array:
    """From 1 on the curve to 0 far from it (A. Beaton, J. Tukey, 1974)."""
    scale = 4.7 * max(1.5 * float(np.median(np.abs(aside))), 0.002)
    return np.square(np.maximum(1.0 - np.square(aside / scale), 0.0)) + 1e-3
