"""Dot products of many int8 rows with one: numkong's kernel, or numpy where that does not work."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Codes: TypeAlias = NDArray[np.int8]
Dots: TypeAlias = Callable[[Codes, Codes, NDArray[np.float32]], None]

_PIECE = 16384

_log = logging.getLogger(__name__)


def dots(rows: Codes, query: Codes, out: NDArray[np.float32]) -> None:
    """Write the dot product of each row with `query` to `out`.

    Parameters
    ----------
    rows : int8, shape (n, dim), C-contiguous
        Values in -127..127.
    query : int8, shape (dim,)
        Values in -127..127.
    out : float32, shape (n,), contiguous
        Exact up to a dim of 1024, rounded beyond.
    """
    load_kernel()(rows, query, out)


def gather(rows: Codes, index: NDArray[np.intp]) -> Codes:
    """Copy some rows, int8 (n, dim), to a new array; in words of eight bytes where dim allows it."""
    if rows.shape[1] % 8 == 0 and rows.flags.c_contiguous and rows.flags.aligned:
        wide = np.take(rows.view(np.int64), index, axis=0, mode="clip")
        return wide.view(np.int8)
    return np.take(rows, index, axis=0, mode="clip")


@cache
def load_kernel() -> Dots:
    """Choose the kernel once per process: numkong's if it is there and agrees with numpy."""
    try:
        import numkong  # noqa: F401
    except ImportError as error:
        _log.info("numkong cannot be loaded (%s); searching with numpy, which is slower.", error)
        return numpy_dots
    if agrees(numkong_dots):
        return numkong_dots
    _log.warning("numkong computes wrong dot products on this machine; searching with numpy, which is slower.")
    return numpy_dots


def agrees(kernel: Dots) -> bool:
    """Tell whether a kernel gives exactly what integer arithmetic gives, at awkward sizes and extremes."""
    generator = np.random.default_rng(0)
    for count, dim in ((1, 1), (3, 7), (5, 64), (17, 100), (33, 128)):
        rows = generator.integers(-127, 128, (count, dim), np.int8)
        rows[0] = 127
        query = generator.integers(-127, 128, dim, np.int8)
        query[0] = -127
        out = np.full(count, np.nan, np.float32)
        try:
            kernel(rows, query, out)
        except (TypeError, ValueError, LookupError, AttributeError, RuntimeError) as error:
            _log.info("The kernel refuses int8 rows: %s", error)
            return False
        if not np.array_equal(out, rows.astype(np.int64) @ query.astype(np.int64)):
            return False
    return True


def numkong_dots(rows: Codes, query: Codes, out: NDArray[np.float32]) -> None:
    """`dots` by numkong."""
    import numkong

    if len(rows):
        numkong.cdist(rows, query[None, :], "dot", out=out[:, None])


def numpy_dots(rows: Codes, query: Codes, out: NDArray[np.float32]) -> None:
    """`dots` by numpy, in pieces that stay in the processor's cache."""
    direction = query.astype(np.float32)
    for first in range(0, len(rows), _PIECE):
        out[first : first + _PIECE] = rows[first : first + _PIECE].astype(np.float32) @ direction
