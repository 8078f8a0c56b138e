"""Groups of pieces whose relations are known exactly: which share what, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from soundalike.errors import UsageError
from soundalike.research.music.composer import Split, compose_harmony
from soundalike.research.music.grooves import compose_groove
from soundalike.research.music.likeness import groove_likeness, harmony_likeness, melody_likeness
from soundalike.research.music.material import Material
from soundalike.research.music.performer import STYLES, PieceSpec, scores_of
from soundalike.research.sound.orchestra import draw_timbre

FACTORS = ("melody", "rhythm", "timbre", "harmony")
"""The factors that a group of pieces controls; rhythm is groove and tempo."""

SLOWEST, FASTEST = 72.0, 168.0
"""Range of tempo in plain style, in beats per minute."""
RICH_SLOWEST, RICH_FASTEST = 55.0, 190.0
"""Range of tempo in rich style."""
OTHER_TEMPO = 0.12
"""By which part different tempos differ at least."""
SAME_TEMPO = 0.6
"""Share of rich groups in which the opposite has the anchor's tempo, so that tempo tells nothing."""
FROM_MATERIAL = 0.5
"""Share of scores taken from material that has the metre: of all scores about 40 %, as odd metres are rare in it."""
METERS, ODDS_OF_METERS = (4, 3, 2, 5), (0.8, 0.09, 0.06, 0.05)
"""Beats per bar of rich groups."""
MOST_ALIKE = {"melody": 0.3, "harmony": 0.7, "groove": 0.7}
"""Likeness from which two scores would not count as different."""
JITTER = 0.04
"""By which part the tempos of equally fast rich training pieces differ."""
THINNED = 0.2
"""Share of the rich training pieces that share one factor in which not everything plays."""
ENOUGH: dict[str, tuple[tuple[str, ...], ...]] = {
    "P_melody": (("lead",), ("lead", "drums"), ("lead", "bass"), ("lead", "comp", "pad", "bass")),
    "P_harmony": (("comp",), ("comp", "bass"), ("comp", "pad", "bass"), ("comp", "pad", "bass", "drums")),
    "P_rhythm": (("drums",), ("drums", "bass"), ("comp", "bass", "drums")),
    "P_groove": (("drums",), ("drums", "bass"), ("comp", "bass", "drums")),
}
"""Parts that still carry the shared factor."""


def heard_factors(spec: PieceSpec) -> frozenset[str]:
    """Which factors, groove included, the heard parts of a piece carry: melody needs the lead, rhythm the drums."""
    if spec.parts is None:
        return frozenset((*FACTORS, "groove"))
    needed = {"melody": {"lead"}, "harmony": {"comp", "pad"}, "rhythm": {"drums"}, "groove": {"drums"}}
    return frozenset({"timbre"} | {factor for factor, parts in needed.items() if parts & set(spec.parts)})


def draw_group(rng: np.random.Generator, frame: dict[str, Any], material: Material | None) -> dict[str, PieceSpec]:
    """Twelve related pieces, see `soundalike.research.renderer.factor_group`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    frame : dict
        Fields that all pieces have in common, ``style`` and ``split`` among them.
    material : Material or None
        Where some of the scores of rich style come from.

    Raises
    ------
    UsageError
        If the style is unknown, or material is given for plain style.
    """
    if frame["style"] not in STYLES or (material is not None and frame["style"] == "plain"):
        raise UsageError(
            f"Style '{frame['style']}' with{'' if material else 'out'} material was asked for.",
            "Choose 'plain', or 'rich' with or without material.",
        )
    rich = frame["style"] == "rich"
    a, z = _opposites(rng, frame, material) if rich else _plain_opposites(rng, frame)
    group = _related(a, z)
    if rich and a.tempo == z.tempo:
        group["P_groove"] = replace(group["P_groove"], tempo=_other_tempo(rng, a.tempo))
    group = {
        name: replace(spec, key=int(rng.integers(12)), nuisance=int(rng.integers(2**31)))
        for name, spec in group.items()
    }
    return _thinned(group, rng) if rich and frame["split"] == "train" else group


