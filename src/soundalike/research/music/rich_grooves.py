"""Grooves of many kinds: more families, metres, feels and ways to accompany than `grooves`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from soundalike.research.music.composer import Split, stream
from soundalike.research.music.groove_families import RICH_FAMILIES, Family
from soundalike.research.music.grooves import DRUMS, LOUDNESS, MORE_DRUMS, Groove, Hit

COMP_STYLES = ("block", "broken", "up", "rising", "falling", "wave", "alberti", "strum", "stab", "chorale")
"""All tones at once; one after another; bass tone last; one tone per hit: up, down, to and fro, low high
middle high; swept down and up; short; held in four voices that move little."""
ONE_TONE_STYLES = ("rising", "falling", "wave", "alberti")

_ODDS_OF_STYLES = np.array([4, 1, 1, 1, 0.6, 1, 0.7, 1.6, 1.2, 1.5])
_BEAT_CELLS = {
    4: ("X...", "x...", "x.x.", "..x.", "x..x", ".x..", "xx.x", "x.xx", "...x", "....", "....", "xxxx"),
    3: ("X..", "x..", "x.x", "..x", "xxx", ".x.", "...", "..."),
}
_BASS_CELLS = {
    4: ("0...", "0...", "0.0.", "0..0", "..0.", "...0", "0.7.", "0..8", "..7.", "....", "....", "0.00", "00.0"),
    3: ("0..", "0..", "0.0", "..0", "0.7", "000", "...", "..8"),
}
_INTERVALS = {"0": 0, "5": -5, "7": 7, "8": 12}

Cells = NDArray[np.float64]


def meters(split: Split) -> dict[int, int]:
    """How many families there are by beats per bar."""
    counts: dict[int, int] = {}
    for family in RICH_FAMILIES[split].values():
        counts[family.meter] = counts.get(family.meter, 0) + 1
    return counts


def compose_rich_groove(seed: int, split: Split = "train", meter: int = 4) -> Groove:
    """Draw a family and change it by chance.

    Parameters
    ----------
    seed : int
        Not negative; the same seed and metre give the same groove.
    split : Split
        Whose families to draw from.
    meter : int
        Beats per bar, 2 to 5.
    """
    rng = stream(f"rich groove {meter}", seed, split)
    names = [name for name, family in RICH_FAMILIES[split].items() if family.meter == meter]
    name = names[rng.integers(len(names))]
    family = RICH_FAMILIES[split][name]
    size = len(next(iter(family.drums.values())))
    steps = (4 if size % (4 * meter) == 0 else 3) * meter
    period = size * int(rng.choice([1, 2, 2, 4] if size == steps else [1, 2]))
    cells = _drum_cells(family, period, rng)
    cells, period = _other_pace(cells, period, steps, rng)
    low, high = family.swing
    return with_accompaniment(
        Groove(
            family=name,
            steps=steps,
            bars=period // steps,
            swing=float(rng.uniform(low, high)) if high > low else 0.5,
            drums=_felt(cells, steps // meter, rng),
            comp=(),
            bass=(),
            comp_style="block",
            meter=meter,
        ),
        rng,
    )


def _drum_cells(family: Family, period: int, rng: np.random.Generator) -> dict[str, Cells]:
    """Velocities by drum and step."""
    cells = {}
    for drum in (*DRUMS, *MORE_DRUMS):
        pattern = family.drums.get(drum, "")
        row = np.array([LOUDNESS.get(c, 0.0) for c in pattern]) if pattern else np.zeros(1)
        row = np.tile(row, period // len(row))
        cells[drum] = _vary(row, drum, rng)
    swap, by = (("hat", "ride"), ("perc", "tom"), ("hat", "perc"), ("ride", "hat"))[rng.integers(4)]
    if rng.random() < 0.25 and cells[swap].any() and not cells[by].any():
        cells[by], cells[swap] = cells[swap], cells[by]
    if rng.random() < 0.15:
        cells["hat"] = cells["hat"] * 0.0 if rng.random() < 0.4 else np.roll(cells["hat"], 1)
    if rng.random() < 0.3:
        cells["snare"] = _ghosted(cells["snare"], rng)
    return cells


def _vary(row: Cells, drum: str, rng: np.random.Generator) -> Cells:
    """Add and drop a few hits, and shift one."""
    row = row.copy()
    if not row.any():
        return row
    often = {"kick": 1.2, "snare": 0.4, "hat": 0.6, "perc": 1.2, "tom": 0.8}.get(drum, 0.3)
    for _ in range(rng.poisson(often * len(row) / 16)):
        row[rng.integers(1, len(row))] = 0.45 if drum == "snare" else 0.7
    row[(rng.random(len(row)) < 0.07) & (row < 1)] = 0
    if rng.random() < 0.3:
        hits = np.flatnonzero(row)
        if len(hits) > 1:
            chosen = int(hits[rng.integers(1, len(hits))])
            row[(chosen + int(rng.choice([-1, 1]))) % len(row)] = row[chosen]
            row[chosen] = 0
    return row


def _ghosted(row: Cells, rng: np.random.Generator) -> Cells:
    ghosts = (rng.random(len(row)) < rng.uniform(0.1, 0.35)) & (row == 0)
    return np.where(ghosts, 0.25, row)


def _other_pace(
    cells: dict[str, Cells], period: int, steps: int, rng: np.random.Generator
) -> tuple[dict[str, Cells], int]:
    """Play some patterns at half or at double pace, the latter without what falls between the steps."""
    draw = rng.random()
    if draw < 0.1 and period <= 2 * steps:
        return {drum: np.stack([row, 0 * row], axis=1).ravel() for drum, row in cells.items()}, 2 * period
    if draw < 0.2 and steps % 4 == 0 and period % 2 == 0:
        return {drum: np.tile(row[::2], 2) for drum, row in cells.items()}, period
    return cells, period


def _felt(cells: dict[str, Cells], per_beat: int, rng: np.random.Generator) -> dict[str, tuple[Hit, ...]]:
    """Give every drum its own place before or behind the beat, and accents that belong to the groove."""
    loose = float(rng.choice([0.0, 0.01, 0.02, 0.035]))
    drums = {}
    for drum, row in cells.items():
        late = float(rng.uniform(-0.5, 1.0)) * loose
        accents = 1 - rng.uniform(0, 0.35) * (rng.random(per_beat * 2) < 0.5)
        accents[0] = 1.0
        drums[drum] = tuple(
            Hit(int(i), float(np.clip(row[i] * accents[i % len(accents)], 0.12, 1.0)), late=late)
            for i in np.flatnonzero(row)
        )
    return drums


def with_accompaniment(groove: Groove, rng: np.random.Generator) -> Groove:
    """Give drums a comping and a bass pattern.

    Parameters
    ----------
    groove : Groove
        Its own `comp`, `bass` and their styles are replaced.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Groove
    """
    style = str(rng.choice(COMP_STYLES, p=_ODDS_OF_STYLES / _ODDS_OF_STYLES.sum()))
    walking = bool(rng.random() < 0.15)
    return replace(
        groove,
        comp=_comp(groove, style, rng),
        bass=_bass(groove, walking, rng),
        comp_style=style,
        bass_style="walking" if walking else "pattern",
    )


def _comp(groove: Groove, style: str, rng: np.random.Generator) -> tuple[Hit, ...]:
    per_beat, whole = groove.steps // groove.meter, groove.steps * groove.bars
    if style in ONE_TONE_STYLES:
        every = int(rng.choice([1, 2, 2] if per_beat == 4 else [1, 1, 3]))
        pattern = "".join("x" if i % every == 0 else "." for i in range(whole))
    elif style == "chorale":
        every = int(rng.choice([1, 2, groove.meter]))
        pattern = "".join("x" if i % (every * per_beat) == 0 else "." for i in range(whole))
    else:
        pattern = _pattern(_BEAT_CELLS[per_beat], groove, rng)
    hold = {"stab": 0.6, "chorale": 64.0}.get(style, float(rng.choice([1.5, 2.5, 16.0])))
    return _hits(pattern, per_beat, hold, rng)


def _pattern(cells: tuple[str, ...], groove: Groove, rng: np.random.Generator) -> str:
    """One or two bars of few cells, repeated to the groove's length."""
    few = [cells[i] for i in rng.choice(len(cells), size=3)]
    bars = int(rng.choice([1, 1, 2])) if groove.bars % 2 == 0 else 1
    pattern = "".join(few[i] for i in rng.integers(3, size=bars * groove.meter))
    if not pattern.strip("."):
        pattern = cells[0] + pattern[len(cells[0]) :]
    return pattern * (groove.bars // bars)


def _hits(pattern: str, per_beat: int, hold: float, rng: np.random.Generator) -> tuple[Hit, ...]:
    onsets = [i for i, c in enumerate(pattern) if c != "."]
    gaps = np.diff([*onsets, len(pattern) + onsets[0]])
    loud = {i: 0.85 if i % per_beat == 0 else 0.7 for i in onsets}
    return tuple(
        Hit(i, loud[i] + float(rng.uniform(-0.08, 0.08)), min(hold, float(gap)), _INTERVALS.get(pattern[i], 0))
        for i, gap in zip(onsets, gaps, strict=True)
    )


def _bass(groove: Groove, walking: bool, rng: np.random.Generator) -> tuple[Hit, ...]:
    per_beat, whole = groove.steps // groove.meter, groove.steps * groove.bars
    if walking:
        pattern = "".join("0" if i % per_beat == 0 else "." for i in range(whole))
    elif rng.random() < 0.2:
        pattern = "".join("0" if i % groove.steps == 0 else "." for i in range(whole))
    elif rng.random() < 0.2:
        every = int(rng.choice([1, 2] if per_beat == 4 else [1, 3]))
        pattern = "".join("0" if i % every == 0 else "." for i in range(whole))
    elif rng.random() < 0.35:
        # The bass drum leads the bass.
        kicks = {hit.step for hit in groove.drums["kick"]} | {0}
        pattern = "".join("0" if i in kicks else "." for i in range(whole))
    else:
        pattern = _pattern(_BASS_CELLS[per_beat], groove, rng)
    return _hits(pattern, per_beat, 64.0 if rng.random() < 0.6 else float(rng.uniform(0.7, 2.0)), rng)
