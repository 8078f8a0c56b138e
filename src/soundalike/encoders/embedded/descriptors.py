"""Fixed descriptors of what is heard, one slice per factor: the encoder ``descriptors``.

Nothing is learned here; it is what the embedded encoder is held against. Every descriptor is a statistic that
stays the same when the clip starts later or is played louder; melody and harmony also ignore the key, and
groove ignores the tempo.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.encoders.embedded import harmony, melody, pitch, rhythm, timbre
from soundalike.encoders.embedded.layout import SHORTEST_HARMONY, SHORTEST_MELODY, lay_out
from soundalike.encoders.embedded.spectra import RATE, Spectra, analyse, mono
from soundalike.encoders.windows import check_clip

LAYOUT: Final = lay_out(
    {
        "melody": melody.DIM,
        "harmony": harmony.DIM,
        "rhythm": rhythm.RHYTHM_DIM,
        "groove": rhythm.GROOVE_DIM,
        "timbre": timbre.DIM,
        "tempo": rhythm.TEMPO_DIM,
        "chroma": 12,
    }
)
"""Where each part lies in an embedding. A part of zeros means that there was nothing to hear."""


class DescriptorEncoder:
    """Fixed descriptors of melody, harmony, rhythm, groove, timbre, tempo and pitch classes."""

    name = "embedded-1"
    sample_rate = RATE
    window = 10.0
    dim = LAYOUT["chroma"].stop

    def encode(self, clips: Sequence[Clip]) -> NDArray[np.float32]:
        """Embed clips one by one; see `soundalike.encoders.Encoder.encode` and `LAYOUT`.

        Raises
        ------
        UsageError
            If a clip is at another rate, empty or longer than the window.
        """
        embeddings = np.zeros((len(clips), self.dim), np.float32)
        for row, clip in zip(embeddings, clips, strict=True):
            check_clip(clip, rate=self.sample_rate, window=self.window)
            signal = mono(clip.samples)
            if signal is not None:
                for part, values in _describe(analyse(signal)).items():
                    row[LAYOUT[part]] = values
        return embeddings


def _describe(spectra: Spectra) -> dict[str, NDArray[np.float32]]:
    """The parts that there is something to hear of."""
    parts = {"timbre": timbre.describe(spectra.mel)}
    pulse = rhythm.describe(spectra.mel)
    if pulse is not None:
        parts |= {"rhythm": pulse.rhythm(), "groove": pulse.groove(), "tempo": pulse.tempo}
    peaks = pitch.prominence(spectra)
    if pitch.pitchedness(spectra, peaks) < pitch.PITCHED:
        return parts
    body, bass = harmony.chroma(peaks)
    beat = pulse.beat if pulse else rhythm.DEFAULT_BEAT
    if spectra.seconds >= SHORTEST_HARMONY:
        parts |= {"harmony": harmony.describe(body, bass, beat), "chroma": harmony.profile(body, bass)}
    if spectra.seconds >= SHORTEST_MELODY:
        parts["melody"] = melody.describe(pitch.salience(peaks), beat)
    return parts
