"""The ledger of files that failed: which, why, and when.

A file that failed is not tried again until it changes. The ledger is a small database of its own
beside the store: it speaks of files on this machine, and losing it costs one more try.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from soundalike.errors import StoreCorruptError, StoreError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS failure (
    path BLOB PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    reason TEXT NOT NULL,
    seen TEXT NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Failure:
    """One file that could not be analysed.

    Attributes
    ----------
    path : str
    reason : str
        One sentence.
    when : str
        Time of the last try, ISO 8601 in UTC.
    fingerprint : str
        What the file looked like then (see `fingerprint`).
    """

    path: str
    reason: str
    when: str
    fingerprint: str


def fingerprint(path: str) -> str:
    """Size, time of change and permissions of a file; empty if it cannot be looked at."""
    try:
        stat = os.stat(path)  # noqa: PTH116 - keeps names that are not UTF-8
    except OSError:
        return ""
    return f"{stat.st_size}:{stat.st_mtime_ns}:{stat.st_mode}:{stat.st_uid}:{stat.st_gid}"


class Ledger:
    """Remembers failures in ``<folder>/ledger.db``.

    Parameters
    ----------
    folder : str or Path
        The library's folder; the file is made with the first entry.
    """

    def __init__(self, folder: str | Path) -> None:
        self._path = Path(folder) / "ledger.db"

    def record(self, path: str, reason: str, *, seen: str | None = None) -> None:
        """Enter a failure, or renew it; durable when it returns.

        Parameters
        ----------
        path, reason : str
        seen : str, optional
            Fingerprint of the file that was tried, which may have changed since; the default is its present one.
        """
        when = datetime.now(UTC).isoformat(timespec="seconds")
        row = (os.fsencode(path), fingerprint(path) if seen is None else seen, reason, when)
        self._write("INSERT OR REPLACE INTO failure VALUES (?, ?, ?, ?)", [row])

    def forget(self, paths: Iterable[str]) -> None:
        """Strike out files that have since succeeded or gone."""
        if self._path.exists():
            self._write("DELETE FROM failure WHERE path = ?", [(os.fsencode(path),) for path in paths])

    def failures(self) -> list[Failure]:
        """All entries, by path."""
        if not self._path.exists():
            return []
        try:
            with closing(self._connect()) as database:
                rows = database.execute("SELECT path, reason, seen, fingerprint FROM failure ORDER BY path").fetchall()
        except sqlite3.DatabaseError as error:
            raise self._failed(error) from None
        return [Failure(os.fsdecode(path), reason, seen, mark) for path, reason, seen, mark in rows]

    def _write(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        try:
            with closing(self._connect()) as database, database:
                database.execute(_SCHEMA)
                database.executemany(statement, rows)
        except sqlite3.DatabaseError as error:
            raise self._failed(error) from None

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=30)
        database.execute("PRAGMA synchronous=FULL")
        return database

    def _failed(self, error: sqlite3.DatabaseError) -> StoreError:
        if isinstance(error, sqlite3.OperationalError):
            return StoreError(f"The ledger of failures cannot be written: {error}.", "Check space and permissions.")
        return StoreCorruptError(
            f"The ledger of failures is damaged ({error}).", f"Delete {self._path.name} in the library's folder."
        )
