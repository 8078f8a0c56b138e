"""From seeds to who plays what when: specification and performance of a piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.research.composer import Chord, Split, compose_harmony, compose_melody, stream
from soundalike.research.grooves import DRUMS, Groove, Hit, compose_groove
from soundalike.research.orchestra import draw_timbre
from soundalike.research.synthesizer import Sounding


@dataclass(frozen=True, slots=True)
class PieceSpec:
    """Everything that decides how a piece sounds.

    Attributes
    ----------
    melody, harmony, groove, timbre : int
        Seeds, not negative.
    tempo : float
        Beats per minute.
    key : int
        Pitch class of the major tonic, 0 (C) to 11 (B).
    nuisance : int
        Seed of start, level, playing, tone and noise.
    duration : float
        Seconds.
    split : Split
        Whose melodies, progressions, families and voices the seeds mean.
    start : float or None
        First beat to be heard; None leaves it to `nuisance`.
    lead_gain : float
        Decibels by which the lead is louder than its timbre says.
    clean : bool
        Neither background noise nor a level of its own: all clean pieces are equally loud.
    """

    melody: int
    harmony: int
    groove: int
    tempo: float
    timbre: int
    key: int = 0
    nuisance: int = 0
    duration: float = 10.0
    split: Split = "train"
    start: float | None = None
    lead_gain: float = 0.0
    clean: bool = False


@dataclass(frozen=True, slots=True)
class ChordSpan:
    """A chord in a performance: times in seconds, `root` and `tones` as absolute pitch classes (0 is C)."""

    start: float
    end: float
    root: int
    tones: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Performance:
    """What is played, in seconds from the start of the clip.

    Attributes
    ----------
    lead, comp, pad, bass : tuple of Sounding
        Notes by instrument, in order of time.
    drums : dict of str to tuple of (seconds, velocity)
    chords : tuple of ChordSpan
    beats : float64, shape (n,)
        Times of the beats in the clip.
    tempo : float
        Beats per minute as played.
    """

    lead: tuple[Sounding, ...]
    comp: tuple[Sounding, ...]
    pad: tuple[Sounding, ...]
    bass: tuple[Sounding, ...]
    drums: dict[str, tuple[tuple[float, float], ...]]
    chords: tuple[ChordSpan, ...]
    beats: NDArray[np.float64]
    tempo: float


def perform(spec: PieceSpec) -> Performance:
    """Play the scores of a piece: who plays what when.

    Parameters
    ----------
    spec : PieceSpec

    Returns
    -------
    Performance
        Notes that begin in the clip; those before its start are left out.
    """
    rng = stream("performance", spec.nuisance, spec.split)
    tempo = spec.tempo * float(np.exp(rng.uniform(-0.015, 0.015)))
    drawn = float(rng.uniform(0, 16))
    player = _Player(spec, tempo, drawn if spec.start is None else spec.start, rng)
    return Performance(
        lead=player.lead(),
        comp=player.comp(),
        pad=player.pad(),
        bass=player.bass(),
        drums=player.drums(),
        chords=player.chord_spans(),
        beats=np.array([player.seconds(b) for b in range(int(np.ceil(player.first)), int(player.last) + 1)]),
        tempo=tempo,
    )


class _Player:
    """Turns scores in beats into notes in seconds, for one piece."""

    def __init__(self, spec: PieceSpec, tempo: float, first: float, rng: np.random.Generator) -> None:
        self.spec, self.rng = spec, rng
        self.first, self.last = first, first + spec.duration * tempo / 60
        self.beat = 60 / tempo
        self.groove: Groove = compose_groove(spec.groove, spec.split)
        self.harmony = compose_harmony(spec.harmony, spec.split)
        self.timbre = draw_timbre(spec.timbre, spec.split)

    def seconds(self, beat: float) -> float:
        return (beat - self.first) * self.beat

    def repeats(self, period: float) -> list[float]:
        """List the starts in beats of all repetitions that reach into the clip."""
        return [k * period for k in range(int(self.first // period), int(self.last // period) + 1)]

    def loose(self, time: float, spread: float) -> float:
        return max(0.0, time + float(np.clip(self.rng.normal(0, spread), -2 * spread, 2 * spread)))

    def firmness(self) -> float:
        return float(self.rng.uniform(0.88, 1.0))

    def lead(self) -> tuple[Sounding, ...]:
        melody = compose_melody(self.spec.melody, self.spec.split)
        tonic = 60 + self.spec.key % 12 + 12 * self.timbre.octave
        notes = []
        for begin in self.repeats(melody.beats):
            for note in melody.notes:
                start = self.groove.swung(begin + note.start)
                if self.first <= start < self.last:
                    at = self.loose(self.seconds(start), 0.007)
                    notes.append(
                        Sounding(at, note.length * self.beat, tonic + note.pitch, note.velocity * self.firmness())
                    )
        return tuple(notes)

    def chord_at(self, beat: float) -> tuple[Chord, float]:
        """Find the chord that sounds at a beat, and when it ends."""
        within = beat % self.harmony.beats
        chord = next(c for c in reversed(self.harmony.chords) if c.start <= within + 1e-6)
        return chord, beat - within + chord.start + chord.length

    def changes(self) -> list[tuple[float, Chord]]:
        """All chords from the one that sounds at the start, with their beats."""
        spans = [(begin + c.start, c) for begin in self.repeats(self.harmony.beats) for c in self.harmony.chords]
        return [(at, c) for at, c in spans if at + c.length > self.first and at < self.last]

    def voicing(self, chord: Chord) -> list[int]:
        """MIDI pitches of a chord in close position around the timbre's centre."""
        low = self.timbre.centre - 6
        return sorted(low + (tone + self.spec.key - low) % 12 for tone in chord.tones)

    def struck(self, hits: Sequence[Hit]) -> list[tuple[float, float, Hit, Chord]]:
        """When a pattern is struck: (beat, length in beats, hit, chord). New chords are always struck."""
        period = 4 * self.groove.bars
        plan = [(begin + self.groove.beat(hit.step), hit) for begin in self.repeats(period) for hit in hits]
        taken = np.array([beat for beat, _ in plan])
        for beat, _ in self.changes():
            if np.abs(taken - beat).min(initial=9.0) > 0.26:
                plan.append((max(beat, self.first), Hit(0, 0.8, 4.0)))
        out = []
        for beat, hit in sorted(plan, key=lambda item: item[0]):
            if self.first <= beat < self.last:
                chord, end = self.chord_at(beat + 0.05)
                length = min(hit.length * 4 / self.groove.steps, max(end - beat, 0.2))
                out.append((beat, length, hit, chord))
        return out

    def comp(self) -> tuple[Sounding, ...]:
        notes = []
        for beat, length, hit, chord in self.struck(self.groove.comp):
            tones = self.voicing(chord)
            if self.groove.comp_style == "up":
                tones = tones[1:] + tones[:1]
            gap = {"block": 0.0, "broken": 0.25, "up": 0.03}[self.groove.comp_style]
            for i, pitch in enumerate(tones):
                late = min(i * gap, 0.75 * length)
                at = self.loose(self.seconds(beat + late), 0.005)
                held = max(length - late, 0.15) * self.beat
                notes.append(Sounding(at, held, pitch, hit.velocity * self.firmness()))
        return tuple(sorted(notes, key=lambda note: note.start))

    def pad(self) -> tuple[Sounding, ...]:
        if self.timbre.pad is None:
            return ()
        notes = []
        for beat, chord in self.changes():
            begin = max(beat, self.first)
            seconds = (min(beat + chord.length, self.last) - begin) * self.beat
            notes += [Sounding(self.seconds(begin), seconds, p, 0.8) for p in self.voicing(chord)]
        return tuple(notes)

    def bass(self) -> tuple[Sounding, ...]:
        notes = []
        for beat, length, hit, chord in self.struck(self.groove.bass):
            root = self.timbre.low + (chord.root + self.spec.key - self.timbre.low) % 12
            at = self.loose(self.seconds(beat), 0.004)
            notes.append(Sounding(at, length * self.beat, root + hit.interval, hit.velocity * self.firmness()))
        return tuple(notes)

    def drums(self) -> dict[str, tuple[tuple[float, float], ...]]:
        played = {}
        for name in DRUMS:
            times = []
            for begin in self.repeats(4 * self.groove.bars):
                for hit in self.groove.drums[name]:
                    beat = begin + self.groove.beat(hit.step)
                    if self.first <= beat < self.last:
                        times.append((self.loose(self.seconds(beat), 0.003), hit.velocity * self.firmness()))
            played[name] = tuple(times)
        return played

    def chord_spans(self) -> tuple[ChordSpan, ...]:
        spans = []
        for beat, chord in self.changes():
            start = self.seconds(max(beat, self.first))
            end = self.seconds(min(beat + chord.length, self.last))
            tones = tuple((tone + self.spec.key) % 12 for tone in chord.tones)
            spans.append(ChordSpan(start, end, (chord.root + self.spec.key) % 12, tones))
        return tuple(spans)
