"""Listeners in the place of a system: what people say of single parts, as if it were a model's cosine differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from soundalike.facets import Facet
from soundalike.judgments import JudgedTriplet
from soundalike.research.datasets.inst_sim_abx import STEMS
from soundalike.research.listeners.embeddings import Differences
from soundalike.research.listeners.factor_votes import SOURCE
from soundalike.research.listeners.human_weights import PARTS, mean_votes

PEOPLE: Final = "listeners of single parts"
"""Name of the system that part votes stand for. They were given at other moments of the same tracks."""


def part_votes(judged: Sequence[JudgedTriplet], triplets: Sequence[JudgedTriplet]) -> Differences:
    """Mean votes on the five parts, for triplets of the mix of the same tracks.

    Parameters
    ----------
    judged : sequence of JudgedTriplet
        Of one criterion, all parts, on canonical sides.
    triplets : sequence of n JudgedTriplet
        On canonical sides.

    Returns
    -------
    Differences
        Mean votes between -1 and 1, positive for A; absent where not all parts were judged.
    """
    sources, means = mean_votes(judged)
    rows = dict(zip(sources, means[:, :-1], strict=True))
    places = [tuple(triplet.context.get(column, "") for column in SOURCE) for triplet in triplets]
    nothing = np.full(len(PARTS), np.nan)
    values = np.array([rows.get(place, nothing) for place in places]).reshape(-1, len(PARTS))
    absent = np.isnan(values)
    return Differences(tuple(Facet(STEMS[part]) for part in PARTS), np.where(absent, 0.0, values), absent)
