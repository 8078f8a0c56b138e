"""What both sides of the comparison hear and read."""

from __future__ import annotations

import numpy as np

RATE = 24000
SEEDS = (0, 1)
SHORT = ((0, 24000), (1, 24000))
"""Seed and samples of the clips for MuQ."""

LONG = ((2, 240000), (3, 7 * RATE), (4, 3 * RATE), (5, 720), (6, 23 * RATE))
"""Those for MuQ-MuLan: a whole piece, one filled up, one only doubled, one very short, and three pieces."""

TEXTS = ("slow piano", "loud drums, bass.", "快 violin")
FRAMES = (0, 7, 24)
MEL_FRAMES = (0, 50, 99)


def sound(seed: int, samples: int) -> np.ndarray:
    """Notes of a few partials over soft noise: float32 (samples,)."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / RATE
    notes = 110.0 * 2.0 ** (rng.integers(0, 36, 64) / 12.0)
    phase = 2 * np.pi * np.cumsum(notes[np.minimum((4 * time).astype(int), 63)]) / RATE
    partials = sum(0.3 / k * np.sin(k * phase + rng.uniform(0, 6)) for k in range(1, 6))
    return (partials * np.exp(-3.0 * (time % 0.25)) + 0.01 * rng.standard_normal(samples)).astype(np.float32)
