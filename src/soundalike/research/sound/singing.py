"""Lines in one breath: a voice that glides from note to note, with vowels, vibrato, breath and syllables.

Unlike the other engines of the synthesizer this one makes whole lines, as what a singer does on a note depends
on the one before. A source of harmonics passes a filter for each vowel; the vowels are blended note by note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import lfilter

from soundalike.research.sound.synthesizer import TABLE_SIZE, Sound, Sounding

HOP = 32
"""Samples between the points of the curves of pitch and level."""

Formants = tuple[tuple[float, float, float], ...]
VOWELS: tuple[Formants, ...] = (
    ((740.0, 90.0, 1.0), (1180.0, 110.0, 0.6), (2650.0, 190.0, 0.3), (3400.0, 260.0, 0.15)),
    ((530.0, 80.0, 1.0), (1750.0, 120.0, 0.45), (2480.0, 180.0, 0.3), (3500.0, 260.0, 0.12)),
    ((310.0, 70.0, 1.0), (2150.0, 140.0, 0.35), (2950.0, 220.0, 0.3), (3600.0, 280.0, 0.15)),
    ((440.0, 80.0, 1.0), (880.0, 100.0, 0.55), (2550.0, 200.0, 0.12), (3300.0, 260.0, 0.06)),
    ((340.0, 75.0, 1.0), (720.0, 100.0, 0.35), (2350.0, 200.0, 0.07), (3250.0, 260.0, 0.04)),
    ((400.0, 80.0, 1.0), (1450.0, 120.0, 0.35), (2250.0, 180.0, 0.2), (3350.0, 260.0, 0.1)),
)
"""Formants (frequency, bandwidth, gain) of ah, eh, ee, oh, oo and a neutral vowel of a grown-up."""


@dataclass(frozen=True, slots=True)
class Singer:
    """How a line is sung, or whistled, or bowed.

    Attributes
    ----------
    words : str
        What to call it.
    slope, pulse : float
        Source: harmonic h has amplitude ``h ** -slope``, weighed by ``|sin(pi h pulse)|`` if `pulse` is not 0.
    vowels : tuple of int
        Those of `VOWELS` that are used; none for the bare source.
    size : float
        Factor of all formants: below 1 for large bodies.
    glide : float
        Seconds in which the pitch covers most of the way to the next note.
    vibrato, vibrato_rate, vibrato_delay : float
        Cents, cycles per second, and seconds after the onset until it is full.
    wander : float
        Unsteadiness of the pitch in cents.
    breath : float
        Noise against the source.
    consonants : float
        How many notes begin with a hiss, 0 to 1.
    legato : float
        How many notes follow without a new syllable, 0 to 1.
    attack, release : float
        Seconds.
    """

    words: str
    slope: float = 1.3
    pulse: float = 0.0
    vowels: tuple[int, ...] = (0, 1, 3)
    size: float = 1.0
    glide: float = 0.03
    vibrato: float = 30.0
    vibrato_rate: float = 5.4
    vibrato_delay: float = 0.35
    wander: float = 6.0
    breath: float = 0.05
    consonants: float = 0.4
    legato: float = 0.3
    attack: float = 0.04
    release: float = 0.08


def sing(singer: Singer, notes: Sequence[Sounding], *, rate: int, length: int, tuning: float = 0.0) -> Sound:
    """Sing one line; a note ends at the latest when the next begins.

    Parameters
    ----------
    singer : Singer
        Who.
    notes : sequence of Sounding
        One at a time.
    rate, length : int
        Samples per second, and number of samples to make.
    tuning : float
        Cents by which everything is higher.

    Returns
    -------
    float32, shape (length,)
    """
    notes = sorted((note for note in notes if round(note.start * rate) < length), key=lambda note: note.start)
    if not notes:
        return np.zeros(length, np.float32)
    rng = np.random.default_rng([len(notes), notes[0].pitch, round(1000 * singer.size)])
    line = _Line(singer, notes, rng, rate, length)
    source = _source(singer, line.pitches() + tuning / 100, notes, rate, length)
    noise = rng.standard_normal(length, dtype=np.float32)
    level = line.fine(line.levels())
    sound = (source + np.float32(singer.breath) * noise) * level
    if singer.vowels:
        sound = _voiced(singer, sound, line)
    sound *= np.float32(0.15 * np.sqrt(np.mean(level**2) / (np.mean(sound**2) + 1e-12)))
    hiss = line.fine(line.hisses())
    return np.asarray(sound + hiss * np.diff(noise, prepend=np.float32(0)), np.float32)


class _Line:
    """Curves of a line: one value per `HOP` samples."""

    def __init__(
        self, singer: Singer, notes: Sequence[Sounding], rng: np.random.Generator, rate: int, length: int
    ) -> None:
        self.singer, self.notes, self.rng, self.length = singer, notes, rng, length
        self.step = HOP / rate
        self.times = np.arange(length // HOP + 2) * self.step
        self.slurred = [False] + [
            bool(rng.random() < singer.legato and b.start - a.start - a.seconds < 0.09) for a, b in pairwise(notes)
        ]

    def fine(self, curve: NDArray[np.floating]) -> Sound:
        """One value per sample."""
        return np.asarray(np.interp(np.arange(self.length), np.arange(len(curve)) * HOP, curve), np.float32)

    def smooth(self, curve: NDArray[np.floating], seconds: float) -> NDArray[np.float64]:
        keep = float(np.exp(-self.step / max(seconds, 1e-4)))
        return np.asarray(lfilter([1 - keep], [1, -keep], curve, zi=[keep * curve[0]])[0], np.float64)

    def held(self, values: Sequence[float], early: float = 0.0) -> NDArray[np.float64]:
        """A value per note, from its start to that of the next."""
        starts = [note.start - early for note in self.notes]
        place = np.searchsorted(starts, self.times, side="right") - 1
        return np.asarray(values, np.float64)[np.maximum(place, 0)]

    def pitches(self) -> NDArray[np.float64]:
        """MIDI pitch, not rounded."""
        singer, rng = self.singer, self.rng
        curve = self.smooth(self.held([n.pitch for n in self.notes], singer.glide), singer.glide / 2)
        since = self.times - self.held([n.start for n in self.notes])
        depth = np.clip(since / singer.vibrato_delay, 0, 1) ** 2 * singer.vibrato / 100
        shakes = singer.vibrato_rate * (1 + 0.1 * self.smooth(rng.standard_normal(len(curve)), 0.2))
        curve += depth * np.sin(2 * np.pi * np.cumsum(shakes) * self.step)
        drift = self.smooth(rng.standard_normal(len(curve)), 0.05)
        return np.asarray(curve + singer.wander / 100 * drift / (drift.std() + 1e-9))

    def levels(self) -> NDArray[np.float64]:
        """Loudness: a swell per syllable, none where notes are slurred."""
        curve = np.zeros(len(self.times))
        ends = [note.start for note in self.notes[1:]] + [np.inf]
        for i, (note, following) in enumerate(zip(self.notes, ends, strict=True)):
            slurs_on = i + 1 < len(self.notes) and self.slurred[i + 1]
            end = following if slurs_on else min(note.start + note.seconds, following)
            inside = (self.times >= note.start) & (self.times < end)
            sag = 1 - 0.25 * np.clip((self.times[inside] - note.start) / 1.5, 0, 1)
            curve[inside] = note.velocity**1.2 * sag
            if not slurs_on:
                # A syllable ends a little before the next begins.
                curve[(self.times >= end - 0.02) & (self.times < end)] *= 0.3
        up, down = self.smooth(curve, self.singer.attack / 2), self.smooth(curve, self.singer.release / 2)
        return np.where(curve > down, up, down)

    def hisses(self) -> NDArray[np.float64]:
        """Level of the consonants."""
        curve = np.zeros(len(self.times))
        for note, slurred in zip(self.notes, self.slurred, strict=True):
            loud, before = float(self.rng.uniform(0.01, 0.08)), float(self.rng.uniform(0.03, 0.09))
            if not slurred and self.rng.random() < self.singer.consonants:
                curve[(self.times > note.start - before) & (self.times < note.start + 0.01)] = loud * note.velocity
        return self.smooth(curve, 0.006)

    def vowel_weights(self) -> list[Sound]:
        """How much of each vowel; slurred notes keep theirs."""
        choice = [0]
        for slurred in self.slurred[1:]:
            choice.append(choice[-1] if slurred else int(self.rng.integers(len(self.singer.vowels))))
        return [
            self.fine(self.smooth(self.held([float(c == k) for c in choice], 0.02), 0.025))
            for k in range(len(self.singer.vowels))
        ]


def _source(singer: Singer, pitches: NDArray[np.float64], notes: Sequence[Sounding], rate: int, length: int) -> Sound:
    """Harmonics along a curve of pitches, band-limited note by note."""
    curve = 440.0 * 2 ** ((pitches - 69) / 12)
    frequency = np.interp(np.arange(length), np.arange(len(curve)) * HOP, curve)
    at = (np.cumsum(frequency / rate) % 1.0 * TABLE_SIZE).astype(np.float32)
    index = np.minimum(at.astype(np.int32), TABLE_SIZE - 1)
    part = at - index
    edges = [0, *(round(note.start * rate) for note in notes[1:]), length]
    sound, tables = np.zeros(length, np.float32), dict[int, Sound]()
    for begin, end in pairwise(edges):
        if begin < end:
            count = max(1, min(100, int(0.45 * rate / frequency[begin:end].max())))
            table = tables.setdefault(count, _cycle(singer, count))
            below = table[index[begin:end]]
            sound[begin:end] = below + part[begin:end] * (table[index[begin:end] + 1] - below)
    return sound


def _cycle(singer: Singer, count: int) -> Sound:
    """One period with `count` harmonics, of root mean square 0.3 about: float32, shape (TABLE_SIZE + 1,)."""
    h = np.arange(1, count + 1)
    amplitude = h**-singer.slope
    if singer.pulse:
        amplitude = amplitude * np.abs(np.sin(np.pi * h * singer.pulse))
    spectrum = np.zeros(TABLE_SIZE // 2 + 1, np.complex64)
    spectrum[1 : count + 1] = amplitude / np.sqrt((amplitude**2).sum()) * np.exp(0.7j * h) * TABLE_SIZE / 5
    cycle = irfft(spectrum, TABLE_SIZE)
    return np.append(cycle, cycle[:1]).astype(np.float32)


def _voiced(singer: Singer, sound: Sound, line: _Line) -> Sound:
    """Blend what the vowels make of a sound."""
    n = len(sound)
    size = next_fast_len(n + 2048, real=True)
    f = np.fft.rfftfreq(size, HOP / line.step).astype(np.float32)
    spectrum, out = rfft(sound, size), np.zeros(n, np.float32)
    for vowel, weight in zip(singer.vowels, line.vowel_weights(), strict=True):
        answer = np.full(len(f), 0.02, np.complex64)
        for centre, width, gain in VOWELS[vowel]:
            peak, wide = np.float32(centre * singer.size), np.float32(width * singer.size)
            answer += np.float32(gain) * 1j * wide * f / (peak**2 - f**2 + 1j * wide * f)
        out += weight * irfft(spectrum * answer, size)[:n]
    return out
