"""How an embedding is divided into parts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

SHORTEST_MELODY: Final = 1.0
SHORTEST_HARMONY: Final = 0.3
"""Seconds below which a clip has no melody, and no harmony or key."""


def lay_out(sizes: Mapping[str, int]) -> MappingProxyType[str, slice]:
    """Places of parts that follow one another."""
    ends = np.cumsum(list(sizes.values()))
    return MappingProxyType(
        {name: slice(int(end) - size, int(end)) for (name, size), end in zip(sizes.items(), ends, strict=True)}
    )
