"""What the embedded encoder hears where loops are cut: in which bars a stem truly plays, and in which key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import ExcerptStream, load_clip
from soundalike.encoders.embedded import LAYOUT, EmbeddedEncoder
from soundalike.key import estimate_key
from soundalike.loops.choosing import Grid, StemPicture
from soundalike.presence import LEAST_PRESENT, plays
from soundalike.stems import STEM_DB

SURE: Final = 0.2
"""Confidence, 0 to 1, from which a key is written into a name."""

GAP_DB: Final = 20.0
"""Decibels below the stem's median level at which a bar is a gap."""

KEY_SECONDS: Final = 240.0
"""The key is that of so much of the mix around a loop: a few bars alone may be one chord."""


@dataclass(frozen=True, slots=True)
class Harmony:
    """Which pitch classes are heard when.

    Attributes
    ----------
    times : float64, shape (n,)
        Middles of excerpts, in seconds.
    chroma : float32, shape (n, 12)
    """

    times: NDArray[np.float64]
    chroma: NDArray[np.float32]

    def key(self, time: float) -> str | None:
        """The key around a time in seconds, such as "A minor"; None where none is sure."""
        near = np.abs(self.times - time) <= 0.5 * KEY_SECONDS
        key = estimate_key(self.chroma[near].mean(axis=0)) if near.any() else None
        return key.name if key and key.confidence >= SURE else None


def hear_harmony(path: str, start: float = 0.0, end: float | None = None) -> Harmony:
    """Listen to the pitches of a passage of a song, in seconds.

    Raises
    ------
    AudioDecodeError
        If it cannot be decoded.
    """
    encoder = EmbeddedEncoder()
    times, rows = [], []
    for excerpt in ExcerptStream(path, rate=encoder.sample_rate, seconds=encoder.window, start=start, end=end):
        times.append(0.5 * (excerpt.start + excerpt.end))
        rows.append(encoder.encode([excerpt.clip])[0, LAYOUT["chroma"]])
    return Harmony(np.array(times), np.array(rows))


def audible_bars(stem: StemPicture, mix: StemPicture, gate: float) -> NDArray[np.bool_]:
    """The bars in which a stem can be heard: (n,).

    With two bars on either side it is at least at `STEM_DB` and not more than `gate` decibels below the mix, and it has
    no gap there.
    """
    around, whole = (_power_around(picture) for picture in (stem, mix))
    heard: NDArray[np.bool_] = around >= np.maximum(10.0 ** (STEM_DB / 10.0), whole * 10.0 ** (-gate / 10.0))
    if not heard.any():
        return heard
    least = max(STEM_DB, float(np.median(stem.level[heard])) - GAP_DB)
    heard &= stem.level >= least
    return heard


def _power_around(picture: StemPicture) -> NDArray[np.float64]:
    """Mean power of each bar and two on either side: float64, shape (n,)."""
    sums = np.concatenate([[0.0], np.cumsum(10.0 ** (picture.level / 10.0))])
    bars = np.arange(len(picture.level))
    first, last = np.maximum(bars - 2, 0), np.minimum(bars + 3, len(bars))
    power: NDArray[np.float64] = np.maximum(sums[last] - sums[first], 0.0) / (last - first)
    return power


def played_bars(stem: str, path: str, offset: float, song: str, grid: Grid) -> NDArray[np.bool_]:
    """The bars in which a stem of the embedded separator holds its own instrument, and not only what leaked into it.

    Parameters
    ----------
    stem, path : str
        Its name and its file.
    offset : float
        Time of the song at which the file begins, in seconds.
    song : str
        The song's file.
    grid : Grid
        Of the song.

    Returns
    -------
    bool, shape (n,)
        Judged in excerpts of 10 s (see `soundalike.presence.plays`); a bar belongs to that in which its middle lies.
    """
    middles = 0.5 * (grid.starts[:-1] + grid.starts[1:])
    found = np.zeros(grid.bars, np.bool_)
    start, end = float(grid.starts[0]), float(grid.starts[-1])
    rate, seconds = EmbeddedEncoder.sample_rate, EmbeddedEncoder.window
    for whole in ExcerptStream(song, rate=rate, seconds=seconds, start=start, end=end):
        inside = (middles >= whole.start) & (middles < whole.end)
        if not inside.any():
            continue
        first = max(whole.start - offset, 0.0)
        own = load_clip(path, start=first, end=first + whole.clip.duration, rate=whole.clip.rate, mono=True)
        found[inside] = plays(stem, own, whole.clip) >= LEAST_PRESENT
    return found
