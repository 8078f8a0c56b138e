"""The table of released checkpoints, read from `checkpoints.toml` and refused if it says anything unheard of."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

from soundalike.errors import CheckpointError, UnknownNameError

Kind: TypeAlias = Literal["encoder", "separator", "heads"]

TABLE = Path(__file__).with_name("checkpoints.toml")
COSTS = Path(__file__).with_name("costs.json")
"""What each checkpoint costs to run, measured; written by a benchmark."""

_TYPES: Mapping[str, type] = {"str": str, "int": int, "bool": bool, "int | None": int, "str | None": str}
_REMEDY = "This is a mistake in the table of checkpoints; install soundalike anew, or report it."


@dataclasses.dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a checkpoint.

    Attributes
    ----------
    name : str
        Its path within the repository.
    repository, revision : str
        Where it is fetched from, as "owner/name" and a commit.
    place : str
        Its path within the checkpoint's folder here.
    sha256 : str
        In hexadecimal; only the first digits, or nothing, where no more is known.
    """

    name: str
    repository: str
    revision: str
    place: str
    sha256: str


@dataclasses.dataclass(frozen=True, slots=True)
class Checkpoint:
    """One row of the table; `checkpoints.toml` says what the columns mean."""

    name: str
    kind: Kind
    part: str
    gives: str
    repository: str
    revision: str
    files: tuple[RemoteFile, ...]
    licence: str
    commercial: bool
    licence_note: str
    megabytes: int
    confirmed: bool
    sample_rate: int | None = None
    dim: int | None = None
    needs: str = ""
    note: str = ""

    @property
    def size(self) -> str:
        """What there is to download, for people."""
        return f"{self.megabytes / 1000:.1f} GB" if self.megabytes >= 1000 else f"{self.megabytes} MB"


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What it takes to run a checkpoint on one core: seconds for a minute of sound, and megabytes of memory."""

    cpu_s_per_minute: float
    memory_mb: float


@cache
def checkpoints() -> Mapping[str, Checkpoint]:
    """All rows by name, in the table's order."""
    return MappingProxyType(read_table(TABLE))


def checkpoint(name: str) -> Checkpoint:
    """The row called `name`.

    Raises
    ------
    UnknownNameError
        If there is none.
    """
    if name not in checkpoints():
        close = difflib.get_close_matches(name, checkpoints(), n=1)
        hint = f"Did you mean '{close[0]}'? " if close else ""
        raise UnknownNameError(f"There is no checkpoint '{name}'.", f"{hint}Known: {', '.join(checkpoints())}.")
    return checkpoints()[name]


def costs(path: Path | None = None) -> Mapping[str, Cost]:
    """What checkpoints cost to run, by name; empty for those that were not measured."""
    found = json.loads((path or COSTS).read_text("utf-8"))
    return {name: Cost(**cost) for name, cost in found.items()}


def read_table(path: Path) -> dict[str, Checkpoint]:
    """Read a table such as `checkpoints.toml`.

    Raises
    ------
    CheckpointError
        If a row lacks a column, has an unknown one, or one of another type.
    """
    return {name: _row(name, row) for name, row in tomllib.loads(path.read_text("utf-8")).items()}


def _row(name: str, row: dict[str, Any]) -> Checkpoint:
    row = {"part": name, "name": name, **row}
    common = {"repository": row.get("repository"), "revision": row.get("revision")}
    files = tuple(
        _typed(RemoteFile, {"place": file.get("name"), "sha256": "", **common, **file}, f"{name}.files")
        for file in row.get("files", [])
    )
    made: Checkpoint = _typed(Checkpoint, {**row, "files": files}, name)
    if made.kind not in get_args(Kind) or not files:
        raise CheckpointError(
            f"The row '{name}' of checkpoints has kind '{made.kind}' and {len(files)} files.", _REMEDY
        )
    for file in files:
        _check_file(file, name)
    return made


def _typed(kind: type[Any], given: dict[str, Any], where: str) -> Any:
    """Make a dataclass from a TOML table, with no column too many, too few, or of another type."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    missing = [name for name, field in fields.items() if field.default is dataclasses.MISSING and name not in given]
    wrong = [
        name
        for name, value in given.items()
        if name not in fields
        or (str(fields[name].type) in _TYPES and type(value) is not _TYPES[str(fields[name].type)])
    ]
    if missing or wrong:
        raise CheckpointError(
            f"The row '{where}' of checkpoints has a wrong or missing {(wrong + missing)[0]}.", _REMEDY
        )
    return kind(**given)


def _check_file(file: RemoteFile, name: str) -> None:
    """Names become paths and addresses, so they may not leave their folder."""
    place = PurePosixPath(file.place)
    sound = (
        re.fullmatch(r"[\w.-]+/[\w.-]+", file.repository)
        and re.fullmatch(r"[0-9a-f]{40}", file.revision)
        and re.fullmatch(r"[0-9a-f]{8,64}|", file.sha256)
        and not (place.is_absolute() or ".." in place.parts)
    )
    if not sound:
        raise CheckpointError(f"The file '{file.name}' of checkpoint '{name}' is not well described.", _REMEDY)
