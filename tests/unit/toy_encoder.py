"""An encoder with a text side, small enough to see through: it hears how bright a sound is and reads two words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from soundalike.audio import Clip
from soundalike.errors import UsageError
from soundalike.facets import unit

BANDS = 6
WORDS = {"dark": np.linspace(1, -1, BANDS), "bright": np.linspace(-1, 1, BANDS)}


class ToyEncoder:
    name = "toy-1"
    sample_rate = 22050
    window = 10.0
    dim = BANDS

    def encode(self, clips: Sequence[Clip]) -> np.ndarray:
        return np.array([self._hear(clip) for clip in clips], np.float32).reshape(-1, BANDS)

    def _hear(self, clip: Clip) -> np.ndarray:
        if not clip.samples.any():
            return np.zeros(BANDS, np.float32)
        spectrum = np.abs(np.fft.rfft(clip.samples[0], n=max(1024, clip.samples.shape[1])))
        edges = np.geomspace(1, len(spectrum), BANDS + 1).astype(int)
        levels = np.array([np.log(1e-6 + spectrum[a : max(b, a + 1)].mean()) for a, b in pairwise(edges)])
        return unit((levels - levels.mean())[None])[0]

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        unknown = [text for text in texts if text not in WORDS]
        if unknown:
            raise UsageError(f"'{unknown[0]}' is not a word that this encoder knows.", "Say dark or bright.")
        return unit(np.array([WORDS[text] for text in texts]))
