"""Ways to answer a set of triplets without hearing its factor, and what the split gives away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import UsageError
from soundalike.research.evaluation.hearing import Progress
from soundalike.research.merit.clip_facts import ClipFacts, measure_clips
from soundalike.research.merit.clusters import cluster
from soundalike.research.merit.detector import learn_detector
from soundalike.research.merit.leaks import leaks_of, recurrence_of
from soundalike.research.merit.oracles import SAME_DURATION, SAME_LEVEL, by_domain, by_label, by_tempo, by_value
from soundalike.research.merit.strict_matrix import score_outcomes
from soundalike.research.triplets.sets import Triples, TripletSet
from soundalike.research.triplets.splits import Split

Judge: TypeAlias = Callable[[Triples], NDArray[np.float64]]


def audit(
    triplets: TripletSet,
    *,
    split: Split | None = None,
    root: Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """All audits of one set.

    Parameters
    ----------
    triplets : TripletSet
        With the folders of both sides.
    split : Split, optional
        Shortcuts are measured on "test", the detector learns from "train". Without one, all are tested.
    root : Path, optional
        Folder or archive of the set's wav files, for tempos that notes do not tell, levels and durations.
    seed : int
        Of the bootstrap.
    progress : callable, optional
        Told how many wav files are measured.

    Returns
    -------
    dict
        ``shortcuts`` by judge, each with MERIT's triples (``as merit``) and with all negatives (``all negatives``),
        see `soundalike.research.merit.strict_matrix.score_outcomes`; ``not measured`` with reasons; ``leaks`` (None
        without a split) and ``recurrence``, see `soundalike.research.merit.leaks`.

    Raises
    ------
    UsageError
        If no test folder is in the set.
    """
    judged = triplets.select(split.test) if split else triplets
    learned = triplets.select(split.train if split else ())
    if not judged.folders:
        raise UsageError(f"The set for {triplets.factor} has no folder of the test part.", "Check its split.")
    judges, missing = _judges(learned, judged, root, progress)
    clusters = cluster(judged)
    shortcuts: dict[str, Any] = {}
    for name, judge in judges.items():
        shortcuts[name] = {}
        for kind, every in (("as merit", False), ("all negatives", True)):
            triples = judged.triples(all_negatives=every)
            outcomes = judge(triples)
            shortcuts[name][kind] = score_outcomes(outcomes, triples, judged, clusters, seed=seed)
    return {
        "shortcuts": shortcuts,
        "not measured": missing,
        "leaks": leaks_of(triplets, split) if split else None,
        "recurrence": recurrence_of(triplets),
    }


def _judges(
    learned: TripletSet, judged: TripletSet, root: Path | None, progress: Progress | None
) -> tuple[dict[str, Judge], dict[str, str]]:
    """Judges by name, and why others are missing."""
    judges: dict[str, Judge] = {}
    missing: dict[str, str] = {}
    if by_domain(judged, judged.triples()) is None:
        missing["domain"] = "not every clip's domain is known"
    else:
        judges["domain"] = lambda triples: by_label([note.domain for note in judged.notes], triples)
    try:
        opinions = learn_detector(learned).opinions(judged.embeddings)
        judges["domain detector"] = lambda triples: by_value(opinions, triples)
    except UsageError as error:
        missing["domain detector"] = str(error)
    tempos = np.array([note.tempo for note in judged.notes], np.float64)
    used = sorted({clip for folder in judged.folders for clip in folder.clips})
    facts: ClipFacts | None = None
    if root is not None:
        estimated = not (tempos[used] > 0).all()
        facts = measure_clips(judged, root, tempo=estimated, progress=progress)
        tempos = facts.tempos if estimated else tempos
        judges["level"] = lambda triples: by_value(facts.levels, triples, same=SAME_LEVEL)
        judges["duration"] = lambda triples: by_value(facts.durations, triples, same=SAME_DURATION)
    else:
        missing["level and duration"] = "the recipe names no folder of wav files for this factor under [audio]"
    if (tempos[used] > 0).any():
        judges["tempo"] = lambda triples: by_tempo(tempos, triples)
    else:
        missing["tempo"] = "no clip's tempo is known, and none could be estimated"
    return judges, missing
