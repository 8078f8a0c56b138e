"""From seeds to who plays what when: specification and performance of a piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from soundalike.errors import UsageError
from soundalike.research.music.composer import Harmony, Melody, Split, compose_harmony, compose_melody, stream
from soundalike.research.music.grooves import Groove, compose_groove
from soundalike.research.music.performance import PARTS, ChordSpan, Performance
from soundalike.research.music.player import Player, Scores, Stage
from soundalike.research.music.rich_grooves import compose_rich_groove
from soundalike.research.music.rich_harmonies import compose_rich_harmony
from soundalike.research.music.rich_melodies import compose_rich_melody
from soundalike.research.music.rich_player import RichPlayer
from soundalike.research.sound.orchestra import Palette, draw_timbre
from soundalike.research.sound.production import Style, draw_production
from soundalike.research.sound.synthesizer import Sounding

__all__ = ["STYLES", "ChordSpan", "Performance", "PieceSpec", "perform", "scores_of"]

STYLES = ("plain", "rich")
"""Of writing and playing."""


@dataclass(frozen=True, slots=True)
class PieceSpec:
    """Everything that decides how a piece sounds.

    Attributes
    ----------
    melody, harmony, groove : int, or Melody, Harmony and Groove
        Seeds, not negative, or scores.
    timbre : int
        Seed, not negative.
    tempo : float
        Beats per minute.
    key : int
        Pitch class of the major tonic, 0 (C) to 11 (B).
    nuisance : int
        Seed of start, level, playing, tone and noise.
    duration : float
        Seconds.
    split : Split
        Whose melodies, progressions, families and voices the seeds mean.
    start : float or None
        First beat to be heard; None leaves it to `nuisance`.
    lead_gain : float
        Decibels by which the lead is louder than its timbre says.
    clean : bool
        Neither background noise nor a level of its own: all clean pieces are equally loud.
    palette : Palette
        Which instruments the seed of the timbre chooses from.
    production : Style
        "varied" for mastering, rooms, codecs, noise, detuning and quiet leads as `nuisance` has them.
    kit : int or None
        Seed of a timbre whose drum kit plays in place of this one's.
    style : str
        "plain", or "rich" for many more kinds of scores and of playing.
    meter : int
        Beats per bar of scores from seeds in rich style, 2 to 5.
    parts : tuple of str or None
        Which of `soundalike.research.music.performance.PARTS` are heard; None for all.
    tempo_jitter : float
        By which part the tempo may differ from `tempo`, as `nuisance` has it.
    """

    melody: int | Melody
    harmony: int | Harmony
    groove: int | Groove
    tempo: float
    timbre: int
    key: int = 0
    nuisance: int = 0
    duration: float = 10.0
    split: Split = "train"
    start: float | None = None
    lead_gain: float = 0.0
    clean: bool = False
    palette: Palette = "synthesizer"
    production: Style = "plain"
    kit: int | None = None
    style: str = "plain"
    meter: int = 4
    parts: tuple[str, ...] | None = None
    tempo_jitter: float = 0.015


def perform(spec: PieceSpec) -> Performance:
    """Play the scores of a piece: who plays what when.

    Parameters
    ----------
    spec : PieceSpec

    Returns
    -------
    Performance
        Notes that begin in the clip; in plain style those before its start are left out.

    Raises
    ------
    UsageError
        If a seed is negative, or the split, the style or a part is unknown.
    """
    if spec.style not in STYLES or not set(spec.parts or ()) <= set(PARTS):
        raise UsageError(
            f"Style '{spec.style}' with parts {spec.parts} was asked for.",
            f"Choose one of {', '.join(STYLES)}, and parts from {', '.join(PARTS)}.",
        )
    rng = stream("performance", spec.nuisance, spec.split)
    production = draw_production(spec.production, spec.nuisance, spec.split)
    tempo = spec.tempo * float(np.exp(rng.uniform(-spec.tempo_jitter, spec.tempo_jitter))) * production.speed
    scores = scores_of(spec)
    drawn = _first_beat(scores, spec, rng)  # even when it is not needed: the playing that follows stays the same
    first = drawn if spec.start is None else spec.start
    stage = Stage(draw_timbre(spec.timbre, spec.split, spec.palette), spec.key, tempo, first, spec.duration)
    player = (Player if spec.style == "plain" else RichPlayer)(scores, stage, rng)
    beats = range(int(np.ceil(player.first)), int(player.last) + 1)
    whole = Performance(
        lead=player.lead(),
        comp=player.comp(),
        pad=player.pad(),
        bass=player.bass(),
        drums=player.drums(),
        chords=player.chord_spans(),
        beats=np.array([player.seconds(beat) for beat in beats]),
        tempo=tempo,
        tuning=production.tuning,
        downbeats=np.array([player.seconds(beat) for beat in beats if beat % player.groove.meter == 0]),
        meter=player.groove.meter,
        doubling=player.doubling(),
    )
    return whole if spec.parts is None else _reduced(whole, spec.parts)


def scores_of(spec: PieceSpec) -> Scores:
    """Compose what the seeds of a specification mean; scores in it are taken as they are."""
    rich, split, meter = spec.style != "plain", spec.split, spec.meter
    melody, harmony, groove = spec.melody, spec.harmony, spec.groove
    if isinstance(melody, int):
        melody = compose_rich_melody(melody, split, meter) if rich else compose_melody(melody, split)
    if isinstance(harmony, int):
        harmony = compose_rich_harmony(harmony, split, meter) if rich else compose_harmony(harmony, split)
    if isinstance(groove, int):
        groove = compose_rich_groove(groove, split, meter) if rich else compose_groove(groove, split)
    return Scores(melody, harmony, groove)


def _first_beat(scores: Scores, spec: PieceSpec, rng: np.random.Generator) -> float:
    """Somewhere in the tune; not far into a long one, so that two clips of it have something in common."""
    beats = scores.melody.beats if spec.style != "plain" else 16
    return float(rng.uniform(0, beats if beats <= 16 else 8))


def _reduced(whole: Performance, parts: Sequence[str]) -> Performance:
    """Leave out what is not heard, and the chords where neither comping nor pad is."""

    def heard(part: str, notes: tuple[Sounding, ...]) -> tuple[Sounding, ...]:
        return notes if part in parts else ()

    return replace(
        whole,
        lead=heard("lead", whole.lead),
        doubling=heard("lead", whole.doubling),
        comp=heard("comp", whole.comp),
        pad=heard("pad", whole.pad),
        bass=heard("bass", whole.bass),
        drums=whole.drums if "drums" in parts else dict.fromkeys(whole.drums, ()),
        chords=whole.chords if "comp" in parts or ("pad" in parts and whole.pad) else (),
    )
