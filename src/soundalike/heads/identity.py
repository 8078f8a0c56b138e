"""The head of an encoder that has no others: the embedding itself, as a direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.facets import Vector, unit
from soundalike.heads.parts import check_embeddings

NAME: Final = "identity-1"


@dataclass(frozen=True, slots=True)
class IdentityHead:
    """Embeddings scaled to unit length, for the factor overall.

    Attributes
    ----------
    in_dim : int
        Length of an embedding and of a vector.
    name, factor
        See `soundalike.heads.Head`.
    """

    in_dim: int
    name: str = NAME
    factor: str = "overall"

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.in_dim

    def project(self, embeddings: NDArray[np.float32]) -> Vector:
        """See `soundalike.heads.Head.project`."""
        check_embeddings(embeddings, self.in_dim)
        rows = np.zeros(embeddings.shape, np.float32)
        for row, embedding in zip(rows, np.ascontiguousarray(embeddings, np.float32), strict=True):
            row[:] = unit(embedding[None])[0]  # each by itself: numpy adds up long rows of a batch in other portions
        return rows


def load(in_dim: int) -> tuple[IdentityHead, ...]:
    """The one head for embeddings of this length."""
    return (IdentityHead(in_dim),)
