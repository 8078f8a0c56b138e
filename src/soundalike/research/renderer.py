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
start, level, playing and noise are nuisances: `key` and everything that follows from `nuisance`. The
same specification gives the same samples, bit for bit, on the same machine and library versions.
Pieces of the splits "train" and "test" have no melody, progression, groove family, voice or kit in common.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.research.composer import SPLITS, Split, compose_harmony, stream
from soundalike.research.grooves import compose_groove
from soundalike.research.orchestra import Timbre, draw_timbre
from soundalike.research.performer import Performance, PieceSpec, perform
from soundalike.research.synthesizer import drum, limit, loudness, play, process

__all__ = ["FACTORS", "SPLITS", "Performance", "PieceSpec", "Split", "draw_timbre", "factor_group", "perform", "render"]

FACTORS = ("melody", "rhythm", "timbre", "harmony")
"""The factors that a group of pieces controls; rhythm is groove and tempo."""

SLOWEST, FASTEST = 72.0, 168.0
"""Range of tempo, in beats per minute."""
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
    timbre = draw_timbre(spec.timbre, spec.split)
    dry, send = np.zeros((channels, length), np.float32), np.zeros(length, np.float32)
    for bus, sound in _buses(perform(spec), timbre, rate, length).items():
        wanted = timbre.gains[bus] + (spec.lead_gain if bus == "lead" else 0.0)
        gain = 10 ** ((wanted - 20 - max(loudness(sound, rate=rate), -70)) / 20)
        sides = np.sqrt([1 + PANS[bus], 1 - PANS[bus]])[:channels] if stereo else np.ones(1)
        dry += (gain * sides[:, None]).astype(np.float32) * sound
        send += np.float32(gain * SENDS[bus]) * sound
    rng = stream("recording", spec.nuisance, spec.split)
    tone = np.array(timbre.room.tone) + rng.uniform(-1.5, 1.5, size=4)
    mix = process(dry, send, replace(timbre.room, tone=tuple(tone.tolist())), rate=rate)
    mix *= np.float32(10 ** ((LOUDNESS - loudness(mix, rate=rate)) / 20))
    level, floor = 10 ** (rng.uniform(-8, 0) / 20), 10 ** (rng.uniform(-80, -55) / 20)
    mix = limit(mix, rate=rate)
    if spec.clean:
        return Clip(mix, rate)
    mix += np.float32(floor) * rng.standard_normal(mix.shape, dtype=np.float32)
    return Clip(np.clip(mix * np.float32(level), -0.9, 0.9), rate)


def _buses(score: Performance, timbre: Timbre, rate: int, length: int) -> dict[str, NDArray[np.float32]]:
    """Sound by bus; silent ones are left out."""
    parts = ((timbre.lead, score.lead), (timbre.comp, score.comp), (timbre.pad, score.pad), (timbre.bass, score.bass))
    sounds = {
        bus: play(voice, notes, rate=rate, length=length)
        for bus, (voice, notes) in zip(BUSES, parts, strict=True)
        if voice is not None and notes
    }
    if any(score.drums.values()):
        sounds["drums"] = drum(timbre.kit, score.drums, rate=rate, length=length)
    return sounds


def factor_group(seed: int, split: Split = "train", *, duration: float = 10.0) -> dict[str, PieceSpec]:
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

    Returns
    -------
    dict of str to PieceSpec
        ``A`` the anchor, ``Z`` the opposite, which shares nothing with it; for each f of `FACTORS` ``P_f``,
        which shares only f with A, and ``N_f``, which shares all but f. ``P_groove`` shares only the groove,
        not the tempo, and ``N_groove`` all but the groove, tempo included.
    """
    rng = stream("group", seed, split)
    a, z = _different_pieces(rng, split, duration)
    own: dict[str, dict[str, Any]] = {
        "melody": {"melody": a.melody},
        "rhythm": {"groove": a.groove, "tempo": a.tempo},
        "timbre": {"timbre": a.timbre},
        "harmony": {"harmony": a.harmony},
        "groove": {"groove": a.groove},
    }
    group = {"A": a, "Z": z}
    for factor, values in own.items():
        group[f"P_{factor}"] = replace(z, **values)
        group[f"N_{factor}"] = replace(a, **{name: getattr(z, name) for name in values})
    return {
        name: replace(spec, key=int(rng.integers(12)), nuisance=int(rng.integers(2**31)))
        for name, spec in group.items()
    }


def _different_pieces(rng: np.random.Generator, split: Split, duration: float) -> tuple[PieceSpec, PieceSpec]:
    """Two pieces that share nothing, not even by chance."""

    def draw() -> PieceSpec:
        melody, harmony, groove, timbre = (int(seed) for seed in rng.integers(2**31, size=4))
        tempo = float(np.exp(rng.uniform(np.log(SLOWEST), np.log(FASTEST))))
        return PieceSpec(melody, harmony, groove, tempo, timbre, duration=duration, split=split)

    a = draw()
    while True:
        z = draw()
        if (
            abs(np.log(a.tempo / z.tempo)) > 0.12
            and compose_groove(a.groove, split).family != compose_groove(z.groove, split).family
            and draw_timbre(a.timbre, split).names["lead"] != draw_timbre(z.timbre, split).names["lead"]
            and _roots(a) != _roots(z)
        ):
            return a, z


def _roots(spec: PieceSpec) -> list[int]:
    return [chord.root for chord in compose_harmony(spec.harmony, spec.split).chords]
