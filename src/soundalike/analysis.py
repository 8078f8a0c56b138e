"""From a file to its facet vectors.

    file -> excerpts -> {stem: Clip} -> embeddings -> facet vectors

An `Analyzer` joins one separator, one encoder and one set of heads into a grid of stem x factor facets; their names
make the **space**. Tempo, key, family, notes and chords always come from the embedded encoder hearing the mix,
whichever encoder makes the vectors. Excerpts are streamed, so that a three-hour mix needs no more memory than a song.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip, Excerpt, ExcerptStream, file_hash
from soundalike.encoders import TextEncoder, load_encoder
from soundalike.encoders.embedded import LAYOUT, EmbeddedEncoder
from soundalike.encoders.embedded.transcription import Posteriors, transcribe
from soundalike.errors import AudioDecodeError, UsageError
from soundalike.facets import Facet, FacetVectors, Space, Vector
from soundalike.family import estimate_family
from soundalike.heads import DEFAULT_HEADS, load_background, load_heads
from soundalike.key import camelot, estimate_key
from soundalike.notes import Transcription, join
from soundalike.recipe import Recipe
from soundalike.samples import Attacks, count_attacks, describe
from soundalike.scoring import Background
from soundalike.separators import load_separator
from soundalike.stems import audible, with_stems
from soundalike.tags import read_tags
from soundalike.tempo import estimate_tempo
from soundalike.tracks import AnalysedTrack, Track

SILENCE_DB = -70.0
"""Overall level in dBFS (root mean square) below which a file counts as silent."""

LEAST_CONFIDENCE = 0.05
"""Confidence, 0 to 1, below which a tempo or key is not reported: a gong has neither."""

AT_ONCE = 8
"""Excerpts whose stems are in memory together, for encoders that take several at once."""


@dataclass(slots=True)
class _Heard:
    """What has been heard of a file so far, excerpt by excerpt; excerpts without any facet are left out."""

    times: list[tuple[float, float]] = field(default_factory=list)
    rows: list[dict[Facet, Vector]] = field(default_factory=list)
    played: list[tuple[float, float, Transcription]] = field(default_factory=list)
    descriptors: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    attacks: Attacks | None = None


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
    UsageError
        If the parts do not fit each other, or cannot give a facet that the recipe asks for.
    MissingExtraError, CheckpointError
        If a pretrained part lacks its packages or its checkpoint.
    """

    def __init__(self, recipe: Recipe = Recipe()) -> None:  # noqa: B008 - frozen, so it cannot be changed by a call
        heads = heads_of(recipe)
        self._recipe = replace(recipe, heads=heads)
        self._separator = load_separator(
            recipe.separator,
            checkpoint=recipe.separator_checkpoint or None,
            device=(recipe.device if recipe.separator_is_pretrained else "") or None,
            stems=recipe.stems or None,
        )
        self._encoder = load_encoder(
            recipe.encoder,
            checkpoint=recipe.encoder_checkpoint or None,
            device=(recipe.device if recipe.encoder_is_pretrained else "") or None,
            precision=recipe.precision or None,
            layers=recipe.layers or None,
            padded=recipe.padded or None,
        )
        self._heads = load_heads(
            heads,
            in_dim=self._encoder.dim,
            checkpoint=recipe.heads_checkpoint or None,
            encoder=self._encoder.name,
        )
        for head in self._heads:
            if head.in_dim != self._encoder.dim:
                raise UsageError(
                    f"The heads '{heads}' read {head.in_dim} values, but '{recipe.encoder}' gives {self._encoder.dim}.",
                    "Choose heads that were made for this encoder.",
                )
        self.space = self._make_space()
        own = self._encoder
        # Not a subclass: its embeddings may be others than those it hears notes with.
        self._listener = own if type(own) is EmbeddedEncoder else EmbeddedEncoder()

    def _make_space(self) -> Space:
        grid = {Facet(f"{stem}.{head.factor}"): None for stem in self._separator.stems for head in self._heads}
        asked = [Facet(name) for name in self._recipe.facets]
        for facet in asked:
            if facet not in grid:
                raise UsageError(
                    f"'{self._recipe.encoder}' with the separator '{self._recipe.separator}' cannot give '{facet}'.",
                    f"It gives {', '.join(each.short for each in grid)}.",
                )
        facets = tuple(facet for facet in grid if not asked or facet in asked)
        set_name = self._heads[0].name.partition("/")[0]
        name = f"{self._separator.name}/{self._encoder.name}/{set_name}"
        if len(facets) < len(grid):
            name += f"[{','.join(facet.short for facet in facets)}]"
        return Space(name, facets, self._heads[0].dim)

    @property
    def window(self) -> float:
        """Longest clip, in seconds, that `vectors` takes."""
        return self._encoder.window

    @property
    def sample_rate(self) -> int:
        """Rate in hertz of the clips that the encoder hears; `vectors` takes others too."""
        return self._encoder.sample_rate

    @property
    def understands_text(self) -> bool:
        """Whether `words` works."""
        return isinstance(self._encoder, TextEncoder) and any(head.factor == "overall" for head in self._heads)

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
            The track's path is absolute; its tempo and key are those of the range. A whole file is also looked at as
            a sample (see `soundalike.samples`): what it tells of its tempo and key goes before what is heard.

        Raises
        ------
        AudioDecodeError
            If nothing can be decoded.
        """
        path = os.path.abspath(path)  # noqa: PTH100 - keeps names that are not UTF-8
        stat = _stat(path)
        stream = self._stream(path, start, end)
        heard = _Heard(descriptors=np.zeros(self._listener.dim))
        excerpts = with_stems(
            path,
            self._chosen(path, stream, start, end),
            self._separator,
            {facet.stem for facet in self.space.facets},
            start=start,
            end=end,
            apart=self._recipe.most_excerpts > 0,
        )
        while group := list(islice(excerpts, AT_ONCE if self._encoder is not self._listener else 1)):
            self._hear(group, heard)
        silent = not heard.rows or stream.rms_db < SILENCE_DB
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
            return AnalysedTrack(track, self._excerpts([], []))
        descriptors = heard.descriptors / len(heard.rows)
        family = estimate_family(descriptors.astype(np.float32), path)
        track = _with_tempo_and_key(replace(track, family=family.family if family else ""), descriptors)
        if start == 0.0 and end is None:
            track = _as_sample(track, heard.attacks, descriptors[LAYOUT["chroma"]])
        transcription = join(heard.played, beat=60.0 / track.tempo if track.tempo else 0.0)
        return AnalysedTrack(track, self._excerpts(heard.times, heard.rows), transcription)

    def _stream(self, path: str, start: float = 0.0, end: float | None = None) -> ExcerptStream:
        rate, seconds = self._encoder.sample_rate, self._encoder.window
        return ExcerptStream(path, rate=rate, seconds=seconds, start=start, end=end)

    def _chosen(self, path: str, stream: ExcerptStream, start: float, end: float | None) -> Iterator[Excerpt]:
        """The excerpts to listen to: all, or as many as the recipe allows; `stream` is read to its end."""
        most = self._recipe.most_excerpts
        if not most:
            yield from stream
            return
        # How many there are is known at the end only; decoding twice is cheap beside a network that is worth limiting.
        count = sum(1 for _ in self._stream(path, start, end))
        chosen = {math.floor((i + 0.5) * count / most) for i in range(most)} if most < count else set(range(count))
        yield from (excerpt for i, excerpt in enumerate(stream) if i in chosen)

    def _hear(self, group: Sequence[tuple[Excerpt, dict[str, Clip]]], heard: _Heard) -> None:
        """Listen to a few excerpts."""
        for (excerpt, _), (vectors, embedding, posteriors) in zip(
            group, self._listen([stems for _, stems in group]), strict=True
        ):
            if any(row.any() for row in vectors.values()):
                heard.attacks = heard.attacks or count_attacks(excerpt.clip)
                heard.times.append((excerpt.start, excerpt.end))
                heard.rows.append(vectors)
                heard.descriptors += embedding
                if posteriors is not None:
                    heard.played.append((excerpt.start, excerpt.end, transcribe(posteriors)))

    def reread(self, known: Track) -> Track | None:
        """Describe a changed file without listening, if its sound is still that of `known`.

        Returns
        -------
        Track or None
            `known` with new tags, size and hashes, or None if the samples differ.
        """
        stat = _stat(known.path)
        stream = self._stream(known.path)
        for _ in stream:
            pass
        if stream.audio_hash != known.audio_hash:
            return None
        return retagged(replace(known, size=stat.st_size, mtime_ns=stat.st_mtime_ns, file_hash=file_hash(known.path)))

    def vectors(self, clips: Sequence[Clip]) -> dict[Facet, Vector]:
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
        rate, separated = self._encoder.sample_rate, []
        for clip in clips:
            stems = self._separator.separate(clip)
            mono = {stem: sound.mono().resample(rate) for stem, sound in stems.items()}
            separated.append(audible(mono, self._separator.gate))
        return self._stacked([vectors for vectors, _, _ in self._listen(separated)])

    def words(self, text: str) -> Vector:
        """Where the sound would lie that `text` describes: float32, shape (dim,), to hold against ``overall`` facets.

        Raises
        ------
        UsageError
            If the encoder knows no words.
        """
        if not (isinstance(self._encoder, TextEncoder) and self.understands_text):
            raise UsageError(
                f"'{self._recipe.encoder}' knows sounds but no words.",
                "Add music with an encoder that does: soundalike add --encoder clap FOLDER.",
            )
        overall = next(head for head in self._heads if head.factor == "overall")
        vector: Vector = overall.project(self._encoder.encode_text([text]))[0]
        return vector

    def _listen(
        self, group: Sequence[Mapping[str, Clip]]
    ) -> list[tuple[dict[Facet, Vector], NDArray[np.float32], Posteriors | None]]:
        """Each excerpt's vectors by facet; its descriptors, for tempo and key; and what may be played in it."""
        own = self._listener is self._encoder
        heard = [self._listener.hear(stems["mix"].resample(self._listener.sample_rate)) for stems in group]
        kept = {facet.stem for facet in self.space.facets}
        places = [
            (i, stem) for i, stems in enumerate(group) for stem in stems if stem in kept and not (own and stem == "mix")
        ]
        encoded = self._encoder.encode([group[i][stem] for i, stem in places])
        embeddings = dict(zip(places, encoded, strict=True))
        if own:
            embeddings |= {(i, "mix"): embedding for i, (embedding, _) in enumerate(heard)}
        return [(self._project(embeddings, i), *heard[i]) for i in range(len(group))]

    def _project(self, embeddings: Mapping[tuple[int, str], NDArray[np.float32]], i: int) -> dict[Facet, Vector]:
        """The facet vectors of excerpt `i`; zeros for stems without an embedding."""
        heads = {head.factor: head for head in self._heads}
        return {
            facet: heads[facet.factor].project(embeddings[i, facet.stem][None])[0]
            if (i, facet.stem) in embeddings
            else np.zeros(self.space.dim, np.float32)
            for facet in self.space.facets
        }

    def _excerpts(self, times: list[tuple[float, float]], rows: list[dict[Facet, Vector]]) -> FacetVectors:
        spans = np.array(times, np.float64).reshape(-1, 2)
        return FacetVectors(spans[:, 0].copy(), spans[:, 1].copy(), self._stacked(rows))

    def _stacked(self, rows: Sequence[dict[Facet, Vector]]) -> dict[Facet, Vector]:
        """One array per facet from one dictionary per excerpt."""
        return {
            facet: np.array([row[facet] for row in rows], np.float32).reshape(-1, self.space.dim)
            for facet in self.space.facets
        }


