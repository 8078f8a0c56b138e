"""Run the transcription net: from a semitone spectrogram to `Posteriors`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.encoders.embedded.spectra import PITCH_RATE
from soundalike.encoders.embedded.transcription import Posteriors
from soundalike.nets import open_net

Array = NDArray[np.float32]

FRAMES_JOINED: Final = 2
"""Frames of the semitone spectrogram that make one frame of the transcription."""
RATE: Final = PITCH_RATE / FRAMES_JOINED
"""Frames of the transcription per second."""
NETS: Final = Path(__file__).parent
"""Folder of the nets that ship with the package."""


def network_input(semitone: Array) -> Array:
    """Semitone spectrogram to the net's input.

    Parameters
    ----------
    semitone : float32, shape (n, 96)
        See `soundalike.encoders.embedded.spectra.Spectra`.

    Returns
    -------
    float32, shape (2, n // 2, 96)
        Logarithmic amplitude; two consecutive frames are two channels of one.
    """
    level = np.log1p(100.0 * semitone) / np.float32(4.0)
    frames = len(level) // FRAMES_JOINED
    joined = level[: frames * FRAMES_JOINED].reshape(frames, FRAMES_JOINED, level.shape[1])
    return np.ascontiguousarray(joined.transpose(1, 0, 2), np.float32)


def hear(semitone: Array, *, nets: Path = NETS) -> Posteriors | None:
    """Transcribe one clip; None if it is shorter than a frame.

    Parameters
    ----------
    semitone : float32, shape (n, 96)
        Of one clip, at most a few minutes.
    nets : Path
        Folder that holds ``transcription.onnx``.
    """
    level = network_input(semitone)
    if level.shape[1] == 0:
        return None
    lead, tones, root, bass = open_net(nets / "transcription.onnx").run(None, {"level": level[None]})
    return Posteriors(lead[0], tones[0], root[0], bass[0], RATE)
