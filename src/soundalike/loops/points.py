"""Where a loop begins, and how its end flows into its beginning without a click.

The end of a loop is faded into what the song itself plays just before the loop begins, so that going round leads from
one sample of the song to the very next. Nothing of the beginning is touched, so that the first stroke is whole.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

REACH: Final = 0.015
"""Seconds around a beat in which an attack is taken to be the beat's own."""

LEAD: Final = 0.005
"""Seconds by which a loop begins before its first beat or attack, whichever is earlier."""

FADE: Final = 0.015
"""Seconds over which the end of a loop becomes what comes before it."""

_HOP: Final = 0.001
_SIDE: Final = 0.008
_CLEAR_DB: Final = 6.0
_AROUND: Final = 0.02


def attack(samples: Samples, rate: int, time: float) -> float | None:
    """When the attack that a beat stands for begins.

    Parameters
    ----------
    samples : float32, shape (channels, n)
        Begins at time 0.
    rate : int
        Samples per second.
    time : float
        Of the beat, in seconds.

    Returns
    -------
    float or None
        The time within `REACH` of the beat at which power rises most, from the 8 ms before to the 8 ms after; None
        if that is by less than 6 dB.
    """
    hop, side = max(round(_HOP * rate), 1), round(_SIDE / _HOP)
    first = round((time - REACH) * rate) - side * hop
    count = 2 * round(REACH / _HOP) + 2 * side + 1
    near = _passage(samples, first, count * hop).astype(np.float64)
    power = np.square(near).sum(axis=0).reshape(count, hop).mean(axis=1)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    before = sums[side : count - side + 1] - sums[: count - 2 * side + 1]
    after = sums[2 * side :] - sums[side : count - side + 1]
    floor = 1e-9 + 1e-4 * float(power.max())
    rise = 10.0 * np.log10((after + floor) / (before + floor))
    best = int(rise.argmax())
    return (first + (best + side) * hop) / rate if rise[best] >= _CLEAR_DB else None


def seamless(samples: Samples, first: int, length: int, *, fade: int, rest: int = 0) -> Samples:
    """Cut a loop whose end flows into its beginning.

    Parameters
    ----------
    samples : float32, shape (channels, n)
        Silence is taken to lie before and after them.
    first : int
        Sample at which the loop begins.
    length : int
        Samples that the loop has.
    fade : int
        Samples over which its end becomes what comes before `first`.
    rest : int
        Samples after that, up to the end, in which only the latter is heard: so that a stroke that the song plays
        there already is not heard twice.

    Returns
    -------
    float32, shape (channels, length)

    Notes
    -----
    The weights are halves of a cosine, a and b = 1 - a, divided by ``sqrt(a^2 + b^2 + 2 r a b)``: what is alike on both
    sides (correlation r = 1) stays as it is, what is not (r = 0) keeps its power. The last sample is that before
    the first one in the song. Where the song itself begins with the loop, its first sixteenth of `fade` is faded in.
    """
    loop = _passage(samples, first, length)
    rest = min(rest, length)
    fade = min(fade, length - rest)
    into = np.concatenate([0.5 - 0.5 * np.cos(np.pi * np.arange(1, fade + 1) / fade), np.ones(rest)])
    if not len(into):
        return loop
    before, ending = _passage(samples, first - len(into), len(into)), loop[:, length - len(into) :]
    out = 1.0 - into
    alike = float(np.clip(_correlation(before, ending), 0.0, 1.0))
    norm = np.sqrt(np.square(into) + np.square(out) + 2.0 * alike * into * out)
    loop[:, length - len(into) :] = ending * (out / norm) + before * (into / norm)
    if first <= 0 and (rise := fade // 16):
        loop[:, :rise] *= (np.arange(rise) / rise).astype(np.float32)
    return loop


def seam(loop: Samples, rate: int) -> float:
    """How far a loop's seam stands out: below 1 it is smoother than the sound around it.

    Parameters
    ----------
    loop : float32, shape (channels, n)
    rate : int
        Samples per second.

    Returns
    -------
    float
        The largest step, or second difference, from the last sample to the first, divided by the largest one among
        the 20 ms on either side; the worse of both. 0 where all is silent.
    """
    around = min(max(round(_AROUND * rate), 4), loop.shape[1] // 2)
    joined = np.concatenate([loop[:, -around:], loop[:, :around]], axis=1).astype(np.float64)
    found = 0.0
    for order in (1, 2):
        steps = np.abs(np.diff(joined, order, axis=1)).max(axis=0)
        across = slice(around - order, around)
        within = float(np.delete(steps, across).max(initial=0.0))
        here = float(steps[across].max())
        found = max(found, here / max(within, 1e-7) if here > 1e-7 else 0.0)
    return found


def _passage(samples: Samples, first: int, count: int) -> Samples:
    """A copy of `count` samples from `first` on, with silence where there are none: float32 (channels, count)."""
    begin, end = max(first, 0), min(first + count, samples.shape[1])
    if end <= begin:
        return np.zeros((len(samples), count), np.float32)
    return np.pad(samples[:, begin:end], ((0, 0), (begin - first, first + count - end)))


def _correlation(one: Samples, other: Samples) -> float:
    a, b = one.astype(np.float64), other.astype(np.float64)
    power = float(np.sqrt(np.square(a).sum() * np.square(b).sum()))
    return float(np.sum(a * b)) / power if power > 0.0 else 0.0