def _related(a: PieceSpec, z: PieceSpec) -> dict[str, PieceSpec]:
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
    return group


def _thinned(group: dict[str, PieceSpec], rng: np.random.Generator) -> dict[str, PieceSpec]:
    for name, choices in ENOUGH.items():
        if rng.random() < THINNED:
            group[name] = replace(group[name], parts=choices[rng.integers(len(choices))])
    return group


def _plain_opposites(rng: np.random.Generator, frame: dict[str, Any]) -> tuple[PieceSpec, PieceSpec]:
    """Two pieces that share nothing but `frame`, not even by chance."""
    split: Split = frame["split"]

    def draw() -> tuple[PieceSpec, tuple[object, ...]]:
        melody, harmony, groove, timbre = (int(seed) for seed in rng.integers(2**31, size=4))
        tempo = float(np.exp(rng.uniform(np.log(SLOWEST), np.log(FASTEST))))
        roots = [chord.root for chord in compose_harmony(harmony, split).chords]
        marks = (compose_groove(groove, split).family, _lead(timbre, frame), roots)
        return PieceSpec(melody, harmony, groove, tempo, timbre, **frame), marks

    a, marks = draw()
    while True:
        z, others = draw()
        if abs(np.log(a.tempo / z.tempo)) > OTHER_TEMPO and all(m != o for m, o in zip(marks, others, strict=True)):
            return a, z


def _lead(timbre: int, frame: dict[str, Any]) -> str:
    return draw_timbre(timbre, frame["split"], frame["palette"]).lead.words


def _opposites(
    rng: np.random.Generator, frame: dict[str, Any], material: Material | None
) -> tuple[PieceSpec, PieceSpec]:
    """Two pieces in rich style and of one metre that share nothing else; in many groups the same tempo."""
    meter = int(rng.choice(METERS, p=ODDS_OF_METERS))
    frame = frame | {"meter": meter, "tempo_jitter": JITTER if frame["split"] == "train" else 0.015}

    def score(draw: Callable[[np.random.Generator, int], Any] | None) -> Any:
        """Draw a score of the material, or a seed."""
        found = draw(rng, meter) if draw is not None and rng.random() < FROM_MATERIAL else None
        return int(rng.integers(2**31)) if found is None else found

    def draw() -> PieceSpec:
        melody = score(material.draw_melody if material else None)
        harmony = score(material.draw_harmony if material else None)
        groove = score(material.draw_groove if material else None)
        tempo = float(np.exp(rng.uniform(np.log(RICH_SLOWEST), np.log(RICH_FASTEST))))
        return PieceSpec(melody, harmony, groove, tempo, int(rng.integers(2**31)), **frame)

    a = draw()
    same_tempo = bool(rng.random() < SAME_TEMPO)
    while True:
        z = replace(draw(), tempo=a.tempo) if same_tempo else draw()
        if (same_tempo or abs(np.log(a.tempo / z.tempo)) > OTHER_TEMPO) and _differ(a, z, frame):
            return a, z


def _differ(a: PieceSpec, z: PieceSpec, frame: dict[str, Any]) -> bool:
    """Whether two pieces differ in the lead's instrument, by intervals, by roots and by hits."""
    one, other = scores_of(a), scores_of(z)
    return (
        _lead(a.timbre, frame) != _lead(z.timbre, frame)
        and melody_likeness(one.melody, other.melody) < MOST_ALIKE["melody"]
        and harmony_likeness(one.harmony, other.harmony) < MOST_ALIKE["harmony"]
        and groove_likeness(one.groove, other.groove) < MOST_ALIKE["groove"]
    )


def _other_tempo(rng: np.random.Generator, tempo: float) -> float:
    """Faster or slower by 13 to 45 per cent, inside the range."""
    factor = float(np.exp(rng.uniform(OTHER_TEMPO, 0.37)))
    faster = tempo * factor <= RICH_FASTEST and (tempo / factor < RICH_SLOWEST or rng.random() < 0.5)
    return tempo * factor if faster else tempo / factor
