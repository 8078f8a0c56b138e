"""Which bars of a stem make good loops.

Every bar of a stem becomes a **picture**: how loud each mel band is in each eighth of a beat, and each semitone in each
quarter of one, so that bars can be compared whatever the tempo does. A run of bars is judged by three numbers, each
from 0 to 1,

    goes round   how much any two bars of the song that follow each other are like its last and its first
    full         how near its softest bar comes to the level that the stem usually has
    typical      how much its bars are like all others of the stem, against the bar that is so most

and their mean is its score. The best are taken one after another, but none that shares a bar with one that is taken,
or is the same once more, from whichever of its bars on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise, zip_longest
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Excerpt, ExcerptStream
from soundalike.encoders.embedded.spectra import (
    MELS,
    ONSET_HOP,
    PITCH_HOP,
    PITCHES,
    RATE,
    mel_filters,
    power_frames,
    semitones,
)
from soundalike.errors import UsageError

if TYPE_CHECKING:
    from soundalike.bars import Bars

SLOTS: Final = 8
"""Parts of a beat in a picture; pitches, which need longer windows, have half as many."""

USUAL_LENGTHS: Final = (4, 2, 1)
"""Bars of a loop where no length is asked for: the first of these that gives any loops."""

SAME: Final = 0.9
"""Likeness of two runs from which they count as one that is played again. On composed pieces, bars in which only the
tune differs are alike by 0.75 to 0.88, repeated ones by 0.91 to 0.98."""

UNLIKE: Final = 0.7
"""Likeness that counts for nothing: two bars by the same players have that much in common."""

LEAST_SCORE: Final = 0.6
"""A run with a lower score is no loop, nor one that does not go round at all."""

SOFT_DB: Final = 12.0
"""Decibels below the stem's median level at which a bar is not full at all."""

EVEN: Final = 0.03
"""Share by which a bar may be longer or shorter than is usual around it."""

_AROUND: Final = 4
_AT_ONCE: Final = 30.0
_CLOSE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Grid:
    """The bars of a song, cut into slots.

    Attributes
    ----------
    starts : float64, shape (n + 1,)
        Seconds at which bars begin, and at which the last one ends.
    slots : float64, shape (n * meter * SLOTS + 1,)
        Seconds at which slots begin, and at which the last one ends.
    complete : bool, shape (n,)
        Whether a bar has as many beats as the meter says, and is as long as those around it.
    meter : int
        Beats in a bar.
    """

    starts: NDArray[np.float64]
    slots: NDArray[np.float64]
    complete: NDArray[np.bool_]
    meter: int

    @property
    def bars(self) -> int:
        """How many bars there are."""
        return len(self.complete)


@dataclass(frozen=True, slots=True)
class StemPicture:
    """What a stem plays, bar by bar.

    Attributes
    ----------
    likeness : float64, shape (n, n)
        Of every bar to every other, 0 to 1; a bar's likeness to itself is 1, or 0 where it is silent.
    level : float64, shape (n,)
        Root mean square of each bar in dBFS; -inf for digital silence.
    """

    likeness: NDArray[np.float64] = field(repr=False)
    level: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Run:
    """Bars that follow one another.

    Attributes
    ----------
    first : int
        Number of the first bar, from 0.
    bars : int
        How many.
    score : float
        How well they loop, 0 to 1.
    """

    first: int
    bars: int
    score: float


def grid_of(bars: Bars) -> Grid | None:
    """The slots of all bars; None if there is not one bar."""
    starts = np.asarray(bars.downbeats, np.float64)
    if len(starts) < 2:
        return None
    places = np.arange(bars.meter * SLOTS) / SLOTS
    slots, complete = [], []
    for start, end in pairwise(starts):
        within = bars.beats[(bars.beats > start + _CLOSE) & (bars.beats < end - _CLOSE)]
        complete.append(len(within) == bars.meter - 1)
        if not complete[-1]:
            within = np.linspace(start, end, bars.meter + 1)[1:-1]
        slots.append(np.interp(places, np.arange(bars.meter + 1), np.concatenate([[start], within, [end]])))
    return Grid(starts, np.concatenate([*slots, starts[-1:]]), np.array(complete) & _even(np.diff(starts)), bars.meter)


