"""Songs with their stems beside them, and samples to be found by them: drums are bursts, basses low tones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RATE = 22050


def drums(seconds: float, *, beat: float = 0.5, bright: bool = False, seed: int = 0) -> np.ndarray:
    """A burst of noise on every beat and a duller one between, every fourth beat left out."""
    rng = np.random.default_rng(seed)
    samples = np.zeros(round(seconds * RATE))
    for i, time in enumerate(np.arange(0.02, seconds - 0.05, beat / 2)):
        if i % 8 == 7:
            continue
        t = np.arange(round(min(0.12, seconds - time) * RATE)) / RATE
        burst = rng.standard_normal(len(t)) * np.exp(-(60 if bright else 25) * t)
        if not bright or i % 2:
            burst = np.convolve(burst, np.ones(12) / 4, "same")
        first = round(time * RATE)
        samples[first : first + len(t)] += (0.4 if i % 2 else 0.6) * burst
    return (0.5 * samples).astype(np.float32)


def bass(seconds: float, *, beat: float = 0.5, root: float = 55.0) -> np.ndarray:
    """A low tone on every beat."""
    samples = np.zeros(round(seconds * RATE))
    for i, time in enumerate(np.arange(0.02, seconds - 0.05, beat)):
        t = np.arange(round(min(beat, seconds - time) * RATE)) / RATE
        pitch = root * 2 ** ([0, 0, 7, 5][i % 4] / 12)
        tone = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in (1, 2, 3)) * np.exp(-3 * t)
        first = round(time * RATE)
        samples[first : first + len(t)] += 0.3 * tone
    return samples.astype(np.float32)


def write(path: Path, samples: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE)
    return path


def write_song(folder: Path, name: str = "Song", **stems: np.ndarray) -> Path:
    """A song, and its stems beside it where the separator "files" finds them."""
    for stem, samples in stems.items():
        write(folder / f"{name} - {stem}.wav", samples)
    return write(folder / f"{name}.wav", np.sum(list(stems.values()), axis=0))


def write_samples(folder: Path) -> Path:
    """Two drum loops, two bass loops, a song, and a kick: named as samples are."""
    write(folder / "drum loop dull.wav", drums(8.0, seed=1))
    write(folder / "drum loop bright.wav", drums(8.0, bright=True, seed=2))
    write(folder / "bass loop.wav", bass(8.0))
    write(folder / "bass loop high.wav", bass(8.0, root=82.0))
    write(folder / "kick one shot.wav", drums(0.3, seed=3)[: round(0.2 * RATE)])
    return folder
