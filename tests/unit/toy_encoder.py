"""An encoder with a text side, small enough to see through: it hears how bright a sound is and reads two words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soundalike.audio import Clip
from soundalike.errors import UsageError

WORDS = {"dark": 0.0, "bright": np.pi / 2}
LOWEST, HIGHEST = 50.0, 8000.0


def towards(angle: float) -> np.ndarray:
    """A unit vector between dark and bright."""
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


class ToyEncoder:
    name = "toy-1"
    sample_rate = 22050
    window = 10.0
    dim = 2

    def encode(self, clips: Sequence[Clip]) -> np.ndarray:
        return np.array([self._hear(clip) for clip in clips], np.float32).reshape(-1, 2)

    def _hear(self, clip: Clip) -> np.ndarray:
        if not clip.samples.any():
            return np.zeros(2, np.float32)
        power = np.abs(np.fft.rfft(clip.samples[0])) ** 2
        centre = float(np.average(np.fft.rfftfreq(clip.samples.shape[1], 1 / clip.rate), weights=power))
        return towards(np.pi / 2 * np.clip(np.log(max(centre, 1) / LOWEST) / np.log(HIGHEST / LOWEST), 0, 1))

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        unknown = [text for text in texts if text not in WORDS]
        if unknown:
            raise UsageError(f"'{unknown[0]}' is not a word that this encoder knows.", "Say dark or bright.")
        return np.array([towards(WORDS[text]) for text in texts])
