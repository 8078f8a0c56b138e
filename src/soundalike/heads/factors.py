"""Heads for the embedded encoder: what was learned about each factor, beside the statistics it was learned from.

A vector has two parts. The learned one comes from a small network that was shown which rendered pieces
share the factor (`soundalike.research.training.heads`); the raw one is principal components, which keep
what the renders did not teach. How much each counts was chosen on a SoundFont that neither was made with.

The numbers are in ``factors.npz``, where they come from in ``factors.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.facets import FACTORS, unit
from soundalike.heads.parts import PartHead
from soundalike.scoring import Background

NAME: Final = "factors-1"
Array = NDArray[np.float32]

_LAYERS: Final = ("hidden", "output", "raw")


@dataclass(frozen=True, slots=True)
class Projection:
    """One factor's part of an embedding to its vector.

    Attributes
    ----------
    place, raw_place : slice
        What the learned and the raw part read. A part that reads only zeros is zeros.
    hidden, hidden_offset : float32, shape (h, n) and (h,)
        First layer; its answers below zero count as zero.
    output, output_offset : float32, shape (d, h) and (d,)
        Second layer.
    raw, raw_offset : float32, shape (128 - d, n) and (128 - d,)
        Principal components, and what the mean is mapped to.
    share : float
        Part of the squared length that the learned numbers have, 0 to 1.
    """

    place: slice
    raw_place: slice
    hidden: Array
    hidden_offset: Array
    output: Array
    output_offset: Array
    raw: Array
    raw_offset: Array
    share: float

    @property
    def dim(self) -> int:
        """Length of the vector."""
        return len(self.output) + len(self.raw)

    def apply(self, row: Array) -> Array:
        """Map one embedding to a unit vector: (in_dim,) to (dim,); zeros where there is nothing to hear."""
        vector = np.zeros(self.dim, np.float32)
        part = row[self.place]
        if part.any():
            # einsum and not BLAS: BLAS adds up in another order when it has more threads.
            hidden = np.maximum(np.einsum("ij,j->i", self.hidden, part) + self.hidden_offset, np.float32(0.0))
            learned = np.einsum("ij,j->i", self.output, hidden) + self.output_offset
            vector[: len(self.output)] = np.float32(self.share**0.5) * unit(learned[None])[0]
        part = row[self.raw_place]
        if part.any():
            raw = np.einsum("ij,j->i", self.raw, part) - self.raw_offset
            vector[len(self.output) :] = np.float32((1.0 - self.share) ** 0.5) * unit(raw[None])[0]
        whole: Array = unit(vector[None])[0]
        return whole

    def arrays(self, factor: str) -> dict[str, NDArray[np.generic]]:
        """What `read` takes, large arrays in half precision."""
        layers = {name: getattr(self, name) for name in _LAYERS}
        offsets = {f"{name}_offset": getattr(self, f"{name}_offset") for name in _LAYERS}
        places = [[place.start, place.stop] for place in (self.place, self.raw_place)]
        return {
            f"{factor}.places": np.array(places),
            f"{factor}.share": np.array(self.share),
            **{f"{factor}.{name}": values.astype(np.float16) for name, values in layers.items()},
            **{f"{factor}.{name}": values.astype(np.float32) for name, values in offsets.items()},
        }

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]], factor: str) -> Projection:
        """From arrays as `arrays` gives them."""
        names = [*_LAYERS, *(f"{name}_offset" for name in _LAYERS)]
        values = {name: np.ascontiguousarray(arrays[f"{factor}.{name}"], np.float32) for name in names}
        place, raw_place = (slice(int(start), int(stop)) for start, stop in arrays[f"{factor}.places"])
        return cls(place, raw_place, share=float(arrays[f"{factor}.share"]), **values)


def load() -> tuple[PartHead, ...]:
    """The heads of all factors, in the order of `FACTORS`."""
    with resources.as_file(resources.files(__package__) / "factors.npz") as path, np.load(path) as arrays:
        return build({name: arrays[name] for name in arrays.files})


def build(arrays: Mapping[str, NDArray[Any]]) -> tuple[PartHead, ...]:
    """Heads from the arrays of every factor but overall (`Projection.arrays`), ``overall.mixing`` and ``in_dim``."""
    parts = {factor: Projection.read(arrays, factor) for factor in FACTORS[1:]}
    in_dim, mixing = int(arrays["in_dim"]), np.asarray(arrays["overall.mixing"], np.float32)
    overall = PartHead(NAME, "overall", in_dim, len(mixing), tuple(parts.values()), mixing)
    single = (PartHead(NAME, factor, in_dim, part.dim, (part,)) for factor, part in parts.items())
    return (overall, *single)


def background() -> Background:
    """The cosines of random pairs of the recordings that the heads were fitted on."""
    document = json.loads((resources.files(__package__) / "factors.json").read_text("utf-8"))
    return Background.from_json(document["background"])
