"""A level's blocks on disk: append-only, memory-mapped, checked, rebuilt whenever in doubt.

::

    <folder>/meta.json              what is valid; replaced in one step
    <folder>/<generation>/ids       int64
    <folder>/<generation>/tracks    int64
    <folder>/<generation>/pattern   uint32
    <folder>/<generation>/00.codes  int8, dim per row   one of each per facet
    <folder>/<generation>/00.scales float32

Only the rows that meta.json counts are valid. Rows are never changed in place and files are never
shortened, so what a reader has mapped stays good; blocks are replaced by a new generation.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.facets import Space
from soundalike.stores.embedded.blocks import Block, merge_patterns

_FORMAT = 1
_CHECKED = 4096
"""Rows that share a checksum."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Disk:
    """What is on disk: the mapped rows, and how far they go.

    Attributes
    ----------
    block : Block
    generation : str
    watermark : int
        Rows with ids up to here are in the block, if they were alive when it was written.
    revision : int
        The library's revision that the block was last brought up to.
    checksums : tuple of int
        CRC-32 of every 4096 rows.
    stamp : tuple of int
        Tells one meta.json from another.
    sealed : bool
        Whether no file was touched since meta.json was written.
    """

    block: Block
    generation: str
    watermark: int
    revision: int
    checksums: tuple[int, ...]
    stamp: tuple[int, int]
    sealed: bool


