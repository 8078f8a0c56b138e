"""Music with known factors: a specification of seeds becomes sound.

How to use it
-------------
>>> from soundalike.research.renderer import PieceSpec, factor_group, perform, render
>>> spec = PieceSpec(melody=1, harmony=2, groove=3, tempo=104.0, timbre=4, duration=2.0)
>>> clip = render(spec)
>>> clip.rate, clip.samples.shape
(22050, (1, 44100))
>>> group = factor_group(7, split="train")
>>> group["A"].melody == group["P_melody"].melody
True
>>> score = perform(spec)  # what is played, with times: notes, chords, drums, beats

Two pieces share a factor exactly if they have the same seed for it (rhythm: groove and tempo). Key,
start, level, playing and noise are nuisances: `key` and everything that follows from `nuisance`. `palette`
says who plays (own voices, or SoundFonts for training, validation or tests, see `draw_timbre`), `production`
"varied" adds mastering, rooms, codecs, noise, detuning and quiet leads (see `draw_production`). The
same specification gives the same samples, bit for bit, on the same machine and library versions.
Pieces of the splits "train" and "test" have no melody, progression, groove family, voice or kit in common.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.research.music.composer import SPLITS, Split, stream
from soundalike.research.music.groups import FACTORS, draw_group, heard_factors
from soundalike.research.music.material import Material
from soundalike.research.music.performer import Performance, PieceSpec, perform
from soundalike.research.sound.orchestra import Instrument, Palette, Timbre, draw_timbre, sound_drums, sound_notes
from soundalike.research.sound.production import PLAIN, Style, draw_production, produce
from soundalike.research.sound.synthesizer import limit, loudness, process

__all__ = [
    "FACTORS",
    "SPLITS",
    "Performance",
    "PieceSpec",
    "Split",
    "draw_timbre",
    "factor_group",
    "heard_factors",
    "perform",
    "render",
    "render_parts",
]

LOUDNESS = -17.0
"""Of every piece before its own level, in decibels as `loudness` measures."""
BUSES = ("lead", "comp", "pad", "bass")
PANS = {"lead": 0.06, "comp": -0.35, "pad": 0.3, "bass": 0.0, "drums": 0.0}
SENDS = {"lead": 1.0, "comp": 0.7, "pad": 0.8, "bass": 0.05, "drums": 0.35}


def render(spec: PieceSpec, *, rate: int = 22050, stereo: bool = False) -> Clip:
    """Make the sound of a piece.

    Parameters
    ----------
    spec : PieceSpec
    rate : int
        Samples per second.
    stereo : bool
        Two channels instead of one.

    Returns
    -------
    Clip
        Exactly ``round(duration * rate)`` samples, peak at most 0.9.
    """
    length, channels = round(spec.duration * rate), 1 + stereo
    timbre = _timbre(spec)
    production = draw_production(spec.production, spec.nuisance, spec.split)
    dry, send = np.zeros((channels, length), np.float32), np.zeros(length, np.float32)
    for bus, sound in _buses(perform(spec), timbre, rate, length).items():
        wanted = timbre.gains[bus] + (spec.lead_gain + production.lead if bus == "lead" else 0.0)
        gain = 10 ** ((wanted - 20 - max(loudness(sound, rate=rate), -70)) / 20)
        sides = np.sqrt([1 + PANS[bus], 1 - PANS[bus]])[:channels] if stereo else np.ones(1)
        dry += (gain * sides[:, None]).astype(np.float32) * sound
        send += np.float32(gain * SENDS[bus]) * sound
    rng = stream("recording", spec.nuisance, spec.split)
    tone = np.array(timbre.room.tone) + rng.uniform(-1.5, 1.5, size=4)
    mix = process(dry, send, replace(timbre.room, tone=tuple(tone.tolist())), rate=rate)
    mix *= np.float32(10 ** ((LOUDNESS - loudness(mix, rate=rate)) / 20))
    if production is not PLAIN:
        mix = produce(mix, production, rate=rate)
    level, floor = 10 ** (rng.uniform(-8, 0) / 20), 10 ** (rng.uniform(-80, -55) / 20)
    mix = limit(mix, rate=rate)
    if spec.clean:
        return Clip(mix, rate)
    mix += np.float32(floor) * rng.standard_normal(mix.shape, dtype=np.float32)
    return Clip(np.clip(mix * np.float32(level), -0.9, 0.9), rate)


def render_parts(spec: PieceSpec, *, rate: int = 22050, lead: Instrument | None = None) -> dict[str, Clip]:
    """Make the sound of each part of a piece by itself, in one room.

    Parameters
    ----------
    spec : PieceSpec
        Neither mastering nor noise is applied, so that the parts add up to the mix.
    rate : int
        Samples per second.
    lead : Instrument, optional
        Who plays the lead in place of the piece's own.

    Returns
    -------
    dict of str to Clip
        Mono; of "lead", "comp", "pad", "bass" and "drums" those that are heard.
    """
    length, timbre = round(spec.duration * rate), _timbre(spec)
    timbre = timbre if lead is None else replace(timbre, lead=lead)
    production = draw_production(spec.production, spec.nuisance, spec.split)
    room = replace(timbre.room, drive=0.0)  # drive would tie the parts to each other
    parts = {}
    for bus, sound in _buses(perform(spec), timbre, rate, length).items():
        wanted = timbre.gains[bus] + (spec.lead_gain + production.lead if bus == "lead" else 0.0)
        dry = np.float32(10 ** ((wanted - 20 - max(loudness(sound, rate=rate), -70)) / 20)) * sound
        parts[bus] = Clip(process(dry[None], np.float32(SENDS[bus]) * dry, room, rate=rate), rate)
    return parts


def _timbre(spec: PieceSpec) -> Timbre:
    timbre = draw_timbre(spec.timbre, spec.split, spec.palette)
    if spec.kit is None:
        return timbre
    other = draw_timbre(spec.kit, spec.split, spec.palette)
    return replace(timbre, kit=other.kit, names=timbre.names | {"drums": other.names["drums"]})


def _buses(score: Performance, timbre: Timbre, rate: int, length: int) -> dict[str, NDArray[np.float32]]:
    """Sound by bus; silent ones are left out."""
    parts = ((timbre.lead, score.lead), (timbre.comp, score.comp), (timbre.pad, score.pad), (timbre.bass, score.bass))
    sounds = {
        bus: sound_notes(instrument, notes, rate=rate, length=length, tuning=score.tuning)
        for bus, (instrument, notes) in zip(BUSES, parts, strict=True)
        if instrument is not None and notes
    }
    if score.doubling:
        # By itself, as singers sing one note at a time.
        doubled = sound_notes(timbre.lead, score.doubling, rate=rate, length=length, tuning=score.tuning)
        sounds["lead"] = sounds.get("lead", np.float32(0)) + doubled
    if any(score.drums.values()):
        sounds["drums"] = sound_drums(timbre.kit, score.drums, rate=rate, length=length)
    return sounds


def factor_group(
    seed: int,
    split: Split = "train",
    *,
    duration: float = 10.0,
    palette: Palette = "synthesizer",
    production: Style = "plain",
    style: str = "plain",
    material: Material | None = None,
) -> dict[str, PieceSpec]:
    """Twelve pieces with exactly known relations.

    All pieces take each factor either from the anchor or from the opposite; nuisances are each piece's own.

    Parameters
    ----------
    seed : int
        Not negative.
    split : Split
        Whose music.
    duration : float
        Seconds per piece.
    palette : Palette
        Who plays, see `draw_timbre`.
    production : Style
        "varied" for nuisances of recording and mastering, each piece's own.
    style : str
        "plain", or "rich" for more kinds of scores and of playing. In more than half of the rich groups the opposite
        has the anchor's tempo. In training groups the tempo of every piece is its own by up to 4 %, and some ``P_f``
        have only a few parts, see `heard_factors`.
    material : Material, optional
        Where about 40 % of the scores of rich groups come from.

    Returns
    -------
    dict of str to PieceSpec
        ``A`` the anchor, ``Z`` the opposite, which shares nothing with it; for each f of `FACTORS` ``P_f``,
        which shares only f with A, and ``N_f``, which shares all but f. ``P_groove`` shares only the groove,
        not the tempo, and ``N_groove`` all but the groove, tempo included.
    """
    frame = {"duration": duration, "split": split, "palette": palette, "production": production, "style": style}
    return draw_group(stream("group" if style == "plain" else f"{style} group", seed, split), frame, material)
