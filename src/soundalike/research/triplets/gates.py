"""Which passage of a part serves as material for a factor, and whether it is good enough.

Source of the gates of melody, rhythm and timbre: Roy et al., "MERIT: Learning Disentangled Music Representations for
Audio Similarity", 2026, and the authors' program, for windows of 10 s; of other lengths, counts are in proportion. The
gate of harmony is our own: a passage in which the chord does not change says little about a harmony, so it has to
change at least three times, and the passage has to be as loud as one of timbre.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import numpy as np

from soundalike.audio import Clip
from soundalike.errors import MissingExtraError, UsageError
from soundalike.research.triplets.songs import Part, Song
from soundalike.research.triplets.windows import (
    SECONDS,
    activity_of,
    cut_window,
    loud_windows,
    most_active_window,
    settle_window,
)

Style: TypeAlias = Literal["default", "reference"]

LEAST: Final = MappingProxyType(
    {"coverage": 0.90, "onsets": 20, "drum level": 0.005, "activity": 0.90, "level": 0.003, "changes": 3}
)
"""What a passage of 10 s needs at least."""

RESIDUE: Final = "residue"
"""The gate of what a separator leaves in a stem that does not play; see `soundalike.separators.Separator`."""

MELODY_STEMS: Final = ("piano", "guitar", "vocals", "other_keys", "bowed_strings", "wind")
"""Stems that carry a melody, the first of a song that passes is its anchor in the style "reference"."""

MELODY_WINDOWS: Final = 3
"""Passages of a part that are listened to for a melody, in the style "default"."""

CHORD_STEMS: Final = ("piano", "guitar", "other_keys", "mix")
"""Stems that play chords."""

ONSET_RATE: Final = 22050
ONSET_HOP: Final = 512

FACTORS: Final = ("melody", "rhythm", "timbre", "harmony")


@dataclass(frozen=True, slots=True)
class Measured:
    """A part's passage.

    Attributes
    ----------
    offset : float
        Seconds.
    numbers : mapping of str to float
        What the gates looked at.
    refused : str
        Name of the gate that it did not pass; empty if it did.
    """

    offset: float = 0.0
    numbers: Mapping[str, float] = field(default_factory=dict)
    refused: str = ""


def candidates(song: Song, factor: str, style: Style = "default") -> list[Part]:
    """The parts of a song that may serve for a factor.

    Notes
    -----
    Drums are one part of all files in the style "default", and several in "reference", which takes the one with most
    onsets.
    """
    if factor == "melody":
        return [part for stem in MELODY_STEMS for part in song.parts if part.stem == stem]
    if factor == "timbre":
        return [part for part in song.parts if part.kind]
    if factor == "harmony":
        every = [*song.parts, *([song.mix] if song.mix else [])]
        return [part for stem in CHORD_STEMS for part in every if part.stem == stem]
    drums = [part for part in song.parts if part.stem == "drums"]
    if style == "reference" or len(drums) < 2:
        return drums
    return [Part("drums", "drums", "drums", tuple(file for part in drums for file in part.files))]


def measure(factor: str, clip: Clip, *, style: Style = "default", seconds: float = SECONDS) -> Measured:
    """Choose the passage of a part for a factor and judge it.

    Parameters
    ----------
    factor : str
        One of `FACTORS`.
    clip : Clip
        The whole part, mono.
    style : str
        Whether melodies are heard as MERIT's program hears them.
    seconds : float
        Length of the passage.

    Raises
    ------
    MissingExtraError
        If librosa is needed and not installed.
    """
    samples = clip.samples[0]
    if factor == "timbre":
        active = most_active_window(samples, clip.rate, seconds=seconds)
        if active is None:
            return Measured(refused="silence")
        return _judged(active.offset, seconds, {"activity": active.activity, "level": active.level})
    if factor == "melody":
        return _most_covered(clip, style, seconds)
    try:
        window = settle_window(samples, clip.rate, seconds=seconds)
    except UsageError:
        return Measured(refused="silence")
    excerpt = Clip(cut_window(samples, clip.rate, window.offset, seconds=seconds)[None], clip.rate)
    if factor == "harmony":
        return _judged(window.offset, seconds, {"level": window.level, "changes": count_chord_changes(excerpt)})
    onsets, level = count_onsets(excerpt)
    return _judged(window.offset, seconds, {"onsets": onsets, "drum level": level})


def _most_covered(clip: Clip, style: Style, seconds: float) -> Measured:
    """The first of the loudest passages whose melody passes, or the one that comes nearest; MERIT looks at one only."""
    from soundalike.research.generation.conditions import coverage, melody_of

    best = Measured(refused="silence")
    most = 1 if style == "reference" else MELODY_WINDOWS
    for window in loud_windows(clip.samples[0], clip.rate, seconds=seconds, most=most):
        excerpt = Clip(cut_window(clip.samples[0], clip.rate, window.offset, seconds=seconds)[None], clip.rate)
        covered = coverage(melody_of(excerpt, duration=seconds, reference=style == "reference"))
        if covered > best.numbers.get("coverage", -1.0):
            best = _judged(window.offset, seconds, {"coverage": covered})
        if not best.refused:
            break
    return best


def measure_beside(clip: Clip) -> Measured:
    """Judge an excerpt of another part, at the time of a timbre's anchor, as its negative."""
    activity, level = activity_of(clip.samples[0], clip.rate)
    return _judged(0.0, SECONDS, {"activity": activity, "level": level})


def _judged(offset: float, seconds: float, numbers: dict[str, float]) -> Measured:
    counts = ("onsets", "changes")
    scale = {name: seconds / SECONDS if name in counts else 1.0 for name in numbers}
    short = [name for name, number in numbers.items() if number < LEAST[name] * scale[name]]
    return Measured(offset, numbers, short[0] if short else "")


def count_onsets(clip: Clip) -> tuple[int, float]:
    """Onsets that librosa detects in a mono clip, and its root mean square at the rate at which it is measured.

    Raises
    ------
    MissingExtraError
        If librosa is not installed.
    """
    try:
        import librosa
    except ImportError:
        raise MissingExtraError(
            "Onsets are detected with librosa, not installed here.",
            "Install it with: pip install 'soundalike[research]'",
        ) from None
    samples = clip.resample(ONSET_RATE).samples[0]
    length = round(clip.duration * ONSET_RATE)
    samples = np.pad(samples[:length], (0, max(0, length - len(samples))))
    onsets = librosa.onset.onset_detect(y=samples, sr=ONSET_RATE, hop_length=ONSET_HOP, units="frames")
    return len(onsets), float(np.sqrt(np.mean(np.square(samples))))


def count_chord_changes(clip: Clip) -> int:
    """How often another chord follows a chord; rests between them do not count."""
    from soundalike.research.generation.chords import NONE, chords_of

    labels = [label for label, _ in chords_of(clip) if label != NONE]
    return sum(one != other for one, other in pairwise(labels))


def warm_up(factor: str) -> None:
    """Let librosa compile what a factor needs, before several processes do it at once and spoil its cache."""
    noise = np.random.default_rng(0).standard_normal((1, ONSET_RATE)).astype(np.float32)
    if factor in ("melody", "rhythm"):
        measure(factor, Clip(noise * np.float32(0.1), ONSET_RATE), seconds=1.0)
