"""Vectors that know which track a clip is from and nothing of its music: what a gain of weights is held against.

Six in ten of the triplets on which the paper scores its weighted models are XYC, where the clip of the same track wins.
Every facet here is the direction of the clip's track, drawn at random, and noise of the clip's own. To add facets up
averages the noise away, and the agreement on such triplets grows, though nobody has heard how two tracks are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from soundalike.facets import Facet
from soundalike.judgments import JudgedTriplet
from soundalike.research.listeners.cells import shown_first, signs
from soundalike.research.listeners.embeddings import (
    ClipEmbeddings,
    Differences,
    Floats,
    clip_key,
    differences,
    make_embeddings,
    track_of,
)
from soundalike.research.listeners.protocol import MODELS, outcomes, weighted_agreement
from soundalike.research.listeners.published import CONFIGS

DIM: Final = 64
BLUR: Final = 2.0
"""Size of a clip's noise where its track's direction has size 1: one facet alone then answers about 85 % of XYC."""
DRAWS: Final = 10
MODEL: Final = "6 stems + mix"
MIX: Final = Facet("mix")


def track_only(triplets: Sequence[JudgedTriplet], facets: Sequence[Facet], *, seed: int) -> ClipEmbeddings:
    """Made-up vectors of the clips of some triplets.

    Parameters
    ----------
    triplets : sequence of JudgedTriplet
        At least one.
    facets : sequence of Facet
        Each has directions and noise of its own.
    seed : int
        Of all that is drawn.
    """
    paths = sorted({clip_key(path): path for t in triplets for path in (t.reference, t.a, t.b)}.values())
    tracks = {track: place for place, track in enumerate(sorted({track_of(path) for path in paths}))}
    places = [tracks[track_of(path)] for path in paths]
    rng = np.random.default_rng(seed)
    arrays = {
        str(facet): (rng.normal(size=(len(tracks), DIM))[places] + BLUR * rng.normal(size=(len(paths), DIM))).astype(
            np.float32
        )
        for facet in facets
    }
    return make_embeddings("track only", paths, arrays)


def track_only_part(pool: Sequence[JudgedTriplet], *, seed: int) -> dict[str, Any]:
    """What such vectors reach in the paper's protocol, and where, as JSON.

    Parameters
    ----------
    pool : sequence of JudgedTriplet
        Of the mix, both configs.
    seed : int
        Of splits and draws.

    Returns
    -------
    dict
        ``draws``; ``mix``, one facet alone; ``weighted``, all of `MODEL` by least squares; ``gain``, the second less
        the first; ``alone`` and ``added``, by config the share that one facet answers, and that all do whose cosine
        differences are added as they are. Mean and spread over draws each.

    Raises
    ------
    UsageError
        If the triplets cannot be split.
    """
    configs = [triplet.context.get("config", "") for triplet in pool]
    own = {config: np.array([one == config for one in configs]) for config in CONFIGS if config in configs}
    pooled, alone, added = [], [], []
    for draw in range(DRAWS):
        given = differences(track_only(pool, MODELS[MODEL], seed=seed + draw), pool, MODELS[MODEL])
        mix = given.values[:, [given.facets.index(MIX)]]
        pooled.append([_paper(Differences((MIX,), mix, given.absent[:, :1]), pool, seed), _paper(given, pool, seed)])
        alone.append(outcomes(mix[:, 0], signs(pool)))
        added.append(outcomes(given.values.sum(axis=1), signs(pool)))
    one, all_ = np.array(pooled).T
    return {
        "draws": DRAWS,
        "mix": _spread(one),
        "weighted": _spread(all_),
        "gain": _spread(all_ - one),
        "alone": {config: _spread(np.array(alone)[:, rows].mean(axis=1)) for config, rows in own.items()},
        "added": {config: _spread(np.array(added)[:, rows].mean(axis=1)) for config, rows in own.items()},
    }


def _paper(given: Differences, pool: Sequence[JudgedTriplet], seed: int) -> float:
    """Agreement in the paper's protocol, whose labels are in order of presentation."""
    turned = shown_first(pool)
    shown = Differences(given.facets, given.values * turned[:, None], given.absent)
    return weighted_agreement(shown, signs(pool) * turned, seed=seed).mean


def _spread(values: Floats) -> dict[str, float]:
    return {"mean": round(float(values.mean()), 5), "spread": round(float(values.std(ddof=1)), 5)}
