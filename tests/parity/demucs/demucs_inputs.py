"""What both sides split: the lengths in samples, the sound, and which samples of the answers are compared."""

from __future__ import annotations

import numpy as np

SEEDS = (0, 1)
LENGTHS = (20_000, 60_000, 120_001)
"""Shorter than a segment of 1 s, a little longer, and four strides, the last of them cut short."""


def sound(length: int, seed: int) -> np.ndarray:
    """Notes, clicks and noise with a constant offset: float32 (2, length)."""
    rng = np.random.default_rng(1000 + seed)
    time = np.arange(length) / 44100
    notes = sum(a * np.sin(2 * np.pi * f * time + p) for a, f, p in rng.uniform([0.02, 50, 0], [0.1, 2000, 6], (5, 3)))
    clicks = np.exp(-40 * (time % 0.3)) * rng.normal(0, 0.2, length)
    both = [0.8 * notes + clicks, notes + 0.6 * clicks] + rng.normal(0, 0.01, (2, length)) + 0.05
    return both.astype(np.float32)


def compared(length: int) -> np.ndarray:
    """Indices of samples: both ends, and some in between, also where segments meet."""
    spread = np.linspace(0, length - 1, 30).astype(int)
    return np.unique([*spread, 1, length - 2, *(min(edge, length - 1) for edge in (33074, 33075, 44099, 44100))])
