"""What both sides of the comparison hear."""

from __future__ import annotations

import numpy as np

RATE = 24000
SEEDS = (0, 1)
CLIPS = ((0, 24000), (1, 24000))
"""Seed and samples of the clips for hidden states."""

FRAMES = (0, 31, 73)
MERIT_CLIPS = ((2, 4 * RATE), (3, 10 * RATE))
"""Those for MERIT: one that is padded to 10 s in training, and a whole one; both are padded to 30 s in evaluation."""

HEAD = {"in_dim": 5120, "hidden": 512, "out_dim": 128}


def sound(seed: int, samples: int) -> np.ndarray:
    """Notes of a few partials over soft noise: float32 (samples,)."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / RATE
    notes = 110.0 * 2.0 ** (rng.integers(0, 36, 64) / 12.0)
    phase = 2 * np.pi * np.cumsum(notes[np.minimum((4 * time).astype(int), 63)]) / RATE
    partials = sum(0.3 / k * np.sin(k * phase + rng.uniform(0, 6)) for k in range(1, 6))
    return (partials * np.exp(-3.0 * (time % 0.25)) + 0.01 * rng.standard_normal(samples) + 0.05).astype(np.float32)


def embeddings() -> np.ndarray:
    """Rows for the heads, as long and as large as means of hidden states."""
    return np.random.default_rng(4).standard_normal((3, HEAD["in_dim"])).astype(np.float32) * np.float32(0.3)
