"""MERIT's zero-shot probes in the form of its program, with its one stream of chance, for comparison only.

Negatives are drawn anew for every row of a table from one generator of Python's `random`, one row after the other in a
fixed order. So every head is scored on other negatives, and a head that is missing shifts those of all rows after it.
The ten positives of a query are always the first ten of its class. For figures to be trusted see
`soundalike.research.merit.retrieval`: all candidates, the same for all heads.

Rows are `soundalike.research.merit.fusion.reference_projections`. Where the program would write "not a number" we say
None. Accuracies are rounded to four digits, as there.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.research.merit.fusion import CONCATENATION, HEADS, MAXIMUM, MEAN, PRODUCT, WEIGHTED, Projection
from soundalike.research.merit.projections import RAW, Vectors

SEED: Final = 42
COVER_ORDER: Final = (RAW, *HEADS, MEAN, WEIGHTED, CONCATENATION, PRODUCT, MAXIMUM)
"""The order of rows in the probe of covers, which is not that of the other probes."""

PROFILES: Final = 6


def parent_of(path: str) -> str:
    """Name of the folder that a file is in, which is its class in Ballroom and its song in Covers80."""
    return PurePosixPath(path).parent.name


def stem_of(path: str) -> str:
    """Name of a file without its suffix, which is its class in MUSDB18."""
    return PurePosixPath(path).stem


def tag_probe(
    rows: Mapping[str, Projection | None], tags: Sequence[frozenset[str]], *, length: int = 10
) -> dict[str, dict[str, Any]]:
    """Probe A: average precision in lists of `length`, by tag, then the mean over tags.

    An answer is right if it shares *any* tag with the query, not only the tag whose mean it goes into; and the average
    is over the right answers that could be in the list. Both are the program's.

    Parameters
    ----------
    rows : mapping of str to Projection or None
    tags : sequence of frozenset of str
        Of each clip that the labels know; clips that they do not know must be left out of the rows.
    length : int

    Returns
    -------
    dict of str to dict
        By row: ``mean_map10`` and ``per_tag_map10``; the first is None where the row is missing.
    """
    counted: dict[str, int] = defaultdict(int)
    for own in tags:
        for tag in own:
            counted[tag] += 1
    usable = [tag for tag, count in counted.items() if count >= 2]
    shares = np.array([[bool(own & other) for other in tags] for own in tags], np.bool_)
    results: dict[str, dict[str, Any]] = {}
    for name, row in rows.items():
        if row is None:
            results[name] = {"mean_map10": None}
            continue
        precision = {
            place: _listed_precision(_dots(row.vectors, place), shares[place], place, row.present, length)
            for place in np.flatnonzero(row.present).tolist()
        }
        by_tag = {}
        for tag in usable:
            found = [precision[place] for place, own in enumerate(tags) if tag in own and place in precision]
            by_tag[tag] = float(np.mean(found)) if found else 0.0
        ordered = sorted(by_tag.items(), key=lambda item: (-item[1], item[0]))
        results[name] = {
            "mean_map10": round(float(np.mean(list(by_tag.values()))) if by_tag else 0.0, 4),
            "per_tag_map10": {tag: round(value, 4) for tag, value in ordered},
        }
    return results


def _listed_precision(
    scores: Vectors, right: NDArray[np.bool_], query: int, present: NDArray[np.bool_], length: int
) -> float:
    gallery = [place for place in np.flatnonzero(present).tolist() if place != query]
    ranked = sorted(gallery, key=lambda place: -scores[place])[:length]
    hits, total = 0, 0.0
    for rank, place in enumerate(ranked, start=1):
        if right[place]:
            hits += 1
            total += hits / rank
    return total / min(length, max(int(right[gallery].sum()), 1))


def class_probe(
    rows: Mapping[str, Projection | None],
    labels: Sequence[str],
    *,
    negatives: int = 10,
    seed: int = SEED,
    exclude: Collection[str] = (),
) -> dict[str, dict[str, Any]]:
    """Probe B: triples of a query, the first ten of its class, and ten drawn from all other classes.

    Parameters
    ----------
    rows : mapping of str to Projection or None
        In the program's order.
    labels : sequence of str
        Class of each clip, in the program's order of files; empty for none.
    negatives : int
        Positives and negatives per query.
    seed : int
    exclude : collection of str
        Classes to leave out, such as "mixture".

    Returns
    -------
    dict of str to dict
        By row: ``triplet_accuracy``, ``n_triplets`` and ``per_class_accuracy``; only the first, None, where the row is
        missing.
    """
    rng = random.Random(seed)  # noqa: S311 - the program's own generator
    classes: dict[str, list[int]] = defaultdict(list)
    for place, label in enumerate(labels):
        if label and label not in exclude:
            classes[label].append(place)
    others = {label: [p for name, own in classes.items() if name != label for p in own] for label in classes}
    results: dict[str, dict[str, Any]] = {}
    for name, row in rows.items():
        if row is None:
            results[name] = {"triplet_accuracy": None}
            continue
        right, total, by_class = 0, 0, {}
        for label, own in classes.items():
            if len(own) < 2 or not others[label]:
                continue
            good, count = _score_class(row, own, others[label], negatives, rng)
            by_class[label] = _rate(good, count)
            right, total = right + good, total + count
        results[name] = {
            "triplet_accuracy": _rate(right, total),
            "n_triplets": total,
            "per_class_accuracy": by_class,
        }
    return results


def _score_class(
    row: Projection, own: list[int], others: list[int], negatives: int, rng: random.Random
) -> tuple[int, int]:
    """How many triples of a class are right, and how many there are."""
    good = count = 0
    for query in own:
        if not row.present[query]:
            continue
        drawn = rng.sample(others, min(negatives, len(others)))
        scores = _dots(row.vectors, query)
        near = [place for place in own if place != query][:negatives]
        near = [place for place in near if row.present[place]]
        far = [place for place in drawn if row.present[place]]
        good += int((scores[near][:, None] > scores[far][None]).sum())
        count += len(near) * len(far)
    return good, count


def cover_pairs(paths: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of files whose folders have one name: the first two by name; files at the top have no pair."""
    folders: dict[str, list[int]] = defaultdict(list)
    for place, path in enumerate(paths):
        if parent_of(path):
            folders[parent_of(path)].append(place)
    ordered = (sorted(places, key=lambda place: paths[place]) for places in folders.values() if len(places) >= 2)
    return [(places[0], places[1]) for places in ordered]


