"""Plain playing: scores in beats become notes in seconds, a little loose in time and loudness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soundalike.research.music.composer import Chord, Harmony, Melody
from soundalike.research.music.grooves import Groove, Hit
from soundalike.research.music.performance import ChordSpan
from soundalike.research.sound.orchestra import Timbre
from soundalike.research.sound.synthesizer import Sounding


@dataclass(frozen=True, slots=True)
class Scores:
    """What there is to play."""

    melody: Melody
    harmony: Harmony
    groove: Groove


@dataclass(frozen=True, slots=True)
class Stage:
    """How it is played.

    Attributes
    ----------
    timbre : Timbre
        Its registers are needed here.
    key : int
        Pitch class of the tonic.
    tempo : float
        Beats per minute.
    first : float
        Beat at which the clip starts.
    duration : float
        Seconds.
    """

    timbre: Timbre
    key: int
    tempo: float
    first: float
    duration: float


class Player:
    """Turns the scores of one piece into notes."""

    def __init__(self, scores: Scores, stage: Stage, rng: np.random.Generator) -> None:
        self.melody, self.harmony, self.groove = scores.melody, scores.harmony, scores.groove
        self.timbre, self.key, self.rng = stage.timbre, stage.key, rng
        self.first, self.last = stage.first, stage.first + stage.duration * stage.tempo / 60
        self.beat = 60 / stage.tempo

    def seconds(self, beat: float) -> float:
        """Time of a beat in the clip."""
        return (beat - self.first) * self.beat

    def repeats(self, period: float) -> list[float]:
        """List the starts in beats of all repetitions that reach into the clip."""
        return [k * period for k in range(int(self.first // period), int(self.last // period) + 1)]

    def loose(self, time: float, spread: float) -> float:
        """Move a time by chance, by twice `spread` seconds at most."""
        return max(0.0, time + float(np.clip(self.rng.normal(0, spread), -2 * spread, 2 * spread)))

    def firmness(self) -> float:
        """Draw a factor of loudness."""
        return float(self.rng.uniform(0.88, 1.0))

    @property
    def tonic(self) -> int:
        """MIDI pitch of the lead's tonic."""
        return 60 + self.key % 12 + 12 * self.timbre.octave

    def lead(self) -> tuple[Sounding, ...]:
        """Play the tune."""
        notes = []
        for begin in self.repeats(self.melody.beats):
            for note in self.melody.notes:
                start = self.groove.swung(begin + note.start)
                if self.first <= start < self.last:
                    at = self.loose(self.seconds(start), 0.007)
                    notes.append(
                        Sounding(at, note.length * self.beat, self.tonic + note.pitch, note.velocity * self.firmness())
                    )
        return tuple(notes)

    def doubling(self) -> tuple[Sounding, ...]:
        """Play a second line under the tune: not in plain playing."""
        return ()

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
        return sorted(low + (tone + self.key - low) % 12 for tone in chord.tones)

    def struck(self, hits: Sequence[Hit]) -> list[tuple[float, float, Hit, Chord]]:
        """When a pattern is struck: (beat, length in beats, hit, chord). New chords are always struck."""
        meter = self.groove.meter
        plan = [(begin + self.groove.beat(h.step), h) for begin in self.repeats(meter * self.groove.bars) for h in hits]
        taken = np.array([beat for beat, _ in plan])
        for beat, _ in self.changes():
            if np.abs(taken - beat).min(initial=9.0) > 0.26:
                plan.append((max(beat, self.first), Hit(0, 0.8, 4.0)))
        out = []
        for beat, hit in sorted(plan, key=lambda item: item[0]):
            if self.first <= beat < self.last:
                chord, end = self.chord_at(beat + 0.05)
                length = min(hit.length * meter / self.groove.steps, max(end - beat, 0.2))
                out.append((beat, length, hit, chord))
        return out

    def comp(self) -> tuple[Sounding, ...]:
        """Strike the chords."""
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
        """Hold the chords, where there is a voice for it."""
        if self.timbre.pad is None:
            return ()
        notes = []
        for beat, chord in self.changes():
            begin = max(beat, self.first)
            seconds = (min(beat + chord.length, self.last) - begin) * self.beat
            notes += [Sounding(self.seconds(begin), seconds, p, 0.8) for p in self.voicing(chord)]
        return tuple(notes)

    def low(self, pitch_class: int) -> int:
        """MIDI pitch in the register of the bass."""
        return self.timbre.low + (pitch_class + self.key - self.timbre.low) % 12

    def bass(self) -> tuple[Sounding, ...]:
        """Play the bass."""
        notes = []
        for beat, length, hit, chord in self.struck(self.groove.bass):
            root = self.low(chord.root)
            at = self.loose(self.seconds(beat), 0.004)
            notes.append(Sounding(at, length * self.beat, root + hit.interval, hit.velocity * self.firmness()))
        return tuple(notes)

    def drums(self) -> dict[str, tuple[tuple[float, float], ...]]:
        """Play the drums."""
        played = {}
        for name, hits in self.groove.drums.items():
            times = []
            for begin in self.repeats(self.groove.meter * self.groove.bars):
                for hit in hits:
                    beat = begin + self.groove.beat(hit.step) + hit.late
                    if self.first <= beat < self.last:
                        times.append((self.loose(self.seconds(beat), 0.003), hit.velocity * self.firmness()))
            played[name] = tuple(times)
        return played

    def chord_spans(self) -> tuple[ChordSpan, ...]:
        """Say which chords sound when."""
        spans = []
        for beat, chord in self.changes():
            start = self.seconds(max(beat, self.first))
            end = self.seconds(min(beat + chord.length, self.last))
            tones = tuple((tone + self.key) % 12 for tone in chord.tones)
            bass = chord.root if chord.bass is None else chord.bass
            spans.append(ChordSpan(start, end, (chord.root + self.key) % 12, tones, (bass + self.key) % 12))
        return tuple(spans)
