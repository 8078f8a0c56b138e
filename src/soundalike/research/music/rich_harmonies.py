"""Progressions of many kinds: modes, extended chords, inversions, pedals, secondary dominants.

Like those of `soundalike.research.music.composer` they lie around one major scale, whatever their centre is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from soundalike.research.music.composer import BORROWED, MAJOR, PROGRESSION_PULL, Chord, Harmony, Split, stream

TEMPLATES: tuple[tuple[int, ...], ...] = (
    (0, 3, 4, 0),
    (0, 4, 5, 3),
    (0, 5, 3, 4),
    (5, 3, 0, 4),
    (3, 4, 5, 0),
    (1, 4, 0, 0),
    (1, 4, 0, 5),
    (0, 5, 1, 4),
    (2, 5, 1, 4),
    (5, 4, 3, 4),
    (5, 4, 3, 2),
    (5, 1, 4, 0),
    (5, 1, 2, 5),
    (5, 3, 1, 2),
    (0, 6, 3, 0),
    (4, 3, 0, 0),
    (4, 1, 0, 4),
    (1, 4, 1, 4),
    (1, 2, 1, 2),
    (0, 4, 5, 2, 3, 0, 3, 4),
    (5, 1, 4, 0, 3, 6, 2, 5),
    (0, 2, 3, 4),
    (3, 0, 4, 5),
    (0, 1, 2, 3),
    (0, 3),
    (5, 3),
    (5, 4),
    (1, 4),
    (0, 0, 0, 0, 3, 3, 0, 0, 4, 3, 0, 0),
    (5, 5, 5, 5, 1, 1, 5, 5, 2, 1, 5, 5),
)
"""Degrees of the major scale that popular music, jazz and blues put in a row; those from 5 sound minor."""

STYLES: Mapping[str, float] = MappingProxyType(
    {"triad": 5.0, "seventh": 3.0, "ninth": 1.0, "add9": 1.0, "sixth": 0.7, "sus": 1.0, "power": 1.0, "mixed": 2.0}
)
"""Kinds of chords in a progression and how often."""

BARS_OF_CHORDS = {2: (4, 8), 3: (4, 8), 4: (2, 4, 4, 8), 5: (2, 4)}
"""How many bars a progression may have, by beats per bar."""


def compose_rich_harmony(seed: int, split: Split = "train", meter: int = 4) -> Harmony:
    """Write a progression of 8 to 32 beats.

    Parameters
    ----------
    seed : int
        Not negative; the same seed and metre give the same progression.
    split : Split
        Training and test progressions come from different random streams.
    meter : int
        Beats per bar, 2 to 5.

    Returns
    -------
    Harmony
        At least two different chords.
    """
    rng = stream(f"rich harmony {meter}", seed, split)
    while True:
        harmony = _draw_progression(rng, meter)
        if len({(chord.root, chord.tones) for chord in harmony.chords}) > 1:
            return harmony


def _draw_progression(rng: np.random.Generator, meter: int) -> Harmony:
    lengths = _rhythm(rng, meter, int(rng.choice(BARS_OF_CHORDS[meter])))
    names = list(STYLES)
    weights = np.array([STYLES[name] for name in names])
    style = names[int(rng.choice(len(names), p=weights / weights.sum()))]
    degrees = _degrees(rng, len(lengths))
    borrow, dominant = float(rng.choice([0, 0, 0.1, 0.25])), float(rng.choice([0, 0, 0.15, 0.35]))
    built = [_chord_on(degree, style, rng) for degree in degrees]
    for place in range(len(built)):
        target = built[(place + 1) % len(built)][0]
        if place and rng.random() < borrow:
            built[place] = BORROWED[rng.integers(len(BORROWED))]
        elif place and rng.random() < dominant:
            built[place] = _leading_to(target, rng)
    return _with_basses(built, lengths, rng, meter)


def _rhythm(rng: np.random.Generator, meter: int, bars: int) -> list[int]:
    """Lengths in beats: even, or a pattern of bars; 24 chords at most."""
    half = max(1, meter // 2)
    unit = int(rng.choice([meter, meter, meter, 2 * meter, half if meter % 2 == 0 else meter, 1]))
    beats = bars * meter
    if rng.random() < 0.6:
        unit = unit if beats // unit <= 24 else meter
        return [unit] * (beats // unit) if beats % unit == 0 else [meter] * bars
    splits = {2: ((2,), (1, 1)), 3: ((3,), (2, 1), (1, 2)), 4: ((4,), (2, 2), (3, 1), (2, 1, 1)), 5: ((5,), (3, 2))}
    pattern = [splits[meter][rng.integers(len(splits[meter]))] for _ in range(int(rng.choice([1, 2, 2, 4])))]
    return [length for bar in range(bars) for length in pattern[bar % len(pattern)]]


def _degrees(rng: np.random.Generator, count: int) -> list[int]:
    if rng.random() < 0.45:
        template = TEMPLATES[rng.integers(len(TEMPLATES))]
        return [template[i % len(template)] for i in range(count)]
    start = np.array([4, 1.5, 0.7, 1.5, 1, 3.5, 0.1])
    degrees = [int(rng.choice(7, p=start / start.sum()))]
    # The shorter the period, the more a listener hears the return; so long ones repeat inside.
    period = count if count <= 8 else int(rng.choice([4, 6, 8]))
    while len(degrees) < min(period, count):
        pull = PROGRESSION_PULL[degrees[-1]].copy() + 0.05
        pull[degrees[-1]] = 0.0
        degrees.append(int(rng.choice(7, p=pull / pull.sum())))
    return [degrees[i % len(degrees)] for i in range(count)]


def _chord_on(degree: int, style: str, rng: np.random.Generator) -> tuple[int, tuple[int, ...]]:
    """Root and intervals of a chord of the scale."""
    root = MAJOR[degree]
    third, fifth, seventh, ninth = (
        MAJOR[(degree + 2 * i) % 7] + 12 * ((degree + 2 * i) // 7) - root for i in range(1, 5)
    )
    if degree == 2 and rng.random() < 0.25:
        third = 4  # the dominant of a minor key
    if style == "mixed":
        style = str(rng.choice(["triad", "seventh", "ninth", "add9", "sixth", "sus"]))
    if fifth != 7 or (ninth != 14 and style in ("ninth", "add9", "sus")):
        style = "seventh" if style in ("seventh", "ninth", "sixth") else "triad"
    if style == "triad" and third == 4 and rng.random() < 0.03:
        fifth = 8
    chords = {
        "triad": (0, third, fifth),
        "seventh": (0, third, fifth, seventh),
        "ninth": (0, third, fifth, seventh, 14),
        "add9": (0, 14, third, fifth),
        "sixth": (0, third, fifth, 9),
        "sus": ((0, 5, 7), (0, 2, 7), (0, third, fifth))[rng.integers(3)],
        "power": (0, 7),
    }
    return root, chords[style]


def _leading_to(target: int, rng: np.random.Generator) -> tuple[int, tuple[int, ...]]:
    """A chord that wants to go to `target`: its dominant, that a tritone away, or a diminished one below."""
    kind = rng.integers(6)
    if kind == 0:
        return (target + 11) % 12, (0, 3, 6, 9)
    if kind == 1:
        return (target + 1) % 12, (0, 4, 7, 10)
    return (target + 7) % 12, ((0, 4, 7, 10), (0, 4, 7), (0, 4, 8), (0, 4, 7, 10))[kind - 2]


def _with_basses(
    built: list[tuple[int, tuple[int, ...]]], lengths: list[int], rng: np.random.Generator, meter: int
) -> Harmony:
    turned = float(rng.choice([0, 0, 0.2, 0.5]))
    pedal = int(rng.choice([0, 7, 9])) if rng.random() < 0.07 else None
    chords, time = [], 0
    for (root, intervals), length in zip(built, lengths, strict=True):
        tones = tuple(dict.fromkeys((root + i) % 12 for i in intervals))
        bass = pedal
        if pedal is None and rng.random() < turned:
            bass = int(rng.choice(tones[1:3]))
        chords.append(Chord(time, length, root, tones, None if bass == root else bass))
        time += length
    return Harmony(tuple(chords), time, meter)
