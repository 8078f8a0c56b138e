"""The SQLite schema of the embedded store, and opening a database with it.

Names of tables that belong to one space are built from the space's integer id and nothing else.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soundalike.errors import StoreCorruptError, StoreError, StoreLockedError, StoreVersionError

APPLICATION_ID = 0x536E6441
"""Marks the file as a library ("SndA")."""

VERSION = 3
"""Version of the schema; a database of a higher one is refused."""

FOLDED = ("key", "artist", "album", "title", "family", "kind")
"""Columns with a twin ``<name>_fold`` that holds the form in which texts are compared."""

LEVELS = ("excerpt", "section")

_LIBRARY = """
CREATE TABLE library (
    token TEXT NOT NULL,           -- tells this library from every other
    revision INTEGER NOT NULL      -- grows with every write
);
CREATE TABLE track (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path BLOB NOT NULL UNIQUE,     -- bytes as the file system has them
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    file_hash TEXT NOT NULL,
    audio_hash TEXT NOT NULL,
    duration REAL NOT NULL,
    tempo REAL,
    tempo_confidence REAL,
    "key" TEXT,
    camelot TEXT,
    key_confidence REAL,
    title TEXT NOT NULL,
    artist TEXT NOT NULL,
    album TEXT NOT NULL,
    tags TEXT NOT NULL,            -- JSON list, in the order of the file
    silent INTEGER NOT NULL,
    warning TEXT NOT NULL,
    key_fold TEXT,
    artist_fold TEXT NOT NULL,
    album_fold TEXT NOT NULL,
    title_fold TEXT NOT NULL,
    added INTEGER NOT NULL         -- seconds since 1970
);
CREATE INDEX track_file_hash ON track (file_hash);
CREATE INDEX track_audio_hash ON track (audio_hash);
CREATE INDEX track_tempo ON track (tempo);
CREATE INDEX track_duration ON track (duration);
CREATE INDEX track_key ON track (key_fold);
CREATE INDEX track_artist ON track (artist_fold);
CREATE INDEX track_album ON track (album_fold);
CREATE INDEX track_title ON track (title_fold);
CREATE TABLE tag (
    tag TEXT NOT NULL,             -- folded
    track INTEGER NOT NULL REFERENCES track ON DELETE CASCADE,
    PRIMARY KEY (tag, track)
) WITHOUT ROWID;
CREATE INDEX tag_track ON tag (track);
CREATE TABLE space (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    facets TEXT NOT NULL,          -- JSON list, in storage order
    dim INTEGER NOT NULL,
    background TEXT                -- JSON
);
CREATE TABLE analysis (
    space INTEGER NOT NULL REFERENCES space,
    track INTEGER NOT NULL REFERENCES track ON DELETE CASCADE,
    PRIMARY KEY (space, track)
) WITHOUT ROWID;
CREATE INDEX analysis_track ON analysis (track);
"""

_ROWS = """
CREATE TABLE {level}_{space} (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given again: the blocks know rows by it
    track INTEGER NOT NULL REFERENCES track ON DELETE CASCADE,
    "start" REAL NOT NULL,                 -- seconds
    "end" REAL NOT NULL,
    presence INTEGER NOT NULL,             -- bit i: facet i of the space is present
    vectors BLOB NOT NULL                  -- float16, the present facets' vectors one after the other
);
CREATE INDEX {level}_{space}_track ON {level}_{space} (track);
CREATE TABLE {level}_{space}_dead (seq INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL);
CREATE TRIGGER {level}_{space}_delete AFTER DELETE ON {level}_{space}
BEGIN
    INSERT INTO {level}_{space}_dead (id) VALUES (old.id);
END;
"""

_TRANSCRIPTIONS = """
CREATE TABLE transcription (
    space INTEGER NOT NULL,
    track INTEGER NOT NULL,
    content BLOB NOT NULL,         -- see soundalike.notes
    PRIMARY KEY (space, track),
    FOREIGN KEY (space, track) REFERENCES analysis ON DELETE CASCADE
);
"""

_SAMPLES = """
ALTER TABLE track ADD COLUMN family TEXT NOT NULL DEFAULT '';
ALTER TABLE track ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE track ADD COLUMN family_fold TEXT NOT NULL DEFAULT '';
ALTER TABLE track ADD COLUMN kind_fold TEXT NOT NULL DEFAULT '';
"""

_MIGRATIONS: dict[int, str] = {2: _TRANSCRIPTIONS, 3: _SAMPLES}
"""SQL that lifts a database of the version before each key to that version."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, each with a remedy."""
    try:
        yield
    except sqlite3.Error as error:
        text = str(error)
        if "locked" in text or "busy" in text:
            raise StoreLockedError(f"'{path}' is in use: {text}.", "Wait until the other program is done.") from error
        if "full" in text:
            raise StoreError(
                f"'{path}' could not be written: {text}.", "Free some space; what was stored before is safe."
            ) from error
        if type(error) is not sqlite3.DatabaseError:  # damage is the one thing that has no class of its own
            raise StoreError(
                f"'{path}' could not be read or written: {text}.", "Check the disk and the permissions of the folder."
            ) from error
        raise StoreCorruptError(
            f"'{path}' is damaged: {text}.",
            "Nothing was deleted. Restore the file from a backup, or salvage it with 'sqlite3 library.db .recover'.",
        ) from error


def connect(path: Path) -> sqlite3.Connection:
    """Open the database at `path`, made anew where there is none, lifted to the current schema.

    Raises
    ------
    StoreVersionError
        If a newer program wrote it.
    StoreCorruptError
        If it is damaged or no SQLite database at all.
    StoreError
        If it is a database of something else, or cannot be opened.
    """
    connection: sqlite3.Connection | None = None
    with translated(path):
        try:
            connection = sqlite3.connect(path, timeout=10.0, isolation_level=None, check_same_thread=False)
            _settle(connection, path)
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        return connection


def _settle(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection, path)
    if version == 0:
        # Sized so that few bytes are left over beside rows of a few kilobytes.
        connection.execute("PRAGMA page_size = 16384")
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    if version < VERSION:
        _lift(connection, path)


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION_ID and (tables or version):
        raise StoreError(f"'{path}' is a database of another program.", "Choose another folder for the library.")
    if version > VERSION:
        raise StoreVersionError(
            f"'{path}' has version {version}, and this program knows versions up to {VERSION}.",
            "Install a newer version of this program.",
        )
    return version


def _lift(connection: sqlite3.Connection, path: Path) -> None:
    # An exclusive transaction, because two processes may open a new library at the same time.
    connection.execute("BEGIN IMMEDIATE")
    try:
        for version in range(_version(connection, path) + 1, VERSION + 1):
            for statement in _statements(_LIBRARY if version == 1 else _MIGRATIONS[version]):
                connection.execute(statement)
            if version == 1:
                connection.execute("INSERT INTO library VALUES (?, 0)", (secrets.token_hex(8),))
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> Iterator[str]:
    """Split a script; unlike `executescript` this leaves transactions alone."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def create_rows(connection: sqlite3.Connection, space: int) -> None:
    """Make the tables for the rows of one space, within the caller's transaction."""
    for level in LEVELS:
        for statement in _statements(_ROWS.format(level=level, space=int(space))):
            connection.execute(statement)
