"""Passages of recordings: which of them to take, and how they are read.

Source of both choices of a window, with their numbers: Roy et al., "MERIT: Learning Disentangled Music Representations
for Audio Similarity", 2026, and the authors' program. Windows begin a second apart, and where the last one ends with
the recording. What is shorter than a window is silent to its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import UsageError

Samples: TypeAlias = NDArray[np.float32]

SECONDS: Final = 10.0
HOP: Final = 1.0
"""Length of a window and distance between two, in seconds."""

SILENCE: Final = 1e-4
"""Root mean square below which a window is silent."""

FRAME: Final = 0.05
FRAME_HOP: Final = 0.025
RANGE: Final = 40.0
"""Frames in seconds; those within so many decibels of the loudest are active."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a recording.

    Attributes
    ----------
    offset : float
        Seconds from its beginning.
    level : float
        Root mean square of the samples.
    activity : float
        Share of active frames; 1 where it was not measured.
    """

    offset: float
    level: float
    activity: float = 1.0


def settle_window(samples: Samples, rate: int, offset: float | None = None, *, seconds: float = SECONDS) -> Window:
    """The window at an offset, or the loudest one where that is silent or none is given.

    Parameters
    ----------
    samples : float32, shape (n,)
    rate : int
    offset : float, optional
        Seconds.
    seconds : float

    Raises
    ------
    UsageError
        If every window is silent, or the offset lies behind the end.
    """
    length = round(seconds * rate)
    start = 0 if offset is None else round(max(0.0, offset) * rate)
    if start >= len(samples):
        raise UsageError(
            f"A window was asked for at {start / rate:.2f} s of {len(samples) / rate:.2f} s of sound.",
            "Choose an earlier one.",
        )
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    if offset is not None:
        level = _level(energy, start, length)
        if level >= SILENCE:
            return Window(start / rate, level)
    starts = _starts(len(samples), length, rate)
    levels = [_level(energy, first, length) for first in starts]
    best = int(np.argmax(levels))
    if levels[best] < SILENCE:
        raise UsageError(
            f"All of {len(samples) / rate:.1f} s of sound is silent (the loudest window has level {levels[best]:.6f}).",
            "Leave it out.",
        )
    return Window(starts[best] / rate, levels[best])


def loud_windows(samples: Samples, rate: int, *, seconds: float = SECONDS, most: int = 3) -> list[Window]:
    """The loudest window, the loudest of those that do not overlap it, and so on; none that is silent.

    Parameters
    ----------
    samples : float32, shape (n,)
    rate : int
    seconds : float
    most : int
        Windows.
    """
    length = round(seconds * rate)
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    starts = _starts(len(samples), length, rate)
    left = sorted((Window(start / rate, _level(energy, start, length)) for start in starts), key=lambda w: -w.level)
    taken: list[Window] = []
    for window in left:
        apart = all(abs(window.offset - other.offset) >= seconds for other in taken)
        if len(taken) < most and window.level >= SILENCE and apart:
            taken.append(window)
    return taken


def most_active_window(samples: Samples, rate: int, *, seconds: float = SECONDS) -> Window | None:
    """The window with most active frames, of several the loudest; None if there is no sound at all.

    Parameters
    ----------
    samples : float32, shape (n,)
    rate : int
    seconds : float

    Notes
    -----
    Frames are active by the loudest frame of the whole recording.
    """
    length = round(seconds * rate)
    samples = np.pad(samples, (0, max(0, length - len(samples))))
    levels, hop = _frame_levels(samples, rate)
    if not levels.max() > 0:
        return None
    active = np.concatenate([[0], np.cumsum(levels >= _threshold(levels))])
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    windows = []
    for start in _starts(len(samples), length, rate):
        first = min(start // hop, len(levels))
        last = max(first + 1, min((start + length + hop - 1) // hop, len(levels)))
        share = (active[min(last, len(levels))] - active[first]) / (last - first)
        windows.append(Window(start / rate, _level(energy, start, length), float(share)))
    return max(windows, key=lambda window: (window.activity, window.level))


def activity_of(samples: Samples, rate: int) -> tuple[float, float]:
    """Share of active frames of an excerpt, by its own loudest frame, and its root mean square.

    Parameters
    ----------
    samples : float32, shape (n,)
    rate : int
    """
    if not len(samples):
        return 0.0, 0.0
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    levels, _ = _frame_levels(samples, rate)
    return (float(np.mean(levels >= _threshold(levels))) if levels.max() > 0 else 0.0), level


def cut_window(samples: Samples, rate: int, offset: float, *, seconds: float = SECONDS) -> Samples:
    """The samples of a window: float32, shape (round(seconds * rate),), silent behind the end."""
    start, length = round(offset * rate), round(seconds * rate)
    found = samples[start : start + length]
    return np.pad(found, (0, length - len(found)))


def _starts(total: int, length: int, rate: int) -> list[int]:
    last = max(0, total - length)
    starts = list(range(0, last + 1, max(1, round(HOP * rate))))
    return starts if starts[-1] == last else [*starts, last]


def _level(energy: NDArray[np.float64], start: int, length: int) -> float:
    end = min(start + length, len(energy) - 1)
    return float(np.sqrt(max(0.0, energy[end] - energy[start]) / length))


def _frame_levels(samples: Samples, rate: int) -> tuple[NDArray[np.float64], int]:
    """Root mean square of every whole frame, and the samples between two."""
    length, hop = max(8, round(FRAME * rate)), max(1, round(FRAME_HOP * rate))
    samples = np.pad(samples, (0, max(0, length - len(samples))))
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    starts = np.arange(0, len(samples) - length + 1, hop)
    return np.sqrt(np.maximum(energy[starts + length] - energy[starts], 0.0) / length), hop


def _threshold(levels: NDArray[np.float64]) -> float:
    return float(levels.max() * 10.0 ** (-RANGE / 20.0))
