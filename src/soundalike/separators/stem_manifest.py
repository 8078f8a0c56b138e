"""A list of stems that someone wrote: CSV with the columns track, stem and path, or JSON with such objects.

Paths are absolute or relative to the list. Several rows may name files of the same stem.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soundalike.errors import UsageError
from soundalike.separators.stem_folders import Found
from soundalike.separators.stem_names import stem_of

COLUMNS = ("track", "stem", "path")


def read_manifest(path: Path) -> Mapping[Path, Found]:
    """The stems of each track, by the track's resolved path.

    Raises
    ------
    UsageError
        If the list cannot be read, or a row of it makes no sense or names a file that is not there; says which.
    """
    tracks: dict[Path, Found] = {}
    for number, row in enumerate(_rows(path), start=1):
        if not isinstance(row, Mapping) or not all(isinstance(row.get(key), str) and row[key] for key in COLUMNS):
            raise UsageError(f"Row {number} of '{path}' is {row!r}.", f"Give {', '.join(COLUMNS)}.")
        stem = stem_of(row["stem"])
        if stem is None:
            raise UsageError(
                f"Row {number} of '{path}' names the stem '{row['stem']}'.",
                "Use vocals, drums, bass, guitar, piano or other.",
            )
        file = path.parent / row["path"]
        if not file.is_file():
            raise UsageError(f"Row {number} of '{path}' names '{file}', which is not there.", "Correct the path.")
        track = (path.parent / row["track"]).resolve()
        tracks.setdefault(track, {}).setdefault(stem, []).append(file)
    return tracks


def _rows(path: Path) -> list[Any]:
    try:
        text = path.read_text("utf-8-sig")
        rows = json.loads(text) if path.suffix.lower() == ".json" else list(csv.DictReader(io.StringIO(text)))
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"'{path}' cannot be read: {error}", "Give a .csv or .json in UTF-8.") from None
    if not isinstance(rows, list):
        raise UsageError(f"'{path}' holds no list.", f"Give a list of objects with {', '.join(COLUMNS)}.")
    return rows
