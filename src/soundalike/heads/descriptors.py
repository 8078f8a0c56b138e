"""Heads for the encoder ``descriptors``: each whitens its own slice of the descriptors.

The numbers in ``descriptors.npz`` and ``descriptors.json`` are made by
`soundalike.research.training.fit_descriptors`; the latter says from which recordings.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.facets import FACTORS, unit
from soundalike.heads.parts import PartHead
from soundalike.scoring import Background

NAME: Final = "descriptors-1"


@dataclass(frozen=True, slots=True)
class Whitening:
    """A linear map of one slice of an embedding.

    Attributes
    ----------
    start, stop : int
        The slice.
    matrix : float32, shape (dim, stop - start)
    offset : float32, shape (dim,)
        What the mean of the slice is mapped to.
    """

    start: int
    stop: int
    matrix: NDArray[np.float32]
    offset: NDArray[np.float32]

    def apply(self, row: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map one embedding to a unit vector: (in_dim,) to (dim,); zeros where the slice is zero."""
        part = row[self.start : self.stop]
        if not part.any():
            return np.zeros(len(self.matrix), np.float32)
        # einsum and not BLAS: BLAS adds up in another order when it has more threads.
        mapped = np.einsum("ij,j->i", self.matrix, part) - self.offset
        vector: NDArray[np.float32] = unit(mapped[None])[0]
        return vector


def load() -> tuple[PartHead, ...]:
    """The heads of all factors, in the order of `FACTORS`."""
    with resources.as_file(resources.files(__package__) / "descriptors.npz") as path, np.load(path) as arrays:
        return build({name: arrays[name] for name in arrays.files})


def build(arrays: dict[str, NDArray[np.generic]]) -> tuple[PartHead, ...]:
    """Heads from their arrays.

    Parameters
    ----------
    arrays : dict
        For every factor but overall ``<factor>.slice`` (start and stop), ``<factor>.matrix`` and
        ``<factor>.offset``; ``overall.mixing`` for those factors in the order of `FACTORS`; ``in_dim``.
    """
    parts = {}
    for factor in FACTORS[1:]:
        start, stop = (int(i) for i in arrays[f"{factor}.slice"])
        matrix, offset = (np.asarray(arrays[f"{factor}.{name}"], np.float32) for name in ("matrix", "offset"))
        parts[factor] = Whitening(start, stop, matrix, offset)
    in_dim = int(arrays["in_dim"])
    mixing = np.asarray(arrays["overall.mixing"], np.float32)
    overall = PartHead(NAME, "overall", in_dim, len(mixing), tuple(parts.values()), mixing)
    single = (PartHead(NAME, factor, in_dim, len(part.matrix), (part,)) for factor, part in parts.items())
    return (overall, *single)


def background() -> Background:
    """The cosines of random pairs of the recordings that the heads were fitted on."""
    document = json.loads((resources.files(__package__) / "descriptors.json").read_text("utf-8"))
    return Background.from_json(document["background"])
