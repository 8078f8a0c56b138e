"""What a library's scores are measured against: random pairs of its own tracks once it has enough, others before."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from soundalike.matching import measure_background
from soundalike.scoring import Background
from soundalike.stores import Store

ENOUGH_TRACKS: Final = 50
"""A library with at least so many tracks uses the background of its own random pairs."""

FEWEST_TRACKS: Final = 8
"""The same where none ships with the heads: a rough scale is better than none."""

SAMPLE: Final = 400
"""Tracks that pairs are drawn from, at most."""


def known_background(store: Store, shipped: Background | None) -> Background | None:
    """The library's own background, with the shipped one's alignments where it has none; else the shipped one."""
    own = store.background()
    if own is None or own.alignments or shipped is None:
        return own or shipped
    return replace(own, alignments=shipped.alignments)


def renew_background(store: Store, shipped: Background | None) -> None:
    """Measure a library's background anew once there are enough tracks, and whenever they have doubled."""
    tracks, known = store.count().tracks, store.background()
    least = ENOUGH_TRACKS if shipped else FEWEST_TRACKS
    if tracks < max(least, 2 * known.tracks if known else 0):
        return
    ids = [track.id for track in store.tracks() if not track.silent]
    chosen = [int(i) for i in np.random.default_rng(0).permutation(ids)[:SAMPLE]]
    measured = measure_background(
        list(store.excerpts(chosen).values()),
        source="random pairs of this library",
        transcriptions=list(store.transcriptions(chosen).values()),
    )
    if measured is not None:
        store.set_background(replace(measured, tracks=tracks))
