"""The encoder that ships with the package: what small nets hear, and statistics of it, one slice per factor.

A transcription net hears lead, chords and bass, a drum net strokes and beats. What is kept of them stays the
same when the clip starts later or is played louder; melody and harmony also ignore the key, and groove
ignores the tempo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.encoders.embedded import drums, groove, harmony, listening, pitch, rhythm, statistics, timbre
from soundalike.encoders.embedded.layout import SHORTEST_HARMONY, SHORTEST_MELODY, lay_out
from soundalike.encoders.embedded.spectra import RATE, Spectra, analyse, mono
from soundalike.encoders.embedded.transcription import Posteriors
from soundalike.encoders.windows import check_clip

LAYOUT: Final = lay_out(
    {
        "melody": statistics.MELODY_DIM,
        "harmony": statistics.HARMONY_DIM,
        "rhythm": rhythm.RHYTHM_DIM,
        "groove": groove.DIM,
        "timbre": timbre.DIM,
        "tempo": rhythm.TEMPO_DIM,
        "chroma": 12,
    }
)
"""Where each part lies in an embedding. A part of zeros means that there was nothing to hear."""

LEAST_SUNG: Final = 0.6
LEAST_CHORDS: Final = 0.25
"""Seconds of lead, and of chords, that must be expected in a clip for it to have melody, and harmony."""


class EmbeddedEncoder:
    """Statistics of lead, chords, drums, onsets and spectrum.

    Parameters
    ----------
    nets : Path
        Folder of the nets, for others than those that ship.
    """

    name = "embedded-2"
    sample_rate = RATE
    window = 10.0
    dim = LAYOUT["chroma"].stop

    def __init__(self, nets: Path = listening.NETS) -> None:
        self._nets = nets

    def encode(self, clips: Sequence[Clip]) -> NDArray[np.float32]:
        """Embed clips one by one; see `soundalike.encoders.Encoder.encode` and `LAYOUT`.

        Raises
        ------
        UsageError
            If a clip is at another rate, empty or longer than the window.
        """
        return np.array([self.hear(clip)[0] for clip in clips], np.float32).reshape(-1, self.dim)

    def hear(self, clip: Clip) -> tuple[NDArray[np.float32], Posteriors | None]:
        """The embedding of one clip, shape (dim,), and what may be played in it; None where nothing pitched is heard.

        Raises
        ------
        UsageError
            See `encode`.
        """
        check_clip(clip, rate=self.sample_rate, window=self.window)
        signal = mono(clip.samples)
        if signal is None:
            return np.zeros(self.dim, np.float32), None
        parts, posteriors = describe(analyse(signal), nets=self._nets)
        return embedding(parts), posteriors


def embedding(parts: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Put parts where `LAYOUT` has them: float32, shape (dim,)."""
    row = np.zeros(LAYOUT["chroma"].stop, np.float32)
    for part, values in parts.items():
        row[LAYOUT[part]] = values
    return row


def describe(
    spectra: Spectra, *, nets: Path = listening.NETS
) -> tuple[dict[str, NDArray[np.float32]], Posteriors | None]:
    """The parts of one clip that there is something to hear of, and what may be played in it."""
    parts = {"timbre": timbre.describe(spectra.mel)}
    pulse = rhythm.describe(spectra.mel)
    if pulse is not None:
        parts |= {"rhythm": pulse.rhythm(), "tempo": pulse.tempo}
    pattern = groove.describe(drums.hear(spectra, nets=nets), spectra.mel)
    if pattern is not None:
        parts["groove"] = pattern
    peaks = pitch.prominence(spectra)
    if pitch.pitchedness(spectra, peaks) < pitch.PITCHED:
        return parts, None
    posteriors = listening.hear(spectra.semitone, nets=nets) if spectra.seconds >= SHORTEST_HARMONY else None
    if posteriors is None:
        return parts, None
    parts["chroma"] = harmony.profile(*harmony.chroma(peaks))
    beat = pulse.beat if pulse else rhythm.DEFAULT_BEAT
    if _seconds(posteriors.root, posteriors.rate) >= LEAST_CHORDS:
        parts["harmony"] = statistics.harmony(posteriors, beat)
    if spectra.seconds >= SHORTEST_MELODY and _seconds(posteriors.lead, posteriors.rate) >= LEAST_SUNG:
        parts["melody"] = statistics.melody(posteriors, beat)
    return parts, posteriors


def _seconds(posterior: NDArray[np.float32], rate: float) -> float:
    """How long something is expected to sound; the last column is nothing."""
    return float((1.0 - posterior[:, -1]).sum(dtype=np.float64)) / rate
