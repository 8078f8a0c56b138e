"""Adding: files per second with fsync after each, what a second run costs, and reopening."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

RATE = 44100


def measure(*, quick: bool) -> dict[str, object]:
    """Rates for one-shots and for the store alone, beside the disk's own fsync rate."""
    from soundalike.library import Library

    files = 100 if quick else 400
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as place:
        music = Path(place) / "music"
        music.mkdir()
        for number in range(files):
            decay = np.exp(-np.linspace(0, 8, RATE // 4))
            soundfile.write(music / f"{number}.wav", 0.3 * decay * rng.normal(size=RATE // 4), RATE)
        with Library(Path(place) / "library") as library:
            first = library.add([music], jobs=os.cpu_count())
            again = library.add([music], jobs=os.cpu_count())
        begun = time.perf_counter()
        with Library(Path(place) / "library") as library:
            library.search(music / "0.wav", n=10)
        reopen = time.perf_counter() - begun
        return {
            "one_shots_per_second": round(files / first.seconds, 1),
            "unchanged_files_per_second": round(files / again.seconds),
            "fsync_per_second_of_this_disk": round(_fsync_rate(Path(place))),
            "store": _store(Path(place) / "store", 2_000 if quick else 20_000),
            "reopen_and_search_seconds": round(reopen, 3),
        }


def _store(folder: Path, excerpts: int) -> dict[str, object]:
    """Rows per second into the truth in transactions of one track, and reopening with all of them."""
    from searching import FACETS, SPACE, corpus
    from soundalike.facets import FacetVectors, Weights
    from soundalike.scoring import Scoring
    from soundalike.stores import open_store
    from soundalike.tracks import AnalysedTrack, Track

    per_track = 20
    rows = corpus(excerpts, seed=0)
    start = np.arange(per_track) * 10.0
    entries = []
    for first in range(0, excerpts, per_track):
        vectors = {facet: rows[first : first + per_track, place] for place, facet in enumerate(FACETS)}
        track = Track(f"/{first}", audio_hash=str(first), duration=200.0)
        entries.append(AnalysedTrack(track, FacetVectors(start, start + 10, vectors)))
    with open_store(str(folder), SPACE) as store:
        begun = time.perf_counter()
        for entry in entries:
            store.add([entry])
        adding = time.perf_counter() - begun
    begun = time.perf_counter()
    with open_store(str(folder), SPACE) as store:
        scoring = Scoring.of(Weights(dict.fromkeys(FACETS, 1.0)), None, "excerpt")
        store.nearest(dict(zip(FACETS, rows[0], strict=True)), scoring, k=10, level="excerpt")
        reopen = time.perf_counter() - begun
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return {
        "excerpts": excerpts,
        "excerpts_per_second": round(excerpts / adding),
        "transactions_per_second": round(len(entries) / adding),
        "reopen_and_search_seconds": round(reopen, 3),
        "bytes_per_excerpt": round(size / excerpts),
    }


def _fsync_rate(place: Path) -> float:
    """Physical limit: small appends with fsync, per second."""
    with (place / "probe").open("wb", buffering=0) as file:
        begun = time.perf_counter()
        for _ in range(100):
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
        return 100 / (time.perf_counter() - begun)