def shipped_background(recipe: Recipe, space: Space) -> Background | None:
    """The background that ships with a recipe's heads, for a library too small to have its own; None if there is none.

    It was measured on mixes; a stem's factor is held against the mix's until a library has measured its own.
    """
    shipped = load_background(heads_of(recipe))
    if shipped is None or all(facet.stem == "mix" for facet in space.facets):
        return shipped
    levels = {
        level: {facet: known[mix] for facet in space.facets if (mix := Facet(facet.factor)) in known}
        for level, known in shipped.levels.items()
    }
    return replace(shipped, levels=levels)


def heads_of(recipe: Recipe) -> str:
    """The set of heads that a recipe means: the one that it names, or the encoder's own."""
    return recipe.heads or DEFAULT_HEADS.get(recipe.encoder, "identity")


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


def _as_sample(track: Track, attacks: Attacks | None, chroma: NDArray[np.float64]) -> Track:
    """Add of what kind a sample is, and put what its file tells of tempo and key in the place of what was heard."""
    sample = describe(
        track.path, duration=track.duration, tempo=track.tempo, key=track.key, attacks=attacks, chroma=chroma
    )
    return replace(
        track,
        kind=sample.kind,
        tempo=round(sample.tempo, 2) if sample.tempo else None,
        tempo_confidence=1.0 if sample.tempo_told else track.tempo_confidence if sample.tempo else None,
        key=sample.key,
        camelot=camelot(sample.key) if sample.key else None,
        key_confidence=1.0 if sample.key_told else track.key_confidence,
    )
