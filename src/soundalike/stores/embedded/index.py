"""Keep the blocks of one level in step with the truth."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import StoreError, StoreLockedError
from soundalike.facets import Space
from soundalike.locks import locked
from soundalike.stores.embedded.blocks import Block, encode, join
from soundalike.stores.embedded.folder import BlockFolder, Disk
from soundalike.stores.embedded.scan import Mask
from soundalike.stores.embedded.truth import Truth, select_rows

_BATCH = 4096
"""Rows that are turned into codes at a time."""

_PUBLISH = 16 * _BATCH
"""Rows after which a long build is made known, so that it need not start again."""

MANY = 1024
"""So many rows beyond the blocks are worth writing them to disk before a search."""

_DEAD = 0.2
"""Share of dead rows above which the blocks are written anew."""

Ids = NDArray[np.int64]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """All rows of a level at one revision of the library.

    Attributes
    ----------
    revision : int
    disk : Disk or None
        What the blocks on disk hold.
    tail : Block or None
        What they do not hold yet.
    parts : tuple of (Block, mask or None)
        For `scan`; the masks leave out deleted rows.
    """

    revision: int
    disk: Disk | None
    tail: Block | None
    parts: tuple[tuple[Block, Mask | None], ...]


class Index:
    """The blocks of one level of one space; may be used from several threads.

    Parameters
    ----------
    truth : Truth
    number : int
        The space's id in the database.
    space : Space
    level : str
        "excerpt" or "section".
    """

    def __init__(self, truth: Truth, number: int, space: Space, level: str) -> None:
        self.table = f"{level}_{number}"
        root = truth.path.parent
        self.folder = BlockFolder(root / "blocks" / f"{number}-{level}", library=truth.token, space=space)
        self._lock_path: Path = root / "blocks.lock"
        self._truth = truth
        self._space = space
        self._guard = threading.RLock()
        self._disk: Disk | None = None
        self._view: View | None = None
        self._maintained = (-1, 0)
        self._discard_strangers()

    def _discard_strangers(self) -> None:
        """Drop blocks that are newer than the library: it must be an older copy of itself.

        The blocks may lack rows that it still has, and hold rows whose ids it will give again. They
        are read before the library, so that what others are adding meanwhile does not look like that.
        """
        disk = self._load()
        with self._truth.reading() as connection:
            if disk is None or disk.revision <= _revision(connection):
                return
        _log.warning("The search blocks in '%s' are newer than the library; dropping them.", self.folder.path)
        self.folder.discard()
        self._disk = None

    # Reading

    def view(self, connection: sqlite3.Connection) -> View:
        """All rows as of the connection's transaction, or a little later."""
        with self._guard:
            revision = _revision(connection)
            if self._view is None or self._view.revision < revision:
                self._view = self._refresh(connection, revision)
            return self._view

    def _refresh(self, connection: sqlite3.Connection, revision: int) -> View:
        old, disk = self._view, self._load()
        after = _watermark(disk)
        blocks = []
        if old is not None and old.tail is not None and _watermark(old.disk) <= after:
            # Another process may have moved rows of our tail to disk.
            blocks.append(_cut(old.tail, after))
            after = max(after, int(old.tail.ids[-1]))
        blocks.extend(self._encoded(connection, after, _last_id(connection, self.table)))
        tail = join(blocks) if any(len(block) for block in blocks) else None
        _, gone = self._dead(connection)
        parts = [block for block in (disk.block if disk else None, tail) if block is not None]
        return View(revision, disk, tail, tuple((block, _live(block, gone)) for block in parts))

    def _dead(self, connection: sqlite3.Connection) -> tuple[int, Ids]:
        """The number of the last deletion, and the ids of all deleted rows that a block may hold."""
        records = connection.execute(f"SELECT seq, id FROM {self.table}_dead").fetchall()  # noqa: S608 - our name
        return max((seq for seq, _ in records), default=0), np.array([number for _, number in records], np.int64)

    def _load(self) -> Disk | None:
        self._disk = self.folder.load(self._disk)
        return self._disk

    def _encoded(self, connection: sqlite3.Connection, after: int, upto: int) -> Iterator[Block]:
        """Blocks of the truth's rows with ids above `after` and up to `upto`, in order."""
        while True:
            rows = select_rows(connection, self.table, self._space, "id > ? AND id <= ?", [after, upto], _BATCH)
            if not len(rows):
                return
            yield encode(rows)
            after = int(rows.ids[-1])

    # Writing

    def maintain(self, *, many: int = MANY) -> None:
        """Write rows to disk if `many` are not there yet, and do away with many dead ones.

        The blocks are only a cache: if another process is at it, or the disk is full, this does
        nothing, and the rows stay in memory.
        """
        with self._guard:
            try:
                with self._truth.reading() as connection:
                    now = (_revision(connection), many)
                    if now == self._maintained:
                        return
                    self._maintained = now
                    dead = self._write(connection) if self._is_due(connection, many) else 0
                if dead:
                    self._bury(dead)
            except StoreLockedError:
                self._maintained = (-1, 0)  # another try at the next search
            except (OSError, StoreError) as error:
                _log.warning("The search blocks could not be written (%s); searching from memory.", error)

    def rebuild(self) -> None:
        """Write all blocks anew from the truth.

        Raises
        ------
        StoreLockedError
            If another process is writing blocks.
        OSError
            If the disk is full.
        """
        with self._guard:
            with self._truth.reading() as connection, locked(self._lock_path, patience=10.0):
                dead = self._renew(connection)
            self._bury(dead)

    def _is_due(self, connection: sqlite3.Connection, many: int) -> bool:
        disk = self._load()
        if self._missing(connection) >= many:
            return True
        return disk is not None and (not disk.sealed or self._is_dying(connection, disk))

    def _missing(self, connection: sqlite3.Connection) -> int:
        """How many rows the blocks on disk may lack."""
        return _last_id(connection, self.table) - _watermark(self._disk)

    def _is_dying(self, connection: sqlite3.Connection, disk: Disk) -> bool:
        _, gone = self._dead(connection)
        limit = _DEAD * len(disk.block)
        if len(gone) <= limit:
            return False
        mask = _live(disk.block, gone)
        return mask is not None and int(np.count_nonzero(~mask)) > limit

    def _write(self, connection: sqlite3.Connection) -> int:
        """Extend the blocks, or write them anew; returns the last deletion that they no longer hold."""
        # Rather wait a little than hold very many rows in memory.
        patience = 60.0 if self._missing(connection) > _PUBLISH else 0.0
        with locked(self._lock_path, patience=patience):
            disk = self._load()
            if disk is not None and self._is_dying(connection, disk):
                return self._renew(connection)
            if disk is not None and not disk.sealed:
                self._extend(connection, disk.watermark)
            last = _last_id(connection, self.table)
            while (after := _watermark(self._disk)) < last:
                self._extend(connection, min(after + _PUBLISH, last))
            self._view = None
            return 0

    def _extend(self, connection: sqlite3.Connection, upto: int) -> None:
        rows = self._encoded(connection, _watermark(self._disk), upto)
        self._disk = self.folder.extend(self._disk, rows, watermark=upto, revision=_revision(connection))

    def _renew(self, connection: sqlite3.Connection) -> int:
        dead, _ = self._dead(connection)
        self._disk = self._view = None
        self._extend(connection, _last_id(connection, self.table))
        return dead

    def _bury(self, dead: int) -> None:
        """Forget deletions of rows that no block holds any more."""
        try:
            with self._truth.writing(patience=0.0) as connection:
                connection.execute(f"DELETE FROM {self.table}_dead WHERE seq <= ?", (dead,))  # noqa: S608 - our name
        except StoreError as error:
            _log.info("The list of deleted rows was not shortened: %s", error)


def _revision(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT revision FROM library").fetchone()[0])


def _last_id(connection: sqlite3.Connection, table: str) -> int:
    """The last id that was ever given in a table."""
    record = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return int(record[0]) if record else 0


def _watermark(disk: Disk | None) -> int:
    return disk.watermark if disk else 0


def _cut(block: Block, after: int) -> Block:
    first = int(np.searchsorted(block.ids, after, side="right"))
    return Block(
        block.ids[first:],
        block.tracks[first:],
        block.pattern[first:],
        block.patterns,
        tuple(codes[first:] for codes in block.codes),
        tuple(scales[first:] for scales in block.scales),
    )


def _live(block: Block, gone: Ids) -> Mask | None:
    """Mask out deleted rows; None if all are alive."""
    slots = np.searchsorted(block.ids, gone)
    inside = slots < len(block)
    dead = slots[inside][block.ids[slots[inside]] == gone[inside]]
    if not len(dead):
        return None
    mask = np.ones(len(block), bool)
    mask[dead] = False
    return mask