def cover_probe(
    rows: Mapping[str, Projection | None], paths: Sequence[str], *, negatives: int = 50, seed: int = SEED
) -> dict[str, Any]:
    """Probe C: each of a pair should be nearer to the other than 50 files drawn from all others.

    Parameters
    ----------
    rows : mapping of str to Projection or None
        They are visited as `COVER_ORDER` says.
    paths : sequence of str
        Of each clip, relative to the corpus, in the program's order.
    negatives : int
    seed : int

    Returns
    -------
    dict
        By row ``triplet_accuracy`` and ``n_triplets``; and ``cover_factor_profiles``: the six pairs that are most
        alike by the fused mean, each with its cosines by row. Empty where there are no pairs.
    """
    rng = random.Random(seed)  # noqa: S311 - the program's own generator
    pairs = cover_pairs(paths)
    if not pairs:
        return {}
    profiles: list[dict[str, Any]] = [{"pair": [paths[a], paths[b]]} for a, b in pairs]
    results: dict[str, Any] = {}
    for name in COVER_ORDER:
        row = rows.get(name)
        if row is None:
            results[name] = {"triplet_accuracy": None, "n_triplets": 0}
            continue
        right = total = 0
        for profile, (a, b) in zip(profiles, pairs, strict=True):
            if not (row.present[a] and row.present[b]):
                continue
            from_a, from_b = _dots(row.vectors, a), _dots(row.vectors, b)
            profile[name] = round(float(from_a[b]), 4)
            others = [place for place in range(len(paths)) if place not in (a, b)]
            drawn = rng.sample(others, min(negatives, len(others)))
            far = [place for place in drawn if row.present[place]]
            right += int((from_a[b] > from_a[far]).sum() + (from_b[a] > from_b[far]).sum())
            total += 2 * len(far)
        results[name] = {"triplet_accuracy": _rate(right, total), "n_triplets": total}
    known = [profile for profile in profiles if MEAN in profile or HEADS[0] in profile]
    known.sort(key=lambda profile: profile.get(MEAN, profile.get(HEADS[0], 0)), reverse=True)
    return results | {"cover_factor_profiles": known[:PROFILES]}


def _dots(vectors: Vectors, query: int) -> Vectors:
    """Scores of all clips against one; equal vectors have equal scores, which BLAS does not promise."""
    scores: Vectors = np.einsum("ij,j->i", vectors, vectors[query])
    return scores


def _rate(right: int, total: int) -> float | None:
    return round(right / total, 4) if total else None
