"""What to measure and on what, as a typed TOML file; unknown keys are refused and paths are relative to the file.

::

    name = "rendered"
    seed = 0
    sections = ["matrix", "audits"]     # all, if left out

    [systems.trained]                   # one table per system that is compared
    encoder = "descriptors"
    heads = "heads"                     # a folder, or the name of a set such as "merit"; none if left out
    [systems.trained.sets]              # test sets by factor
    melody = "melody.npz"

    [splits]                            # by factor: {"train": [...], "test": [...]}, no source on both sides
    melody = "melody_split.json"
    [reference_splits]                  # as published; those of [splits], if left out
    [audio]                             # by factor: the folder that was embedded
    [corpora]                           # musdb, ballroom, covers80, classes
    [settings]                          # windows, folders, anchors, changes, palette
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from soundalike.errors import UnknownNameError, UsageError
from soundalike.facets import FACTORS
from soundalike.research.evaluation.invariance import ANCHORS, CHANGES
from soundalike.research.merit.corpora import CORPORA
from soundalike.research.recipe_files import check_key, read_recipe_file

SECTIONS: Final = ("matrix", "audits", "fusion", "probes", "retrieval", "padding", "invariance")

TABLES: Final = {"splits": FACTORS, "reference_splits": FACTORS, "audio": FACTORS, "corpora": tuple(CORPORA)}
"""Tables of paths, and the names that they may have."""


@dataclass(frozen=True, slots=True)
class SystemRecipe:
    """An encoder with its heads.

    Attributes
    ----------
    name : str
        To call it by in tables.
    encoder, checkpoint, device, precision, layers : str
        See `soundalike.encoders.load_encoder`; empty for defaults.
    heads : str
        A folder, or one of `soundalike.heads.HEADS`; empty for none.
    heads_checkpoint : str
        Where the named heads lie.
    sets : mapping of str to Path
        Embedded triplets by factor.
    """

    name: str
    encoder: str
    heads: str = ""
    checkpoint: str = ""
    heads_checkpoint: str = ""
    device: str = ""
    precision: str = ""
    layers: str = ""
    sets: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """Sizes.

    Attributes
    ----------
    windows : int
        Of a recording of a corpus.
    folders : int
        Whose clips are filled with silence.
    anchors : int
        Of the invariance curves.
    changes : tuple of str
        Whose curves are measured, see `soundalike.research.evaluation.invariance.CHANGES`.
    palette : str
        Which instruments play their pieces; empty for the default.
    """

    windows: int = 6
    folders: int = 50
    anchors: int = ANCHORS
    changes: tuple[str, ...] = ("transposition", "tempo")
    palette: str = ""

    def __post_init__(self) -> None:
        for name, least in (("windows", 1), ("folders", 1), ("anchors", 2)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} is {getattr(self, name)}.", f"Give {least} or more.")
        _check_names("change", self.changes, tuple(CHANGES))


@dataclass(frozen=True, slots=True)
class MeritRecipe:
    """What to measure; see the module's first lines.

    Attributes
    ----------
    name : str
    systems : tuple of SystemRecipe
        At least one.
    sections : tuple of str
        From `SECTIONS`, in their order.
    seed : int
        Not negative.
    splits, reference_splits, audio, corpora : mapping of str to Path
    settings : Settings
    folder : Path
        Of the file.
    """

    name: str
    systems: tuple[SystemRecipe, ...]
    sections: tuple[str, ...] = SECTIONS
    seed: int = 0
    splits: Mapping[str, Path] = field(default_factory=dict)
    reference_splits: Mapping[str, Path] = field(default_factory=dict)
    audio: Mapping[str, Path] = field(default_factory=dict)
    corpora: Mapping[str, Path] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    folder: Path = Path()

    def __post_init__(self) -> None:
        _check_names("section", self.sections, SECTIONS)
        if self.seed < 0:
            raise UsageError(f"seed is {self.seed}.", "Give 0 or more.")
        if not self.systems:
            raise UsageError("The recipe names no system.", "Add a table such as [systems.trained].")


def read_recipe(path: Path) -> MeritRecipe:
    """Read a recipe.

    Raises
    ------
    UsageError
        If it cannot be read, or has an unknown key, or a value of another type.
    """
    return read_recipe_file(path, parse_recipe)


def parse_recipe(document: Mapping[str, Any], folder: Path) -> MeritRecipe:
    """A recipe from the tables of its file, see `read_recipe`."""
    _check_keys("", document, MeritRecipe, but=("folder",))
    if "name" not in document:
        raise UsageError("The recipe has no name.", "Add name = '...'.")
    systems = document.get("systems", {})
    if not isinstance(systems, dict) or not all(isinstance(table, dict) for table in systems.values()):
        raise UsageError(f"systems is {systems!r}.", "Write a table per system, such as [systems.trained].")
    given: dict[str, Any] = {
        name: _paths(name, document[name], folder, known) for name, known in TABLES.items() if name in document
    }
    if "seed" in document:
        given["seed"] = document["seed"]
    if "sections" in document:
        given["sections"] = tuple(name for name in SECTIONS if name in document["sections"])
        _check_names("section", document["sections"], SECTIONS)
    settings: dict[str, Any] = document.get("settings", {})
    _check_keys("settings.", settings, Settings)
    if "changes" in settings:
        settings = {**settings, "changes": tuple(settings["changes"])}
    return MeritRecipe(
        name=document["name"],
        systems=tuple(_system(name, table, folder) for name, table in systems.items()),
        settings=Settings(**settings),
        folder=folder,
        **given,
    )


def _system(name: str, table: Mapping[str, Any], folder: Path) -> SystemRecipe:
    where = f"systems.{name}."
    _check_keys(where, table, SystemRecipe, but=("name",))
    if "encoder" not in table:
        raise UsageError(f"The system '{name}' has no encoder.", "Add encoder = '...'.")
    given = {key: value for key, value in table.items() if key != "sets"}
    for key in ("heads", "checkpoint", "heads_checkpoint"):
        if given.get(key) and (folder / given[key]).exists():
            given[key] = str(folder / given[key])
    return SystemRecipe(name, sets=_paths(f"{where}sets", table.get("sets", {}), folder, FACTORS), **given)


def _check_keys(where: str, table: Any, kind: type[Any], *, but: tuple[str, ...] = ()) -> None:
    """Refuse keys that are no fields, or `but` these, and values of another type."""
    if not isinstance(table, dict):
        raise UsageError(f"{where.rstrip('.')} is {table!r}.", "Write it as a table.")
    types = {each.name: str(each.type) for each in fields(kind) if each.name not in but}
    words = {"int": (int, "a whole number"), "str": (str, "a text"), "tuple[str, ...]": (list, "a list of texts")}
    for key, value in table.items():
        check_key(key, types, where=where)
        expected, word = words.get(types[key], (object, ""))
        texts = not isinstance(value, list) or all(isinstance(entry, str) for entry in value)
        if not isinstance(value, expected) or isinstance(value, bool) or not texts:
            raise UsageError(f"{where}{key} is {json.dumps(value, default=str)}.", f"Give {word}.")


def _check_names(what: str, names: Any, known: tuple[str, ...]) -> None:
    if unknown := [name for name in names if name not in known]:
        raise UnknownNameError(f"'{unknown[0]}' is no {what}.", f"Known: {', '.join(known)}.")


def _paths(name: str, table: Any, folder: Path, known: tuple[str, ...]) -> dict[str, Path]:
    if not isinstance(table, dict) or not all(isinstance(path, str) for path in table.values()):
        raise UsageError(f"{name} is {table!r}.", f"Give a table [{name}] of paths.")
    _check_names(f"name in [{name}]", table, known)
    return {key: folder / path for key, path in table.items()}
