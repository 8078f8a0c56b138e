"""The store that needs no server: SQLite for the truth, memory-mapped int8 blocks for searching.

::

    <location>/library.db     SQLite (WAL, synchronous=FULL): tracks, float16 vectors; the only truth
    <location>/blocks/        int8 copies of the vectors for scanning; may be deleted at any time
    <location>/*.lock         held while writing; freed by the kernel when the process ends

Any number of processes and threads may read while one writes. A search scans the blocks, and the
rows that are not in them yet, for more rows than asked for, and scores those from the truth, so a
stale or damaged block never makes a wrong score.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from soundalike.errors import UsageError
from soundalike.facets import Facet, FacetVectors, Space, Vector, sections
from soundalike.filters import Filter
from soundalike.notes import Transcription
from soundalike.scoring import Background, Scoring
from soundalike.stores import Candidate, Counts, Finding
from soundalike.stores.embedded import checkup, search
from soundalike.stores.embedded.conditions import compile_filter
from soundalike.stores.embedded.index import MANY, Index
from soundalike.stores.embedded.rows import pack, split, stack
from soundalike.stores.embedded.schema import LEVELS
from soundalike.stores.embedded.truth import (
    Truth,
    id_list,
    insert_rows,
    insert_track,
    put_transcription,
    select_rows,
    select_tracks,
    select_transcriptions,
    update_track,
)
from soundalike.tracks import AnalysedTrack, Track

_BACKLOG = 16 * MANY
"""Rows beyond the blocks at which a writer brings the blocks up to date."""


class EmbeddedStore:
    """A library in a folder, seen in one space (see `soundalike.stores.Store` for the methods).

    May be used from several threads: every call has a connection of its own, and searches run side
    by side.

    Parameters
    ----------
    location : str
        The library's folder, made if missing.
    space : Space
        The space to read and write.
    patience : float
        Seconds that a write waits for another writer before it gives up.

    Raises
    ------
    StoreVersionError, StoreCorruptError, StoreError
        If the database is too new, damaged, or of another program.
    SpaceMismatchError
        If the library knows a space of that name with other facets or another dim.
    """

    def __init__(self, location: str, space: Space, *, patience: float = 10.0) -> None:
        self.space = space
        folder = Path(location).expanduser()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"'{folder}' cannot be a library: {error}.", "Name a folder that you may write to."
            ) from error
        self._truth = Truth(folder, patience=patience)
        self._guard = threading.Lock()
        self._indexes: dict[str, Index] = {}
        self._masks = search.Masks()
        self._wrote = False
        for level in LEVELS:
            self._index(level)

    # Writing

    def add(self, entries: Sequence[AnalysedTrack]) -> list[int]:
        """Add tracks, or replace those of the same path; durable when it returns."""
        stacked = [stack(entry.excerpts, self.space) for entry in entries]
        if not entries:
            return []
        with self._truth.writing() as connection:
            number = self._truth.make_space(connection, self.space)
            ids = [
                self._put(connection, number, entry, vectors) for entry, vectors in zip(entries, stacked, strict=True)
            ]
        self._wrote = True
        self._maintain(_BACKLOG)
        return ids

    def _put(self, connection: sqlite3.Connection, number: int, entry: AnalysedTrack, vectors: Vector) -> int:
        track = entry.track
        known = connection.execute(
            "SELECT id, audio_hash FROM track WHERE path = ?", (os.fsencode(track.path),)
        ).fetchone()
        if known is None:
            identity = insert_track(connection, track)
        else:
            identity = int(known[0])
            update_track(connection, identity, track)
            changed = known[1] != track.audio_hash
            _forget_rows(connection, identity, None if changed else number)
        connection.execute("INSERT OR IGNORE INTO analysis (space, track) VALUES (?, ?)", (number, identity))
        if entry.transcription:
            put_transcription(connection, number, identity, entry.transcription)
        excerpts = FacetVectors(
            entry.excerpts.start,
            entry.excerpts.end,
            {facet: vectors[:, i] for i, facet in enumerate(self.space.facets)},
        )
        for level, rows in zip(LEVELS, (excerpts, sections(excerpts)), strict=True):
            records = zip(rows.start.tolist(), rows.end.tolist(), pack(stack(rows, self.space)), strict=True)
            insert_rows(
                connection, f"{level}_{number}", [(identity, start, end, *packed) for start, end, packed in records]
            )
        return identity

    def amend(self, track: Track) -> None:
        """Replace what is known about ``track.id`` (moved, retagged); its vectors stay."""
        with self._truth.writing() as connection:
            update_track(connection, track.id, track)

    def remove(self, ids: Sequence[int]) -> int:
        """Forget tracks in all spaces; returns how many there were."""
        with self._truth.writing() as connection:
            cursor = connection.execute(
                "DELETE FROM track WHERE id IN (SELECT value FROM json_each(?))", (id_list(ids),)
            )
            removed = cursor.rowcount
        self._wrote = True
        return removed

    def set_background(self, background: Background) -> None:
        """Keep a background for this space."""
        document = json.dumps(background.to_json())
        with self._truth.writing() as connection:
            number = self._truth.make_space(connection, self.space)
            connection.execute("UPDATE space SET background = ? WHERE id = ?", (document, number))

    # Reading

    def tracks(self, where: Filter | None = None) -> list[Track]:
        """All tracks analysed in this space that pass a filter, by ascending id."""
        condition, values = compile_filter(where)
        return self._analysed(condition, values)

    def get(self, ids: Sequence[int]) -> dict[int, Track]:
        """Tracks by id; unknown ids are left out."""
        with self._truth.reading() as connection:
            found = select_tracks(connection, "track.id IN (SELECT value FROM json_each(?))", [id_list(ids)])
        return {track.id: track for track in found}

    def find(self, *, path: str = "", file_hash: str = "", audio_hash: str = "") -> list[Track]:
        """Tracks analysed in this space that match the one argument given, by ascending id."""
        given = {"path": path, "file_hash": file_hash, "audio_hash": audio_hash}
        asked = [(column, value) for column, value in given.items() if value]
        if len(asked) != 1:
            raise UsageError(f"{len(asked)} things to find a track by.", "Give a path, a file_hash or an audio_hash.")
        column, value = asked[0]
        return self._analysed(f"track.{column} = ?", [os.fsencode(value) if column == "path" else value])

    def _analysed(self, condition: str, values: Sequence[object]) -> list[Track]:
        with self._truth.reading() as connection:
            number = self._find(connection)
            if number is None:
                return []
            known = "track.id IN (SELECT analysis.track FROM analysis WHERE analysis.space = ?)"
            return select_tracks(connection, f"{condition} AND {known}", [*values, number])

    def excerpts(self, ids: Sequence[int]) -> dict[int, FacetVectors]:
        """Facet vectors of the tracks' excerpts; tracks without any are left out."""
        with self._truth.reading() as connection:
            number = self._find(connection)
            if number is None:
                return {}
            condition = "track IN (SELECT value FROM json_each(?))"
            rows = select_rows(connection, f"excerpt_{number}", self.space, condition, [id_list(ids)])
        return split(rows, self.space)

    def transcriptions(self, ids: Sequence[int]) -> dict[int, Transcription]:
        """Notes and chords of the tracks, as analysed in this space; tracks without any are left out."""
        with self._truth.reading() as connection:
            number = self._find(connection)
            return {} if number is None else select_transcriptions(connection, number, ids)

    def nearest(
        self,
        query: Mapping[Facet, Vector],
        scoring: Scoring,
        *,
        k: int,
        level: Literal["excerpt", "section"],
        where: Filter | None = None,
        exclude: Collection[int] = (),
        distinct: bool = False,
    ) -> list[Candidate]:
        """Find the k best excerpts or sections, best first; equal scores by ascending position."""
        wanted = search.Wanted(query, scoring, self.space, k, where, frozenset(exclude), distinct)
        index = self._index(level)
        if index is None or k < 1:
            return []
        index.maintain()
        with self._truth.reading() as connection:
            return search.nearest(connection, index, wanted, self._masks)

    def count(self) -> Counts:
        """How much there is in this space."""
        with self._truth.reading() as connection:
            number = self._find(connection)
            if number is None:
                return Counts(0, 0, 0.0, 0)
            tracks, seconds, silent = connection.execute(
                "SELECT count(*), total(duration), coalesce(sum(silent), 0) FROM analysis"
                " JOIN track ON track.id = analysis.track WHERE analysis.space = ?",
                (number,),
            ).fetchone()
            (excerpts,) = connection.execute(f"SELECT count(*) FROM excerpt_{number}").fetchone()  # noqa: S608
            return Counts(tracks, excerpts, seconds, silent)

    def spaces(self) -> list[str]:
        """Names of all spaces that have vectors here."""
        sql = "SELECT name FROM space WHERE id IN (SELECT space FROM analysis) ORDER BY id"
        with self._truth.reading() as connection:
            return [name for (name,) in connection.execute(sql)]

    def background(self) -> Background | None:
        """The background kept for this space, if any."""
        with self._truth.reading() as connection:
            record = connection.execute("SELECT background FROM space WHERE name = ?", (self.space.name,)).fetchone()
        return Background.from_json(json.loads(record[0])) if record and record[0] else None

    # Upkeep

    def verify(self, *, repair: bool = False) -> list[Finding]:
        """Check everything that can be checked; with `repair`, rebuild what can be rebuilt."""
        return checkup.verify(self._truth, repair=repair)

    def close(self) -> None:
        """Release files and locks; calling it twice is fine."""
        try:
            if self._wrote:
                self._wrote = False
                self._maintain(MANY)
        finally:
            self._truth.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _maintain(self, many: int) -> None:
        for level in LEVELS:
            index = self._index(level)
            if index is not None:
                index.maintain(many=many)

    def _find(self, connection: sqlite3.Connection) -> int | None:
        return self._truth.find_space(connection, self.space)

    def _index(self, level: str) -> Index | None:
        with self._guard:
            if level not in LEVELS:
                raise UsageError(f"'{level}' is not a level to search at.", f"Levels: {', '.join(LEVELS)}.")
            if level not in self._indexes:
                with self._truth.reading() as connection:
                    number = self._find(connection)
                if number is None:
                    return None
                self._indexes[level] = Index(self._truth, number, self.space, level)
            return self._indexes[level]


def _forget_rows(connection: sqlite3.Connection, track: int, space: int | None) -> None:
    """Drop a track's vectors and analyses in one space, or in all."""
    numbers = [space] if space is not None else [number for (number,) in connection.execute("SELECT id FROM space")]
    for number in numbers:
        for level in LEVELS:
            connection.execute(f"DELETE FROM {level}_{number} WHERE track = ?", (track,))  # noqa: S608
        connection.execute("DELETE FROM analysis WHERE space = ? AND track = ?", (number, track))
