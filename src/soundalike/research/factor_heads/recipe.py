"""How factor heads are trained, as a typed TOML file.

A recipe names the embedded triplets of one or more factors, and what to change::

    mode = "default"
    seed = 1

    [sets]
    melody = "melody.npz"
    rhythm = "rhythm.npz"

Every key but ``sets`` has a default; ``mode = "reference"`` has MERIT's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from soundalike.errors import UsageError
from soundalike.facets import FACTORS
from soundalike.research.recipe_files import check_key, read_recipe_file

FIXED: Final = MappingProxyType(
    {
        "split": "folder",
        "loss": "merit-pairwise",
        "negatives": "folder",
        "architecture": "separate",
        "select": "loss",
        "dropout": 0.0,
        "standardise": "none",
    }
)
"""What cannot be chosen in the mode "reference"."""

REFERENCE: Final = MappingProxyType(
    {
        **FIXED,
        "gamma": 10.0,
        "margin": 0.2,
        "batch": 1024,
        "epochs": 200,
        "rate": 1e-3,
        "decay": 1e-4,
        "floor": 0.01,
        "patience": 0,
        "seed": 42,
    }
)
"""What the mode "reference" has where the recipe does not say: how MERIT's program trains."""

CHOICES: Final = MappingProxyType(
    {
        "mode": ("default", "reference"),
        "split": ("source", "drop", "folder"),
        "architecture": ("separate", "shared"),
        "loss": ("circle", "merit-pairwise"),
        "negatives": ("batch", "folder", "hard"),
        "select": ("loss", "accuracy"),
        "standardise": ("auto", "each", "all", "none"),
    }
)

RANGES: Final[Mapping[str, tuple[str, Callable[[float], bool]]]] = MappingProxyType(
    {
        "validation": ("above 0 and below 1", lambda value: 0 < value < 1),
        "hidden": ("1 or more", lambda value: value >= 1),
        "dim": ("1 or more", lambda value: value >= 1),
        "gamma": ("above 0", lambda value: 0 < value < float("inf")),
        "margin": ("0 or more and below 1", lambda value: 0 <= value < 1),
        "hardest": ("1 or more", lambda value: value >= 1),
        "own": ("1 or more", lambda value: value >= 1),
        "batch": ("1 or more", lambda value: value >= 1),
        "epochs": ("1 or more", lambda value: value >= 1),
        "rate": ("above 0", lambda value: 0 < value < float("inf")),
        "decay": ("0 or more", lambda value: 0 <= value < float("inf")),
        "dropout": ("0 or more and below 1", lambda value: 0 <= value < 1),
        "floor": ("0 to 1", lambda value: 0 <= value <= 1),
        "patience": ("0 or more", lambda value: value >= 0),
        "seed": ("0 or more", lambda value: value >= 0),
    }
)


