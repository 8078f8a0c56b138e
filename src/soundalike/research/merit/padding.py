"""What zeros behind a clip do to its vector: MERIT trains on 10 s and is judged on 30 s, of which 20 may be zeros."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.encoders import Encoder
from soundalike.heads import Head
from soundalike.research.evaluation.hearing import Progress
from soundalike.research.evaluation.metrics import with_interval
from soundalike.research.merit.clusters import cluster
from soundalike.research.merit.projections import Vectors, project_each
from soundalike.research.merit.set_audio import sounds_of
from soundalike.research.merit.strict_matrix import outcomes_of
from soundalike.research.triplets.sets import TripletSet

LENGTHS: Final = (None, 10.0, 30.0)
"""Seconds that clips are filled up to: not at all, as MERIT trains, as it evaluates."""

CLIP_SECONDS: Final = 10.0
"""Longest clip; what is longer is cut."""

SLACK: Final = 1e-4
"""Of a window: a sample more than a window, which resampling may leave, makes no second one."""

LoadEncoder = Callable[[float | None], Encoder]
"""From the seconds that it should pad to, to an encoder."""


def encode_padded(encoder: Encoder, clips: Sequence[Clip], seconds: float | None) -> NDArray[np.float32]:
    """Embed clips with zeros behind them, up to a length.

    Parameters
    ----------
    encoder : Encoder
        If its window is shorter, the filled clip is cut evenly and its embeddings are averaged; those of zeros alone
        are zero, and drop out where the encoder says that it hears nothing.
    clips : sequence of Clip
        Mono, at the encoder's rate.
    seconds : float or None
        What is longer is cut; None leaves clips as they are.

    Returns
    -------
    float32, shape (n, dim)
    """
    rows = np.zeros((len(clips), encoder.dim), np.float32)
    for row, clip in zip(rows, clips, strict=True):
        size = clip.samples.shape[1] if seconds is None else round(seconds * clip.rate)
        samples = np.pad(clip.samples[:, :size], ((0, 0), (0, max(0, size - clip.samples.shape[1]))))
        count = max(1, int(np.ceil(size / clip.rate / encoder.window - SLACK)))
        edges = np.linspace(0, size, count + 1).astype(int)
        pieces = encoder.encode([Clip(samples[:, a:b], clip.rate) for a, b in pairwise(edges)])
        heard = pieces[pieces.any(axis=1)]
        if len(heard):
            row[:] = heard.mean(axis=0)
    return rows


def measure_padding(
    triplets: TripletSet,
    root: Path,
    heads: Mapping[str, Head],
    load: LoadEncoder,
    *,
    folders: int = 50,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Embed the clips of some folders as they are, and filled up with zeros.

    Parameters
    ----------
    triplets : TripletSet
        With the folders that may be used.
    root : Path
        Folder or archive of its wav files.
    heads : mapping of str to Head
        By factor.
    load : callable
        Makes the encoder for each of `LENGTHS`.
    folders : int
        At most so many, drawn at random.
    seed : int
        Of the draw and the bootstrap.
    progress : callable, optional

    Returns
    -------
    dict
        ``folders``, ``clips``, ``seconds`` (mean length of a clip), and ``rows``: by row of
        `soundalike.research.merit.projections.project_each` and length, the mean ``cosine`` to the vector of the
        unpadded clip, the ``accuracy`` on the set's triples, and its mean ``change``, with intervals.

    Raises
    ------
    UsageError
        If none of the wav files is there.
    """
    rng = np.random.default_rng(seed)
    chosen = sorted(rng.permutation(len(triplets.folders))[:folders].tolist())
    some = triplets.select([triplets.folders[place].name for place in chosen])
    heard = dict(sounds_of(some, root))
    places, clips = list(heard), [clip.cut(0.0, CLIP_SECONDS) for clip in heard.values()]
    triples, clusters = some.triples(all_negatives=True), cluster(some)
    labels = [clusters.labels[folder] for folder in triples.folder]
    rows: dict[str, dict[str, Any]] = {}
    plain: dict[str, tuple[Vectors, NDArray[np.float64]]] = {}
    for done, seconds in enumerate(LENGTHS, start=1):
        encoder = load(seconds)
        at_rate = [clip.resample(encoder.sample_rate) for clip in clips]
        embeddings = np.zeros((len(triplets.clips), encoder.dim), np.float32)
        embeddings[places] = encode_padded(encoder, at_rate, seconds)
        for row, vectors in project_each(embeddings, heads).items():
            outcomes = outcomes_of(vectors, triples)
            first, before = plain.setdefault(row, (vectors, outcomes))
            cosine = np.einsum("ij,ij->i", first[places], vectors[places], dtype=np.float64)
            rows.setdefault(row, {})["as it is" if seconds is None else f"{seconds:g} s"] = {
                "cosine": round(float(cosine.mean()), 5),
                "accuracy": with_interval(outcomes, seed=seed, sources=labels).to_json(),
                "change": with_interval(outcomes - before, seed=seed, sources=labels).to_json(),
            }
        if progress is not None:
            progress(done, len(LENGTHS))
    mean = float(np.mean([clip.duration for clip in clips]))
    return {"folders": len(some.folders), "clips": len(places), "seconds": round(mean, 3), "rows": rows}
