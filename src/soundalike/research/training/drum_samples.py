"""Single strokes of many drum kits, ready to be laid out in time: the fastest way to much varied drumming.

A `Kit` maps General MIDI drum notes to strokes from soft to loud. Kits come from SoundFonts, where such
are installed, and from the synthesizer's own strokes, changed a little by chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import NotFoundError
from soundalike.research.music.composer import Split
from soundalike.research.sound.drum_kits import KITS
from soundalike.research.sound.drum_kits import Stroke as DrumStroke
from soundalike.research.sound.soundfonts import Program, find_font, play_drums
from soundalike.research.sound.synthesizer import DRUM_LEVELS, DRUM_TAKES, strike

Sound: TypeAlias = NDArray[np.float32]
Kit: TypeAlias = Mapping[int, tuple[Sound, ...]]
"""Strokes by General MIDI note, from soft to loud; each at the level that the kit gives it."""

RATE = 22050
CLASSES = ("kick", "snare", "hat", "other")
KICKS, SNARES = (35, 36), (37, 38, 39, 40)
HATS = (22, 26, 42, 44, 46, 49, 51, 52, 53, 55, 57, 59)
OPEN_HATS, CHOKING = (26, 46), (22, 42, 44)
TOMS = (41, 43, 45, 47, 48, 50, 58)
PERCUSSION = (54, 56, 60, 61, 62, 63, 64, 69, 70, 75, 76, 77)
NOTES = (*KICKS, *SNARES, *HATS, *TOMS, *PERCUSSION)
TWINS = {22: 42, 26: 46, 58: 43}
"""Notes of electronic pads that no kit has: they sound like their twins."""

LAYERS = (0.35, 0.67, 0.95)
"""Velocities at which a SoundFont's strokes are recorded."""
LONGEST = 1.2


@dataclass(frozen=True, slots=True)
class Stroke:
    """One stroke to be played: `time` in seconds, `note` General MIDI, `velocity` 0 to 1."""

    time: float
    note: int
    velocity: float


def drum_class(note: int) -> int:
    """Place of a General MIDI drum note in `CLASSES`; cymbals count as hat, toms and percussion as other."""
    for place, notes in enumerate((KICKS, SNARES, HATS)):
        if note in notes:
            return place
    return 3


def font_kits(font: str, presets: Sequence[int], *, bank: int = 128) -> list[Kit]:
    """Record every stroke of some drum presets of a SoundFont.

    Parameters
    ----------
    font : str
        Its name, see `soundalike.research.sound.soundfonts.find_font`.
    presets : sequence of int
        Programs; one that the font does not have is left out.
    bank : int
        128 holds the drums of General MIDI; fonts of a single kit may have it in bank 0.

    Raises
    ------
    NotFoundError, MissingExtraError
        If the SoundFont or FluidSynth is not installed.
    """
    find_font(font)
    kits: list[Kit] = []
    for preset in presets:
        program = Program(f"{font} {preset}", font, bank, preset)
        try:
            kits.append({note: tuple(_record(program, note, velocity) for velocity in LAYERS) for note in NOTES})
        except NotFoundError:
            continue
    return kits


def _record(program: Program, note: int, velocity: float) -> Sound:
    """One stroke without the silence behind it; empty where the preset has no such note."""
    sound = play_drums(program, [(0.0, note, velocity)], rate=RATE, length=int(LONGEST * RATE))
    return _trimmed(2 * sound)


