"""What both sides of the comparison hear and read."""

from __future__ import annotations

import numpy as np

RATE = 48000
SEEDS = (0, 1)
CLIPS = ((0, 480000), (1, 240000), (2, 148800), (3, 70000), (4, 1))
"""Seed and samples: a whole window, one that fits twice, one of 3.1 s, one of no round number, and a single sample."""

MEL_CLIPS = (0, 2)
MEL_FRAMES = (0, 1, 500, 929, 930, 1000)
"""Of the clips above: the ends, the middle, and where the silence behind the 3.1 s clip begins."""

TEXTS = ("piano", "slow pianos and drums, <softly>", "Ünïcode 音楽 drums!", " two  spaces", "<mask> and drums")


def sound(seed: int, samples: int) -> np.ndarray:
    """Notes of a few partials over soft noise: float32 (samples,)."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / RATE
    notes = 110.0 * 2.0 ** (rng.integers(0, 36, 64) / 12.0)
    phase = 2 * np.pi * np.cumsum(notes[np.minimum((4 * time).astype(int), 63)]) / RATE
    partials = sum(0.3 / k * np.sin(k * phase + rng.uniform(0, 6)) for k in range(1, 6))
    return (partials * np.exp(-3.0 * (time % 0.25)) + 0.01 * rng.standard_normal(samples)).astype(np.float32)
