"""MIDI files and their notes, as far as scores need them. Broken files are None, not errors."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from soundalike.errors import MissingExtraError
from soundalike.research.music.composer import MAJOR, Melody, Note

if TYPE_CHECKING:
    import mido

LONGEST_STRAY = 1e6
"""Beats; times beyond are damage."""


@dataclass(frozen=True, slots=True)
class TimedNote:
    """A note of a file: `start` and `end` in beats, MIDI `pitch`, `velocity` 0 to 1."""

    start: float
    end: float
    pitch: int
    velocity: float


def read_midi(path: Path) -> mido.MidiFile | None:
    """Read a file; None if it is not MIDI, broken or gone.

    Raises
    ------
    MissingExtraError
        If mido is not installed.
    """
    try:
        import mido
    except ImportError as error:
        raise MissingExtraError("mido is not installed.", "Install it with: pip install mido") from error
    try:
        midi = mido.MidiFile(path)
    except (OSError, EOFError, ValueError, IndexError, KeyError, TypeError, mido.KeySignatureError):
        return None
    return midi if midi.ticks_per_beat > 0 else None


def notes_of(track: Any, ticks_per_beat: int, *, drums: bool = False) -> list[TimedNote]:
    """Notes of a track in order of time; `drums` says whether those of channel 10 are meant, or all others."""
    notes: list[TimedNote] = []
    open_notes: dict[tuple[int, int], tuple[float, int]] = {}
    ticks = 0
    for message in track:
        ticks += message.time
        if message.type not in ("note_on", "note_off") or (message.channel == 9) != drums:
            continue
        beat, key = ticks / ticks_per_beat, (message.channel, message.note)
        if beat > LONGEST_STRAY:
            break
        if key in open_notes:
            start, velocity = open_notes.pop(key)
            notes.append(TimedNote(start, max(beat, start + 0.01), message.note, velocity / 127))
        if message.type == "note_on" and message.velocity > 0:
            open_notes[key] = (beat, message.velocity)
    return sorted(notes, key=lambda note: (note.start, note.pitch))


def meter_of(midi: mido.MidiFile) -> int | None:
    """Beats per bar of the first time signature, 4 where there is none; None for one that is not in 2 to 5 quarters."""
    for track in midi.tracks:
        for message in track:
            if message.type == "time_signature":
                fits = message.denominator == 4 and 2 <= message.numerator <= 5
                return int(message.numerator) if fits else None
    return 4


def seconds_to_beats(midi: mido.MidiFile, seconds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Times in the file as beats of its own clock."""
    beats, times, length, ticks = [0.0], [0.0], 0.5, 0
    for message in sorted(_tempos(midi)):
        ticks, tempo = message
        at = ticks / midi.ticks_per_beat
        times.append(times[-1] + (at - beats[-1]) * length)
        beats.append(at)
        length = tempo / 1e6
    later = times[-1] + 1e5
    return np.asarray(np.interp(seconds, [*times, later], [*beats, beats[-1] + 1e5 / length]))


def _tempos(midi: mido.MidiFile) -> list[tuple[int, int]]:
    changes = []
    for track in midi.tracks:
        ticks = 0
        for message in track:
            ticks += message.time
            if message.type == "set_tempo" and message.tempo > 0:
                changes.append((ticks, message.tempo))
    return changes


def melody_track(midi: mido.MidiFile) -> list[TimedNote]:
    """Notes of the track that is called a melody, else of the highest one that mostly has one note at a time."""
    tracks = [(str(track.name).lower(), notes_of(track, midi.ticks_per_beat)) for track in midi.tracks]
    for word in ("melody", "lead", "vocal", "voice"):
        named = [notes for name, notes in tracks if word in name and notes]
        if named:
            return named[0]
    lines = [notes for _, notes in tracks if len(notes) >= 8 and _overlap(notes) < 0.2]
    return max(lines, key=lambda notes: float(np.mean([note.pitch for note in notes])), default=[])


def _overlap(notes: list[TimedNote]) -> float:
    """Share of notes that go on when the next one has begun."""
    return float(np.mean([a.end > b.start + 0.1 for a, b in pairwise(notes)]))


def tonic_of(notes: list[TimedNote]) -> int:
    """Pitch class of the major scale that fits best: the one with most time on its notes, and on 1 and 5 of them."""
    weight = np.zeros(12)
    for note in notes:
        weight[note.pitch % 12] += min(note.end - note.start, 2.0)
    fit = [sum(weight[(t + step) % 12] for step in MAJOR) + 0.1 * (weight[t] + weight[(t + 7) % 12]) for t in range(12)]
    return int(np.argmax(fit))


def melody_from(notes: list[TimedNote], first: float, beats: int, tonic: int, meter: int) -> Melody | None:
    """Cut a tune out of notes.

    Parameters
    ----------
    notes : list of TimedNote
        In order of time.
    first, beats : float, int
        Where the cut begins, and how long it is.
    tonic : int
        Pitch class that becomes 0.
    meter : int
        Beats per bar.

    Returns
    -------
    Melody or None
        On the nearest quarters and thirds of beats, highest notes first, moved by octaves to around an octave above
        the tonic; None with fewer than six notes or where less than half the time has notes.
    """
    line: dict[float, TimedNote] = {}
    for note in notes:
        start = on_grid(note.start - first)
        if 0 <= start < beats and (start not in line or line[start].pitch < note.pitch):
            line[start] = note
    starts = sorted(line)
    if len(starts) < 6 or len({start // meter for start in starts}) < beats / meter / 2:
        return None
    middle = float(np.median([note.pitch for note in line.values()]))
    octave = 12 * round((middle - tonic - 66) / 12)
    cut = []
    for start, limit in zip(starts, [*starts[1:], float(beats)], strict=True):
        note = line[start]
        length = min(max(note.end - note.start, 0.1), limit - start)
        cut.append(Note(start, length, note.pitch - tonic - 60 - octave, 0.4 + 0.6 * note.velocity))
    return Melody(tuple(cut), beats, meter)


def on_grid(beat: float) -> float:
    """The nearest quarter or third of a beat, quarters first."""
    quarter, third = round(beat * 4) / 4, round(beat * 3) / 3
    return quarter if abs(beat - quarter) <= abs(beat - third) + 0.02 else third
