"""Playing with habits: ornaments, fills, drift, voicings, counter-melodies. All of it belongs to one clip."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from soundalike.research.music.composer import Chord, Note
from soundalike.research.music.grooves import Hit
from soundalike.research.music.ornaments import articulated, doubling_below, ornamented
from soundalike.research.music.player import Player, Scores, Stage
from soundalike.research.music.rich_grooves import ONE_TONE_STYLES
from soundalike.research.sound.synthesizer import Sounding

SHORTEST = 0.015
"""Seconds; notes of the lead that would be cut off sooner are left out."""

_Beats = tuple[Note, ...]  # notes whose times are beats of the whole piece


@dataclass(frozen=True, slots=True)
class Habits:
    """What a player does in one clip.

    Attributes
    ----------
    drift, drift_period, drift_phase : float
        The tempo goes up and down by this part of it, once in so many beats.
    ornaments, articulation : float
        Chance of an ornament, and factor of the lengths of notes.
    pause : tuple of float
        From and to which part of the clip the lead is silent, 0 to 1.
    doubling : str
        "" or as `soundalike.research.music.ornaments.doubling_below` says.
    timing, touch : float
        Spread of drum hits in seconds, and of their loudness.
    fill_every : int
        Bars; 0 for no fills.
    open_voicing, counter : bool
        Whether chords are spread, and whether the comping voice has a line of its own.
    """

    drift: float
    drift_period: float
    drift_phase: float
    ornaments: float
    articulation: float
    pause: tuple[float, float]
    doubling: str
    timing: float
    touch: float
    fill_every: int
    open_voicing: bool
    counter: bool


def draw_habits(rng: np.random.Generator) -> Habits:
    """Draw the habits of one clip."""
    pause, length = float(rng.uniform(-0.1, 0.8)), float(rng.uniform(0.15, 0.35))
    return Habits(
        drift=float(rng.choice([0.0, 1.0]) * rng.uniform(0, 0.02)),
        drift_period=float(rng.uniform(8, 40)),
        drift_phase=float(rng.uniform(0, 2 * np.pi)),
        ornaments=float(rng.choice([0.0, 0.0, 0.08, 0.2, 0.35])),
        articulation=float(rng.uniform(0.7, 1.3)),
        pause=(pause, pause + length) if rng.random() < 0.15 else (0.0, 0.0),
        doubling=str(rng.choice(["", "octave", "third", "sixth"], p=[0.86, 0.07, 0.05, 0.02])),
        timing=float(rng.uniform(0.001, 0.011)),
        touch=float(rng.uniform(0.02, 0.16)),
        fill_every=int(rng.choice([0, 0, 4, 4, 8])),
        open_voicing=bool(rng.random() < 0.3),
        counter=bool(rng.random() < 0.15),
    )


class RichPlayer(Player):
    """Turns the scores of one piece into notes, with habits drawn for it."""

    def __init__(self, scores: Scores, stage: Stage, rng: np.random.Generator) -> None:
        super().__init__(scores, stage, rng)
        self.habits = draw_habits(rng)
        for _ in range(4):  # the last beat is where the drifting clock reaches the end
            self.last += (stage.duration - self.seconds(self.last)) / self.beat

    def seconds(self, beat: float) -> float:
        """Time of a beat in the clip, of a clock that runs faster and slower."""
        habits, since = self.habits, beat - self.first
        turn = 2 * np.pi / habits.drift_period
        wave = np.cos(habits.drift_phase) - np.cos(turn * since + habits.drift_phase)
        return float((since + habits.drift / turn * wave) * self.beat)

    def felt(self, beat: float) -> float:
        """Where the groove feels a straight time; triplets stay triplets."""
        part = beat % 1.0
        if min(abs(part - 1 / 3), abs(part - 2 / 3)) < 0.02:
            return beat
        return self.groove.swung(beat)

    @cached_property
    def line(self) -> _Beats:
        """The tune as played this time, in beats of the piece."""
        notes = []
        for begin in [-self.melody.beats + self.repeats(self.melody.beats)[0], *self.repeats(self.melody.beats)]:
            for note in self.melody.notes:
                start, end = begin + note.start, begin + note.start + note.length
                if end > self.first + 0.3 and start < self.last:
                    notes.append(replace(note, start=self.felt(start), length=end - start))
        notes = [self._from_the_start(note) for note in notes]
        early, late = (self.first + part * (self.last - self.first) for part in self.habits.pause)
        heard = tuple(note for note in notes if note.start < self.last and not early < note.start < late)
        return ornamented(articulated(heard, self.habits.articulation), self.rng, chance=self.habits.ornaments)

    def _from_the_start(self, note: Note) -> Note:
        """Let a note that sounds already when the clip starts begin there."""
        missed = max(0.0, self.first - note.start)
        return replace(note, start=note.start + missed, length=max(note.length - missed, 0.1))

    def _sounding(self, line: _Beats) -> tuple[Sounding, ...]:
        tonic = self.tonic
        starts = [self.loose(self.seconds(note.start), 0.007) for note in line]
        ends = [self.seconds(note.start + note.length) for note in line]
        limits = [*starts[1:], *[np.inf] * bool(line)]
        return tuple(
            Sounding(start, min(max(end - start, 0.03), limit - start), tonic + note.pitch, self._firm(note.velocity))
            for note, start, end, limit in zip(line, starts, ends, limits, strict=True)
            if limit - start > SHORTEST
        )

    def _firm(self, velocity: float) -> float:
        return min(1.0, velocity) * self.firmness()

    def lead(self) -> tuple[Sounding, ...]:
        """Play the tune: one note at a time."""
        return self._sounding(self.line)

    def doubling(self) -> tuple[Sounding, ...]:
        """Play a second line under the tune, if that is a habit."""
        return self._sounding(doubling_below(self.line, self.habits.doubling)) if self.habits.doubling else ()

    def voicing(self, chord: Chord) -> list[int]:
        """MIDI pitches of a chord, close or with every second tone an octave lower."""
        close = super().voicing(chord)
        if not self.habits.open_voicing or len(close) < 3:
            return close
        return sorted(pitch - 12 if i == len(close) - 2 else pitch for i, pitch in enumerate(close))

    def comp(self) -> tuple[Sounding, ...]:
        """Strike the chords in the groove's style; maybe with a line of its own above them."""
        style, notes, before = self.groove.comp_style, [], list[int]()
        for count, (beat, length, hit, chord) in enumerate(self.struck(self.groove.comp)):
            tones = self.voicing(chord)
            if style == "chorale":
                centred = before and abs(np.mean(before) - self.timbre.centre) < 9
                tones = before = _led(tones, before if centred else [])
            for late, pitch in self._texture(style, tones, count):
                late = min(late, 0.75 * length)
                at = self.loose(self.seconds(beat + late), 0.006)
                held = max(min(length, 0.35) if style == "stab" else length - late, 0.1) * self.beat
                notes.append(Sounding(at, held, pitch, hit.velocity * self.firmness()))
        if self.habits.counter:
            notes += self._counter_line()
        return tuple(sorted(notes, key=lambda note: note.start))

    def _texture(self, style: str, tones: list[int], count: int) -> list[tuple[float, int]]:
        """Which pitches one hit has, and how many beats late each is."""
        n = len(tones)
        if style in ONE_TONE_STYLES:
            there_and_back = [*range(n), *range(n - 2, 0, -1)]
            order = {
                "rising": list(range(n)),
                "falling": list(range(n))[::-1],
                "wave": there_and_back,
                "alberti": [0, n - 1, min(1, n - 1), n - 1],
            }[style]
            return [(0.0, tones[order[count % len(order)]])]
        if style == "up":
            tones = tones[1:] + tones[:1]
        elif style == "strum" and count % 2:
            tones = tones[::-1]
        gap = {"broken": 0.25, "up": 0.03, "strum": 0.02 / self.beat}.get(style, 0.0)
        return [(i * gap, pitch) for i, pitch in enumerate(tones)]

    def _counter_line(self) -> list[Sounding]:
        """A slow line of chord tones, each near the one before, below the register of the lead."""
        pace = float(self.rng.choice([0.5, 1, 1, 2]))
        pitch, notes = self.timbre.centre + 4, []
        beat = float(np.ceil(self.first / pace) * pace)
        while beat < self.last:
            chord, _ = self.chord_at(beat + 0.05)
            tones = [low + 12 * octave for low in super().voicing(chord) for octave in (0, 1)]
            near = sorted((tone for tone in tones if tone != pitch), key=lambda tone: abs(tone - pitch))[:3]
            pitch = int(self.rng.choice(near)) if near else pitch
            if self.rng.random() < 0.85:
                at = self.loose(self.seconds(self.felt(beat)), 0.006)
                notes.append(Sounding(at, 0.9 * pace * self.beat, pitch, 0.9 * self.firmness()))
            beat += pace
        return notes

    def bass(self) -> tuple[Sounding, ...]:
        """Play the bass: on the bass tone of the chord, walking or in the groove's pattern."""
        notes = []
        for beat, length, hit, chord in self.struck(self.groove.bass):
            base = self.low(chord.root if chord.bass is None else chord.bass)
            pitch = base if hit.interval == 0 else self.low(chord.root) + hit.interval
            if self.groove.bass_style == "walking":
                pitch = self._step_of_walk(beat, chord, base)
            elif hit.interval and chord.bass is not None:
                pitch = base + (12 if hit.interval > 0 else -12)
            at = self.loose(self.seconds(beat), 0.006)
            notes.append(Sounding(at, length * self.beat, pitch, hit.velocity * self.firmness()))
        return tuple(notes)

    def _step_of_walk(self, beat: float, chord: Chord, base: int) -> int:
        """The bass tone on the change, a neighbour of the next one before the next change, else chord tones."""
        _, end = self.chord_at(beat + 0.05)
        if beat - (end - chord.length) < 0.6:
            return base
        if end - beat < 1.1:
            after, _ = self.chord_at(end + 0.05)
            target = self.low(after.root if after.bass is None else after.bass)
            return target + int(self.rng.choice([-1, 1, -2, 2, 7]))
        return self.low(int(self.rng.choice(chord.tones))) + int(self.rng.choice([0, 0, 12]))

    def drums(self) -> dict[str, tuple[tuple[float, float], ...]]:
        """Play the drums, every hit a little different, with fills at the ends of phrases."""
        period, habits = self.groove.meter * self.groove.bars, self.habits
        windows = self._fill_windows()
        played: dict[str, list[tuple[float, Hit]]] = {name: [] for name in self.groove.drums}
        for name, hits in self.groove.drums.items():
            for begin in self.repeats(period):
                times = ((begin + self.groove.beat(hit.step) + hit.late, hit) for hit in hits)
                played[name] += [(at, hit) for at, hit in times if not any(a <= at + 0.05 < b for a, b in windows)]
        for start, end in windows:
            for name, beat, velocity in self._fill(start, end):
                played.setdefault(name, []).append((beat, Hit(0, velocity)))
        return {
            name: tuple(
                (self.loose(self.seconds(at), habits.timing), self._touched(hit.velocity))
                for at, hit in sorted(plan, key=lambda item: item[0])
                if self.first <= at < self.last
            )
            for name, plan in played.items()
        }

    def _touched(self, velocity: float) -> float:
        return float(np.clip(velocity * np.exp(self.rng.normal(0, self.habits.touch)), 0.05, 1.0))

    def _fill_windows(self) -> list[tuple[float, float]]:
        """From and to which beats there are fills; none where nobody plays the drums."""
        if not self.habits.fill_every or not any(self.groove.drums.values()):
            return []
        phrase = self.habits.fill_every * self.groove.meter
        return [
            (begin + phrase - float(self.rng.choice([1.0, 1.0, 2.0, 0.5])), begin + phrase)
            for begin in self.repeats(phrase)
        ]

    def _fill(self, start: float, end: float) -> list[tuple[str, float, float]]:
        """Draw (drum, beat, velocity) of a fill, and the crash after it."""
        step = 0.25 if self.groove.straight else 1 / 3
        grid = np.arange(start, end - 1e-6, step)
        names = ("snare", "tom") if self.rng.random() < 0.6 else ("snare", "kick")
        hits = [
            (names[int(self.rng.random() < place / max(len(grid), 1))], float(at), float(self.rng.uniform(0.5, 1.0)))
            for place, at in enumerate(grid)
            if self.rng.random() < 0.75
        ]
        return [*hits, ("crash", end, 0.9)] if self.rng.random() < 0.5 else hits


def _led(tones: list[int], before: list[int]) -> list[int]:
    """Move every voice of the chord before to the nearest free tone; four voices."""
    if not before:
        return sorted([*tones, tones[0] + 12])[:4] if len(tones) < 4 else tones[:4]
    every = sorted({tone % 12 for tone in tones})
    voices: list[int] = []
    missing = list(every)
    for voice in before:
        choice = missing or every
        near = min((voice + (pc - voice + 5) % 12 - 5 for pc in choice), key=lambda pitch: abs(pitch - voice))
        missing = [pc for pc in missing if pc != near % 12]
        voices.append(near)
    return sorted(voices)
