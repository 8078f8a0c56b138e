"""A file of any length, excerpt by excerpt."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from soundalike.audio.clip import QUALITY, Clip, check_rate, check_span, mean
from soundalike.audio.decoding import AnyPath, Decoding
from soundalike.errors import UsageError

LEAST_REMAINDER = 1.0
"""Seconds that must be left over at the end of the sound to make one more excerpt."""


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """A time span of a track, and its sound.

    Attributes
    ----------
    start, end : float
        Times in the file, in seconds.
    clip : Clip
        Mono.
    """

    start: float
    end: float
    clip: Clip


class ExcerptStream:
    """The excerpts of a file in flat memory; iterate once.

    All excerpts are `seconds` long and follow each other. A remainder of a second or more makes a last
    excerpt that ends with the sound, and so overlaps the one before; a shorter one is dropped. A file
    shorter than `seconds` is one excerpt of its own length. The same file gives the same bits always.

    Parameters
    ----------
    path : path
        See `soundalike.audio.load_clip`.
    rate : int
        Rate of the excerpts in hertz.
    seconds : float
        Length of an excerpt.
    start, end : float
        Passage to read, in seconds; it ends with the sound if `end` is later or None.

    Attributes
    ----------
    duration : float
        Seconds decoded.
    audio_hash : str
        SHA-256 over the rate and the samples, mixed to mono, at the file's own rate: equal for copies
        with other tags or names, or in another lossless format.
    warning : str
        What was odd about the file; empty if nothing was.
    peak : float
        Largest absolute sample of the mono mix, before resampling.
    rms_db : float
        Level of the mono mix in decibels re full scale; -inf for digital silence.

    Raises
    ------
    UsageError
        If rate, seconds or the passage make no sense, or the stream is iterated twice.
    AudioDecodeError
        While iterating, if the file cannot be decoded.

    Notes
    -----
    The attributes are there once the last excerpt has been taken.
    """

    duration: float
    audio_hash: str
    warning: str
    peak: float
    rms_db: float

    def __init__(
        self, path: AnyPath, *, rate: int, seconds: float, start: float = 0.0, end: float | None = None
    ) -> None:
        check_rate(rate)
        check_span(start, end)
        if not (math.isfinite(seconds) and seconds * rate >= 1):
            raise UsageError(f"Excerpts of {seconds:g} s were asked for.", "Give a positive number of seconds.")
        self._path = path
        self._rate = rate
        self._size = round(seconds * rate)
        self._span = (start, end)
        self._used = False

    def __iter__(self) -> Iterator[Excerpt]:
        if self._used:
            raise UsageError("The excerpts of a file were asked for twice.", "Make a new ExcerptStream.")
        self._used = True
        start, end = self._span
        with Decoding(self._path, start=start, end=end) as decoding:
            for first, samples in _windows(self._resampled(decoding), self._size, round(LEAST_REMAINDER * self._rate)):
                time = start + first / self._rate
                yield Excerpt(time, time + len(samples) / self._rate, Clip(samples[None], self._rate))

    def _resampled(self, decoding: Decoding) -> Iterator[NDArray[np.float32]]:
        """Mono blocks at the excerpts' rate; what is measured on the way is kept at the end."""
        resampler = None
        if decoding.rate != self._rate:
            resampler = soxr.ResampleStream(decoding.rate, self._rate, 1, dtype="float32", quality=QUALITY)
        digest = hashlib.sha256(f"{decoding.rate} Hz".encode(), usedforsecurity=False)
        peak = energy = 0.0
        for block in decoding.blocks():
            mono = np.ascontiguousarray(mean(block))
            digest.update(mono.data)
            peak = max(peak, float(mono.max()), -float(mono.min()))
            energy += float(np.einsum("i,i->", mono, mono))  # BLAS would depend on its threads
            yield mono if resampler is None else resampler.resample_chunk(mono)
        if resampler is not None:
            yield resampler.resample_chunk(np.empty(0, np.float32), last=True)
        self.duration = decoding.frames / decoding.rate
        self.audio_hash = digest.hexdigest()
        self.warning = decoding.warning
        self.peak = peak
        self.rms_db = 10 * math.log10(energy / decoding.frames) if energy else -math.inf


def _windows(chunks: Iterable[NDArray[np.float32]], size: int, least: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Windows of `size` samples and where each begins (see `ExcerptStream` for what happens at the end)."""
    waiting: list[NDArray[np.float32]] = []
    count = begun = 0
    window = np.empty(0, np.float32)
    for chunk in chunks:
        waiting.append(chunk)
        count += len(chunk)
        if count < size:
            continue
        samples = np.concatenate(waiting)
        for first in range(0, count - size + 1, size):
            window = samples[first : first + size]
            yield begun + first, window
        used = count // size * size
        waiting, count, begun = [samples[used:]], count - used, begun + used
    if count and (not begun or count >= least):
        samples = np.concatenate([window, *waiting])[-size:]
        yield begun + count - len(samples), samples
