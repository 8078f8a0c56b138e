"""A head made of parts, each of which maps its own place in an embedding to a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ShapeError
from soundalike.facets import Vector, unit

Array = NDArray[np.float32]


class Part(Protocol):
    """What maps one embedding, (in_dim,), to a unit vector, (dim,), or to zeros where there is nothing to hear."""

    def apply(self, row: Array) -> Array:
        """Map one embedding."""
        ...


def check_embeddings(embeddings: Array, in_dim: int) -> None:
    """Raise `ShapeError` unless embeddings are rows of `in_dim` numbers."""
    if embeddings.ndim != 2 or embeddings.shape[1] != in_dim:
        raise ShapeError(
            f"Embeddings have shape {embeddings.shape}.",
            f"This head takes (n, {in_dim}), as the encoder that it was made for gives them.",
        )


@dataclass(frozen=True, slots=True)
class PartHead:
    """A facet vector made of one part, or for ``overall`` of several joined.

    Attributes
    ----------
    name, factor, in_dim, dim
        See `soundalike.heads.Head`.
    parts : tuple of Part
        Their vectors are joined.
    mixing : float32, shape (dim, sum of the parts' dims), or None
        Maps the joined vectors; None for a single part.
    """

    name: str
    factor: str
    in_dim: int
    dim: int
    parts: tuple[Part, ...]
    mixing: Array | None = None

    def project(self, embeddings: Array) -> Vector:
        """See `soundalike.heads.Head.project`."""
        check_embeddings(embeddings, self.in_dim)
        rows = np.zeros((len(embeddings), self.dim), np.float32)
        for row, embedding in zip(rows, np.ascontiguousarray(embeddings, np.float32), strict=True):
            row[:] = self._project_one(embedding)
        return rows

    def _project_one(self, embedding: Array) -> Array:
        joined = np.concatenate([part.apply(embedding) for part in self.parts])
        if self.mixing is None or not joined.any():
            return joined[: self.dim]
        # einsum and not BLAS: BLAS adds up in another order when it has more threads.
        vector: Array = unit(np.einsum("ij,j->i", self.mixing, joined)[None])[0]
        return vector
