"""How embeddings are scaled before heads read them, and what they answer by themselves.

Scaling each number by its own spread makes what is small audible, such as the statistics of a tune in an embedding of
thousands of numbers; of timbre it makes noise loud. So by default the training triples decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.facets import unit
from soundalike.research.factor_heads.examples import Examples
from soundalike.research.factor_heads.recipe import CHOICES
from soundalike.research.triplets.sets import Members, TripletSet, expand

Array = NDArray[np.float32]
Spread: TypeAlias = tuple[Array, Array]
"""Mean and scale of every number of an embedding, each float32 (in_dim,)."""

SCALINGS: Final = CHOICES["standardise"]
AUTO, EACH, ALL, NONE = SCALINGS
"""The better of the next two; every number by its own spread; all numbers by one; as they are."""


def choose_spread(examples: Mapping[str, Examples], how: str) -> Spread | None:
    """Mean and scale by which the embeddings of a network are standardised.

    Parameters
    ----------
    examples : mapping of str to Examples
        By factor, those that the network learns from; only what is for training is looked at.
    how : str
        One of `SCALINGS`.

    Returns
    -------
    tuple, or None
        None where they are taken as they are.
    """
    if how == NONE:
        return None
    rows = np.concatenate([_training_rows(each) for each in examples.values()])
    spreads = {kind: spread_of(rows, each=kind == EACH) for kind in (EACH, ALL) if how in (kind, AUTO)}

    def accuracy(kind: str) -> float:
        found = [untrained_accuracy(each.triplets, each.train, spreads[kind]) for each in examples.values()]
        return float(np.mean(found))

    return spreads[max(spreads, key=accuracy) if len(spreads) > 1 else next(iter(spreads))]


def spread_of(rows: Array, *, each: bool = True) -> Spread:
    """Mean and scale of embeddings, float32 (n, in_dim), by column; without `each`, one scale for all columns."""
    mean, deviation = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    # A column that hardly moves must not be blown up into noise.
    scale = deviation + 0.1 * deviation.mean() if each else np.full_like(deviation, np.sqrt(np.mean(deviation**2)))
    return mean.astype(np.float32), (scale + 1e-6).astype(np.float32)


def untrained_accuracy(
    triplets: TripletSet, folders: Sequence[Members], spread: Spread | None = None, *, all_negatives: bool = True
) -> float:
    """Share of triples, 0 to 1, that the embedding itself answers right by its cosine; ties half.

    Parameters
    ----------
    triplets : TripletSet
    folders : sequence of Members
        At least one.
    spread : tuple, optional
        By which embeddings are standardised first.
    all_negatives : bool
        See `soundalike.research.triplets.sets.expand`.
    """
    right: list[NDArray[np.float64]] = []
    for folder in folders:
        places = list(folder.clips)
        rows = triplets.embeddings[places]
        vectors = unit(rows if spread is None else (rows - spread[0]) / spread[1])
        cosines = np.round(np.einsum("id,jd->ij", vectors, vectors, dtype=np.float64), 9)
        row = {place: number for number, place in enumerate(places)}
        triples = expand([folder], all_negatives=all_negatives)
        query, near, far = (
            [row[int(place)] for place in column] for column in (triples.anchor, triples.positive, triples.negative)
        )
        right.append(0.5 + 0.5 * np.sign(cosines[query, near] - cosines[query, far]))
    return float(np.concatenate(right).mean())


def _training_rows(examples: Examples) -> Array:
    places = sorted({place for folder in examples.train for place in folder.clips})
    return examples.triplets.embeddings[places]
