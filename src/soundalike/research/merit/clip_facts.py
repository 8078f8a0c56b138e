"""Level, length and tempo of the wav files of a set: facts that have nothing to do with what heads should hear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip, load_clip
from soundalike.encoders import load_encoder
from soundalike.encoders.embedded import LAYOUT
from soundalike.errors import AudioDecodeError, UsageError
from soundalike.research.evaluation.hearing import Progress
from soundalike.tempo import estimate_tempo


@dataclass(frozen=True, slots=True, eq=False)
class ClipFacts:
    """What was measured; NaN where it was not, or could not be.

    Attributes
    ----------
    levels : float64, shape (n clips,)
        Root mean square in decibels below full scale.
    durations : float64, shape (n clips,)
        Seconds.
    tempos : float64, shape (n clips,)
        Beats per minute, estimated.
    """

    levels: NDArray[np.float64]
    durations: NDArray[np.float64]
    tempos: NDArray[np.float64]


def measure_clips(
    root: Path, clips: Sequence[str], wanted: Sequence[int], *, tempo: bool, progress: Progress | None = None
) -> ClipFacts:
    """Measure the files of some clips.

    Parameters
    ----------
    root : Path
        Folder that the paths are within.
    clips : sequence of str
        Paths of all clips of a set.
    wanted : sequence of int
        Which of them to measure.
    tempo : bool
        Whether to estimate tempos, which takes longest.
    progress : callable, optional

    Raises
    ------
    UsageError
        If none of the files is there.
    """
    facts = ClipFacts(*(np.full(len(clips), np.nan) for _ in range(3)))
    if not any((root / clips[place]).is_file() for place in wanted):
        raise UsageError(f"'{root}' holds none of the set's clips.", "Name the folder that was embedded.")
    for done, place in enumerate(wanted, start=1):
        try:
            clip = load_clip(root / clips[place]).mono()
        except AudioDecodeError:
            continue
        power = float(np.mean(np.square(clip.samples, dtype=np.float64)))
        facts.levels[place] = 10 * np.log10(power) if power > 0 else np.nan
        facts.durations[place] = clip.duration
        if tempo:
            facts.tempos[place] = tempo_of(clip)
        if progress is not None:
            progress(done, len(wanted))
    return facts


def tempo_of(clip: Clip) -> float:
    """Estimated beats per minute of a clip's first window; NaN where no pulse is heard."""
    encoder = load_encoder("descriptors")
    heard = clip.resample(encoder.sample_rate).mono().cut(0.0, encoder.window)
    estimate = estimate_tempo(encoder.encode([heard])[0][LAYOUT["tempo"]])
    return estimate.bpm if estimate else np.nan
