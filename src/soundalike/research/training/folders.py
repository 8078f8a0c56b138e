"""Folders of recordings as material for fitting: their embeddings, and under which licence they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import AUDIO_SUFFIXES, ExcerptStream
from soundalike.encoders import Encoder
from soundalike.encoders.embedded import EmbeddedEncoder
from soundalike.encoders.embedded.transcription import transcribe
from soundalike.errors import AudioDecodeError, UsageError
from soundalike.facets import Facet, FacetVectors
from soundalike.heads.parts import PartHead
from soundalike.notes import Transcription, join
from soundalike.workers import worker_pool

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Source:
    """Recordings or renders that heads are fitted on.

    Attributes
    ----------
    name, licence : str
    tracks : list of float32, shape (n excerpts, in_dim)
        Embeddings, one array per track.
    music : bool
        Whether its tracks stand for what a library holds: only such make the background.
    transcriptions : list of Transcription
        What is played in each track, where the encoder can tell.
    """

    name: str
    licence: str
    tracks: list[Array]
    music: bool
    transcriptions: list[Transcription] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Name, licence and size."""
        excerpts = sum(len(track) for track in self.tracks)
        return {"name": self.name, "licence": self.licence, "tracks": len(self.tracks), "excerpts": excerpts}


def read_source(folder: Path, licence: str, encoder: Encoder, *, music: bool, jobs: int = 1) -> Source:
    """Embed every audio file below a folder; unreadable files are left out.

    Raises
    ------
    UsageError
        If there is none.
    """
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in AUDIO_SUFFIXES]
    if jobs > 1:
        with worker_pool(jobs) as pool:
            rows = list(pool.map(partial(embed_file, encoder=encoder), paths))
    else:
        rows = [embed_file(path, encoder=encoder) for path in paths]
    heard = [(track, played) for track, played in rows if len(track)]
    if not heard:
        raise UsageError(f"'{folder}' holds no audio.", "Give folders of audio files.")
    transcriptions = [played for _, played in heard if played is not None]
    return Source(folder.name, licence, [track for track, _ in heard], music, transcriptions)


def embed_file(path: Path, *, encoder: Encoder) -> tuple[Array, Transcription | None]:
    """Embeddings of a file's excerpts, shape (n, in_dim), none if it cannot be read; and what is played in it."""
    stream = ExcerptStream(path, rate=encoder.sample_rate, seconds=encoder.window)
    rows, parts = [], []
    try:
        for excerpt in stream:
            if isinstance(encoder, EmbeddedEncoder):
                row, posteriors = encoder.hear(excerpt.clip.mono())
                if posteriors is not None:
                    parts.append((excerpt.start, excerpt.end, transcribe(posteriors)))
            else:
                row = encoder.encode([excerpt.clip.mono()])[0]
            rows.append(row)
    except AudioDecodeError:
        rows = []
    return np.array(rows, np.float32).reshape(-1, encoder.dim), join(parts) if rows and parts else None


def facet_vectors(heads: Sequence[PartHead], embeddings: Array, *, window: float = 10.0) -> FacetVectors:
    """Facet vectors of a track whose excerpts follow each other."""
    start = np.arange(len(embeddings), dtype=np.float64) * window
    return FacetVectors(start, start + window, {Facet(head.factor): head.project(embeddings) for head in heads})


def principal_mixing(joined: Array, shares: Array, *, count: int) -> NDArray[np.float16]:
    """Principal components of the factors' vectors joined, each number scaled to its share.

    Parameters
    ----------
    joined : float32, shape (n, d)
        Facet vectors of music, side by side.
    shares : float32, shape (d,)
    count : int
        Components wanted; missing ones are zeros.

    Returns
    -------
    float16, shape (count, d)
    """
    _, _, axes = np.linalg.svd((joined * shares).astype(np.float64), full_matrices=False)
    mixing = np.zeros((count, joined.shape[1]))
    mixing[: min(count, len(axes))] = axes[:count] * shares
    return mixing.astype(np.float16)
