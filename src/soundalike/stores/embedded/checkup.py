"""Check a library from end to end, and rebuild what can be rebuilt."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np

from soundalike.errors import StoreError
from soundalike.facets import Space
from soundalike.notes import Transcription
from soundalike.stores import Finding
from soundalike.stores.embedded import schema
from soundalike.stores.embedded.index import Index
from soundalike.stores.embedded.truth import Truth, all_spaces


def verify(truth: Truth, *, repair: bool) -> list[Finding]:
    """Check database, vectors and blocks, in this order.

    Parameters
    ----------
    truth : Truth
    repair : bool
        Rebuild the database's indexes and the blocks where they are damaged. Never deletes what
        cannot be rebuilt.

    Returns
    -------
    list of Finding
    """
    findings = [_check_database(truth, repair=repair)]
    if not findings[0].ok:
        return findings
    with truth.reading() as connection:
        spaces = all_spaces(connection)
    for number, space in spaces.items():
        for level in schema.LEVELS:
            index = Index(truth, number, space, level)
            findings.append(_check_rows(truth, space, index.table))
            findings.append(_check_blocks(truth, space, index, repair=repair))
        findings.append(_check_transcriptions(truth, number, space))
    findings.extend(_check_leftovers(truth.path.parent / "blocks", set(spaces), repair=repair))
    return findings


def _check_database(truth: Truth, *, repair: bool) -> Finding:
    what = f"database {truth.path}"
    try:
        faults = _faults(truth)
        if faults and repair:
            with truth.writing() as connection:
                connection.execute("REINDEX")
            if not _faults(truth):
                return Finding(what, True, "its indexes were damaged and have been rebuilt")
    except StoreError as error:
        return Finding(what, False, str(error))
    if faults:
        return Finding(what, False, f"{faults[0]} Restore it from a backup, or salvage it with 'sqlite3 .recover'.")
    return Finding(what, True, "sound")


def _faults(truth: Truth) -> list[str]:
    with truth.reading() as connection:
        lines = [str(line) for (line,) in connection.execute("PRAGMA integrity_check(10)") if line != "ok"]
        orphans = connection.execute("PRAGMA foreign_key_check").fetchmany(10)
    return lines + [f"Row {row[1]} of '{row[0]}' refers to nothing." for row in orphans]


def _check_rows(truth: Truth, space: Space, table: str) -> Finding:
    """Compare every row's length with its presence bits."""
    what = f"{table.partition('_')[0]} vectors of '{space.name}'"
    sql = f"SELECT presence, length(vectors), count(*) FROM {table} GROUP BY 1, 2"  # noqa: S608 - our name
    with truth.reading() as connection:
        groups = connection.execute(sql).fetchall()
    bad = sum(
        count
        for presence, length, count in groups
        if length != 2 * space.dim * presence.bit_count() or presence >> len(space.facets)
    )
    total = sum(count for _, _, count in groups)
    if bad:
        return Finding(what, False, f"{bad} of {total} have a wrong length; analyse their tracks again")
    return Finding(what, True, f"{total} sound")


def _check_transcriptions(truth: Truth, number: int, space: Space) -> Finding:
    what = f"transcriptions of '{space.name}'"
    bad = total = 0
    with truth.reading() as connection:
        for (content,) in connection.execute("SELECT content FROM transcription WHERE space = ?", (number,)):
            total += 1
            try:
                Transcription.from_bytes(content)
            except StoreError:
                bad += 1
    if bad:
        return Finding(what, False, f"{bad} of {total} are damaged; analyse their tracks again")
    return Finding(what, True, f"{total} sound")


def _check_blocks(truth: Truth, space: Space, index: Index, *, repair: bool) -> Finding:
    what = f"{index.table.partition('_')[0]} search blocks of '{space.name}'"
    disk = index.folder.load()
    if disk is None and not (index.folder.path / "meta.json").exists():
        return Finding(what, True, "none yet")
    damage = "unreadable" if disk is None else ""
    if disk is not None:
        pieces = index.folder.damaged(disk)
        damage = f"{len(pieces)} damaged pieces" if pieces else ""
        with truth.reading() as connection:
            damage = damage or _strangers(connection, index, disk.block.ids)
    if not damage:
        return Finding(what, True, f"{0 if disk is None else len(disk.block)} rows sound")
    if not repair:
        return Finding(what, False, f"{damage}; can be rebuilt")
    try:
        index.rebuild()
    except (OSError, StoreError) as error:
        return Finding(what, False, f"{damage}; could not be rebuilt: {error}")
    return Finding(what, True, f"{damage}; rebuilt")


def _strangers(connection: sqlite3.Connection, index: Index, ids: np.ndarray[tuple[int], np.dtype[np.int64]]) -> str:
    """Tell whether blocks and truth hold the same rows, apart from deleted and new ones."""
    if not len(ids):
        return ""
    sql = f"SELECT id FROM {index.table} WHERE id <= ? UNION SELECT id FROM {index.table}_dead"  # noqa: S608 - our names
    known = np.array([number for (number,) in connection.execute(sql, (int(ids[-1]),))], np.int64)
    strange = int(np.count_nonzero(~np.isin(ids, known)))
    alive = f"SELECT id FROM {index.table} WHERE id <= ?"  # noqa: S608 - our name
    missing = np.array([number for (number,) in connection.execute(alive, (int(ids[-1]),))], np.int64)
    lost = int(np.count_nonzero(~np.isin(missing, ids)))
    return f"{strange} unknown and {lost} missing rows" if strange or lost else ""


def _check_leftovers(folder: Path, spaces: set[int], *, repair: bool) -> list[Finding]:
    """Find block folders of spaces that are not there."""
    wanted = {f"{number}-{level}" for number in spaces for level in schema.LEVELS}
    findings = []
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        if entry.is_dir() and entry.name not in wanted:
            if repair:
                shutil.rmtree(entry, ignore_errors=True)
            detail = "belong to nothing; deleted" if repair else "belong to nothing; can be deleted"
            findings.append(Finding(f"search blocks {entry.name}", repair, detail))
    return findings
