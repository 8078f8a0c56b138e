"""How an embedding is divided into parts, and what clips it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from soundalike.audio import Clip
from soundalike.errors import UsageError

SHORTEST_MELODY: Final = 1.0
SHORTEST_HARMONY: Final = 0.3
"""Seconds below which a clip has no melody, and no harmony or key."""


def lay_out(sizes: Mapping[str, int]) -> MappingProxyType[str, slice]:
    """Places of parts that follow one another."""
    ends = np.cumsum(list(sizes.values()))
    return MappingProxyType(
        {name: slice(int(end) - size, int(end)) for (name, size), end in zip(sizes.items(), ends, strict=True)}
    )


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