def _trimmed(sound: Sound) -> Sound:
    loud = np.flatnonzero(np.abs(sound) > 2e-3 * max(float(np.abs(sound).max()), 0.05))
    if not len(loud):
        return np.zeros(0, np.float32)
    part = sound[: loud[-1] + 1].copy()
    fade = min(len(part), 400)
    part[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return part


def own_kits(split: Split, *, variants: int = 4, seed: int = 0) -> list[Kit]:
    """Kits of the synthesizer, each in some variants: pitch and decay of every drum changed by chance."""
    rng = np.random.default_rng(seed)
    return [_struck(strokes, rng) for strokes in KITS[split].values() for _ in range(variants)]


def random_kits(count: int, *, seed: int = 0) -> list[Kit]:
    """Kits that nobody designed: kicks, snares, hats and percussion from wide ranges of everything."""
    rng = np.random.default_rng(seed)
    return [_struck(_random_strokes(rng), rng) for _ in range(count)]


def _random_strokes(rng: np.random.Generator) -> dict[str, DrumStroke]:
    def between(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    drop, fall = rng.uniform(1.1, 6), rng.uniform(0.01, 0.05)
    click = (between(200, 3000), between(1500, 10000))
    kick = DrumStroke(
        between(40, 110), drop, fall, between(0.06, 0.45), rng.uniform(0, 0.5), between(0.005, 0.05), click
    )
    rattle = (between(400, 3000), between(4000, 13000))
    body = between(0.02, 0.17) * float(rng.random() < 0.85)
    noise, bursts = rng.uniform(0.3, 1), 1 if rng.random() < 0.85 else 3
    snare = DrumStroke(between(140, 650), rng.uniform(1, 1.9), 0.02, body, noise, between(0.02, 0.25), rattle, bursts)
    cymbal = DrumStroke(
        noise=rng.uniform(0.3, 1),
        decay=between(0.015, 0.07),
        band=(between(2500, 9000), between(7000, 16000)),
        metal=rng.uniform(0, 0.9),
    )
    perc = DrumStroke(
        between(80, 1800),
        rng.uniform(1, 1.6),
        0.03,
        between(0.015, 0.25),
        rng.uniform(0, 0.6),
        between(0.01, 0.05),
        (between(400, 3000), between(4000, 9000)),
        metal=max(0.0, rng.uniform(-1, 0.9)),
    )
    open_ = replace(cymbal, decay=between(0.1, 0.45))
    return {"kick": kick, "snare": snare, "hat": cymbal, "open": open_, "perc": perc}


def _struck(strokes: Mapping[str, DrumStroke], rng: np.random.Generator) -> Kit:
    """Strokes of every note, each drum a little different."""
    sounds: dict[int, tuple[Sound, ...]] = {}
    for note in NOTES:
        name = ("kick", "snare", "hat", "perc")[drum_class(note)]
        if name == "hat" and note not in CHOKING:
            name = "open"
        # Toms and percussion differ in pitch within a kit; the others only between variants.
        step = 2 ** (((note * 5) % 17 - 8) / 12) if name == "perc" else 1.0
        pitch, body, decay = np.exp(rng.uniform(-0.2, 0.2, size=3))
        known = strokes[name]
        stroke = replace(known, pitch=known.pitch * pitch * step, body=known.body * body, decay=known.decay * decay)
        sound = strike(stroke, rate=RATE, seed=10 * note + int(rng.integers(DRUM_TAKES)))
        sounds[note] = (_trimmed(sound[: int(LONGEST * RATE)] * np.float32(DRUM_LEVELS[name])),)
    return sounds


def swapped(kits: Sequence[Kit], rng: np.random.Generator) -> Kit:
    """Kick, snares, cymbals and the rest from four kits drawn by chance."""
    chosen = rng.integers(len(kits), size=len(CLASSES))
    return {note: kits[chosen[drum_class(note)]].get(note, ()) for note in NOTES}


def beat_drums(
    kit: Kit, strokes: Sequence[Stroke], length: int, *, rng: np.random.Generator, spread: float = 4.0
) -> Sound:
    """Play strokes on a kit.

    Parameters
    ----------
    kit : Kit
    strokes : sequence of Stroke
        A note that the kit does not have is not heard; a closed hi-hat chokes an open one.
    length : int
        Number of samples to make.
    rng : Generator
        Of the level and pitch that each drum has in this recording.
    spread : float
        Standard deviation of the drums' levels in decibels.

    Returns
    -------
    float32, shape (length,)
    """
    out = np.zeros(length + int(2 * LONGEST * RATE), np.float32)
    tuned: dict[tuple[int, int], Sound] = {}
    levels = 10 ** (rng.normal(0, spread, size=len(CLASSES)) / 20)
    speeds = np.exp(rng.normal(0, 0.08, size=len(CLASSES)))
    chokes = np.array([s.time for s in strokes if s.note in CHOKING])
    for stroke in strokes:
        note = TWINS.get(stroke.note, stroke.note)
        layers = kit.get(note, ())
        begin = round(stroke.time * RATE)
        if not layers or not 0 <= begin < length:
            continue
        layer = min(int(stroke.velocity * len(layers)), len(layers) - 1)
        place = drum_class(note)
        if (note, layer) not in tuned:
            tuned[note, layer] = _resampled(layers[layer], float(speeds[place]))
        sound = tuned[note, layer]
        if stroke.note in OPEN_HATS:
            sound = _choked(sound, stroke.time, chokes)
        own = (layer + 0.5) / len(layers)
        gain = levels[place] * (max(stroke.velocity, 0.05) / own) ** 1.2
        out[begin : begin + len(sound)] += sound * np.float32(gain)
    return out[:length]


def _resampled(sound: Sound, speed: float) -> Sound:
    if not len(sound):
        return sound
    at = np.arange(0, len(sound) - 1, speed)
    slower: Sound = np.interp(at, np.arange(len(sound)), sound).astype(np.float32)
    return slower


def _choked(sound: Sound, time: float, chokes: NDArray[np.float64]) -> Sound:
    later = chokes[chokes > time + 0.02]
    if not len(later):
        return sound
    end = round((float(later.min()) - time) * RATE)
    if end >= len(sound):
        return sound
    part = sound[: end + 300].copy()
    part[end:] *= np.linspace(1, 0, len(part) - end, dtype=np.float32)
    return part
