"""Songs from folders as POP909 has them, and any MIDI file with a tune, as melodies and progressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np

from soundalike.research.music.composer import Chord, Harmony, Melody
from soundalike.research.music.midi_scores import (
    TimedNote,
    melody_from,
    melody_track,
    meter_of,
    read_midi,
    seconds_to_beats,
    tonic_of,
)

PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
QUALITIES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "maj": (0, 4, 7),
        "min": (0, 3, 7),
        "dim": (0, 3, 6),
        "aug": (0, 4, 8),
        "sus2": (0, 2, 7),
        "sus4": (0, 5, 7),
        "sus4(b7)": (0, 5, 7, 10),
        "7": (0, 4, 7, 10),
        "maj7": (0, 4, 7, 11),
        "min7": (0, 3, 7, 10),
        "minmaj7": (0, 3, 7, 11),
        "maj6": (0, 4, 7, 9),
        "min6": (0, 3, 7, 9),
        "dim7": (0, 3, 6, 9),
        "hdim7": (0, 3, 6, 10),
        "9": (0, 4, 7, 10, 2),
        "maj9": (0, 4, 7, 11, 2),
        "min9": (0, 3, 7, 10, 2),
    }
)
"""Intervals above the root by the name after the colon."""
_MAJOR_STEPS = {1: 0, 2: 2, 3: 4, 4: 5, 5: 7, 6: 9, 7: 11, 9: 2}
BARS = (4, 4, 8)
"""Of a cut in common time; it has 12 to 32 beats in any metre."""


@dataclass(frozen=True, slots=True)
class Song:
    """A song in beats.

    Attributes
    ----------
    notes : tuple of TimedNote
        Of its melody.
    chords : tuple of Chord
        With absolute pitch classes.
    tonic : int
        Of its major key, or of the relative one of its minor key.
    meter : int
        Beats per bar.
    downbeats : tuple of int
        Beats that begin a bar.
    """

    notes: tuple[TimedNote, ...]
    chords: tuple[Chord, ...]
    tonic: int
    meter: int
    downbeats: tuple[int, ...]


@lru_cache(maxsize=1024)
def read_song(folder: Path) -> Song | None:
    """Read the MIDI file, chords, beats and key of a folder of POP909; None if any is broken or missing."""
    midi = read_midi(folder / f"{folder.name}.mid")
    if midi is None:
        return None
    try:
        grid = np.array(_table(folder / "beat_midi.txt"), float)
        tonic = _tonic(_table(folder / "key_audio.txt")[0][2])
        downs = np.flatnonzero(grid[:, 2] > 0)
        meter = int(np.bincount(np.diff(downs)).argmax())
        ticks = seconds_to_beats(midi, grid[:, 0])
        spans = [(float(a), float(b), parse_chord(name)) for a, b, name in _table(folder / "chord_midi.txt")]
    except (OSError, ValueError, IndexError, KeyError):
        return None
    if not 2 <= meter <= 5 or len(ticks) < 8 or (np.diff(ticks) <= 0).any():
        return None
    numbers = np.arange(len(ticks))
    notes = [
        TimedNote(
            float(np.interp(n.start, ticks, numbers)), float(np.interp(n.end, ticks, numbers)), n.pitch, n.velocity
        )
        for n in melody_track(midi)
        if ticks[0] - 0.1 <= n.start <= ticks[-1]
    ]
    return Song(tuple(notes), _in_beats(spans, grid[:, 0]), tonic, meter, tuple(int(beat) for beat in downs))


@lru_cache(maxsize=1024)
def read_tune(path: Path) -> Song | None:
    """Read any MIDI file with a melody track as a song without chords; None where there is no tune."""
    midi = read_midi(path)
    meter = None if midi is None else meter_of(midi)
    notes = [] if midi is None or meter is None else melody_track(midi)
    if not notes or meter is None:
        return None
    downbeats = range(0, int(notes[-1].start) + 1, meter)
    return Song(tuple(notes), (), tonic_of(notes), meter, tuple(downbeats))


def _table(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines() if line.strip()]


def _tonic(key: str) -> int:
    name, mode = key.split(":")
    return (_pitch_class(name) + (3 if mode.startswith("min") else 0)) % 12


def _pitch_class(name: str) -> int:
    return (PITCH_CLASSES[name[0]] + name.count("#") - name.count("b")) % 12


def parse_chord(name: str) -> Chord | None:
    """Understand a name such as ``Bb:min7/b3``; None for no chord, or one that is not known.

    The times of the chord are 0.
    """
    stem, _, degree = name.partition("/")
    root_name, _, quality = stem.partition(":")
    intervals = QUALITIES.get(quality or "maj")
    if root_name[:1] not in PITCH_CLASSES or intervals is None:
        return None
    root = _pitch_class(root_name)
    tones = tuple((root + interval) % 12 for interval in intervals)
    number = degree.lstrip("#b")
    bass = None
    if number.isdigit() and int(number) in _MAJOR_STEPS:
        bass = (root + _MAJOR_STEPS[int(number)] + degree.count("#") - degree.count("b")) % 12
    return Chord(0.0, 0.0, root, tones, None if bass == root else bass)


def _in_beats(spans: list[tuple[float, float, Chord | None]], grid: np.ndarray) -> tuple[Chord, ...]:
    """Chords on whole beats, each until the next one; no chord goes on with the one before."""
    out: list[Chord] = []
    for start, _, chord in spans:
        if chord is None:
            continue
        beat = int(np.argmin(np.abs(grid - start)))
        if out and out[-1].start == beat:
            out.pop()
        out.append(Chord(beat, 0.0, chord.root, chord.tones, chord.bass))
    ends = [*(chord.start for chord in out[1:]), *[float(len(grid))] * bool(out)]
    return tuple(Chord(c.start, end - c.start, c.root, c.tones, c.bass) for c, end in zip(out, ends, strict=True))


def cut_melody(song: Song, rng: np.random.Generator) -> Melody | None:
    """Cut bars with a tune, relative to the tonic; None where a few tries find only rests."""
    for _ in range(6):
        first, beats = _place(song, rng)
        melody = melody_from(list(song.notes), first, beats, song.tonic, song.meter)
        if melody is not None:
            return melody
    return None


def cut_harmony(song: Song, rng: np.random.Generator) -> Harmony | None:
    """Cut bars with at least two different roots, relative to the tonic; None where a few tries find none."""
    for _ in range(6):
        first, beats = _place(song, rng)
        inside = [c for c in song.chords if c.start < first + beats and c.start + c.length > first]
        chords = []
        for chord in inside:
            start, end = max(chord.start, first), min(chord.start + chord.length, first + beats)
            start = first if chord is inside[0] else start
            tones = tuple((tone - song.tonic) % 12 for tone in chord.tones)
            bass = None if chord.bass is None else (chord.bass - song.tonic) % 12
            chords.append(Chord(start - first, end - start, (chord.root - song.tonic) % 12, tones, bass))
        if len({chord.root for chord in chords}) > 1 and chords[-1].start + chords[-1].length == beats:
            return Harmony(tuple(chords), beats, song.meter)
    return None


def _place(song: Song, rng: np.random.Generator) -> tuple[int, int]:
    """First beat and length of a cut at a bar line."""
    beats = song.meter * BARS[rng.integers(len(BARS))]
    return song.downbeats[rng.integers(len(song.downbeats))], beats
