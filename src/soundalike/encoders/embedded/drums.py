"""What a small net hears of the drums: strokes of kick, snare, hi-hat and the rest, beats and bars.

The net is made by `soundalike.research.training.drums`. It hears how the level of each band moves around its
mean, so that neither loudness nor equalisation matter, and every clip by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.encoders.embedded.listening import NETS
from soundalike.encoders.embedded.spectra import ONSET_HOP, RATE, Spectra
from soundalike.nets import open_net

Array = NDArray[np.float32]

CLASSES: Final = ("kick", "snare", "hat", "other")
"""Cymbals count as hat, toms and percussion as other."""

DRUM_RATE: Final = RATE / (2 * ONSET_HOP)
"""Frames of `Activations` a second."""

_FLOOR: Final = 1e-4
"""What is 40 dB below the clip's mean is silence."""

_SHORTEST: Final = 8


@dataclass(frozen=True, slots=True)
class Activations:
    """How surely, and how strongly, something begins in each frame; all values from 0 to 1.

    Attributes
    ----------
    strokes : float32, shape (frames, 4)
        By `CLASSES`, `DRUM_RATE` frames a second; frame i is centred on its sample ``512 * i``.
    beat, downbeat : float32, shape (frames,)
        Beats, and first beats of a bar.
    """

    strokes: Array
    beat: Array
    downbeat: Array


def hear(spectra: Spectra, *, nets: Path = NETS) -> Activations | None:
    """Listen to one clip.

    Parameters
    ----------
    spectra : Spectra
        From `spectra.analyse`.
    nets : Path
        Folder that holds ``drums.onnx``.

    Returns
    -------
    Activations or None
        None if the clip is shorter than a tenth of a second.
    """
    if len(spectra.mel) < _SHORTEST:
        return None
    (output,) = open_net(nets / "drums.onnx").run(None, {"mel": features(spectra.mel)})
    frames = np.ascontiguousarray(output[0].T)
    return Activations(frames[:, : len(CLASSES)], frames[:, len(CLASSES)], frames[:, len(CLASSES) + 1])


def features(mel: Array) -> Array:
    """What the net is given: float32 (1, 64, frames), decades around each band's mean."""
    mean = max(float(mel.mean(dtype=np.float64)), 1e-12)
    level = np.log10(mel / np.float32(mean) + np.float32(_FLOOR))
    level -= level.mean(axis=0)
    return np.ascontiguousarray(level.T[None], np.float32)
