"""What both sides of the comparison are given."""

from __future__ import annotations

import numpy as np

RATE = 22050
SECONDS = 2.0
"""Length of the clips whose melody is heard."""

PASSAGES = {"inside": (1.25, 10.0, 0.3), "short": (0.0, 4.0, 0.3), "low": (3.0, 10.0, 0.02), "high": (0.5, 10.0, 2.5)}
"""Offset, duration and threshold of what is taken from a salience file."""

GAPS = (0, 1, 3, 7)


def tune(seed: int) -> np.ndarray:
    """Notes of three partials with rests between them, some below the lowest of the 53 notes: float32 (n,)."""
    rng = np.random.default_rng(seed)
    parts = []
    for pitch in rng.integers(38, 84, 16):
        length, rest = rng.uniform(0.15, 0.5), rng.uniform(0.0, 0.15)
        time = np.arange(round(length * RATE)) / RATE
        hertz = 440.0 * 2.0 ** ((pitch - 69 + rng.normal(0, 0.1)) / 12.0)
        note = sum(0.3 / k * np.sin(2 * np.pi * k * hertz * time) for k in (1, 2, 3))
        parts += [note * np.minimum(1.0, 60.0 * time[::-1]), np.zeros(round(rest * RATE))]
    whole = np.concatenate(parts)[: round(SECONDS * RATE)]
    return (whole + 0.003 * rng.standard_normal(len(whole))).astype(np.float32)


def salience(seed: int, *, timed: bool = True) -> dict[str, np.ndarray]:
    """Arrays as a salience network writes them: five bins a semitone, 86 frames a second, more octaves than needed."""
    rng = np.random.default_rng(seed)
    hertz = 32.7 * 2.0 ** (np.arange(360) / 60.0)
    times = np.arange(1200) * 256 / RATE
    values = rng.random((360, 1200)) ** 6
    values[:, rng.random(1200) < 0.3] *= 0.02
    arrays = {"salience": values.astype(np.float32), "freqs": hertz.astype(np.float32)}
    return {**arrays, "times": times.astype(np.float32)} if timed else arrays


def gappy(seed: int) -> np.ndarray:
    """A melody with gaps of many lengths, also at both ends: bool (500, 53)."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((500, 53), np.bool_)
    rows[np.arange(500), np.repeat(rng.integers(0, 53, 100), 5)] = True
    rows[rng.random(500) < 0.5] = False
    rows[: seed % 4], rows[500 - seed % 5 :] = False, False
    return rows
