"""Fused heads on every factor's triples, by the strict protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soundalike.heads import Head
from soundalike.research.evaluation.metrics import with_interval
from soundalike.research.merit.clusters import cluster
from soundalike.research.merit.fusion import HEADS, fuse
from soundalike.research.merit.strict_matrix import outcomes_of
from soundalike.research.triplets.sets import TripletSet


def fusion_table(sets: Mapping[str, TripletSet], heads: Mapping[str, Head], *, seed: int = 0) -> dict[str, Any]:
    """Accuracy of each fusion of melody, rhythm and timbre on each set.

    Parameters
    ----------
    sets : mapping of str to TripletSet
        By factor, with the folders that are to be counted.
    heads : mapping of str to Head
        By factor.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict of str to dict of str to dict
        By fusion and set, a mean with its interval; empty where fewer than two heads are there. A clip without a
        direction ties with everything.
    """
    table: dict[str, Any] = {}
    for name, triplets in sets.items():
        projected = {factor: heads[factor].project(triplets.embeddings) for factor in HEADS if factor in heads}
        triples, clusters = triplets.triples(all_negatives=True), cluster(triplets)
        labels = [clusters.labels[folder] for folder in triples.folder]
        for fusion, row in fuse(projected).items():
            outcomes = outcomes_of(row.vectors * row.present[:, None], triples)
            table.setdefault(fusion, {})[name] = with_interval(outcomes, seed=seed, sources=labels).to_json()
    return table
