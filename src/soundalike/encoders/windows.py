"""From clips to what networks hear: samples, in windows as they were trained on, and the mean over those.

Nothing is ever filled with zeros: to a network silence is sound, which changes everything that it says of the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.errors import ShapeError, UsageError
from soundalike.facets import unit

Samples = NDArray[np.float32]


def check_clip(clip: Clip, *, rate: int, window: float) -> None:
    """Refuse a clip that cannot be embedded.

    Raises
    ------
    UsageError
        If it is at another rate, empty or longer than the window.
    """
    if clip.rate != rate:
        raise UsageError(f"A clip has {clip.rate} Hz.", f"Resample it to {rate} Hz.")
    if not 0 < clip.samples.shape[1] <= window * rate + 1:
        raise UsageError(f"A clip is {clip.duration:g} s long.", f"Give more than 0 and at most {window:g} s.")


def samples_of(clip: Clip, *, rate: int, window: float) -> Samples:
    """A clip's samples, mono, float32 (n,), at most a window of them.

    A cut between two samples may have left one more than the window, which would be a window of its own.

    Raises
    ------
    UsageError
        See `check_clip`.
    """
    check_clip(clip, rate=rate, window=window)
    return clip.mono().samples[0, : round(rate * window)]


def embed_audible(
    clips: Sequence[Clip],
    dim: int,
    *,
    rate: int,
    window: float,
    embed: Callable[[list[Samples]], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Embed each clip's samples; digital silence gives a row of zeros and is not asked about.

    Parameters
    ----------
    clips : sequence of Clip
    dim : int
    rate, window
        See `samples_of`.
    embed : callable
        From n arrays of samples to float32 (n, dim); not called for none.

    Returns
    -------
    float32, shape (n, dim)
    """
    rows = np.zeros((len(clips), dim), np.float32)
    sounds = [samples_of(clip, rate=rate, window=window) for clip in clips]
    heard = {i: samples for i, samples in enumerate(sounds) if samples.any()}
    if heard:
        rows[list(heard)] = embed(list(heard.values()))
    return rows


def cut(samples: Samples, size: int, *, least: int) -> list[Samples]:
    """Cut samples into windows of one size.

    Parameters
    ----------
    samples : float32, shape (n,), n >= 1
    size : int
        Samples of a full window.
    least : int
        Samples of the shortest remainder that makes one more window.

    Returns
    -------
    list of float32, shape (size,)
        Full windows from the start. A remainder of at least `least` samples makes a last one that ends with the clip,
        and so overlaps the one before; a shorter remainder is left out. So are the excerpts of a track cut (see
        `soundalike.audio.ExcerptStream`). A clip shorter than `size` is one window, however short; `repeat` makes it
        as long as a network needs.

    Raises
    ------
    ShapeError
        If there are no samples, or they are not one-dimensional.
    UsageError
        If not ``1 <= least <= size``.
    """
    check_samples(samples)
    if not 1 <= least <= size:
        raise UsageError(f"Windows of {least} to {size} samples were asked for.", "Give 1 <= least <= size.")
    if len(samples) < size:
        return [samples]
    windows = [samples[first : first + size] for first in range(0, len(samples) - size + 1, size)]
    if len(samples) % size >= least:
        windows.append(samples[-size:])
    return windows


def repeat(samples: Samples, least: int) -> Samples:
    """Samples again and again until there are `least`; the same array if there are that many."""
    check_samples(samples)
    return samples if len(samples) >= least else np.resize(samples, least)


def mean_direction(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the directions of several vectors, as a direction.

    Parameters
    ----------
    rows : float32, shape (n, dim), n >= 1
        Of any length; rows of zeros say nothing and do not count.

    Returns
    -------
    float32, shape (dim,)
        Of unit length, or zeros if the rows are, or cancel out.

    Raises
    ------
    ShapeError
        If there are no rows.
    """
    if rows.ndim != 2 or not len(rows):
        raise ShapeError(f"Rows have shape {rows.shape}.", "Give (n, dim), at least one row.")
    direction: NDArray[np.float32] = unit(unit(rows).sum(axis=0, keepdims=True))[0]
    return direction


def check_samples(samples: Samples) -> None:
    """Refuse anything but one channel of one sample or more."""
    if samples.ndim != 1 or not len(samples):
        raise ShapeError(f"Samples have shape {samples.shape}.", "Give (n,), at least one sample.")
