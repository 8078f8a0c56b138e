"""Rows as int8, one facet after the other: what a search reads first.

A block keeps, for every facet, a matrix of int8 codes and one float32 scale per row
(vector = codes * scale, the largest code being 127). A facet that is absent has scale 0. The scan
reads only the facets that have a weight. Answers never come from codes: they only choose which
rows are scored from the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.facets import Vector
from soundalike.stores.embedded.kernel import Codes
from soundalike.stores.embedded.rows import Rows


@dataclass(frozen=True, slots=True)
class Block:
    """n rows, ready to scan; arrays may be memory-mapped and must not be written to.

    Attributes
    ----------
    ids, tracks : int64, shape (n,)
        Of the rows, ascending, and of the tracks that they belong to.
    pattern : uint32, shape (n,)
        Which of `patterns` tells the facets that are present.
    patterns : uint64, shape (p,)
        Presence bits: bit i is set where facet i is present.
    codes : tuple of int8, shape (n, dim)
        One matrix per facet.
    scales : tuple of float32, shape (n,)
        One per facet; 0 where absent.
    """

    ids: NDArray[np.int64]
    tracks: NDArray[np.int64]
    pattern: NDArray[np.uint32]
    patterns: NDArray[np.uint64]
    codes: tuple[Codes, ...]
    scales: tuple[NDArray[np.float32], ...]

    def __len__(self) -> int:
        return len(self.ids)


def quantise(vectors: Vector) -> tuple[Codes, NDArray[np.float32]]:
    """Give codes, int8 of the same shape, and scales, float32 without the last axis, of vectors."""
    scales = np.maximum(vectors.max(axis=-1), -vectors.min(axis=-1)) / np.float32(127)
    codes = np.rint(vectors / np.where(scales > 0, scales, np.float32(1))[..., None])
    return codes.astype(np.int8), scales


def encode(rows: Rows) -> Block:
    """Turn rows of the truth into a block."""
    codes, scales = quantise(rows.vectors)
    patterns, pattern = np.unique(rows.presence, return_inverse=True)
    facets = range(rows.vectors.shape[1])
    return Block(
        rows.ids,
        rows.tracks,
        pattern.astype(np.uint32),
        patterns,
        tuple(np.ascontiguousarray(codes[:, i]) for i in facets),
        tuple(np.ascontiguousarray(scales[:, i]) for i in facets),
    )


def merge_patterns(known: NDArray[np.uint64], block: Block) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Extend known patterns, in their order, by a block's; also gives the block's `pattern` among them."""
    table = {bits: i for i, bits in enumerate(known.tolist())}
    places = [table.setdefault(bits, len(table)) for bits in block.patterns.tolist()]
    return np.array(list(table), np.uint64), np.array(places, np.uint32)[block.pattern]


def join(blocks: Sequence[Block]) -> Block:
    """Join blocks of one level, in order of their ids, to one in memory."""
    if len(blocks) == 1:
        return blocks[0]
    patterns, parts = np.zeros(0, np.uint64), []
    for block in blocks:
        patterns, pattern = merge_patterns(patterns, block)
        parts.append(pattern)
    return Block(
        np.concatenate([block.ids for block in blocks]),
        np.concatenate([block.tracks for block in blocks]),
        np.concatenate(parts),
        patterns,
        tuple(np.concatenate(parts) for parts in zip(*(block.codes for block in blocks), strict=True)),
        tuple(np.concatenate(parts) for parts in zip(*(block.scales for block in blocks), strict=True)),
    )
