"""The encoder that ships with the package: fixed descriptors of what is heard, one slice per factor.

Nothing is learned here. Every descriptor is a statistic that stays the same when the clip starts
later or is played louder; melody and harmony also ignore the key, and groove ignores the tempo.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.encoders.embedded import harmony, melody, pitch, rhythm, timbre
from soundalike.encoders.embedded.spectra import RATE, Spectra, analyse, mono
from soundalike.errors import UsageError


def _layout(sizes: dict[str, int]) -> MappingProxyType[str, slice]:
    ends = np.cumsum(list(sizes.values()))
    return MappingProxyType(
        {name: slice(int(end) - size, int(end)) for (name, size), end in zip(sizes.items(), ends, strict=True)}
    )


LAYOUT: Final = _layout(
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

SHORTEST_MELODY: Final = 1.0
SHORTEST_HARMONY: Final = 0.3
"""Seconds below which a clip has no melody, and no harmony."""


class EmbeddedEncoder:
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
            self._check(clip)
            signal = mono(clip.samples)
            if signal is not None:
                for part, values in _describe(analyse(signal)).items():
                    row[LAYOUT[part]] = values
        return embeddings

    def _check(self, clip: Clip) -> None:
        if clip.rate != self.sample_rate:
            raise UsageError(f"A clip has {clip.rate} Hz.", f"Resample it to {self.sample_rate} Hz.")
        if not 0 < clip.samples.shape[1] <= self.window * self.sample_rate + 1:
            raise UsageError(f"A clip is {clip.duration:g} s long.", f"Give more than 0 and at most {self.window:g} s.")


def _describe(spectra: Spectra) -> dict[str, NDArray[np.float32]]:
    """The parts that there is something to hear of."""
    parts = {"timbre": timbre.describe(spectra.mel)}
    pulse = rhythm.describe(spectra.mel)
    if pulse is not None:
        parts |= {"rhythm": pulse.rhythm, "groove": pulse.groove, "tempo": pulse.tempo}
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
