"""Rows of one level of one space: facet vectors as the database keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import SpaceMismatchError, UsageError
from soundalike.facets import FacetVectors, Space, Vector, unit


@dataclass(frozen=True, slots=True)
class Rows:
    """n rows in order of their ids.

    Attributes
    ----------
    ids, tracks : int64, shape (n,)
        Of the rows, and of the tracks that they belong to.
    start, end : float64, shape (n,)
        Seconds.
    presence : uint64, shape (n,)
        Bit i is set where facet i of the space is present.
    vectors : float32, shape (n, facets, dim)
        Unit vectors, zero where absent.
    """

    ids: NDArray[np.int64]
    tracks: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    presence: NDArray[np.uint64]
    vectors: Vector

    def __len__(self) -> int:
        return len(self.ids)


def stack(excerpts: FacetVectors, space: Space) -> Vector:
    """Join the facets' vectors in storage order: float32, shape (n, facets, dim), unit or zero rows.

    Raises
    ------
    SpaceMismatchError
        If facets or dim are not those of the space.
    UsageError
        If a value is not finite.
    """
    given = set(excerpts.vectors)
    if len(excerpts) == 0 and not given:
        return np.zeros((0, len(space.facets), space.dim), np.float32)
    dims = {rows.shape[1] for rows in excerpts.vectors.values()}
    if given != set(space.facets) or dims != {space.dim}:
        raise SpaceMismatchError(
            f"Vectors of {_names(given)} with dim {sorted(dims)} do not fit the space '{space.name}'.",
            f"It holds {_names(space.facets)} with dim {space.dim}; analyse the track in this space.",
        )
    vectors = np.stack([excerpts.vectors[facet] for facet in space.facets], axis=1).astype(np.float32)
    if not np.isfinite(vectors).all():
        raise UsageError("A facet vector holds values that are not finite.", "Give unit rows, or zero rows if absent.")
    return unit(vectors.reshape(-1, space.dim)).reshape(vectors.shape)


def _names(facets: Any) -> str:
    return ", ".join(sorted(facets)) or "no facets"


def pack(vectors: Vector) -> list[tuple[int, bytes]]:
    """Turn vectors, shape (n, facets, dim), into presence bits and float16 bytes, one pair per row."""
    mask = vectors.any(axis=2)
    bits = _bits(mask.shape[1])
    presence = np.where(mask, bits, np.uint64(0)).sum(axis=1, dtype=np.uint64)
    kept = vectors[mask].astype("<f2")
    ends = np.cumsum(mask.sum(axis=1)).tolist()
    return [
        (int(bit), kept[first:last].tobytes())
        for bit, first, last in zip(presence.tolist(), [0, *ends], ends, strict=False)
    ]


def unpack(records: Sequence[tuple[int, int, float, float, int, bytes]], space: Space) -> Rows:
    """Turn database records (id, track, start, end, presence, vectors) into rows.

    Raises
    ------
    SpaceMismatchError
        If the bytes are not as many as the presence bits say.
    """
    count, facets = len(records), len(space.facets)
    ids, tracks, start, end, bits, blobs = zip(*records, strict=True) if records else ((),) * 6
    presence = np.array(bits, np.uint64)
    mask = (presence[:, None] & _bits(facets)) != 0
    halves = np.frombuffer(b"".join(blobs), "<f2")
    if halves.size != mask.sum() * space.dim:
        raise SpaceMismatchError(
            f"Stored vectors of the space '{space.name}' have another length than its dim of {space.dim}.",
            "Run the check-up of the library, and analyse the tracks again.",
        )
    vectors = np.zeros((count, facets, space.dim), np.float32)
    vectors[mask] = unit(halves.reshape(-1, space.dim))
    return Rows(
        np.array(ids, np.int64),
        np.array(tracks, np.int64),
        np.array(start, np.float64),
        np.array(end, np.float64),
        presence,
        vectors,
    )


def split(rows: Rows, space: Space) -> dict[int, FacetVectors]:
    """Group rows by track: the inverse of `stack`."""
    if not len(rows):
        return {}
    order = np.argsort(rows.tracks, kind="stable")
    tracks, firsts = np.unique(rows.tracks[order], return_index=True)
    return {
        int(track): FacetVectors(
            rows.start[group], rows.end[group], {facet: rows.vectors[group, i] for i, facet in enumerate(space.facets)}
        )
        for track, group in zip(tracks, np.split(order, firsts[1:]), strict=True)
    }


def _bits(facets: int) -> NDArray[np.uint64]:
    return np.left_shift(np.uint64(1), np.arange(facets, dtype=np.uint64))
