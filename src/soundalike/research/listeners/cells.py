"""The table of single facets: for every config, part, criterion and cut-off, what is kept, possible and reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from soundalike.facets import Facet
from soundalike.judgments import FIRST, JudgedTriplet, keep
from soundalike.research.evaluation.metrics import with_interval
from soundalike.research.listeners.comparisons import (
    above_chance,
    agreement_with_interval,
    reference_tracks,
    same_track_rule,
)
from soundalike.research.listeners.embeddings import ClipEmbeddings, differences
from soundalike.research.listeners.protocol import CUTOFFS, count, outcomes
from soundalike.research.listeners.published import CONFIGS, PARTS


@dataclass(frozen=True, slots=True)
class Answers:
    """Judged triplets of the data set, on canonical sides.

    Attributes
    ----------
    canonical : tuple of JudgedTriplet
        Each triplet once.
    ordered : tuple of JudgedTriplet
        Those that were shown in both orders twice, each with its own votes, as the paper's rows count them.
    """

    canonical: tuple[JudgedTriplet, ...]
    ordered: tuple[JudgedTriplet, ...]

    def of(self, *, config: str, part: str, perspective: str) -> Answers:
        """Those of one config, part and criterion."""
        return Answers(
            *(
                tuple(
                    triplet
                    for triplet in triplets
                    if triplet.criterion == perspective
                    and (triplet.context.get("config"), triplet.context.get("part")) == (config, part)
                )
                for triplets in (self.canonical, self.ordered)
            )
        )


def signs(triplets: Sequence[JudgedTriplet]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Majority of each triplet, 1 for A and -1 for B: int, shape (n,)."""
    return np.array([triplet.sign for triplet in triplets], np.int64)


def shown_first(triplets: Sequence[JudgedTriplet]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """1 where A was shown first, -1 where B was: int, shape (n,)."""
    return np.array([-1 if triplet.context.get(FIRST) == "b" else 1 for triplet in triplets], np.int64)


def mix_facets(system: ClipEmbeddings) -> list[Facet]:
    """The facets that hear a clip as it is."""
    return [facet for facet in system.vectors if facet.stem == "mix"]


def label(facet: str) -> str:
    """A facet's name in tables: the mix as a whole is "mix", not "overall", which is also what listeners are asked."""
    return "mix" if Facet(facet) == Facet("mix") else Facet(facet).short


def all_cells(
    answers: Answers, systems: Sequence[ClipEmbeddings], perspectives: Sequence[str], *, seed: int
) -> Iterator[dict[str, Any]]:
    """Every cell of the table, as JSON: what is kept, the human ceiling, and what each facet of a system reaches."""
    from soundalike.research.listeners.ceiling import ceiling

    for perspective in perspectives:
        for config in CONFIGS:
            for part in PARTS:
                own = answers.of(config=config, part=part, perspective=perspective)
                for cutoff in CUTOFFS:
                    limit = ceiling(own.canonical, cutoff)
                    yield {
                        "config": config,
                        "part": part,
                        "perspective": perspective,
                        "cutoff": cutoff,
                        **_kept(own, cutoff),
                        "ceiling": limit,
                        "systems": {
                            system.name: _system(system, own, cutoff, limit["limit"], seed) for system in systems
                        },
                    }


def _kept(own: Answers, cutoff: float) -> dict[str, Any]:
    kept = keep(own.canonical, cutoff)
    return {
        "triplets": len(own.canonical),
        "kept": len(kept),
        "kept_ordered": len(keep(own.ordered, cutoff)),
        "same_track": count(outcomes(same_track_rule(kept), signs(kept))).to_json(),
    }


def _system(
    system: ClipEmbeddings, own: Answers, cutoff: float, limit: float | None, seed: int
) -> dict[str, dict[str, Any]]:
    """By facet: k of n on triplets counted once, with what it is worth, and k of n as the paper counts."""
    facets = mix_facets(system)
    kept, ordered = keep(own.canonical, cutoff), keep(own.ordered, cutoff)
    given, given_ordered = differences(system, kept, facets), differences(system, ordered, facets)
    missing = int((~system.covered(kept)).sum())
    found: dict[str, dict[str, Any]] = {}
    for column, facet in enumerate(facets):
        results = outcomes(given.values[:, column], signs(kept))
        counted = count(results)
        agreement = agreement_with_interval(results, kept, seed=seed) if kept else None
        found[facet] = {
            **counted.to_json(),
            "missing": missing,
            "silent": int(given.absent[:, column].sum()) - missing,
            "agreement": agreement.to_json() if agreement else None,
            "above_chance": above_chance(agreement.value, limit) if agreement else None,
            "ordered": count(outcomes(given_ordered.values[:, column], signs(ordered))).to_json(),
        }
    return found


def vote_cells(
    answers: Answers, systems: Sequence[ClipEmbeddings], perspectives: Sequence[str], *, seed: int
) -> Iterator[dict[str, Any]]:
    """Share of single votes that go with each facet, over all triplets and without a cut-off, as JSON.

    To be held against what an average listener reaches, who is judged by the majority of the others. No triplet is
    thrown away, and one on which listeners are divided counts for no more than it says.
    """
    from soundalike.research.listeners.ceiling import ceiling

    for perspective in perspectives:
        for config in CONFIGS:
            for part in PARTS:
                own = answers.of(config=config, part=part, perspective=perspective).canonical
                if systems and any(triplet.votes for triplet in own):
                    yield {
                        "config": config,
                        "part": part,
                        "perspective": perspective,
                        "votes": sum(triplet.votes for triplet in own),
                        "one_versus_rest": ceiling(own)["one_versus_rest"],
                        "systems": {system.name: _votes(system, own, seed) for system in systems},
                    }


def _votes(system: ClipEmbeddings, own: Sequence[JudgedTriplet], seed: int) -> dict[str, dict[str, float]]:
    facets = mix_facets(system)
    given = differences(system, own, facets)
    rows = np.repeat(np.arange(len(own)), [triplet.votes for triplet in own])
    votes = np.concatenate([np.repeat([1, -1], [triplet.votes_a, triplet.votes_b]) for triplet in own])
    tracks = reference_tracks(own)
    sources = [tracks[row] for row in rows]
    return {
        facet: with_interval(outcomes(given.values[rows, column], votes), seed=seed, sources=sources).to_json()
        for column, facet in enumerate(facets)
    }