def _even(lengths: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which bars are about as long as is usual around them: players waver less, and beats that were lost show."""
    usual = [float(np.median(lengths[max(bar - _AROUND, 0) : bar + _AROUND + 1])) for bar in range(len(lengths))]
    even: NDArray[np.bool_] = np.abs(lengths / np.array(usual) - 1.0) <= EVEN
    return even


def picture_of(path: str, grid: Grid, *, offset: float = 0.0) -> StemPicture:
    """Listen to a stem bar by bar, in memory that grows with the number of bars only.

    Parameters
    ----------
    path : str
        File of the stem; bars after its end are silent.
    grid : Grid
        Of the song.
    offset : float
        Time of the song at which the file begins, in seconds; may be negative.

    Raises
    ------
    AudioDecodeError
        If the file cannot be decoded.
    """
    power = _Means(grid.slots, 1)
    mels = _Means(grid.slots, MELS)
    pitches = _Means(grid.slots[::2], PITCHES)
    for excerpt in _excerpts(path, grid, offset):
        samples, time = excerpt.clip.samples[0], excerpt.start + offset
        whole = samples[: len(samples) // ONSET_HOP * ONSET_HOP].reshape(-1, ONSET_HOP)
        energy = np.einsum("ij,ij->i", whole, whole, dtype=np.float64)[:, None] / ONSET_HOP
        power.add(energy, time + 0.5 * ONSET_HOP / RATE, ONSET_HOP)
        mels.add(power_frames(samples, 4 * ONSET_HOP, ONSET_HOP, filters=mel_filters()), time, ONSET_HOP)
        pitches.add(semitones(samples)[0], time, PITCH_HOP)
    level = power.means().reshape(grid.bars, -1).mean(axis=1)
    # Square roots of amplitudes: what is soft counts, but not as much as what is loud.
    rows = (mels.means() ** 0.25, pitches.means() ** 0.5)
    likeness = sum(_likeness(part.reshape(grid.bars, -1)) for part in rows) / 2.0
    with np.errstate(divide="ignore"):
        return StemPicture(np.asarray(likeness), 10.0 * np.log10(level))


def _excerpts(path: str, grid: Grid, offset: float) -> Iterator[Excerpt]:
    """What a file that begins at `offset` holds of the bars; nothing if it ends before they begin."""
    start, end = max(float(grid.starts[0]) - offset, 0.0), float(grid.starts[-1]) - offset
    try:
        yield from ExcerptStream(path, rate=RATE, seconds=_AT_ONCE, start=start, end=end)
    except UsageError:
        return


def choose_runs(
    picture: StemPicture, playable: NDArray[np.bool_], *, lengths: Sequence[int] = (), most: int = 3
) -> list[Run]:
    """The runs of a stem that loop best and differ from each other.

    Parameters
    ----------
    picture : StemPicture
    playable : bool, shape (n,)
        Which bars may be in a loop: complete ones, in which the stem is heard.
    lengths : sequence of int
        Bars that loops may have; runs of each length are chosen apart, and taken in turn. The default is the first
        of `USUAL_LENGTHS` that gives any.
    most : int
        How many at most.

    Returns
    -------
    list of Run
        Best first, and of all lengths the best ones first.
    """
    if lengths:
        chosen = [_chosen(picture, playable, length, most) for length in dict.fromkeys(lengths)]
        return [run for run in chain.from_iterable(zip_longest(*chosen)) if run is not None][:most]
    return next((runs for length in USUAL_LENGTHS if (runs := _chosen(picture, playable, length, most))), [])


def _chosen(picture: StemPicture, playable: NDArray[np.bool_], bars: int, most: int) -> list[Run]:
    """Of all runs of one length the best that differ."""
    runs = sorted(_scored(picture, playable, bars), key=lambda run: (-run.score, run.first))
    taken: list[Run] = []
    for run in runs:
        if len(taken) == most:
            break
        if not any(_repeats(picture.likeness, run, other) for other in taken):
            taken.append(run)
    return taken


def _scored(picture: StemPicture, playable: NDArray[np.bool_], bars: int) -> list[Run]:
    """All runs that are loops."""
    if not playable.any():
        return []
    alike = np.clip((picture.likeness - UNLIKE) / (1.0 - UNLIKE), 0.0, 1.0)
    usual = float(np.median(picture.level[playable]))
    typical = alike[:, playable].mean(axis=1)
    typical /= max(float(typical[playable].max()), 1e-9)
    found = []
    for first in range(len(playable) - bars + 1):
        here = slice(first, first + bars)
        if not playable[here].all():
            continue
        softest = float(picture.level[here].min())
        full = min(max(1.0 + (softest - usual) / SOFT_DB, 0.0), 1.0)
        goes_round = _goes_round(alike, first, bars)
        score = (goes_round + full + float(typical[here].mean())) / 3.0
        if goes_round > 0.0 and score >= LEAST_SCORE:
            found.append(Run(first, bars, round(score, 6)))
    return found


def _goes_round(alike: NDArray[np.float64], first: int, bars: int) -> float:
    """How much any two bars that follow each other are like the last bar of a run and its first: the worse of both."""
    return float(np.minimum(alike[:-1, first + bars - 1], alike[1:, first]).max(initial=0.0))


def _repeats(likeness: NDArray[np.float64], one: Run, other: Run) -> bool:
    """Whether a run shares bars with another of the same length, or is the same from any of its bars on."""
    if abs(one.first - other.first) < one.bars:
        return True
    steps = np.arange(one.bars)
    return any(
        likeness[one.first + steps, other.first + (steps + turn) % one.bars].mean() >= SAME for turn in range(one.bars)
    )


def _likeness(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """``1 - |a - b|^2 / (|a|^2 + |b|^2)`` of all pairs of rows, without BLAS, whose bits depend on its threads."""
    compact = rows.astype(np.float32)
    products = np.einsum("ij,kj->ik", compact, compact, dtype=np.float64)
    sizes = np.diagonal(products)
    likeness: NDArray[np.float64] = 2.0 * products / np.maximum(sizes[:, None] + sizes, 1e-12)
    return likeness


class _Means:
    """Means over the frames that fall in each slot.

    Parameters
    ----------
    edges : float64, shape (slots + 1,)
        Seconds.
    bands : int
    """

    def __init__(self, edges: NDArray[np.float64], bands: int) -> None:
        self._edges = edges
        self._sums = np.zeros((len(edges) - 1, bands))
        self._counts = np.zeros(len(edges) - 1)

    def add(self, frames: NDArray[np.floating], time: float, hop: int) -> None:
        """Count in frames of shape (n, bands), the first at `time` in seconds and `hop` samples apart."""
        times = time + np.arange(len(frames)) * (hop / RATE)
        slots = np.searchsorted(self._edges, times, side="right") - 1
        inside = (slots >= 0) & (slots < len(self._sums))
        np.add.at(self._sums, slots[inside], frames[inside])
        np.add.at(self._counts, slots[inside], 1.0)

    def means(self) -> NDArray[np.float64]:
        """Shape (slots, bands); zeros where no frame fell."""
        return self._sums / np.maximum(self._counts, 1.0)[:, None]
