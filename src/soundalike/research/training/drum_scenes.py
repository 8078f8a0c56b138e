"""Scenes to learn drums from: composed or performed drumming, on any kit, alone or within a band, with its score.

Each scene follows from one seed. A performance is a human drummer's, in beats (see `Drumming`); a composed groove
is loosened and decorated by chance, as machines play too evenly to learn from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.research.music.composer import stream
from soundalike.research.music.performer import Performance, PieceSpec, perform
from soundalike.research.sound.orchestra import Timbre, draw_timbre, sound_notes
from soundalike.research.sound.synthesizer import Room, loudness, process
from soundalike.research.training.drum_samples import (
    PERCUSSION,
    RATE,
    TOMS,
    Kit,
    Sound,
    Stroke,
    beat_drums,
    drum_class,
    swapped,
)

Events: TypeAlias = NDArray[np.float64]

TARGETS = ("kick", "snare", "hat", "other", "beat", "downbeat")
SLOWEST, FASTEST = 50.0, 210.0
NOISE = 0.03
"""Share of scenes in which nothing happens."""
STRETCH = 1.35
"""Performances are played up to this much slower or faster than the drummer did."""

_VOICINGS = {"kick": (36, 35), "snare": (38, 38, 38, 40, 37, 39), "hat": (42, 42, 42, 44, 51), "open": (46,)}


@dataclass(frozen=True, slots=True)
class Drumming:
    """A human performance.

    Attributes
    ----------
    name : str
    strokes : float64, shape (n, 3)
        Beat, General MIDI note, velocity 0 to 1, in order of time.
    tempo : float
        Beats per minute.
    beats_per_bar : int
        0 if unknown.
    """

    name: str
    strokes: NDArray[np.float64]
    tempo: float
    beats_per_bar: int = 4


@dataclass(frozen=True, slots=True)
class Scene:
    """A sound and what happens in it.

    Attributes
    ----------
    sound : float32, shape (n,)
        At 22050 Hz.
    events : tuple of float64, shape (n, 2)
        For each of `TARGETS` times in seconds and strengths, 0 to 1.
    tempo : float
        Beats per minute.
    beat, downbeat : bool
        Whether the beats, and the bars, are known.
    """

    sound: Sound
    events: tuple[Events, ...]
    tempo: float
    beat: bool = True
    downbeat: bool = True


def scene(seed: int, kits: Sequence[Kit], performances: Sequence[Drumming], *, seconds: float = 10.0) -> Scene:
    """Make up a scene: half of them composed, half performed, a few without drums or without anything.

    Parameters
    ----------
    seed : int
        Not negative; the same seed, kits and performances give the same scene.
    kits : sequence of Kit
        To choose from; a quarter of the scenes mixes drums of several.
    performances : sequence of Drumming
        Human drumming; if there is none, all scenes are composed.
    """
    rng = stream("drum scene", seed, "train")
    if rng.random() < NOISE:
        return _noise(rng, seconds)
    human = bool(performances) and rng.random() < 0.55
    groove = performances[int(rng.integers(len(performances)))] if human else int(rng.integers(2**31))
    return groove_scene(groove, kits, rng, seconds=seconds, drumless=0.05)


def groove_scene(
    groove: Drumming | int,
    kits: Sequence[Kit],
    rng: np.random.Generator,
    *,
    seconds: float = 10.0,
    drumless: float = 0.0,
    tempo: float | None = None,
) -> Scene:
    """A groove in some scene: any part of it, at any tempo, on any kit, alone or within any band.

    Parameters
    ----------
    groove : Drumming or int
        A performance, or the seed of a composed groove.
    kits : sequence of Kit
    rng : Generator
        Of everything but the groove.
    seconds : float
    drumless : float
        Probability that only the band plays.
    tempo : float, optional
        Beats per minute, within the range that the groove bears; drawn if it is not given.
    """
    melody, harmony, timbre, nuisance = (int(s) for s in rng.integers(2**31, size=4))
    human = groove if isinstance(groove, Drumming) else None
    slowest, fastest = SLOWEST, FASTEST
    if human is not None:
        slowest, fastest = max(human.tempo / STRETCH, 0.8 * SLOWEST), min(human.tempo * STRETCH, 1.2 * FASTEST)
    drawn = float(np.exp(rng.uniform(np.log(slowest), np.log(fastest))))
    tempo = drawn if tempo is None else float(np.clip(tempo, slowest, fastest))
    if human is not None:
        last = float(human.strokes[-1, 0]) - seconds * tempo / 60
        start = float(rng.uniform(0, max(last, 0.1)))
    else:
        start = float(rng.uniform(0, 16))
    style = 0 if isinstance(groove, Drumming) else groove
    key = int(rng.integers(12))
    spec = PieceSpec(melody, harmony, style, tempo, timbre, key, nuisance, duration=seconds, start=start % 16)
    score = perform(spec)
    strokes = _composed(score, start, rng) if human is None else excerpt(human, start, score.tempo, seconds)
    band = human is None or rng.random() < 0.5
    if isinstance(groove, int) and rng.random() < 0.25:
        band = False
    if band and rng.random() < drumless:
        strokes = []
    kit = swapped(kits, rng) if rng.random() < 0.25 else kits[int(rng.integers(len(kits)))]
    drums = beat_sound(kit, strokes, seconds, rng)
    sound = mix(score if band else None, draw_timbre(timbre), drums, rng)
    bar = human.beats_per_bar if human is not None else 4
    audible = bool(strokes) or band
    return Scene(sound, _events(strokes, start, score.tempo, bar, seconds), score.tempo, audible, audible and bar == 4)


def _noise(rng: np.random.Generator, seconds: float) -> Scene:
    """Noise of some colour, in which nothing happens."""
    drums = rng.standard_normal(round(seconds * RATE), dtype=np.float32)
    nothing = tuple(np.zeros((0, 2)) for _ in TARGETS)
    return Scene(mix(None, draw_timbre(0), drums, rng), nothing, 0.0, beat=False, downbeat=False)


def excerpt(drumming: Drumming, start: float, tempo: float, seconds: float) -> list[Stroke]:
    """Strokes of a performance from a beat on, at a tempo."""
    beat = drumming.strokes[:, 0]
    heard = drumming.strokes[(beat >= start) & (beat < start + seconds * tempo / 60)]
    return [Stroke((float(b) - start) * 60 / tempo, int(n), float(v)) for b, n, v in heard]


def _composed(score: Performance, start: float, rng: np.random.Generator) -> list[Stroke]:
    """Composed drums, played by somebody: voiced, loosened, and now and then with a fill."""
    voices = {name: int(rng.choice(notes)) for name, notes in _VOICINGS.items()}
    voices["perc"] = int(rng.choice([*TOMS, *PERCUSSION]))
    loose, uneven = rng.uniform(0, 0.012), rng.uniform(0, 0.15)
    strokes = [
        Stroke(max(0.0, time + rng.normal(0, loose)), voices[name], float(np.clip(v + rng.normal(0, uneven), 0.08, 1)))
        for name, hits in score.drums.items()
        for time, v in hits
    ]
    if rng.random() < 0.3:
        strokes = _filled(strokes, start, score.tempo, rng)
    return sorted(strokes, key=lambda stroke: stroke.time)


def _filled(strokes: list[Stroke], start: float, tempo: float, rng: np.random.Generator) -> list[Stroke]:
    """Replace the end of one bar by a roll over snare and toms."""
    bars = 4 * np.arange(1, 12) - start % 4
    end = float(rng.choice(bars[bars > 0][:4]))
    length, step = float(rng.choice([1, 2])), float(rng.choice([0.25, 0.25, 1 / 3, 0.5]))
    first, last = (end - length) * 60 / tempo, end * 60 / tempo
    kept = [s for s in strokes if not first - 0.02 <= s.time < last - 0.02]
    beats = [float(b) for b in np.arange(end - length, end - 1e-6, step) if b >= 0 and rng.random() < 0.85]
    notes, strengths = rng.choice([38, *TOMS[:6]], size=len(beats)), rng.uniform(0.4, 1, size=len(beats))
    roll = zip(beats, notes, strengths, strict=True)
    return kept + [Stroke(beat * 60 / tempo, int(note), float(v)) for beat, note, v in roll]


def beat_sound(kit: Kit, strokes: Sequence[Stroke], seconds: float, rng: np.random.Generator) -> Sound:
    """Drums of a scene."""
    return beat_drums(kit, strokes, round(seconds * RATE), rng=rng)


def mix(score: Performance | None, timbre: Timbre, drums: Sound, rng: np.random.Generator) -> Sound:
    """Drums and, where there is a score, its band in a room, recorded in some way: float32 (n,)."""
    n = len(drums)
    dry, send = np.zeros((1, n), np.float32), np.zeros(n, np.float32)
    wet = float(rng.uniform(0, 1))
    for bus, sound in {"drums": drums, **(_band(score, timbre, n, rng) if score else {})}.items():
        level = loudness(sound, rate=RATE)
        if level > -70:
            gain = rng.uniform(-5, 5) if bus == "drums" else timbre.gains[bus] + rng.uniform(-6, 4)
            part = np.float32(10 ** ((gain - 20 - level) / 20)) * sound
            dry += part
            send += np.float32(wet) * part
    room = Room(
        seconds=float(np.exp(rng.uniform(np.log(0.15), np.log(1.8)))),
        wet=float(rng.uniform(0.0, 0.5)),
        lowpass=float(np.exp(rng.uniform(np.log(4500), np.log(20000)))),
        drive=float(max(0.0, rng.uniform(-0.6, 0.9))),
        tone=tuple(rng.uniform(-6, 6, size=4).tolist()),
    )
    sound = process(dry, send, room, rate=RATE)[0]
    floor = 10 ** (rng.uniform(-75, -35) / 20) * float(np.sqrt(np.mean(np.square(sound))) + 1e-4)
    return np.asarray(sound + floor * rng.standard_normal(n, dtype=np.float32), np.float32)


def _band(score: Performance, timbre: Timbre, n: int, rng: np.random.Generator) -> dict[str, Sound]:
    """What is not drums, some instruments left out."""
    parts = {
        "lead": (timbre.lead, score.lead),
        "comp": (timbre.comp, score.comp),
        "pad": (timbre.pad, score.pad),
        "bass": (timbre.bass, score.bass),
    }
    return {
        bus: sound_notes(voice, notes, rate=RATE, length=n)
        for bus, (voice, notes) in parts.items()
        if voice is not None and notes and rng.random() < 0.8
    }


def _events(strokes: Sequence[Stroke], start: float, tempo: float, bar: int, seconds: float) -> tuple[Events, ...]:
    """Times and strengths by target."""
    lists: list[list[tuple[float, float]]] = [[] for _ in TARGETS]
    for stroke in strokes:
        lists[drum_class(stroke.note)].append((stroke.time, min(1.0, 0.35 + 0.8 * stroke.velocity)))
    for beat in range(int(np.ceil(start)), int(start + seconds * tempo / 60) + 1):
        time = (beat - start) * 60 / tempo
        lists[4].append((time, 1.0))
        if bar and beat % bar == 0:
            lists[5].append((time, 1.0))
    return tuple(np.array(events, np.float64).reshape(-1, 2) for events in lists)
