"""What a transcription should say, frame by frame, from what was played."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import UsageError
from soundalike.research.music.performance import Performance
from soundalike.research.sound.synthesizer import Sounding

DRUM_CLASSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"kick": ("kick",), "snare": ("snare",), "hat": ("hat", "open", "ride", "crash"), "tom": ("tom", "perc")}
)
"""Which drums a label means: all cymbals are hats; toms and small percussion are one."""
NOTHING = 12
"""Label of a root or bass where there is none."""
FULL = 0.3
"""Velocity from which a hit counts fully."""

Labels = dict[str, NDArray[Any]]


def frame_labels(performance: Performance, seconds: float, rate: float) -> Labels:
    """Lay a performance out over frames.

    Parameters
    ----------
    performance : Performance
    seconds : float
        Length of the clip.
    rate : float
        Frames per second; frame i is centred on ``i / rate``.

    Returns
    -------
    dict of str to array, of ``round(seconds * rate)`` frames each
        ``lead`` : int16, MIDI pitch of the lead, -1 for none.
        ``tones`` : float32, shape (frames, 12), 1 for the pitch classes of the chord.
        ``root``, ``bass`` : int8, pitch class of the chord's root and of the sounding bass note, 12 for none.
        ``kick``, ``snare``, ``hat``, ``tom``, ``beat``, ``downbeat`` : float32, 1 at an onset, 0.5 beside it, 0 else;
        less for hits softer than `FULL`.

    Raises
    ------
    UsageError
        If `seconds` or `rate` is not positive.
    """
    if not (seconds > 0 and rate > 0):
        raise UsageError(f"Labels of {seconds} s at {rate} frames per second were asked for.", "Give positive numbers.")
    frames = round(seconds * rate)
    labels: Labels = {
        "lead": _sounding(performance.lead, frames, rate, -1).astype(np.int16),
        "tones": np.zeros((frames, 12), np.float32),
        "root": np.full(frames, NOTHING, np.int8),
        "bass": np.full(frames, NOTHING, np.int8),
    }
    for span in performance.chords:
        part = _frames(span.start, span.end, rate)
        labels["root"][part] = span.root
        labels["tones"][part] = np.isin(np.arange(12), span.tones)
    low = _sounding(performance.bass, frames, rate, -1)
    labels["bass"][low >= 0] = low[low >= 0] % 12
    for name, drums in DRUM_CLASSES.items():
        labels[name] = _onsets([hit for drum in drums for hit in performance.drums.get(drum, ())], frames, rate)
    labels["beat"] = _onsets([(at, 1.0) for at in performance.beats], frames, rate)
    labels["downbeat"] = _onsets([(at, 1.0) for at in performance.downbeats], frames, rate)
    return labels


def _frames(start: float, end: float, rate: float) -> slice:
    """Frames whose centres lie from `start` until before `end`."""
    return slice(max(0, int(np.ceil(start * rate - 1e-9))), max(0, int(np.ceil(end * rate - 1e-9))))


def _sounding(notes: Sequence[Sounding], frames: int, rate: float, nothing: int) -> NDArray[np.intp]:
    """Pitch that sounds in each frame; later notes cover earlier ones."""
    line = np.full(frames, nothing, np.intp)
    for note in sorted(notes, key=lambda note: note.start):
        line[_frames(note.start, note.start + note.seconds, rate)] = note.pitch
    return line


def _onsets(hits: Iterable[tuple[float, float]], frames: int, rate: float) -> NDArray[np.float32]:
    activation = np.zeros(frames + 2, np.float32)  # one more on either side for the neighbours
    for time, velocity in hits:
        place = round(time * rate)
        if place >= frames:
            continue
        peak = min(1.0, velocity / FULL)
        for neighbour, share in ((place, 0.5), (place + 1, 1.0), (place + 2, 0.5)):
            activation[neighbour] = max(activation[neighbour], share * peak)
    return activation[1:-1]