@dataclass(frozen=True, slots=True)
class HeadRecipe:
    """How factor heads are trained.

    Attributes
    ----------
    sets : mapping of str to Path
        By factor: a file of `soundalike.research.triplets.sets.write_set`, or a triplet pickle of MERIT (``.pkl``).
    splits : mapping of str to Path
        By factor, where wanted: a JSON file with the names of folders, "train", and also "validation" or "test". What
        is in none of the first two is neither trained on nor validated with.
    mode : {"default", "reference"}
        "reference" trains as MERIT's program does, number by number.
    split : {"source", "drop", "folder"}
        Where no file says it, what must not lie on both sides of training and validation: a source, in whatever
        factor; the same, but folders that need both sides are left out, for sets that all hang together; or a folder.
    validation : float
        Share of the folders that are validated with.
    hidden, dim : int
        Lengths of the hidden layer and of a vector.
    architecture : {"separate", "shared"}
        A network per factor, or one whose first layer all factors share.
    loss : {"circle", "merit-pairwise"}
        See `soundalike.research.factor_heads.losses`.
    gamma, margin : float
        Of the loss: its scale, and how far from perfect is good enough.
    negatives : {"batch", "folder", "hard"}
        Of a query: all clips of the batch that may be negatives, only those of its own folder, or the nearest ones.
    hardest : int
        How many the nearest are.
    own : int
        How many times the negatives of a query's own folder count among those of the batch.
    batch : int
        Folders in a batch; in the mode "reference" triples.
    epochs : int
        At most.
    rate, floor : float
        The step size begins with `rate` and falls by a cosine to `floor` times that.
    decay : float
        Of the weights, as AdamW takes it.
    dropout : float
        Share of an embedding and of the hidden layer that is left out in each step; none in the mode "reference".
    standardise : {"auto", "each", "all", "none"}
        See `soundalike.research.factor_heads.scaling`.
    patience : int
        Epochs without improvement after which to stop; 0 for never.
    select : {"loss", "accuracy"}
        By which number of the validation the best epoch is chosen.
    seed : int
    device : str
        "cpu" or "cuda".
    """

    sets: Mapping[str, Path]
    splits: Mapping[str, Path] = field(default_factory=dict)
    mode: str = "default"
    split: str = "source"
    validation: float = 0.1
    hidden: int = 512
    dim: int = 128
    architecture: str = "separate"
    loss: str = "circle"
    gamma: float = 24.0
    margin: float = 0.25
    negatives: str = "batch"
    hardest: int = 16
    own: int = 2
    batch: int = 16
    epochs: int = 100
    rate: float = 1e-3
    decay: float = 0.01
    dropout: float = 0.5
    standardise: str = "auto"
    floor: float = 0.01
    patience: int = 20
    select: str = "accuracy"
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise UsageError(f"{name} is '{getattr(self, name)}'.", f"Choose {' or '.join(known)}.")
        for name, (words, holds) in RANGES.items():
            if not holds(getattr(self, name)):
                raise UsageError(f"{name} is {getattr(self, name)}.", f"Give a number that is {words}.")
        if not self.sets:
            raise UsageError(
                "The recipe names no set of triplets.", "Add a table [sets], such as melody = 'melody.npz'."
            )
        for factor in (*self.sets, *self.splits):
            if factor not in FACTORS:
                raise UsageError(f"'{factor}' is no factor.", f"There are {', '.join(FACTORS)}.")
        if unused := sorted(set(self.splits) - set(self.sets)):
            raise UsageError(
                f"There is a split for {unused[0]} but no set.", f"Add the set of {unused[0]}, or leave it."
            )

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors that are trained, in the order of `FACTORS`."""
        return tuple(factor for factor in FACTORS if factor in self.sets)

    def to_json(self) -> dict[str, Any]:
        """Every value, with paths as text."""
        tables = {name: {f: Path(path).as_posix() for f, path in getattr(self, name).items()} for name in TABLES}
        return {**asdict(self), **tables}

    def to_toml(self) -> str:
        """The recipe as a file, with every value."""
        document = self.to_json()
        tables = {name: document.pop(name) for name in TABLES}
        lines = [f"{name} = {json.dumps(value)}" for name, value in document.items()]
        for name, table in tables.items():
            if table:
                lines += ["", f"[{name}]", *(f"{factor} = {json.dumps(path)}" for factor, path in table.items())]
        return "\n".join(lines) + "\n"


TABLES: Final = ("sets", "splits")
KINDS: Final = MappingProxyType({"int": int, "float": float, "str": str})
"""Python's types by how the fields name them."""


def read_recipe(path: Path, *, device: str | None = None) -> HeadRecipe:
    """Read a recipe; its paths are relative to its folder.

    Parameters
    ----------
    path : Path
    device : str, optional
        In place of the recipe's.

    Raises
    ------
    UsageError
        If it cannot be read, has an unknown key, or a value that is of another type or out of range.
    """
    recipe = read_recipe_file(path, parse_recipe)
    return recipe if device is None else replace(recipe, device=device)


def parse_recipe(document: Mapping[str, Any], folder: Path) -> HeadRecipe:
    """A recipe from the tables of its file, see `read_recipe`."""
    known = {each.name: str(each.type) for each in fields(HeadRecipe)}
    for name, value in document.items():
        check_key(name, known)
        if name not in TABLES:
            _check_type(name, value, known[name])
    tables = {name: _paths(name, document.get(name, {}), folder) for name in TABLES}
    given: dict[str, Any] = {n: float(value) if known[n] == "float" else value for n, value in document.items()}
    given |= tables
    if given.get("mode") != "reference":
        return HeadRecipe(**given)
    recipe = HeadRecipe(**{**REFERENCE, **given})
    for name, only in FIXED.items():
        if getattr(recipe, name) != only:
            raise UsageError(
                f"{name} is '{getattr(recipe, name)}', but the mode 'reference' has '{only}'.", "Leave out one of them."
            )
    return recipe


def _check_type(name: str, value: Any, kind: str) -> None:
    allowed = (int, float) if kind == "float" else (KINDS[kind],)
    if not isinstance(value, allowed) or isinstance(value, bool):
        words = {"int": "a whole number", "float": "a number", "str": "a text"}[kind]
        raise UsageError(f"{name} is {value!r}.", f"Give {words}.")


def _paths(name: str, table: Any, folder: Path) -> dict[str, Path]:
    if not isinstance(table, dict) or not all(isinstance(path, str) for path in table.values()):
        raise UsageError(f"{name} is {table!r}.", f"Give a table [{name}] of files by factor.")
    return {factor: folder / path for factor, path in table.items()}
