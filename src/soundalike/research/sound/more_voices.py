"""More instruments of our own: singers, strings, and voices that are invented by chance.

The palette "synthesizer" does not use them: its seeds mean what they always meant. Training and test
voices are kept apart, and only training invents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from soundalike.research.music.composer import Split
from soundalike.research.sound.plucking import String
from soundalike.research.sound.singing import Singer
from soundalike.research.sound.synthesizer import vary
from soundalike.research.sound.voices import BASSES, COMPS, LEADS, Voice

Own: TypeAlias = Voice | Singer | String

_WOOD = ((110.0, 40.0, 1.0), (220.0, 60.0, 0.7), (430.0, 120.0, 0.4))
_SKIN = ((420.0, 150.0, 1.0), (900.0, 300.0, 0.6))

SINGERS: Mapping[Split, tuple[Singer, ...]] = MappingProxyType(
    {
        "train": (
            Singer("tenor", slope=1.1, vowels=(0, 1, 3), size=0.95),
            Singer("soprano", slope=1.5, vowels=(0, 2, 5), size=1.12, vibrato=45, vibrato_rate=6.0),
            Singer("pop alto", slope=1.2, vowels=(0, 1, 5, 2), size=1.06, vibrato=12, breath=0.12, consonants=0.7),
            Singer("breathy voice", slope=1.9, vowels=(3, 5, 4), breath=0.5, vibrato=10, glide=0.045),
            Singer("hummer", slope=2.0, vowels=(4,), consonants=0.0, legato=0.6, vibrato=15),
            Singer("soul voice", slope=1.0, vowels=(0, 3, 5), glide=0.08, legato=0.6, vibrato=40, vibrato_delay=0.5),
            Singer("robot voice", slope=0.9, vowels=(0, 2, 3), vibrato=0, wander=0, glide=0.005, breath=0.0),
            Singer("whistler", slope=4.0, vowels=(), breath=0.03, vibrato=25, glide=0.05, consonants=0, legato=0.6),
            Singer("gliding saw", slope=1.0, vowels=(), glide=0.06, vibrato=8, wander=1, breath=0, consonants=0),
            Singer("bowed string", slope=1.1, vowels=(1, 5), size=0.8, glide=0.025, consonants=0, attack=0.07),
        ),
        "test": (
            Singer("baritone", slope=1.25, vowels=(3, 0, 2), size=0.88, vibrato=25, vibrato_rate=5.0),
            Singer("child", slope=1.35, vowels=(1, 2, 0), size=1.28, vibrato=4, breath=0.15, consonants=0.6),
            Singer("theremin", slope=2.8, vowels=(), glide=0.09, vibrato=45, breath=0, consonants=0, legato=0.9),
            Singer("gliding pulse", slope=0.9, pulse=0.3, vowels=(), glide=0.05, vibrato=12, breath=0, consonants=0),
        ),
    }
)

STRINGS: Mapping[Split, tuple[String, ...]] = MappingProxyType(
    {
        "train": (
            String("gut string", ring=2.2, dull=0.35, soft=0.7, place=0.25, body=_WOOD),
            String("wire string", ring=5.0, dull=0.1, soft=0.2, place=0.12, body=_WOOD),
            String("bright course", ring=3.0, dull=0.08, soft=0.05, place=0.08),
            String("muted string", ring=0.7, dull=0.3, soft=0.5, place=0.15),
            String("skin lute", ring=0.9, dull=0.15, soft=0.2, place=0.1, body=_SKIN),
            String("long harp", ring=6.0, dull=0.3, soft=0.6, place=0.45, release=0.3),
        ),
        "test": (
            String("steel string", ring=4.0, dull=0.2, soft=0.3, place=0.16, body=_WOOD),
            String("lute", ring=1.5, dull=0.25, soft=0.4, place=0.3, body=_WOOD),
            String("zither", ring=5.0, dull=0.15, soft=0.1, place=0.05),
        ),
    }
)

_ENGINES = {
    "lead": ("subtractive", "subtractive", "formant", "drawbars", "fm", "modal", "string", "singer", "singer"),
    "comp": ("subtractive", "subtractive", "formant", "drawbars", "fm", "string"),
    "pad": ("subtractive", "formant", "drawbars"),
    "bass": ("subtractive", "subtractive", "drawbars", "fm", "string"),
}


def draw_own(bus: str, split: Split, rng: np.random.Generator) -> Own:
    """Choose one of the synthesizer's instruments and change it a little; in training half are invented.

    Parameters
    ----------
    bus : str
        "lead", "comp", "pad" or "bass".
    split : Split
        Whose instruments.
    rng : numpy.random.Generator
        What decides.
    """
    kind = rng.random()
    if split == "train" and kind < 0.5:
        return invent(bus, rng)
    if bus == "lead" and kind < 0.75:
        return vary_singer(SINGERS[split][rng.integers(len(SINGERS[split]))], rng)
    if bus in ("lead", "comp") and kind < 0.85:
        return vary_string(STRINGS[split][rng.integers(len(STRINGS[split]))], rng)
    voices = {"lead": LEADS, "comp": COMPS, "pad": COMPS, "bass": BASSES}[bus][split]
    return vary(voices[str(rng.choice(list(voices)))], rng)


def vary_singer(singer: Singer, rng: np.random.Generator) -> Singer:
    """Another singer of the same kind."""
    near = {"slope": 0.2, "size": 0.1, "glide": 0.5, "vibrato": 0.6, "vibrato_rate": 0.12, "vibrato_delay": 0.5}
    near |= {"wander": 0.6, "breath": 0.7, "consonants": 0.4, "legato": 0.5, "attack": 0.5, "release": 0.5}
    return replace(singer, **{name: getattr(singer, name) * _factor(spread, rng) for name, spread in near.items()})


def vary_string(string: String, rng: np.random.Generator) -> String:
    """Another string instrument of the same kind."""
    body = tuple((f * _factor(0.2, rng), width, gain) for f, width, gain in string.body)
    return replace(
        string,
        ring=string.ring * _factor(0.4, rng),
        dull=min(0.5, string.dull * _factor(0.4, rng)),
        soft=min(0.95, string.soft * _factor(0.3, rng)),
        place=string.place * _factor(0.3, rng),
        body=body,
    )


def _factor(spread: float, rng: np.random.Generator) -> float:
    return float(np.exp(spread * rng.uniform(-1, 1)))


def invent(bus: str, rng: np.random.Generator) -> Own:
    """Make up an instrument for a bus: engine and every setting by chance, within what is playable."""
    engine, number = str(rng.choice(_ENGINES[bus])), int(rng.integers(2**20))
    words = f"invented {engine} {number}"
    if engine == "singer":
        return _invented_singer(words, rng)
    if engine == "string":
        return String(
            words,
            ring=float(np.exp(rng.uniform(np.log(0.5), np.log(7)))),
            dull=float(rng.uniform(0.05, 0.45)),
            soft=float(rng.uniform(0, 0.85)),
            place=float(rng.uniform(0.05, 0.5)),
            body=_resonances(3, 90, 1200, rng) if rng.random() < 0.6 else (),
        )
    voice = _with_envelope(Voice(words), bus, rng)
    return {"subtractive": _subtractive, "formant": _formant, "drawbars": _drawbars, "fm": _fm, "modal": _modal}[
        engine
    ](voice, rng)


def _invented_singer(words: str, rng: np.random.Generator) -> Singer:
    vowels = tuple(int(v) for v in rng.choice(6, int(rng.integers(1, 5)), replace=False))
    return Singer(
        words,
        slope=float(rng.uniform(0.8, 2.2)),
        pulse=float(rng.choice([0.0, 0.0, rng.uniform(0.1, 0.5)])),
        vowels=vowels if rng.random() < 0.85 else (),
        size=float(rng.uniform(0.82, 1.22)),
        glide=float(np.exp(rng.uniform(np.log(0.006), np.log(0.1)))),
        vibrato=float(rng.uniform(0, 55)),
        vibrato_rate=float(rng.uniform(4.3, 6.8)),
        vibrato_delay=float(rng.uniform(0.15, 0.7)),
        wander=float(rng.uniform(0, 12)),
        breath=float(rng.uniform(0, 0.5)) ** 2,
        consonants=float(rng.uniform(0, 0.9)),
        legato=float(rng.uniform(0, 0.8)),
        attack=float(rng.uniform(0.01, 0.09)),
    )


def _with_envelope(voice: Voice, bus: str, rng: np.random.Generator) -> Voice:
    plucked, slow = rng.random() < 0.35 and bus != "pad", bus == "pad" or rng.random() < 0.2
    return replace(
        voice,
        attack=float(rng.uniform(0.06, 0.2) if slow and not plucked else rng.uniform(0.001, 0.03)),
        decay=float(rng.uniform(0.15, 1.2)),
        sustain=float(rng.uniform(0.0, 0.25) if plucked else rng.uniform(0.6, 1.0)),
        release=float(rng.uniform(0.03, 0.3)),
        vibrato=float(max(0.0, rng.uniform(-15, 30))),
        vibrato_rate=float(rng.uniform(4.3, 6.8)),
        detune=float(max(0.0, rng.uniform(-12, 18))),
        breath=float(max(0.0, rng.uniform(-0.15, 0.12))),
        click=float(max(0.0, rng.uniform(-0.2, 0.2))),
    )


def _subtractive(voice: Voice, rng: np.random.Generator) -> Voice:
    dark = float(rng.uniform(2, 20))
    return replace(
        voice,
        slope=float(rng.choice([1.0, 1.0, rng.uniform(0.5, 1.6)])),
        comb=float(rng.choice([0.0, 0.5, rng.uniform(0.06, 0.5)])),
        bright=dark * float(rng.uniform(1, 5)) if rng.random() < 0.7 else dark * 0.5,
        dark=dark,
        sweep=float(np.exp(rng.uniform(np.log(0.03), np.log(0.8)))),
        peak=float(max(0.0, rng.uniform(-3, 5))),
    )


def _formant(voice: Voice, rng: np.random.Generator) -> Voice:
    formants = _resonances(int(rng.integers(1, 5)), 300, 3800, rng)
    return replace(voice, slope=float(rng.uniform(0.4, 1.1)), formants=formants, bright=25, dark=25)


def _drawbars(voice: Voice, rng: np.random.Generator) -> Voice:
    bars = rng.uniform(0, 1, 8) ** 2 * (rng.random(8) < 0.6)
    return replace(voice, drawbars=(1.0, *bars.tolist()), bright=20, dark=float(rng.uniform(8, 30)))


def _fm(voice: Voice, rng: np.random.Generator) -> Voice:
    ratio = float(rng.choice([1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0]))
    depth, sweep = float(rng.uniform(0.3, 3.5)), float(rng.uniform(0.05, 1.0))
    return replace(voice, engine="fm", ratio=ratio, depth=depth, sweep=sweep)


def _modal(voice: Voice, rng: np.random.Generator) -> Voice:
    fall = float(rng.uniform(0.8, 6))
    ratios = np.sort(rng.uniform(1.9, 10, int(rng.integers(1, 4))))
    higher = [(float(r), float(rng.uniform(0.05, 0.4)), fall * float(rng.uniform(1.5, 5))) for r in ratios]
    return replace(
        voice,
        engine="modal",
        modes=((1.0, 1.0, fall), *higher),
        attack=0.002,
        sustain=1.0,
        release=float(rng.uniform(0.1, 0.4)),
    )


def _resonances(
    count: int, low: float, high: float, rng: np.random.Generator
) -> tuple[tuple[float, float, float], ...]:
    centres = np.exp(rng.uniform(np.log(low), np.log(high), count))
    return tuple((float(f), float(f * rng.uniform(0.1, 0.4)), float(rng.uniform(0.3, 1))) for f in centres)
