"""Random grooves: drum pattern, comping pattern, bass pattern and swing, each groove from one seed.

A groove knows no tempo, pitch or sound. It starts from one of the `FAMILIES` (some are for training, the
others for tests) and is changed a little by chance.

Conventions
-----------
A bar has 16 steps (straight) or 12 (triplets). In the pattern strings ``X`` is a strong hit, ``x`` a normal
one, ``o`` a ghost note and ``.`` nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from soundalike.research.music.composer import Split, stream

DRUMS = ("kick", "snare", "hat", "open", "perc")
MORE_DRUMS = ("tom", "ride", "crash")
"""Drums of rich grooves and of performances, beside `DRUMS`."""
SUBSTITUTES: Mapping[str, str] = MappingProxyType({"tom": "perc", "ride": "hat", "crash": "open"})
"""What plays one of `MORE_DRUMS` in a kit that has it not."""
LOUDNESS = {"X": 1.0, "x": 0.75, "o": 0.35}

# Each family: kick, snare, hat, open hat, percussion, and the range of swing (0.5 is none).
_Family = tuple[str, str, str, str, str, tuple[float, float]]
FAMILIES: Mapping[Split, Mapping[str, _Family]] = MappingProxyType(
    {
        "train": MappingProxyType(
            {
                "backbeat": ("X.......X.x.....", "....X.......X...", "x.x.x.x.x.x.x.x.", "", "", (0.5, 0.5)),
                "four on the floor": ("X...X...X...X...", "....x.......x...", "", "..x...x...x...x.", "", (0.5, 0.54)),
                "half time": ("X.....x.........", "........X.......", "x...x...x...x...", "", "", (0.5, 0.58)),
                "sixteenth funk": (
                    "X..x..x...x..x..",
                    "....X..o.o..X..o",
                    "xoxoxoxoxoxoxoxo",
                    "",
                    "",
                    (0.5, 0.56),
                ),
                "bossa": ("X..xX..xX..xX..x", "", "x.x.x.x.x.x.x.x.", "", "X..X..X...X..X..", (0.5, 0.53)),
                "one drop": ("........X.......", "", "x.x.x.x.x.x.x.x.", "", "........X.......", (0.5, 0.62)),
                "shuffle": ("X.....X..x..", "...X.....X..", "x.xx.xx.xx.x", "", "", (0.5, 0.5)),
                "disco": (
                    "X...X...X...X...",
                    "....X.......X...",
                    "x.xxx.xxx.xxx.xx",
                    "..x...x...x...x.",
                    "",
                    (0.5, 0.5),
                ),
                "soul fours": ("X.....x.X.x.....", "X...X...X...X...", "x.x.x.x.x.x.x.x.", "", "", (0.5, 0.55)),
                "slow rolls": ("X......x..x.....", "........X.......", "xxxxxxxxxxxoxoxx", "", "", (0.5, 0.5)),
                "country train": ("X...X...X...X...", "ooXoooXoooXoooXo", "", "", "", (0.5, 0.58)),
                "dembow": ("X...X...X...X...", "...x..x....x..x.", "x.x.x.x.x.x.x.x.", "", "", (0.5, 0.5)),
                "breakbeat": ("X.X.......XX....", "....X..o.o..X..o", "x.x.x.x.x.x.x.x.", "", "", (0.5, 0.56)),
                "six eight bell": ("X.....X.....", "", "", "", "X.x.Xx.x.X.x", (0.5, 0.5)),
                "polka": ("X...X...X...X...", "..X...X...X...X.", "", "", "", (0.5, 0.5)),
                "floor toms": ("X...............", "............x...", "", "", "X..x..x.X..x..x.", (0.5, 0.5)),
                "two step": (
                    "X.........x.....",
                    "....X.......X...",
                    "..x...x...x...xx",
                    "",
                    "x..o..x..o..x...",
                    (0.54, 0.6),
                ),
            }
        ),
        "test": MappingProxyType(
            {
                "fast break": ("X.........X.....", "....X..o....X...", "x.x.x.x.x.x.x.x.", "", "", (0.5, 0.52)),
                "second line": ("X..x..X...x.X...", "o.xoo.xo.xo.x.oo", "", "", "", (0.54, 0.6)),
                "swing ride": ("o.....o.....", "......o....o", "X..X.xX..X.x", "", "", (0.5, 0.5)),
                "rolling six": ("X....xX.....", "......X.....", "xxxxxxxxxxxx", "", "", (0.5, 0.5)),
                "songo": (
                    "...x..x....x..x.",
                    "....o..X.o..o..o",
                    "x.x.x.x.x.x.x.x.",
                    "",
                    "X...X.X.X...X.X.",
                    (0.5, 0.53),
                ),
                "motorik": ("X.x.X.x.X.x.X.x.", "....X.......X...", "xxxxxxxxxxxxxxxx", "", "", (0.5, 0.5)),
                "clave": ("X.....x.X.....x.", "", "x...x...x...x...", "", "X..X..X...X.X...", (0.5, 0.53)),
                "dropped beat": ("X..x......X..x..", "....X.....X.....", "x.x.x.xox.x.x.xo", "", "", (0.52, 0.6)),
            }
        ),
    }
)

# How the chords are struck; a letter holds its sound until the next one or for `_COMP_HOLD` steps.
_COMPS = {
    16: (
        "X...............",
        "X.......X.......",
        "X...x...X...x...",
        "..x...x...x...x.",
        "X..x..x.X..x..x.",
        "X..x..x.....x...",
        "x.xxx.x.x.xxx.x.",
        "....X.......X...",
        "X.x..x.xX.x..x..",
        "..xx..x...xx..x.",
    ),
    12: ("X...........", "X.....X.....", "x.xx.xx.xx.x", "..x..x..x..x", "X..x..X..x..", "X.x..xX.x..."),
}
# Digits are semitones above the root: 0 root, 5 a fourth below, 7 fifth, 8 octave.
_BASSES = {
    16: (
        "0...............",
        "0.......0.......",
        "0...0...0...0...",
        "0.0.0.0.0.0.0.0.",
        "0.....0.0.......",
        "0...7...0...7...",
        "..0...0...0...0.",
        "0..0..8...0..7..",
        "0.8.0.8.0.8.0.8.",
        "0......70...5.7.",
        "0..0....0.0...7.",
        "0.......7.......",
    ),
    12: ("0...........", "0.....7.....", "0..0..0..0..", "0.00.00.00.0", "0..5..7..8..", "0.....0..7.8"),
}
_COMP_STYLES = ("block", "block", "block", "broken", "up")


def on_kit(
    hits: Mapping[str, Sequence[tuple[float, float]]], known: Collection[str]
) -> dict[str, list[tuple[float, float]]]:
    """Move the hits of drums that a kit has not to their `SUBSTITUTES`, in order of time."""
    moved = {name: list(strokes) for name, strokes in hits.items() if name in known}
    for name, strokes in hits.items():
        if name not in known and strokes:
            moved[SUBSTITUTES[name]] = sorted([*moved.get(SUBSTITUTES[name], []), *strokes])
    return moved


@dataclass(frozen=True, slots=True)
class Hit:
    """One stroke: `step` from the start of the pattern, `velocity` 0 to 1, `length` in steps.

    `interval` is only meant for the bass: semitones above the chord's root. `late` is how many beats it
    comes after (below 0: before) the time of its step.
    """

    step: int
    velocity: float
    length: float = 1.0
    interval: int = 0
    late: float = 0.0


@dataclass(frozen=True, slots=True)
class Groove:
    """A rhythm without tempo.

    Attributes
    ----------
    family : str
        The name of its family.
    steps : int
        Per bar: three or four times `meter`, 16 or 12 in common time.
    bars : int
        Length until the pattern repeats.
    swing : float
        Where in a beat its second half begins, 0.5 (straight) to 0.67.
    drums : mapping of str to tuple of Hit
        By drum, see `DRUMS`.
    comp, bass : tuple of Hit
        When chords and bass are struck.
    comp_style : str
        "block" (all tones at once), "broken" (one after another), "up" (bass tone last), or one of
        `soundalike.research.music.rich_grooves.COMP_STYLES`.
    meter : int
        Beats per bar.
    bass_style : str
        "pattern", or "walking" (tones of the chord and steps towards the next one).
    """

    family: str
    steps: int
    bars: int
    swing: float
    drums: Mapping[str, tuple[Hit, ...]]
    comp: tuple[Hit, ...]
    bass: tuple[Hit, ...]
    comp_style: str
    meter: int = 4
    bass_style: str = "pattern"

    @property
    def straight(self) -> bool:
        """Whether beats are divided by four, not by three."""
        return self.steps == 4 * self.meter

    def beat(self, step: float) -> float:
        """Time of a step in beats, swing included."""
        return self.swung(step / 4) if self.straight else step / 3

    def swung(self, beat: float) -> float:
        """Move a straight time, in beats, to where this groove feels it."""
        whole, part = divmod(beat, 1.0)
        late = self.swing if self.straight else 2 / 3
        return whole + (part * 2 * late if part < 0.5 else late + (part - 0.5) * 2 * (1 - late))


def compose_groove(seed: int, split: Split = "train") -> Groove:
    """Draw a family and change it by chance.

    Parameters
    ----------
    seed : int
        Not negative; the same seed gives the same groove.
    split : Split
        Whose families to draw from.
    """
    rng = stream("groove", seed, split)
    family = list(FAMILIES[split])[rng.integers(len(FAMILIES[split]))]
    *patterns, (least, most) = FAMILIES[split][family]
    steps, bars = len(patterns[0]), int(rng.integers(1, 3))
    drums = {}
    for drum, pattern in zip(DRUMS, patterns, strict=True):
        cells = _strengths(pattern, steps)
        if drum == "hat" and rng.random() < 0.35:
            cells = _other_hat(steps, rng)
        if drum == "perc" and not cells.any() and rng.random() < 0.3:
            cells = _strengths(_COMPS[steps][rng.integers(1, len(_COMPS[steps]))], steps) * 0.8
        rows = [_vary(cells, drum, rng, bar) for bar in range(bars)]
        cells = np.concatenate(rows)
        drums[drum] = tuple(Hit(int(i), float(cells[i])) for i in np.flatnonzero(cells))
    return Groove(
        family=family,
        steps=steps,
        bars=bars,
        swing=float(rng.uniform(least, most)) if most > least else 0.5,
        drums=MappingProxyType(drums),
        comp=_comp(steps, bars, rng),
        bass=_bass(steps, bars, rng),
        comp_style=_COMP_STYLES[rng.integers(len(_COMP_STYLES))],
    )


def _strengths(pattern: str, steps: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([LOUDNESS.get(c, 0.0) for c in pattern.ljust(steps, ".")])


def _other_hat(steps: int, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Quarters, eighths, off-beats or every step instead of the family's own hi-hat."""
    every, first = {16: ((4, 0), (2, 0), (4, 2), (1, 0)), 12: ((3, 0), (3, 2), (6, 0), (1, 0))}[steps][rng.integers(4)]
    cells = np.zeros(steps)
    cells[first::every] = 0.7
    cells[first :: 2 * every] = 0.85
    return cells


