"""Who plays: an orchestra, its mix and its room, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soundalike.research.composer import Split, stream
from soundalike.research.drum_kits import KITS, Kit
from soundalike.research.synthesizer import Room, vary
from soundalike.research.voices import BASSES, COMPS, LEADS, Voice


@dataclass(frozen=True, slots=True)
class Timbre:
    """An orchestra and how it is mixed.

    Attributes
    ----------
    names : mapping of str to str
        Voice or kit by bus, "" for an empty one.
    lead, comp, bass : Voice
    pad : Voice or None
    kit : Kit
    octave : int
        Octaves by which the lead is moved.
    centre, low : int
        MIDI pitch around which chords lie, and the lowest one of the bass.
    gains : mapping of str to float
        Decibels by bus.
    room : Room
    """

    names: dict[str, str]
    lead: Voice
    comp: Voice
    pad: Voice | None
    bass: Voice
    kit: Kit
    octave: int
    centre: int
    low: int
    gains: dict[str, float]
    room: Room


def draw_timbre(seed: int, split: Split = "train") -> Timbre:
    """Choose voices, kit, register and mix; the voices and kits of the two splits differ."""
    rng = stream("timbre", seed, split)
    names = {bus: str(rng.choice(list(table[split]))) for bus, table in (("lead", LEADS), ("comp", COMPS))}
    names["pad"] = str(rng.choice(list(COMPS[split]))) if rng.random() < 0.4 else ""
    names["bass"], names["drums"] = str(rng.choice(list(BASSES[split]))), str(rng.choice(list(KITS[split])))
    gains = {"lead": rng.uniform(-3, 3), "comp": rng.uniform(-8, -3), "pad": rng.uniform(-12, -7)}
    gains |= {"bass": rng.uniform(-6, -2), "drums": rng.uniform(-6, 0)}
    scale = np.exp(rng.uniform(-0.2, 0.2, size=3))
    kit = {
        name: replace(stroke, pitch=stroke.pitch * scale[0], body=stroke.body * scale[1], decay=stroke.decay * scale[2])
        for name, stroke in KITS[split][names["drums"]].items()
    }
    room = Room(
        seconds=float(np.exp(rng.uniform(np.log(0.3), np.log(2.2)))),
        wet=float(rng.uniform(0.05, 0.4)),
        lowpass=float(np.exp(rng.uniform(np.log(5500), np.log(20000)))),
        drive=float(max(0.0, rng.uniform(-0.5, 0.8))),
        tone=tuple(rng.uniform(-3, 3, size=4).tolist()),
    )
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
        gains={bus: float(gain) for bus, gain in gains.items()},
        room=room,
    )
