"""From a file to its facet vectors.

    file -> excerpts -> {stem: Clip} -> embeddings -> facet vectors

An `Analyzer` joins one separator, one encoder and one set of heads; their names make the **space**.
Tempo, key, notes and chords always come from the embedded encoder, whichever encoder makes the
vectors. Excerpts are streamed, so that a three-hour mix needs no more memory than a song.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip, ExcerptStream, file_hash
from soundalike.encoders import load_encoder
from soundalike.encoders.embedded import LAYOUT, EmbeddedEncoder
from soundalike.encoders.embedded.transcription import Posteriors, transcribe
from soundalike.errors import AudioDecodeError, UsageError
from soundalike.facets import Facet, FacetVectors, Space
from soundalike.heads import DEFAULT_HEADS, load_background, load_heads
from soundalike.key import estimate_key
from soundalike.notes import Transcription, join
from soundalike.scoring import Background
from soundalike.separators import load_separator
from soundalike.tags import read_tags
from soundalike.tempo import estimate_tempo
from soundalike.tracks import AnalysedTrack, Track

SILENCE_DB = -70.0
"""Overall level in dBFS (root mean square) below which a file counts as silent."""

LEAST_CONFIDENCE = 0.05
"""Confidence, 0 to 1, below which a tempo or key is not reported: a gong has neither."""

_Heard: TypeAlias = tuple[dict[Facet, NDArray[np.float32]], NDArray[np.float32], Posteriors | None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """The names that make an `Analyzer`; small enough to send to another process.

    Attributes
    ----------
    separator, encoder : str
        Names of extensions.
    heads : str
        Name of a set of heads; empty for the encoder's own.
    """

    separator: str = "none"
    encoder: str = "embedded"
    heads: str = ""


class Analyzer:
    """Turn files into tracks with facet vectors.

    Parameters
    ----------
    recipe : Recipe
        What to listen with.

    Attributes
    ----------
    space : Space
        The space of the vectors it makes.

    Raises
    ------
    UnknownNameError
        If an extension is not known.
    """

    def __init__(self, recipe: Recipe = Recipe()) -> None:
        heads = recipe.heads or DEFAULT_HEADS.get(recipe.encoder, "")
        self._recipe = replace(recipe, heads=heads)
        self._separator = load_separator(recipe.separator)
        self._encoder = load_encoder(recipe.encoder)
        self._heads = load_heads(heads)
        for head in self._heads:
            if head.in_dim != self._encoder.dim:
                raise UsageError(
                    f"The heads '{heads}' read {head.in_dim} values, but '{recipe.encoder}' gives {self._encoder.dim}.",
                    "Choose heads that were made for this encoder.",
                )
        facets = tuple(Facet(f"{stem}.{head.factor}") for stem in self._separator.stems for head in self._heads)
        set_name = self._heads[0].name.partition("/")[0]
        name = f"{self._separator.name}/{self._encoder.name}/{set_name}"
        self.space = Space(name, facets, self._heads[0].dim)
        own = self._encoder
        # Not a subclass: its embeddings may be others than those it hears notes with.
        self._listener = own if type(own) is EmbeddedEncoder else EmbeddedEncoder()

    @property
    def window(self) -> float:
        """Longest clip, in seconds, that `vectors` takes."""
        return self._encoder.window

    @property
    def background(self) -> Background | None:
        """The background shipped with the heads, for a library too small to have its own."""
        return load_background(self._recipe.heads)

    def analyse(self, path: str | Path, *, start: float = 0.0, end: float | None = None) -> AnalysedTrack:
        """Decode, listen, and describe one file.

        Parameters
        ----------
        path : str or Path
        start, end : float
            Only this range, in seconds. The default is the whole file.

        Returns
        -------
        AnalysedTrack
            The track's path is absolute; its tempo and key are those of the range.

        Raises
        ------
        AudioDecodeError
            If nothing can be decoded.
        """
        path = os.path.abspath(path)  # noqa: PTH100 - keeps names that are not UTF-8
        stat = _stat(path)
        stream = ExcerptStream(path, rate=self._encoder.sample_rate, seconds=self._encoder.window, start=start, end=end)
        times: list[tuple[float, float]] = []
        rows: list[dict[Facet, NDArray[np.float32]]] = []
        played: list[tuple[float, float, Transcription]] = []
        heard = np.zeros(self._listener.dim)
        for excerpt in stream:
            vectors, embedding, posteriors = self._listen(excerpt.clip)
            if any(row.any() for row in vectors.values()):
                times.append((excerpt.start, excerpt.end))
                rows.append(vectors)
                heard += embedding
                if posteriors is not None:
                    played.append((excerpt.start, excerpt.end, transcribe(posteriors)))
        silent = not rows or stream.rms_db < SILENCE_DB
        if silent:
            times, rows = [], []
        tags = read_tags(path)
        track = Track(
            path=path,
            size=stat.st_size,
            mtime_ns=stat.st_mtime_ns,
            file_hash=file_hash(path),
            audio_hash=stream.audio_hash,
            duration=stream.duration,
            title=tags.title,
            artist=tags.artist,
            album=tags.album,
            tags=tags.genres,
            silent=silent,
            warning=stream.warning,
        )
        if silent:
            return AnalysedTrack(track, self._excerpts(times, rows))
        track = _with_tempo_and_key(track, heard / len(rows))
        transcription = join(played, beat=60.0 / track.tempo if track.tempo else 0.0)
        return AnalysedTrack(track, self._excerpts(times, rows), transcription)

    def reread(self, known: Track) -> Track | None:
        """Describe a changed file without listening, if its sound is still that of `known`.

        Returns
        -------
        Track or None
            `known` with new tags, size and hashes, or None if the samples differ.
        """
        stat = _stat(known.path)
        stream = ExcerptStream(known.path, rate=self._encoder.sample_rate, seconds=self._encoder.window)
        for _ in stream:
            pass
        if stream.audio_hash != known.audio_hash:
            return None
        return retagged(replace(known, size=stat.st_size, mtime_ns=stat.st_mtime_ns, file_hash=file_hash(known.path)))

    def vectors(self, clips: Sequence[Clip]) -> dict[Facet, NDArray[np.float32]]:
        """Facet vectors of clips in memory.

        Parameters
        ----------
        clips : sequence of Clip
            Each at most the encoder's window long; brought to its rate and to mono here.

        Returns
        -------
        dict of Facet to float32, shape (n, dim)
            Zero rows where a facet is absent.
        """
        rate = self._encoder.sample_rate
        return self._stacked([self._listen(clip.mono().resample(rate))[0] for clip in clips])

    def _listen(self, clip: Clip) -> _Heard:
        """One excerpt's vectors by facet; its descriptors, for tempo and key; and what may be played in it."""
        stems = self._separator.separate(clip)
        own = self._listener is self._encoder and "mix" in stems
        mix = stems["mix"] if own else clip.mono().resample(self._listener.sample_rate)
        embedding, posteriors = self._listener.hear(mix)
        vectors = {}
        for stem in self._separator.stems:
            embeddings = embedding[None] if own and stem == "mix" else self._encoder.encode([stems[stem]])
            for head in self._heads:
                vectors[Facet(f"{stem}.{head.factor}")] = head.project(embeddings)[0]
        return vectors, embedding, posteriors

    def _excerpts(self, times: list[tuple[float, float]], rows: list[dict[Facet, NDArray[np.float32]]]) -> FacetVectors:
        spans = np.array(times, np.float64).reshape(-1, 2)
        return FacetVectors(spans[:, 0].copy(), spans[:, 1].copy(), self._stacked(rows))

    def _stacked(self, rows: Sequence[dict[Facet, NDArray[np.float32]]]) -> dict[Facet, NDArray[np.float32]]:
        """One array per facet from one dictionary per excerpt."""
        return {
            facet: np.array([row[facet] for row in rows], np.float32).reshape(-1, self.space.dim)
            for facet in self.space.facets
        }


def retagged(track: Track) -> Track:
    """`track` with its tags read anew from its file."""
    tags = read_tags(track.path)
    return replace(track, title=tags.title, artist=tags.artist, album=tags.album, tags=tags.genres)


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)  # noqa: PTH116 - keeps names that are not UTF-8
    except OSError as error:
        raise AudioDecodeError(
            f"{path!r} cannot be read: {error.strerror}.", "Check the name and permissions."
        ) from None


def _with_tempo_and_key(track: Track, heard: NDArray[np.float64]) -> Track:
    """Add tempo and key, estimated from the mean descriptors of all excerpts, where they are more than a guess."""
    tempo = estimate_tempo(heard[LAYOUT["tempo"]])
    key = estimate_key(heard[LAYOUT["chroma"]])
    tempo = tempo if tempo and tempo.confidence >= LEAST_CONFIDENCE else None
    key = key if key and key.confidence >= LEAST_CONFIDENCE else None
    return replace(
        track,
        tempo=round(tempo.bpm, 2) if tempo else None,
        tempo_confidence=round(tempo.confidence, 3) if tempo else None,
        key=key.name if key else None,
        camelot=key.camelot if key else None,
        key_confidence=round(key.confidence, 3) if key else None,
    )
