"""Extension point: an encoder's embeddings to the vectors of one factor.

A head is a small projection. Heads come in sets, one head per factor; a set belongs to an encoder.
To add a set, write a function that returns its heads, add a line to `HEADS`, and run
``tests/contract/test_heads.py``.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from soundalike import extensions
from soundalike.facets import Vector
from soundalike.scoring import Background

HEADS = MappingProxyType(
    {"factors": "soundalike.heads.factors:load", "descriptors": "soundalike.heads.descriptors:load"}
)

DEFAULT_HEADS = MappingProxyType({"embedded": "factors", "descriptors": "descriptors"})
"""The set that an encoder is used with unless another is named."""


BACKGROUNDS = MappingProxyType(
    {
        "factors": "soundalike.heads.factors:background",
        "descriptors": "soundalike.heads.descriptors:background",
    }
)
"""Sets that ship with the background of their cosines."""


@runtime_checkable
class Head(Protocol):
    """What every head has.

    Attributes
    ----------
    name : str
        Name and version; part of the space.
    factor : str
        One of `soundalike.facets.FACTORS`.
    in_dim, dim : int
        Lengths of the embedding and of the facet vector.
    """

    name: str
    factor: str
    in_dim: int
    dim: int

    def project(self, embeddings: NDArray[np.float32]) -> Vector:
        """Project embeddings, float32 (n, in_dim), to float32 (n, dim).

        Rows have unit length, or are zero where the embedding holds nothing for this factor. The
        same row gives the same bits, alone or in any batch. Raises `ShapeError` for another in_dim.
        """
        ...


def load_heads(name: str) -> tuple[Head, ...]:
    """Make the set of heads called `name`, in the order of their factors."""
    heads: tuple[Head, ...] = tuple(extensions.load("heads", HEADS, name)())
    return heads


def load_background(name: str) -> Background | None:
    """The background that ships with the set called `name`, or None if there is none."""
    if name not in BACKGROUNDS:
        return None
    background: Background = extensions.load("backgrounds", BACKGROUNDS, name)()
    return background
