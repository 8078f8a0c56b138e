"""Level, length and tempo of the wav files of a set: facts that have nothing to do with what heads should hear."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.encoders.embedded.descriptors import LAYOUT, DescriptorEncoder
from soundalike.research.evaluation.hearing import Progress
from soundalike.research.merit.set_audio import sounds_of
from soundalike.research.triplets.sets import TripletSet
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


def measure_clips(triplets: TripletSet, root: Path, *, tempo: bool, progress: Progress | None = None) -> ClipFacts:
    """Measure the clips of a set's folders.

    Parameters
    ----------
    triplets : TripletSet
    root : Path
        Folder or archive that was embedded.
    tempo : bool
        Whether to estimate tempos, which takes longest.
    progress : callable, optional

    Raises
    ------
    UsageError
        If none of the clips is there.
    """
    facts = ClipFacts(*(np.full(len(triplets.clips), np.nan) for _ in range(3)))
    wanted = len({clip for folder in triplets.folders for clip in folder.clips})
    for done, (place, clip) in enumerate(sounds_of(triplets, root), start=1):
        power = float(np.mean(np.square(clip.samples, dtype=np.float64)))
        facts.levels[place] = 10 * np.log10(power) if power > 0 else np.nan
        facts.durations[place] = clip.duration
        if tempo:
            facts.tempos[place] = tempo_of(clip)
        if progress is not None:
            progress(done, wanted)
    return facts


def tempo_of(clip: Clip) -> float:
    """Estimated beats per minute of a clip's first window; NaN where no pulse is heard."""
    encoder = DescriptorEncoder()
    heard = clip.resample(encoder.sample_rate).mono().cut(0.0, encoder.window)
    estimate = estimate_tempo(encoder.encode([heard])[0][LAYOUT["tempo"]])
    return estimate.bpm if estimate else np.nan
