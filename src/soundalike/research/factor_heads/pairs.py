"""Which clips of a batch are positives of each other, and which negatives.

A batch holds whole folders. The anchor and the positives of a folder are its queries, and positives of each other.
Negatives of a query are those of its own folder, and the queries of other folders that share neither label nor source
nor clip with it: of what else they might share nothing is known, and of another folder's negatives not even its label.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soundalike.research.factor_heads.examples import kin_of
from soundalike.research.triplets.sets import Members, TripletSet


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Clips that are projected together, and their relations.

    Attributes
    ----------
    clips : int64, shape (n,)
        Places in the set of triplets.
    anchor : bool, shape (n,)
        Whether it is the anchor of its folder.
    near : bool, shape (n, n)
        Whether the column is a positive of the row.
    own : bool, shape (n, n)
        Whether the column is a negative of the row's own folder.
    far : bool, shape (n, n)
        Whether the column is a negative of the row, `own` or not.
    """

    clips: Tensor
    anchor: Tensor
    near: Tensor
    own: Tensor
    far: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return Batch(*(part.to(device) for part in (self.clips, self.anchor, self.near, self.own, self.far)))


class Pairing:
    """Batches of one factor's folders.

    Parameters
    ----------
    triplets : TripletSet
    folders : sequence of Members
        Those that are used.
    size : int
        Folders in a batch.
    others : bool
        Whether queries of other folders are negatives.
    own : int
        How many times a folder's own negatives count then; they are in the batch so many times.
    """

    def __init__(self, triplets: TripletSet, folders: Sequence[Members], *, size: int, others: bool, own: int) -> None:
        self._folders, self._size, self._others = tuple(folders), size, others
        self._own = own if others else 1
        self._kin = [_kin_and_label(triplets, folder) for folder in folders]

    @property
    def count(self) -> int:
        """Batches in one round through all folders."""
        return -(-len(self._folders) // self._size)

    def in_order(self) -> Iterator[Batch]:
        """All folders once, as they come."""
        return self._cut(np.arange(len(self._folders)))

    def shuffled(self, count: int, rng: np.random.Generator) -> Iterator[Batch]:
        """So many batches: rounds through all folders, each in another order."""
        made = 0
        while made < count:
            for batch in self._cut(rng.permutation(len(self._folders))):
                if made < count:
                    yield batch
                made += 1

    def _cut(self, order: NDArray[np.intp]) -> Iterator[Batch]:
        # In equal parts: a last batch of one folder would have no negatives but its own.
        for numbers in np.array_split(order, self.count):
            yield self._batch([int(number) for number in numbers])

    def _batch(self, numbers: Sequence[int]) -> Batch:
        rows: list[tuple[int, int, bool, bool]] = []
        for i, number in enumerate(numbers):
            members = self._folders[number]
            rows.append((members.anchor, i, True, True))
            rows += [(place, i, True, False) for place in members.positives]
            rows += [(place, i, False, False) for place in members.negatives * self._own]
        clips, folder, is_query, anchor = (torch.tensor(column) for column in zip(*rows, strict=True))
        queries = is_query[:, None] & is_query[None, :]
        same = folder[:, None] == folder[None, :]
        near = queries & same & ~torch.eye(len(rows), dtype=torch.bool)
        own = same & is_query[:, None] & ~is_query[None, :]
        strangers = self._strangers(numbers)[folder[:, None], folder[None, :]]
        return Batch(clips, anchor, near, own, own | (queries & strangers))

    def _strangers(self, numbers: Sequence[int]) -> Tensor:
        """Which folders are negatives of each other: bool, shape (folders, folders)."""
        kin = [self._kin[number] for number in numbers]
        table = [[self._others and one.isdisjoint(other) for other in kin] for one in kin]
        return torch.tensor(table, dtype=torch.bool)


def _kin_and_label(triplets: TripletSet, folder: Members) -> frozenset[str]:
    label = {f"label {folder.label}"} if folder.label else set()
    return kin_of(triplets, folder) | label


def hardest(batch: Batch, cosines: Tensor, count: int) -> Tensor:
    """Negatives of each query that are nearest to it, and those of its own folder: bool, shape (n, n).

    Parameters
    ----------
    batch : Batch
    cosines : float32, shape (n, n)
    count : int
        How many of each query's negatives are kept.
    """
    ranked = torch.where(batch.far, cosines.detach(), torch.full_like(cosines, -2.0))
    nearest = ranked.topk(min(count, len(ranked)), dim=1).indices
    kept = torch.zeros_like(batch.far).scatter_(1, nearest, True)
    return batch.own | (kept & batch.far)
