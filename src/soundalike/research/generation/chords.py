"""Chords as generators follow them: labels such as "Am7", each with the second from which it sounds.

The labels are those of Chordino (Mauch and Dixon, 2010) as JASCO was trained on them, without the slash chords: twelve
roots with ten qualities, and "N" for no chord.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.encoders.embedded import EmbeddedEncoder
from soundalike.encoders.embedded.transcription import transcribe
from soundalike.errors import UsageError
from soundalike.notes import QUALITIES, Transcription, chord_name, join
from soundalike.research.generation import FRAME_RATE
from soundalike.research.generation.conditions import frames_of

ChordLabels: TypeAlias = tuple[tuple[str, float], ...]

ROOTS: Final = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
NONE: Final = "N"
"""The label where no chord sounds."""

KNOWN: Final = ("", "m", "7", "m7", "maj7", "6", "m6", "m7b5", "dim", "aug")
"""Qualities that labels have."""

NEAREST: Final = MappingProxyType({"sus4": "", "sus2": "", "5": "", "dim7": "dim"})
"""What chords of other qualities are called."""

LABELS: Final = (NONE, *(root + quality for root in ROOTS for quality in KNOWN))

SHORTEST_REST: Final = 0.25
"""Seconds between two chords that are a rest; the first chord goes on through a shorter pause."""

_NATURAL: Final = MappingProxyType({"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11})
_LABEL: Final = re.compile(r"([A-G])([#b]?)([^/]*)(?:/[A-G][#b]?)?")


def chords_of(clip: Clip) -> ChordLabels:
    """Hear the chords of a clip by the transcription net that ships with the package.

    Parameters
    ----------
    clip : Clip
        At least two seconds, of any length.

    Returns
    -------
    tuple of (str, float)
        Labels out of `LABELS`, in order of time; empty if there are none.
    """
    encoder = EmbeddedEncoder()
    clip = clip.mono().resample(encoder.sample_rate)
    size = round(encoder.window * encoder.sample_rate)
    parts = []
    for first in range(0, clip.samples.shape[1], size):
        samples = clip.samples[:, first : first + size]
        _, posteriors = encoder.hear(Clip(samples, clip.rate))
        if posteriors is not None:
            start = first / clip.rate
            parts.append((start, start + samples.shape[1] / clip.rate, transcribe(posteriors)))
    return labels_of(join(parts), clip.duration)


def labels_of(transcription: Transcription, duration: float) -> ChordLabels:
    """The chords of a transcription as labels, up to a duration in seconds; their lowest notes are left out."""
    labels: list[tuple[str, float]] = []
    end = 0.0
    for start, length, root, _, tones in transcription.chords.tolist():
        if start >= duration:
            break
        if start - end >= SHORTEST_REST and labels:
            labels.append((NONE, end))
        label = simplify_chord(chord_name(root, tones))
        if not labels or labels[-1][0] != label:
            labels.append((label, 0.0 if not labels and start < SHORTEST_REST else start))
        end = start + length
    if labels and duration - end >= SHORTEST_REST:
        labels.append((NONE, end))
    return tuple((label, round(start, 3)) for label, start in labels)


def simplify_chord(label: str) -> str:
    """The label out of `LABELS` for a chord spelled in another way, such as "F#m" for "Gbm/Db".

    Raises
    ------
    UsageError
        If it is no chord.
    """
    if label == NONE:
        return NONE
    root, quality = _parse(label)
    return ROOTS[root] + quality


def transpose_chords(chords: Sequence[tuple[str, float]], semitones: int) -> ChordLabels:
    """Move chords up or down; their lowest notes are left out.

    Raises
    ------
    UsageError
        If a label is no chord.
    """
    moved = []
    for label, start in chords:
        if label != NONE:
            root, quality = _parse(label)
            label = ROOTS[(root + semitones) % 12] + quality
        moved.append((label, start))
    return tuple(moved)


def chroma_of_chords(chords: Sequence[tuple[str, float]], *, duration: float = 10.0) -> NDArray[np.bool_]:
    """Pitch classes of the chord in every frame, C first: bool, shape (round(50 * duration), 12).

    Raises
    ------
    UsageError
        If a label is no chord, or the chords are not in order of time.
    """
    check_chords(chords)
    chroma = np.zeros((frames_of(duration), 12), np.bool_)
    for i, (label, start) in enumerate(chords):
        if label != NONE:
            root, quality = _parse(label)
            end = chords[i + 1][1] if i + 1 < len(chords) else duration
            tones = [(root + interval) % 12 for interval in QUALITIES[quality]]
            chroma[round(start * FRAME_RATE) : round(end * FRAME_RATE), tones] = True
    return chroma


def check_chords(chords: Sequence[tuple[str, float]]) -> None:
    """Refuse what is no string of chords.

    Raises
    ------
    UsageError
        If a label is no chord, or the chords are not in order of time.
    """
    for label, _ in chords:
        simplify_chord(label)
    starts = [start for _, start in chords]
    if any(not 0 <= start < float("inf") for start in starts) or any(a >= b for a, b in pairwise(starts)):
        raise UsageError(f"Chords were given that begin at {starts} s.", "Give them in order of time, from 0 on.")


def _parse(label: str) -> tuple[int, str]:
    """Pitch class of a chord's root, and its quality out of `KNOWN`."""
    found = _LABEL.fullmatch(label)
    quality = NEAREST.get(found[3], found[3]) if found else ""
    if not found or quality not in KNOWN:
        raise UsageError(
            f"'{label}' is no chord that can be asked for.", f"Give a root such as C, F# or Bb and one of {KNOWN}."
        )
    accidental = {"#": 1, "b": -1, "": 0}[found[2]]
    return (_NATURAL[found[1]] + accidental) % 12, quality