def _vary(
    cells: np.ndarray[tuple[int], np.dtype[np.float64]], drum: str, rng: np.random.Generator, bar: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Add and drop a few hits; more of them in the second bar."""
    cells = cells.copy()
    if not cells.any():
        return cells
    additions = {"kick": 0.9, "snare": 0.3, "hat": 0.3, "open": 0.2, "perc": 0.7}[drum] * (1 + bar)
    for _ in range(rng.poisson(additions)):
        cells[rng.integers(1, len(cells))] = 0.4 if drum == "snare" else 0.7
    drop = rng.random(len(cells)) < (0.04 if drum in ("kick", "snare") else 0.1)
    cells[drop & (cells < 1)] = 0
    return cells


def _comp(steps: int, bars: int, rng: np.random.Generator) -> tuple[Hit, ...]:
    pattern = _COMPS[steps][rng.integers(len(_COMPS[steps]))]
    cells = np.concatenate([_strengths(pattern, steps)] * bars)
    if rng.random() < 0.5:
        cells[rng.integers(1, len(cells))] = 0.75
    hold = float(rng.choice([1.5, 2.5, 16.0]))
    onsets = [int(i) for i in np.flatnonzero(cells)]
    gaps = np.diff([*onsets, steps * bars + onsets[0]])
    return tuple(Hit(i, float(cells[i]), min(hold, float(gap))) for i, gap in zip(onsets, gaps, strict=True))


def _bass(steps: int, bars: int, rng: np.random.Generator) -> tuple[Hit, ...]:
    pattern = list(_BASSES[steps][rng.integers(len(_BASSES[steps]))] * bars)
    if rng.random() < 0.6:
        pattern[int(rng.integers(1, len(pattern)))] = str(rng.choice(list("0078")))
    intervals = {"0": 0, "5": -5, "7": 7, "8": 12}
    onsets = [i for i, c in enumerate(pattern) if c != "."]
    gaps = np.diff([*onsets, len(pattern) + onsets[0]])
    short = float(rng.uniform(0.6, 1.0))
    return tuple(
        Hit(i, 0.9 if i % 4 == 0 else 0.75, max(1.0, float(gap) * short), intervals[pattern[i]])
        for i, gap in zip(onsets, gaps, strict=True)
    )
