"""Cutting a clip into the windows that a network was trained on, and the mean over them.

Nothing is ever filled with zeros: to a network silence is sound, which changes everything that it says of the rest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ShapeError, UsageError
from soundalike.facets import unit

Samples = NDArray[np.float32]


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
