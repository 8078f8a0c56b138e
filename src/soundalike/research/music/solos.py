"""Clips in which only one part plays: lines, single notes, bass, chords or drums alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from soundalike.research.music.composer import Melody, Note, Split, stream
from soundalike.research.music.performer import PieceSpec


def solo_piece(seed: int, split: Split = "train", *, duration: float = 10.0) -> PieceSpec:
    """One of `SOLOS` by chance; add instruments and production with `dataclasses.replace`.

    Parameters
    ----------
    seed : int
        Not negative.
    split : Split
        Whose music.
    duration : float
        Seconds.

    Returns
    -------
    PieceSpec
        In rich style, with one part.
    """
    rng = stream("solo", seed, split)
    melody, harmony, groove, timbre, nuisance = (int(number) for number in rng.integers(2**31, size=5))
    spec = PieceSpec(
        melody=melody,
        harmony=harmony,
        groove=groove,
        tempo=float(np.exp(rng.uniform(np.log(55), np.log(190)))),
        timbre=timbre,
        key=int(rng.integers(12)),
        nuisance=nuisance,
        duration=duration,
        split=split,
        style="rich",
    )
    names = list(SOLOS)
    return SOLOS[names[rng.integers(len(names))]](spec, rng)


def _part(name: str) -> Callable[[PieceSpec, np.random.Generator], PieceSpec]:
    return lambda spec, rng: replace(spec, parts=(name,))


def _held_note(spec: PieceSpec, rng: np.random.Generator) -> PieceSpec:
    """One note, longer or shorter, with silence after it."""
    beats = spec.duration * spec.tempo / 60
    length = float(np.exp(rng.uniform(np.log(0.1), np.log(0.95)))) * beats
    return _notes(spec, [Note(0.0, length, int(rng.integers(-12, 20)), 0.9)])


def _one_shots(spec: PieceSpec, rng: np.random.Generator) -> PieceSpec:
    """Short notes, all of one pitch, some time apart."""
    pitch, gap, length = int(rng.integers(-12, 20)), float(rng.choice([1, 2, 4])), float(rng.uniform(0.1, 0.6))
    beats = int(spec.duration * spec.tempo / 60)
    velocities = rng.uniform(0.5, 1.0, size=beats)
    return _notes(spec, [Note(at, length, pitch, float(velocities[int(at)])) for at in np.arange(0.0, beats, gap)])


def _slow_notes(spec: PieceSpec, rng: np.random.Generator) -> PieceSpec:
    """Notes all over the range, each for itself."""
    beats = int(spec.duration * spec.tempo / 60)
    gap = float(rng.choice([2, 3, 4]))
    return _notes(
        spec,
        [
            Note(at, float(rng.uniform(0.3, 0.95)) * gap, int(rng.integers(-12, 20)), float(rng.uniform(0.6, 1.0)))
            for at in np.arange(0.0, beats, gap)
        ],
    )


def _notes(spec: PieceSpec, notes: list[Note]) -> PieceSpec:
    longer_than_the_clip = 2 * int(spec.duration * spec.tempo / 60) + 8
    return replace(spec, melody=Melody(tuple(notes), longer_than_the_clip), start=0.0, parts=("lead",))


SOLOS: Mapping[str, Callable[[PieceSpec, np.random.Generator], PieceSpec]] = MappingProxyType(
    {
        "lead": _part("lead"),
        "bass": _part("bass"),
        "chords": _part("comp"),
        "drums": _part("drums"),
        "held note": _held_note,
        "one-shots": _one_shots,
        "slow notes": _slow_notes,
    }
)
"""What may play alone."""
