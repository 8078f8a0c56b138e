"""Sounds of known families to learn from: parts of pieces, single notes, mixes, separated stems.

Every seed is a score of its own, in which each family plays once by itself. Nothing that a palette for tests plays
with is in a palette for training, see `soundalike.research.sound.orchestra.draw_timbre`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from soundalike.audio import Clip
from soundalike.encoders.embedded import EmbeddedEncoder
from soundalike.research.music.composer import Split, stream
from soundalike.research.music.performer import perform
from soundalike.research.sound import programs
from soundalike.research.sound.drum_kits import KITS
from soundalike.research.sound.more_voices import SINGERS, draw_own, vary_singer
from soundalike.research.sound.orchestra import (
    OTHER_FONT,
    OWN_SHARE,
    TEST_FONT,
    TRAIN_FONTS,
    Drums,
    Instrument,
    Palette,
    draw_timbre,
    sound_drums,
    sound_notes,
)
from soundalike.research.sound.plucking import String
from soundalike.research.sound.production import draw_production, produce
from soundalike.research.sound.singing import Singer
from soundalike.research.sound.soundfonts import Program, play_drums
from soundalike.research.sound.synthesizer import Room, Sounding, loudness, process
from soundalike.research.training.clips import training_piece
from soundalike.separators import Separator, load_separator
from soundalike.separators.stem_names import stem_of
from soundalike.tracks import FAMILIES

Arrays: TypeAlias = dict[str, NDArray[Any]]
Sound: TypeAlias = NDArray[np.float32]

RATE: Final = EmbeddedEncoder.sample_rate
SECONDS: Final = 10.0
SHORTENED: Final = ((1.0, 6.0), (0.1, 1.0))
"""Seconds of the excerpts that are heard besides the whole 10 s: from, to."""
ONE_SHOTS: Final = ((0.08, 1.0), (0.7, 6.0))
"""Seconds of the single notes or strokes that each family plays besides: from, to."""
SHORTEST_MIX: Final = 1.0
"""Seconds that a mix is heard at least: in less there is often but one instrument."""
SOFTEST: Final = -40.0
"""Decibels against the whole sound below which an excerpt of it is left out."""

_MELODIC: Final = ("vocals", "guitar", "piano", "other")
_PARTS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "bass": (("bass",),),
    "vocals": (("lead",), ("lead",), ("lead", "doubling")),
    "guitar": (("lead",), ("comp",), ("comp",), ("lead", "comp"), ("pad",)),
    "piano": (("lead",), ("comp",), ("comp", "bass"), ("lead", "comp"), ("lead", "comp", "bass")),
    "other": (("lead",), ("lead",), ("comp",), ("pad",), ("lead", "comp")),
}
"""What of a score an instrument of a family may play."""

_UNCLEAR: Final = frozenset({58, 85, 91})
"""Programs of no clear family: a tuba for a bass, a synthesizer like a voice, a pad like a choir."""
_NOT_WHAT_THEY_ARE_CALLED: Final = frozenset({"thumb piano"})
_DRUM_NOTES: Final = tuple(range(35, 82))


def family_of(instrument: Instrument, bus: str) -> str | None:
    """The family of an instrument; None where people would not agree.

    Parameters
    ----------
    instrument : Instrument
    bus : str
        Basses are those that play the bass.
    """
    if isinstance(instrument, Program):
        return None if instrument.preset in _UNCLEAR else _of_program(instrument.preset, bus)
    if isinstance(instrument, Singer):
        sung = bool(instrument.vowels) and instrument.words != "bowed string"
        return "vocals" if sung else "other"
    if bus == "bass":
        return "bass"
    if isinstance(instrument, String):
        # A plucked string with a body of wood may be a guitar, invented ones may be anything.
        return "guitar" if instrument.body and instrument.words.split()[0] in ("gut", "wire", "steel") else None
    named = None if instrument.words in _NOT_WHAT_THEY_ARE_CALLED else stem_of(instrument.words)
    return named or "other"


def _of_program(number: int, bus: str) -> str:
    """By the groups of General MIDI; harpsichord and clavinet are pianos there too."""
    if bus == "bass":
        return "bass"
    ranges = {"piano": range(8), "guitar": range(24, 32), "vocals": range(52, 55)}
    return next((family for family, numbers in ranges.items() if number in numbers), "other")


def draw_player(family: str, palette: Palette, split: Split, rng: np.random.Generator) -> Instrument:
    """An instrument of a family, of those that a palette has, changed a little.

    Parameters
    ----------
    family : str
        Any of `FAMILIES` but drums and mix.
    palette : Palette
    split : Split
        Whose singers.
    rng : numpy.random.Generator
    """
    uses: dict[Palette, programs.Use] = {"fonts-other": "validation", "fonts-test": "test"}
    fonts = {"fonts-other": (OTHER_FONT,), "fonts-test": (TEST_FONT,)}.get(palette, TRAIN_FONTS)
    if family == "vocals" and palette != "fonts-train" and rng.random() < 0.5:  # these have one program that sings
        return vary_singer(SINGERS[split][rng.integers(2)], rng)
    while True:
        bus = "bass" if family == "bass" else str(rng.choice(["lead", "comp", "pad"]))
        if palette == "fonts-train" and rng.random() < OWN_SHARE:
            instrument: Instrument = draw_own(bus, split, rng)
        else:
            role = {"lead": programs.LEADS, "comp": programs.COMPS, "pad": programs.PADS, "bass": programs.BASSES}[bus]
            instrument = programs.draw_program(role, uses.get(palette, "train"), str(rng.choice(fonts)), rng)
        if family_of(instrument, bus) == family:
            return instrument


@dataclass(frozen=True, slots=True)
class Rows:
    """Collects what is heard: one row each.

    Attributes
    ----------
    embeddings, families, seconds, separated
        Lists of equal length.
    """

    embeddings: list[NDArray[np.float32]]
    families: list[int]
    seconds: list[float]
    separated: list[bool]

    def add(self, family: str, sound: Sound | None, *, separated: bool = False) -> None:
        """Hear a sound; a silent or missing one gives a row of no family, so that every seed has as many rows."""
        row = None if sound is None or not sound.any() else hear(sound)
        heard = row is not None and row.any()
        self.embeddings.append(row if row is not None and heard else np.zeros(EmbeddedEncoder.dim, np.float32))
        self.families.append(FAMILIES.index(family) if heard else -1)
        self.seconds.append(0.0 if sound is None else len(sound) / RATE)
        self.separated.append(separated)

    def arrays(self) -> Arrays:
        """See `Played`."""
        return {
            "embedding": np.stack(self.embeddings).astype(np.float16),
            "family": np.array(self.families, np.int8),
            "seconds": np.array(self.seconds, np.float32),
            "separated": np.array(self.separated),
        }


@cache
def _encoder() -> EmbeddedEncoder:
    return EmbeddedEncoder()


@cache
def _separator() -> Separator:
    return load_separator("embedded")


def hear(sound: Sound) -> NDArray[np.float32]:
    """The embedding of a sound of at most 10 s at `RATE`: float32, shape (n,) to (dim,)."""
    row: NDArray[np.float32] = _encoder().encode([Clip(np.ascontiguousarray(sound[None], np.float32), RATE)])[0]
    return row


@dataclass(frozen=True, slots=True)
class Played:
    """From a seed to rows of known family; can be sent to another process.

    Attributes
    ----------
    split, palette
        See `soundalike.research.renderer`.
    first : int
        Added to seeds.
    """

    split: Split = "train"
    palette: Palette = "fonts-train"
    first: int = 0

    def __call__(self, seed: int) -> Arrays:
        """Play one score.

        Returns
        -------
        dict of str to array
            Of n rows, as many for every seed: ``embedding`` float16 (n, dim); ``family`` int8 (n,), place in
            `FAMILIES` or -1 where nothing is heard; ``seconds`` float32 (n,), of the excerpt; ``separated``
            bool (n,), whether it was taken out of a mix.
        """
        rng = stream("families", self.first + seed, self.split)
        stems = self._stems(self.first + seed, rng)
        rows = Rows([], [], [], [])
        for family in FAMILIES:
            sound = _mixed(stems, rng) if family == "mix" else stems.get(family)
            sound = None if sound is None else _recorded(sound, self.split, rng)
            for excerpt in _excerpts(sound, SHORTEST_MIX if family == "mix" else 0.0, rng):
                rows.add(family, excerpt)
        for seconds in ONE_SHOTS:
            for family in FAMILIES[:-1]:
                rows.add(family, self._one_shot(family, seconds, rng))
        for family, sound in _separated(stems, rng):
            for excerpt in _excerpts(sound, 0.0, rng)[:2]:
                rows.add(family, excerpt, separated=True)
        return rows.arrays()

    def _stems(self, seed: int, rng: np.random.Generator) -> dict[str, Sound]:
        """The families of one score, each by itself and as loud as the others, in rooms of their own."""
        spec = replace(training_piece(seed, self.split, palette=self.palette), parts=None, duration=SECONDS)
        score, timbre = perform(spec), draw_timbre(spec.timbre, self.split, self.palette)
        length = round(SECONDS * RATE)
        sounds = {"drums": sound_drums(timbre.kit, score.drums, rate=RATE, length=length)}
        for family, choices in _PARTS.items():
            parts = choices[rng.integers(len(choices))]
            together = parts if family != "other" or rng.random() < 0.5 else ()
            players = [draw_player(family, self.palette, self.split, rng) for _ in parts]
            sounds[family] = np.zeros(length, np.float32)
            for part, player in zip(parts, players, strict=True):
                player = players[0] if together else player
                notes = getattr(score, part)
                sounds[family] += sound_notes(player, notes, rate=RATE, length=length, tuning=score.tuning)
        return {
            family: _levelled(_in_room(sound, timbre.room, family, rng))
            for family, sound in sounds.items()
            if np.abs(sound).max() > 1e-4
        }

    def _one_shot(self, family: str, seconds: tuple[float, float], rng: np.random.Generator) -> Sound | None:
        """A single stroke, note or chord, as long as it sounds or cut short."""
        length = round(float(np.exp(rng.uniform(*np.log(seconds)))) * RATE)
        if family == "drums":
            sound = self._stroke(length, rng)
        else:
            player = draw_player(family, self.palette, self.split, rng)
            low, high = {"bass": (26, 52), "vocals": (45, 77), "guitar": (40, 80)}.get(family, (30, 92))
            root = int(rng.integers(low, high))
            chord = rng.random() < (0.0 if family in ("bass", "vocals") else 0.35)
            pitches = [root, root + int(rng.choice([3, 4])), root + 7] if chord else [root]
            held = length / RATE * float(rng.uniform(0.15, 1.1))
            notes = [Sounding(0.0, held, pitch, float(rng.uniform(0.4, 1.0))) for pitch in pitches]
            sound = sound_notes(player, notes, rate=RATE, length=length)
        if not np.abs(sound).max() > 1e-4:
            return None
        if rng.random() < 0.4:
            sound = _in_room(sound, draw_timbre(int(rng.integers(2**31)), self.split, self.palette).room, family, rng)
        return _without_tail(_recorded(sound, self.split, rng))

    def _stroke(self, length: int, rng: np.random.Generator) -> Sound:
        kit: Drums = draw_timbre(int(rng.integers(2**31)), self.split, self.palette).kit
        velocity = float(rng.uniform(0.4, 1.0))
        if isinstance(kit, Program):
            return play_drums(kit, [(0.0, int(rng.choice(_DRUM_NOTES)), velocity)], rate=RATE, length=length)
        drum = str(rng.choice(list(next(iter(KITS[self.split].values())))))
        return sound_drums(kit, {drum: [(0.0, velocity)]}, rate=RATE, length=length)


def _in_room(sound: Sound, room: Room, family: str, rng: np.random.Generator) -> Sound:
    """Some dry, some in a room, basses nearly dry."""
    wet = float(rng.choice([0.0, 0.3, 1.0])) * (0.1 if family == "bass" else 1.0)
    return np.asarray(process(sound[None], np.float32(wet) * sound, room, rate=RATE)[0], np.float32)


def _levelled(sound: Sound) -> Sound:
    return sound * np.float32(10 ** ((-20 - loudness(sound, rate=RATE)) / 20))


def _without_tail(sound: Sound) -> Sound:
    """Up to where a one-shot is last heard."""
    heard = np.flatnonzero(np.abs(sound) > 1e-3 * np.abs(sound).max())
    return sound[: max(int(heard[-1]) + 1, round(0.05 * RATE))]


def _mixed(stems: Mapping[str, Sound], rng: np.random.Generator) -> Sound | None:
    """Some families together, each less than 10 dB below the loudest."""
    if len(stems) < 2:
        return None
    count = min(int(rng.choice([2, 3, 3, 4, 4, 5, 6])), len(stems))
    chosen = rng.choice(list(stems), count, replace=False)
    gains = 10 ** (rng.uniform(-10, 0, count) / 20)
    mix: Sound = np.sum([np.float32(g) * stems[family] for g, family in zip(gains, chosen, strict=True)], axis=0)
    return mix


def _recorded(sound: Sound, split: Split, rng: np.random.Generator) -> Sound:
    """Brighter or duller, as microphones and filters make it; and half of the sounds mastered, noisy or coded."""
    spectrum = rfft(sound)
    hertz = np.arange(len(spectrum)) * (RATE / len(sound))
    tilt = float(rng.normal(0, 2.5)) * np.log2(np.maximum(hertz, 40.0) / 500.0)
    dull = -10 * np.log10(1 + (hertz / float(np.exp(rng.uniform(np.log(2000), np.log(40000))))) ** 4)
    gain = 10 ** (np.clip(tilt + dull, -60, 30) / 20)
    coloured = np.asarray(irfft(spectrum * gain.astype(np.float32), len(sound)), np.float32)
    nuisance = int(rng.integers(2**31))
    if rng.random() < 0.5 or not coloured.any():
        return coloured
    production = draw_production("varied", nuisance, split)
    if len(sound) < RATE:  # codecs need more than a moment
        production = replace(production, codec="")
    return np.asarray(produce(_levelled(coloured)[None], production, rate=RATE)[0], np.float32)


def _excerpts(sound: Sound | None, shortest: float, rng: np.random.Generator) -> list[Sound | None]:
    """The whole, and an excerpt of each of the lengths `SHORTENED`; None for those that are silent."""
    found: list[Sound | None] = [sound]
    for low, high in SHORTENED:
        seconds = max(float(np.exp(rng.uniform(np.log(low), np.log(high)))), shortest)
        place = float(rng.random())
        excerpt = None
        if sound is not None:
            size = min(round(seconds * RATE), len(sound))
            excerpt = sound[(first := round(place * (len(sound) - size))) : first + size]
            if _level(excerpt) < _level(sound) + SOFTEST:
                excerpt = None
        found.append(excerpt)
    return found


def _level(sound: Sound) -> float:
    return 10.0 * float(np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-12))


def _separated(stems: Mapping[str, Sound], rng: np.random.Generator) -> Iterator[tuple[str, Sound | None]]:
    """Drums, bass and one melodic family, as the separator that ships takes them out of their mix."""
    third = str(rng.choice(_MELODIC))
    names: Sequence[str] = ("drums", "bass", third)
    gains = 10 ** (rng.uniform([-6, -8, -4], [2, 2, 2]) / 20)
    if all(name in stems for name in names):
        mix = np.sum([np.float32(g) * stems[name] for g, name in zip(gains, names, strict=True)], axis=0)
        found = _separator().separate(Clip(mix[None], RATE))
        for name in names:
            yield name, found["other" if name == third else name].samples[0]
    else:
        yield from ((name, None) for name in names)
