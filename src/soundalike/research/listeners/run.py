"""All that is measured on Inst-Sim-ABX, as one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from soundalike.errors import UnknownNameError, UsageError
from soundalike.research.datasets.inst_sim_abx import InstSimAbx
from soundalike.research.listeners.cells import Answers, all_cells, vote_cells
from soundalike.research.listeners.conflicts import PERSPECTIVES
from soundalike.research.listeners.embeddings import ClipEmbeddings, read_embeddings
from soundalike.research.listeners.weighted_models import factor_part, paper_part, strict_part

Document: TypeAlias = dict[str, Any]

FORMAT: Final = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes
    ----------
    data : Path
        A clone of the data set.
    embeddings : tuple of Path
        Files of vectors, a system each.
    perspectives : tuple of str
        Criteria; those of `soundalike.research.listeners.conflicts.PERSPECTIVES`.
    seed : int
        Of splits and draws.
    """

    data: Path
    embeddings: tuple[Path, ...] = ()
    perspectives: tuple[str, ...] = PERSPECTIVES
    seed: int = 0


def run_plan(plan: Plan) -> Document:
    """Measure.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    dict
        Counts and shares only, none of the answers. ``cells``: for every config, part, perspective and cut-off what is
        kept, once and as the paper counts, the ceiling, and by system and facet how many are right. ``votes``: the
        same of single votes. ``paper`` and ``strict``: weighted models on the mix by perspective. ``factors``: heads
        by criteria. ``humans``: what listeners' own answers weigh; see
        `soundalike.research.listeners.human_weights.human_part`.

    Raises
    ------
    NotFoundError, UnknownNameError, UsageError, ShapeError
        If the data set or a file of vectors is not there or not what it should be.
    """
    for name in plan.perspectives:
        if name not in PERSPECTIVES:
            raise UnknownNameError(f"'{name}' is not a perspective.", f"Known: {', '.join(PERSPECTIVES)}.")
    systems = _read_systems(plan.embeddings)
    dataset = InstSimAbx(plan.data)
    answers = Answers(tuple(dataset.triplets()), tuple(dataset.triplets(ordered=True)))
    _check_coverage(systems, answers)
    asked = dict.fromkeys(plan.perspectives)
    perspectives = tuple(name for name in PERSPECTIVES if name in asked)
    return {
        "format": FORMAT,
        "dataset": {
            "name": dataset.name,
            "licence": dataset.licence,
            "citation": dataset.citation,
            "changed_files": dataset.changed_files(),
            "counts": {
                "listeners": len({trial.listener for trial in dataset.trials}),
                "trials": len(dataset.trials),
                "triplets": len({(t.reference, t.a, t.b) for t in answers.canonical}),
            },
        },
        "perspectives": list(perspectives),
        "seed": plan.seed,
        "systems": {system.name: _about(system, answers) for system in systems},
        "cells": list(all_cells(answers, systems, perspectives, seed=plan.seed)),
        "humans": _humans(dataset, seed=plan.seed),
        "votes": list(vote_cells(answers, systems, perspectives, seed=plan.seed)),
        "paper": paper_part(answers, systems, perspectives, seed=plan.seed),
        "strict": strict_part(answers, systems, perspectives, seed=plan.seed),
        "factors": factor_part(answers, systems, seed=plan.seed),
    }


def _read_systems(files: Sequence[Path]) -> list[ClipEmbeddings]:
    systems = [read_embeddings(path) for path in files]
    names = [system.name for system in systems]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"Two files of vectors are called '{name}'.", "Give each its own name.")
    return systems


def _check_coverage(systems: Sequence[ClipEmbeddings], answers: Answers) -> None:
    """Refuse vectors of other clips: everything would be a tie."""
    for system in systems:
        if not system.covered(answers.canonical).any():
            raise UsageError(
                f"'{system.name}' has all three clips of none of the triplets.",
                "Embed the clips of this data set; their paths end as in set2/2/piano/X_1913-28.wav.",
            )


def _about(system: ClipEmbeddings, answers: Answers) -> dict[str, Any]:
    own = [triplet for triplet in answers.canonical if triplet.criterion == "overall"]
    return {
        "space": system.space,
        "facets": {facet: rows.shape[1] for facet, rows in system.vectors.items()},
        "clips": len(system.rows),
        "triplets_covered": int(system.covered(own).sum()),
        "triplets": len(own),
    }


def _humans(dataset: InstSimAbx, *, seed: int) -> dict[str, Any]:
    """What listeners' own answers say of the weights of factors and parts."""
    from soundalike.research.listeners import human_weights

    return human_weights.human_part(dataset, seed=seed)