class BlockFolder:
    """The folder of one level of one space.

    Rows can be loaded in bulk, without a database: ``folder.extend(None, blocks, watermark=last_id)``
    with `encode` making each block; the result's `block` is what `scan` takes.

    Parameters
    ----------
    path : Path
        Made when first written to.
    library : str
        Token of the library that the blocks belong to; blocks of another are ignored.
    space : Space
    """

    def __init__(self, path: Path, *, library: str, space: Space) -> None:
        self.path = path
        self._identity: dict[str, Any] = {
            "format": _FORMAT,
            "library": library,
            "space": space.name,
            "facets": list(space.facets),
            "dim": space.dim,
        }
        self._columns: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {
            "ids": (np.dtype("<i8"), ()),
            "tracks": (np.dtype("<i8"), ()),
            "pattern": (np.dtype("<u4"), ()),
        }
        for i in range(len(space.facets)):
            self._columns[f"{i:02d}.codes"] = (np.dtype("i1"), (space.dim,))
            self._columns[f"{i:02d}.scales"] = (np.dtype("<f4"), ())

    def load(self, known: Disk | None = None) -> Disk | None:
        """Map what is valid; None if there is nothing, or if it is damaged.

        Files that were touched since meta.json was written (a crash, a copy, another program) are
        read once and compared with their checksums.

        Parameters
        ----------
        known : Disk, optional
            Given back if it is still what is on disk.
        """
        meta_path = self.path / "meta.json"
        try:
            stamp = _stamp(meta_path)
            if known is not None and known.stamp == stamp:
                return known
            meta = json.loads(meta_path.read_text("utf-8"))
            if any(meta[name] != value for name, value in self._identity.items()):
                return None
            disk = self._map(meta, stamp)
            trusted = disk.sealed or (known is not None and known.generation == disk.generation)
            if not trusted and self.damaged(disk):
                _log.warning("The search blocks in '%s' are damaged; they will be written anew.", self.path)
                return None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            _log.warning("The search blocks in '%s' cannot be used (%s).", self.path, error)
            return None
        return disk

    def damaged(self, disk: Disk) -> list[int]:
        """Numbers of the pieces of 4096 rows whose bytes are not those that were written."""
        found = self._checksums(disk.block, 0)
        return [i for i, (a, b) in enumerate(zip(found, disk.checksums, strict=True)) if a != b]

    def extend(self, disk: Disk | None, blocks: Iterable[Block], *, watermark: int, revision: int = 0) -> Disk:
        """Append blocks, durably, and make them known in one step.

        Only one process may do this at a time.

        Parameters
        ----------
        disk : Disk or None
            What is there; None starts a new generation, which takes the place of any other.
        blocks : iterable of Block
            In order of ids, which are above those that are there.
        watermark : int
            The highest row id that these blocks were made from.
        revision : int
            The library's revision that they were made from.

        Raises
        ------
        OSError
            If the disk is full; what was valid stays valid.
        """
        generation = disk.generation if disk else self._begin()
        try:
            return self._append(generation, disk, blocks, {"watermark": watermark, "revision": revision})
        except BaseException:
            if disk is None:
                # Half a generation is of no use to anybody, least of all on a full disk.
                shutil.rmtree(self.path / generation, ignore_errors=True)
            raise

    def _append(self, generation: str, disk: Disk | None, blocks: Iterable[Block], state: dict[str, int]) -> Disk:
        rows = len(disk.block) if disk else 0
        patterns = disk.block.patterns if disk else np.zeros(0, np.uint64)
        kept = rows // _CHECKED
        for block in blocks:
            patterns, pattern = merge_patterns(patterns, block)
            self._write(generation, rows, block, pattern)
            rows += len(block)
        for name in self._columns:
            _sync(self.path / generation / name)
        meta = {**self._identity, **state, "generation": generation, "rows": rows, "patterns": patterns.tolist()}
        meta["seal"] = self._seal(generation)
        mapped = self._map({**meta, "crc": []}, (0, 0))
        meta["crc"] = [*(disk.checksums[:kept] if disk else ()), *self._checksums(mapped.block, kept * _CHECKED)]
        stamp = _replace(self.path / "meta.json", json.dumps(meta))
        self._sweep(generation)
        return replace(mapped, checksums=tuple(meta["crc"]), stamp=stamp)

    def discard(self) -> None:
        """Make nothing of what is there valid any more."""
        (self.path / "meta.json").unlink(missing_ok=True)

    def _begin(self) -> str:
        # Random, so that a generation is never mistaken for an earlier one of a deleted folder.
        generation = secrets.token_hex(8)
        (self.path / generation).mkdir(parents=True)
        for name in self._columns:
            (self.path / generation / name).touch()
        return generation

    def _write(self, generation: str, rows: int, block: Block, pattern: NDArray[np.uint32]) -> None:
        columns = {"ids": block.ids, "tracks": block.tracks, "pattern": pattern}
        for i, (codes, scales) in enumerate(zip(block.codes, block.scales, strict=True)):
            columns[f"{i:02d}.codes"], columns[f"{i:02d}.scales"] = codes, scales
        for name, (dtype, shape) in self._columns.items():
            path = self.path / generation / name
            width = dtype.itemsize * int(np.prod(shape, dtype=int))
            with path.open("r+b") as file:
                # An append that was cut short may have left bytes here.
                file.seek(rows * width)
                file.write(np.ascontiguousarray(columns[name], dtype).data)

    def _map(self, meta: dict[str, Any], stamp: tuple[int, int]) -> Disk:
        generation, rows = str(meta["generation"]), int(meta["rows"])
        folder = self.path / generation
        columns = {
            name: np.asarray(np.memmap(folder / name, dtype, "r", shape=(rows, *shape)))
            if rows
            else np.zeros((0, *shape), dtype)
            for name, (dtype, shape) in self._columns.items()
        }
        patterns = np.array(meta["patterns"], np.uint64)
        if rows and columns["pattern"].max() >= len(patterns):
            raise ValueError("a row has an unknown pattern")
        facets = range(len(self._identity["facets"]))
        block = Block(
            columns["ids"],
            columns["tracks"],
            columns["pattern"],
            patterns,
            tuple(columns[f"{i:02d}.codes"] for i in facets),
            tuple(columns[f"{i:02d}.scales"] for i in facets),
        )
        sealed = meta["seal"] == self._seal(generation)
        watermark, revision = int(meta["watermark"]), int(meta["revision"])
        return Disk(block, generation, watermark, revision, tuple(meta["crc"]), stamp, sealed)

    def _checksums(self, block: Block, first: int) -> list[int]:
        columns: tuple[NDArray[Any], ...] = (block.ids, block.tracks, block.pattern, *block.codes, *block.scales)
        sums = []
        for start in range(first, len(block), _CHECKED):
            span = slice(start, start + _CHECKED)
            crc = 0
            for column in columns:
                crc = zlib.crc32(column[span].data, crc)
            sums.append(crc)
        return sums

    def _seal(self, generation: str) -> list[int]:
        """Times of last change of all files, in nanoseconds."""
        return [(self.path / generation / name).stat().st_mtime_ns for name in self._columns]

    def _sweep(self, generation: str) -> None:
        for entry in self.path.iterdir():
            if entry.is_dir() and entry.name != generation:
                shutil.rmtree(entry, ignore_errors=True)


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_ino


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(path: Path, text: str) -> tuple[int, int]:
    """Replace a file in one step, durably; returns its stamp."""
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    stamp = _stamp(temporary)
    temporary.replace(path)
    if os.name == "posix":
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return stamp
