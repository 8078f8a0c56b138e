"""Drum performances from MIDI files as grooves: every hit with its own velocity and its own place in time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np

from soundalike.research.music.grooves import DRUMS, MORE_DRUMS, Groove, Hit
from soundalike.research.music.midi_scores import TimedNote, meter_of, notes_of, read_midi
from soundalike.research.music.rich_grooves import with_accompaniment

DRUM_OF: Mapping[int, str] = MappingProxyType(
    dict.fromkeys((35, 36), "kick")
    | dict.fromkeys((37, 38, 39, 40), "snare")
    | dict.fromkeys((22, 42, 44), "hat")
    | dict.fromkeys((26, 46), "open")
    | dict.fromkeys((41, 43, 45, 47, 48, 50, 58), "tom")
    | dict.fromkeys((51, 53, 59), "ride")
    | dict.fromkeys((49, 52, 55, 57), "crash")
    | dict.fromkeys((54, 56, *range(60, 82)), "perc")
)
"""Our drum by General MIDI note, and by those that electronic kits add (22 and 26 are edges of the hi-hat)."""
LENGTHS = (2, 2, 4, 4, 8)
"""Bars of a cut."""
LEAST_HITS = 3
"""Per bar, of all drums."""


@dataclass(frozen=True, slots=True)
class Drumming:
    """A performance: its hits in order of time, and beats per bar."""

    hits: tuple[TimedNote, ...]
    meter: int


@lru_cache(maxsize=1024)
def read_drumming(path: Path) -> Drumming | None:
    """Read the drums of a MIDI file; None where there are none, or not in 2 to 5 quarters per bar."""
    midi = read_midi(path)
    meter = None if midi is None else meter_of(midi)
    if midi is None or meter is None:
        return None
    hits = [hit for track in midi.tracks for hit in notes_of(track, midi.ticks_per_beat, drums=True)]
    known = sorted((hit for hit in hits if hit.pitch in DRUM_OF), key=lambda hit: hit.start)
    return Drumming(tuple(known), meter) if known else None


def cut_groove(drumming: Drumming, rng: np.random.Generator) -> Groove | None:
    """Cut 2, 4 or 8 bars at a bar line.

    Parameters
    ----------
    drumming : Drumming
    rng : numpy.random.Generator
        Decides where and how long, and how chords and bass go with it.

    Returns
    -------
    Groove or None
        None where the performance is shorter or the cut nearly empty.
    """
    meter = drumming.meter
    whole = int((drumming.hits[-1].start + 0.3) // meter)
    fitting = [bars for bars in LENGTHS if bars <= whole]
    if not fitting:
        return None
    bars = fitting[rng.integers(len(fitting))]
    first = meter * int(rng.integers(whole - bars + 1))
    # A hit just before the bar line belongs to the first beat.
    inside = [hit for hit in drumming.hits if -0.12 <= hit.start - first < bars * meter - 0.12]
    kinds = {DRUM_OF[hit.pitch] for hit in inside}
    if len(inside) < LEAST_HITS * bars or len(kinds) < 2:
        return None
    groove = Groove(
        family="performance",
        steps=4 * meter,
        bars=bars,
        swing=_swing([hit.start - first for hit in inside]),
        drums={},
        comp=(),
        bass=(),
        comp_style="block",
        meter=meter,
    )
    by_drum: defaultdict[str, list[Hit]] = defaultdict(list)
    for hit in inside:
        by_drum[DRUM_OF[hit.pitch]].append(_placed(hit, first, groove))
    drums = {drum: tuple(by_drum[drum]) for drum in (*DRUMS, *MORE_DRUMS)}
    return with_accompaniment(replace(groove, drums=drums), rng)


def _swing(beats: list[float]) -> float:
    """Where the second halves of beats begin: the middle of what is played around there."""
    parts = np.array(beats) % 1.0
    around = parts[(parts > 0.4) & (parts < 0.72)]
    return float(np.clip(np.median(around), 0.5, 0.68)) if len(around) >= 4 else 0.5


def _placed(hit: TimedNote, first: float, groove: Groove) -> Hit:
    beat = hit.start - first
    step = min(range(round(beat * 4) - 1, round(beat * 4) + 2), key=lambda s: abs(groove.beat(s) - beat))
    step = max(step, 0)
    return Hit(step, float(np.clip(hit.velocity, 0.05, 1.0)), late=beat - groove.beat(step))
