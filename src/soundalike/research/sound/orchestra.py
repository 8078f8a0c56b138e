"""Who plays: an orchestra, its mix and its room, drawn from a seed, and the sound that its members make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from soundalike.errors import UnknownNameError
from soundalike.research.music.composer import Split, stream
from soundalike.research.music.grooves import on_kit
from soundalike.research.sound import programs
from soundalike.research.sound.drum_kits import KITS, Kit
from soundalike.research.sound.more_voices import Own, draw_own
from soundalike.research.sound.plucking import String, pluck
from soundalike.research.sound.singing import Singer, sing
from soundalike.research.sound.soundfonts import Program, play_drums, play_program
from soundalike.research.sound.synthesizer import Room, Sound, Sounding, drum, play, vary
from soundalike.research.sound.voices import BASSES, COMPS, LEADS

Instrument: TypeAlias = Own | Program
Drums: TypeAlias = Kit | Program
Palette: TypeAlias = Literal["synthesizer", "fonts-train", "fonts-other", "fonts-test"]
PALETTES: tuple[Palette, ...] = ("synthesizer", "fonts-train", "fonts-other", "fonts-test")

TRAIN_FONTS, OTHER_FONT, TEST_FONT = ("FluidR3_GM", "MuseScore_General_Full"), "MuseScore_General_Full", "TimGM6mb"
OWN_SHARE = 0.45
"""Part of the instruments that the synthesizer plays in the palette "fonts-train"."""


@dataclass(frozen=True, slots=True)
class Timbre:
    """An orchestra and how it is mixed.

    Attributes
    ----------
    names : mapping of str to str
        Voice, program or kit by bus, "" for an empty one; programs are called the same in all SoundFonts.
    lead, comp, bass : Instrument
    pad : Instrument or None
    kit : Drums
    octave : int
        Octaves by which the lead is moved.
    centre, low : int
        MIDI pitch around which chords lie, and the lowest one of the bass.
    gains : mapping of str to float
        Decibels by bus.
    room : Room
    """

    names: dict[str, str]
    lead: Instrument
    comp: Instrument
    pad: Instrument | None
    bass: Instrument
    kit: Drums
    octave: int
    centre: int
    low: int
    gains: dict[str, float]
    room: Room


def draw_timbre(seed: int, split: Split = "train", palette: Palette = "synthesizer") -> Timbre:
    """Choose instruments, kit, register and mix.

    Parameters
    ----------
    seed : int
        Not negative.
    split : Split
        Whose voices and programs: the two splits have none in common.
    palette : Palette
        Where the instruments come from: "synthesizer" has own voices only; "fonts-train" own voices and two
        SoundFonts; "fonts-other" programs of one of these (they are akin) in neither split, to choose settings by;
        "fonts-test" the test programs of a third SoundFont, whatever the split.

    Raises
    ------
    UnknownNameError
        If there is no such palette.
    UsageError
        If the seed is negative or the split unknown.
    """
    if palette not in PALETTES:
        raise UnknownNameError(f"The palette '{palette}' was asked for.", f"Choose one of {', '.join(PALETTES)}.")
    if palette == "synthesizer":
        return _synthesized(seed, split)
    rng = stream(f"timbre {palette}", seed, split)
    draw = _Draw(split, palette, rng)
    lead, comp, bass = draw.instrument("lead"), draw.instrument("comp"), draw.instrument("bass")
    pad = draw.instrument("pad") if rng.random() < 0.4 else None
    kit_name, kit = draw.kit()
    octaves = lead.octaves if isinstance(lead, Program) else (-1, 0, 0, 0, 0, 1)
    return Timbre(
        names={
            "lead": lead.words,
            "comp": comp.words,
            "pad": pad.words if pad else "",
            "bass": bass.words,
            "drums": kit_name,
        },
        lead=lead,
        comp=comp,
        pad=pad,
        bass=bass,
        kit=kit,
        octave=int(rng.choice(octaves)),
        centre=int(rng.integers(54, 63)),
        low=int(rng.integers(31, 37)),
        gains=_draw_gains(rng),
        room=_draw_room(rng),
    )


class _Draw:
    """Chooses instruments of one palette."""

    def __init__(self, split: Split, palette: Palette, rng: np.random.Generator) -> None:
        self.split, self.palette, self.rng = split, palette, rng
        uses: dict[Palette, programs.Use] = {"fonts-other": "validation", "fonts-test": "test"}
        self.use: programs.Use = uses.get(palette, split)

    def font(self) -> str:
        if self.palette == "fonts-train":
            return str(self.rng.choice(TRAIN_FONTS))
        return OTHER_FONT if self.palette == "fonts-other" else TEST_FONT

    def own(self) -> bool:
        return bool(self.rng.random() < OWN_SHARE) and self.palette == "fonts-train"

    def instrument(self, bus: str) -> Instrument:
        if self.own():
            return draw_own(bus, self.split, self.rng)
        role = {"lead": programs.LEADS, "comp": programs.COMPS, "pad": programs.PADS, "bass": programs.BASSES}[bus]
        return programs.draw_program(role, self.use, self.font(), self.rng)

    def kit(self) -> tuple[str, Drums]:
        if self.own():
            name = str(self.rng.choice(list(KITS[self.split])))
            return name, _varied_kit(KITS[self.split][name], self.rng)
        kits = programs.OTHER_FONT_KITS if self.palette == "fonts-test" else programs.KITS[self.use]
        kit = programs.draw_kit(kits, self.font(), self.rng)
        return kit.words, kit


def _synthesized(seed: int, split: Split) -> Timbre:
    rng = stream("timbre", seed, split)
    names = {bus: str(rng.choice(list(table[split]))) for bus, table in (("lead", LEADS), ("comp", COMPS))}
    names["pad"] = str(rng.choice(list(COMPS[split]))) if rng.random() < 0.4 else ""
    names["bass"], names["drums"] = str(rng.choice(list(BASSES[split]))), str(rng.choice(list(KITS[split])))
    gains, kit, room = _draw_gains(rng), _varied_kit(KITS[split][names["drums"]], rng), _draw_room(rng)
    return Timbre(
        names=names,
        lead=vary(LEADS[split][names["lead"]], rng),
        comp=vary(COMPS[split][names["comp"]], rng),
        pad=vary(COMPS[split][names["pad"]], rng) if names["pad"] else None,
        bass=vary(BASSES[split][names["bass"]], rng),
        kit=kit,
        octave=int(rng.choice([-1, 0, 0, 0, 0, 1])),
        centre=int(rng.integers(54, 63)),
        low=int(rng.integers(31, 37)),
        gains=gains,
        room=room,
    )


def _draw_gains(rng: np.random.Generator) -> dict[str, float]:
    ranges = {"lead": (-3, 3), "comp": (-8, -3), "pad": (-12, -7), "bass": (-6, -2), "drums": (-6, 0)}
    return {bus: float(rng.uniform(*limits)) for bus, limits in ranges.items()}


def _varied_kit(kit: Kit, rng: np.random.Generator) -> Kit:
    scale = np.exp(rng.uniform(-0.2, 0.2, size=3))
    return {
        name: replace(stroke, pitch=stroke.pitch * scale[0], body=stroke.body * scale[1], decay=stroke.decay * scale[2])
        for name, stroke in kit.items()
    }


def _draw_room(rng: np.random.Generator) -> Room:
    return Room(
        seconds=float(np.exp(rng.uniform(np.log(0.3), np.log(2.2)))),
        wet=float(rng.uniform(0.05, 0.4)),
        lowpass=float(np.exp(rng.uniform(np.log(5500), np.log(20000)))),
        drive=float(max(0.0, rng.uniform(-0.5, 0.8))),
        tone=tuple(rng.uniform(-3, 3, size=4).tolist()),
    )


def sound_notes(
    instrument: Instrument, notes: Sequence[Sounding], *, rate: int, length: int, tuning: float = 0.0
) -> Sound:
    """Play notes on any instrument, `tuning` cents higher: float32, shape (length,)."""
    if isinstance(instrument, Program):
        return play_program(instrument, notes, rate=rate, length=length, tuning=tuning)
    if isinstance(instrument, Singer):
        return sing(instrument, notes, rate=rate, length=length, tuning=tuning)
    if isinstance(instrument, String):
        return pluck(instrument, notes, rate=rate, length=length, tuning=tuning)
    return play(instrument, notes, rate=rate, length=length, tuning=tuning)


def sound_drums(kit: Drums, hits: Mapping[str, Sequence[tuple[float, float]]], *, rate: int, length: int) -> Sound:
    """Play (seconds, velocity) by drum on any kit: float32, shape (length,)."""
    if not isinstance(kit, Program):
        return drum(kit, on_kit(hits, kit), rate=rate, length=length)
    strokes = dict(programs.FIRST_STROKES) | dict(kit.strokes)
    hits = on_kit(hits, strokes)
    played = [(seconds, strokes[name], velocity) for name, times in hits.items() for seconds, velocity in times]
    return play_drums(kit, played, rate=rate, length=length)
