"""Decoded sound in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from soundalike.errors import ShapeError, UsageError

QUALITY = "HQ"
"""Resampler setting. From 44.1 to 22.05 kHz all of soxr's settings keep aliases below -110 dB, but LQ
already loses 3 dB at 9 kHz; HQ is flat to 10 kHz and costs only a tenth more than LQ."""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A stretch of sound.

    Attributes
    ----------
    samples : float32, shape (channels, n), range about -1..1
        Nobody changes them in place.
    rate : int
        Samples per second.

    Raises
    ------
    ShapeError
        If the samples are not two-dimensional.
    UsageError
        If the rate is not positive.
    """

    samples: NDArray[np.float32]
    rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 2:
            raise ShapeError(f"A clip's samples have shape {self.samples.shape}.", "Give (channels, n).")
        check_rate(self.rate)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return len(self.samples)

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[1] / self.rate)

    def mono(self) -> Clip:
        """Mean over the channels; the clip itself if it has only one."""
        return self if self.channels == 1 else Clip(mean(self.samples)[None], self.rate)

    def resample(self, rate: int) -> Clip:
        """The same sound at another rate, in hertz; the clip itself if it has that rate."""
        check_rate(rate)
        if rate == self.rate:
            return self
        samples = soxr.resample(self.samples.T, self.rate, rate, quality=QUALITY)
        return Clip(np.ascontiguousarray(samples.T, np.float32), rate)

    def cut(self, start: float, end: float) -> Clip:
        """Only what lies between two times.

        Parameters
        ----------
        start, end : float
            Times in seconds, ``0 <= start < end``. An end after the clip's own is the clip's end.

        Raises
        ------
        UsageError
            If the times are not in order, or nothing lies between them.
        """
        check_span(start, end)
        first, last = (round(min(time, self.duration) * self.rate) for time in (start, end))
        samples = self.samples[:, first:last]
        if not samples.shape[1]:
            raise UsageError(
                f"Nothing lies between {start:g} and {end:g} s of a clip of {self.duration:g} s.",
                "Start before its end.",
            )
        return Clip(samples, self.rate)


def mean(channels: Sequence[NDArray[np.float32]] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over channels, each float32 (n,), to float32 (n,)."""
    if len(channels) == 1:
        return channels[0]
    total: NDArray[np.float32] = channels[0] + channels[1]  # four times as fast as numpy's mean over a short axis
    for channel in channels[2:]:
        total += channel
    total *= np.float32(1 / len(channels))
    return total


def check_rate(rate: int) -> None:
    """Refuse a sampling rate that is not positive."""
    if rate <= 0:
        raise UsageError(f"A sampling rate of {rate} Hz was given.", "Give a positive number of samples per second.")


def check_span(start: float, end: float | None) -> None:
    """Refuse a time range in seconds that is not ``0 <= start < end``; an end of None is open."""
    if not (math.isfinite(start) and start >= 0 and (end is None or end > start)):
        given = f"{start:g} s" if end is None else f"{start:g} to {end:g} s"
        raise UsageError(f"The passage {given} was given.", "Give seconds with 0 <= start < end.")
