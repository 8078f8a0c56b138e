"""What the library knows, in SQLite: the only truth, everything else can be rebuilt from it."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path

from soundalike.errors import NotFoundError, SpaceMismatchError, StoreError
from soundalike.facets import Facet, Space
from soundalike.filters import Filter, fold
from soundalike.locks import locked
from soundalike.notes import Transcription
from soundalike.stores.embedded import schema
from soundalike.stores.embedded.conditions import compile_filter
from soundalike.stores.embedded.rows import Rows, unpack
from soundalike.tracks import Track

_FIELDS = tuple(field.name for field in fields(Track) if field.name != "id")
_COLUMNS = (*_FIELDS, *(f"{name}_fold" for name in schema.FOLDED))
_SELECT = ", ".join(f'track."{name}"' for name in ("id", *_FIELDS))
_RECORD = 'id, track, "start", "end", presence, vectors'


class Truth:
    """The database of one library; may be used from several threads and processes.

    Whoever reads or writes has a connection alone for that time. Writes take a lock between
    processes.

    Parameters
    ----------
    folder : Path
        The library's folder.
    patience : float
        Seconds that a write waits for another writer.
    """

    def __init__(self, folder: Path, *, patience: float) -> None:
        self.path = folder / "library.db"
        self._lock = folder / "write.lock"
        self._patience = patience
        self._guard = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        if not self.path.exists():
            # It is made by connecting to it; one process only may do that.
            with locked(self._lock, patience=patience), self._borrowed():
                pass
        with self.reading() as connection:
            self.token: str = connection.execute("SELECT token FROM library").fetchone()[0]

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        with self._guard:
            if self._closed:
                raise StoreError(f"The store of '{self.path}' is closed.", "Open it again.")
            known = self._idle.pop() if self._idle else None
        connection = known or schema.connect(self.path)
        try:
            yield connection
        finally:
            with self._guard:
                if self._closed:
                    connection.close()
                else:
                    self._idle.append(connection)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read several times from one unchanging state."""
        with self._borrowed() as connection, schema.translated(self.path):
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self, *, patience: float | None = None) -> Iterator[sqlite3.Connection]:
        """Write all or nothing; durable at the end of the block.

        Parameters
        ----------
        patience : float, optional
            Seconds to wait for another writer; None is the database's own.

        Raises
        ------
        StoreLockedError
            If another process is writing for longer than `patience`.
        """
        lock = locked(self._lock, patience=self._patience if patience is None else patience)
        with lock, self._borrowed() as connection, schema.translated(self.path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("UPDATE library SET revision = revision + 1")
                connection.execute("COMMIT")
            except BaseException:
                # SQLite itself rolls back after some errors, such as a full disk.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close all connections: those in use as soon as they are given back."""
        with self._guard:
            self._closed = True
            while self._idle:
                self._idle.pop().close()

    # Spaces

    def find_space(self, connection: sqlite3.Connection, space: Space) -> int | None:
        """Give the id of a space, None if it has never been written to.

        Raises
        ------
        SpaceMismatchError
            If a space of that name has other facets or another dim.
        """
        record = connection.execute("SELECT id, facets, dim FROM space WHERE name = ?", (space.name,)).fetchone()
        if record is None:
            return None
        if json.loads(record[1]) != list(space.facets) or record[2] != space.dim:
            raise SpaceMismatchError(
                f"The space '{space.name}' of '{self.path}' has dim {record[2]} and the facets {record[1]}.",
                "Another recipe needs another name.",
            )
        return int(record[0])

    def make_space(self, connection: sqlite3.Connection, space: Space) -> int:
        """Give the id of a space, within the caller's write; makes its tables where there are none."""
        known = self.find_space(connection, space)
        if known is not None:
            return known
        cursor = connection.execute(
            "INSERT INTO space (name, facets, dim) VALUES (?, ?, ?)",
            (space.name, json.dumps(list(space.facets)), space.dim),
        )
        number = cursor.lastrowid
        assert number is not None
        schema.create_rows(connection, number)
        return number


def all_spaces(connection: sqlite3.Connection) -> dict[int, Space]:
    """All spaces by their ids."""
    records = connection.execute("SELECT id, name, facets, dim FROM space ORDER BY id")
    return {
        number: Space(name, tuple(Facet(facet) for facet in json.loads(facets)), dim)
        for number, name, facets, dim in records
    }


# Tracks


def clean(text: str) -> str:
    """Make undecodable bytes visible as escapes, since SQLite keeps only UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _values(track: Track) -> list[object]:
    values: list[object] = []
    for name in _FIELDS:
        value = getattr(track, name)
        if name == "path":
            value = os.fsencode(value)
        elif name == "tags":
            value = json.dumps(list(value))
        elif isinstance(value, str):
            value = clean(value)
        values.append(value)
    folded = (getattr(track, name) for name in schema.FOLDED)
    return [*values, *(None if text is None else fold(text) for text in folded)]


def _track(record: Sequence[object]) -> Track:
    number, *values = record
    named = dict(zip(_FIELDS, values, strict=True))
    path, tags, silent = named.pop("path"), named.pop("tags"), named.pop("silent")
    assert isinstance(path, bytes)
    assert isinstance(tags, str)
    assert isinstance(number, int)
    return Track(os.fsdecode(path), tags=tuple(json.loads(tags)), silent=bool(silent), id=number, **named)  # type: ignore[arg-type]


def insert_track(connection: sqlite3.Connection, track: Track) -> int:
    """Write a track that is not there yet; returns its id."""
    columns = ", ".join(f'"{name}"' for name in (*_COLUMNS, "added"))
    marks = ", ".join("?" * (len(_COLUMNS) + 1))
    cursor = connection.execute(
        f"INSERT INTO track ({columns}) VALUES ({marks})",  # noqa: S608 - names are ours
        [*_values(track), int(time.time())],
    )
    assert cursor.lastrowid is not None
    _write_tags(connection, cursor.lastrowid, track)
    return cursor.lastrowid


def update_track(connection: sqlite3.Connection, number: int, track: Track) -> None:
    """Replace what is known about a track.

    Raises
    ------
    NotFoundError
        If there is no track of that id.
    StoreError
        If another track has the new path.
    """
    other = connection.execute(
        "SELECT id FROM track WHERE path = ? AND id != ?", (os.fsencode(track.path), number)
    ).fetchone()
    if other:
        raise StoreError(f"'{track.path}' is already track {other[0]}.", f"Remove track {other[0]} first.")
    changes = ", ".join(f'"{name}" = ?' for name in _COLUMNS)
    cursor = connection.execute(f"UPDATE track SET {changes} WHERE id = ?", [*_values(track), number])  # noqa: S608
    if cursor.rowcount == 0:
        raise NotFoundError(f"There is no track {number}.", "List the tracks to see which there are.")
    connection.execute("DELETE FROM tag WHERE track = ?", (number,))
    _write_tags(connection, number, track)


def _write_tags(connection: sqlite3.Connection, number: int, track: Track) -> None:
    tags = {fold(tag) for tag in track.tags}
    connection.executemany("INSERT INTO tag (tag, track) VALUES (?, ?)", [(tag, number) for tag in sorted(tags)])


def id_list(ids: Sequence[int]) -> str:
    """Make one bound value of many ids, for ``IN (SELECT value FROM json_each(?))``."""
    return json.dumps([int(number) for number in ids])


def select_tracks(connection: sqlite3.Connection, condition: str, values: Sequence[object]) -> list[Track]:
    """Tracks for which an SQL condition holds, by ascending id."""
    sql = f"SELECT {_SELECT} FROM track WHERE {condition} ORDER BY track.id"  # noqa: S608 - conditions are ours
    return [_track(record) for record in connection.execute(sql, values)]


def select_ids(connection: sqlite3.Connection, where: Filter) -> list[int]:
    """Ids of the tracks that pass a filter, in no order."""
    condition, values = compile_filter(where)
    sql = f"SELECT track.id FROM track WHERE {condition}"  # noqa: S608 - values are bound
    return [number for (number,) in connection.execute(sql, values)]


# Transcriptions


def put_transcription(connection: sqlite3.Connection, space: int, track: int, transcription: Transcription) -> None:
    """Keep the notes and chords of an analysed track."""
    connection.execute(
        "INSERT OR REPLACE INTO transcription (space, track, content) VALUES (?, ?, ?)",
        (space, track, transcription.to_bytes()),
    )


def select_transcriptions(connection: sqlite3.Connection, space: int, ids: Sequence[int]) -> dict[int, Transcription]:
    """Notes and chords by track; damaged ones are left out, for a check-up to find."""
    sql = "SELECT track, content FROM transcription WHERE space = ? AND track IN (SELECT value FROM json_each(?))"
    found = {}
    for track, content in connection.execute(sql, (space, id_list(ids))):
        with suppress(StoreError):
            found[track] = Transcription.from_bytes(content)
    return found


# Rows


def select_rows(
    connection: sqlite3.Connection, table: str, space: Space, condition: str, values: Sequence[object], limit: int = -1
) -> Rows:
    """Rows of one table for which an SQL condition holds, by ascending id, at most `limit` of them."""
    sql = f"SELECT {_RECORD} FROM {table} WHERE {condition} ORDER BY id LIMIT ?"  # noqa: S608 - names are ours
    return unpack(connection.execute(sql, (*values, limit)).fetchall(), space)


def insert_rows(
    connection: sqlite3.Connection, table: str, records: Sequence[tuple[int, float, float, int, bytes]]
) -> None:
    """Write rows (track, start, end, presence, vectors)."""
    connection.executemany(
        f'INSERT INTO {table} (track, "start", "end", presence, vectors) VALUES (?, ?, ?, ?, ?)',  # noqa: S608
        records,
    )
