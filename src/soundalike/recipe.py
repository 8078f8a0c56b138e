"""What a library listens with, as plain values: kept beside it, sent to other processes, typed by people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from soundalike.atomic import write_atomically
from soundalike.errors import StoreCorruptError, UsageError
from soundalike.facets import Facet, Space

ROLES = ("encoder", "separator", "heads")
"""The parts of a recipe that may have a checkpoint."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The names that make an `soundalike.analysis.Analyzer`; small enough to send to another process.

    Attributes
    ----------
    separator, encoder : str
        Names of extensions.
    heads : str
        Name of a set of heads, or a folder of trained ones; empty for the encoder's own.
    facets : tuple of str
        The facets to keep, by full or short name; empty for all that the parts can give.
    most_excerpts : int
        At most so many excerpts of a track, evenly spread; 0 for all.
    stems : str
        Where ``files`` looks for stems; see `soundalike.separators.files`.
    encoder_checkpoint, separator_checkpoint, heads_checkpoint : str
        Files or folders; empty for where ``soundalike models get`` put them.
    device, precision, layers : str
        How a pretrained encoder computes; empty for its defaults.
    padded : float
        Seconds to which "merit" pads clips with silence; 0 for none.
    """

    separator: str = "none"
    encoder: str = "embedded"
    heads: str = ""
    facets: tuple[str, ...] = ()
    most_excerpts: int = 0
    stems: str = ""
    encoder_checkpoint: str = ""
    separator_checkpoint: str = ""
    heads_checkpoint: str = ""
    device: str = ""
    precision: str = ""
    layers: str = ""
    padded: float = 0.0

    def __post_init__(self) -> None:
        if self.most_excerpts < 0:
            raise UsageError(
                f"{self.most_excerpts} excerpts of a track were asked for.", "Give 1 or more, or 0 for all."
            )
        if (self.device or self.precision) and not (self.encoder_is_pretrained or self.separator_is_pretrained):
            raise UsageError(
                f"'{self.encoder}' runs on the CPU in one precision only.", "Leave out --device and --precision."
            )
        for name in self.facets:
            Facet(name)

    @property
    def is_pretrained(self) -> bool:
        """Whether any part needs a checkpoint."""
        return self.encoder_is_pretrained or self.separator_is_pretrained or self.heads not in WITHOUT_CHECKPOINT

    @property
    def encoder_is_pretrained(self) -> bool:
        """Whether the encoder needs a checkpoint."""
        return self.encoder not in WITHOUT_CHECKPOINT

    @property
    def separator_is_pretrained(self) -> bool:
        """Whether the separator needs a checkpoint."""
        return self.separator not in WITHOUT_CHECKPOINT

    def with_checkpoints(self, given: Iterable[str]) -> Recipe:
        """The recipe with checkpoints as they are typed: ``PATH``, ``encoder=PATH`` or ``mert-95m=PATH``.

        A path alone belongs to the one part that is pretrained.

        Raises
        ------
        UsageError
            If no part, or more than one, may be meant, or nothing is there.
        """
        recipe = self
        for text in given:
            role, path = recipe._read(text)
            if not path.exists():
                raise UsageError(f"There is no checkpoint at '{path}'.", "Name a file or a folder.")
            recipe = replace(recipe, **{f"{role}_checkpoint": str(path.absolute())})  # type: ignore[arg-type]
        return recipe

    def _read(self, text: str) -> tuple[str, Path]:
        named, equals, path = text.partition("=")
        if equals and not Path(text).exists():
            meant = [role for role in ROLES if named in (role, getattr(self, role))]
            path = path.strip()
        else:
            path = text
            meant = [role for role in ("encoder", "separator") if getattr(self, role) not in WITHOUT_CHECKPOINT]
        if len(meant) == 1:
            return meant[0], Path(path).expanduser()
        parts = ", ".join(f"{role} {getattr(self, role) or 'of its own'}" for role in ROLES)
        raise UsageError(
            f"'{text}' could be the checkpoint of {'no part' if not meant else ' or '.join(meant)} ({parts}).",
            "Write encoder=PATH, separator=PATH or heads=PATH.",
        )

    def to_json(self) -> dict[str, Any]:
        """Every value that differs from the default."""
        plain = Recipe()
        return {name: value for name, value in asdict(self).items() if value != getattr(plain, name)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Recipe:
        """Read what `to_json` gave.

        Raises
        ------
        UsageError
            If a key is not known: a newer version may have written it.
        """
        unknown = sorted(set(document) - {field.name for field in fields(cls)})
        if unknown:
            raise UsageError(f"A recipe has the unknown key '{unknown[0]}'.", "Install the version that wrote it.")
        return cls(**{**document, "facets": tuple(document.get("facets", ()))})


WITHOUT_CHECKPOINT = frozenset({"", "none", "embedded", "descriptors", "files", "factors", "identity"})
"""Parts that ship with the package, or that have nothing to load."""


class Recipes:
    """The recipes of a library's spaces, in ``recipes.json`` in its folder.

    Losing the file loses no vectors: the options of `add` have to be given once more.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "recipes.json"

    def current(self) -> Recipe | None:
        """The recipe that was added with last, or None."""
        document = self._read()
        return Recipe.from_json(document["spaces"][document["current"]]["recipe"]) if document else None

    def find(self, text: str) -> Recipe:
        """The recipe of the one space whose name contains `text`.

        Raises
        ------
        UsageError
            If there is none, or more than one.
        """
        spaces = self._read().get("spaces", {})
        found = [name for name in spaces if text in name]
        exact = [text] if text in spaces else found
        if len(exact) != 1:
            known = ", ".join(spaces) or "none yet"
            raise UsageError(f"'{text}' is in the name of {len(exact)} spaces.", f"Spaces of this library: {known}.")
        return Recipe.from_json(spaces[exact[0]]["recipe"])

    def space_of(self, recipe: Recipe) -> Space | None:
        """The space that `recipe` made here, or None if it made none."""
        for name, known in self._read().get("spaces", {}).items():
            if Recipe.from_json(known["recipe"]) == recipe:
                return Space(name, tuple(map(Facet, known["facets"])), int(known["dim"]))
        return None

    def record(self, recipe: Recipe, space: Space, licences: Mapping[str, str]) -> bool:
        """Remember what made `space` and that it is the current one; durable when it returns.

        Parameters
        ----------
        recipe : Recipe
        space : Space
        licences : mapping of str to str
            Of the checkpoints, by their names.

        Returns
        -------
        bool
            Whether it was not known before.
        """
        document = self._read() or {"spaces": {}}
        spaces = document["spaces"]
        entry = {"recipe": recipe.to_json(), "facets": list(space.facets), "dim": space.dim, "licences": {**licences}}
        if document.get("current") == space.name and spaces.get(space.name) == entry:
            return False
        # A recipe makes one space; what an older version made of it has another name and is never asked again.
        others = {name: known for name, known in spaces.items() if known["recipe"] != entry["recipe"]}
        document = {"current": space.name, "spaces": {**others, space.name: entry}}
        write_atomically(self._path, (json.dumps(document, indent=1) + "\n").encode())
        return space.name not in spaces

    def _read(self) -> dict[str, Any]:
        try:
            document: dict[str, Any] = json.loads(self._path.read_text("utf-8"))
            _ = document["spaces"][document["current"]]["recipe"]
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise StoreCorruptError(
                f"'{self._path}' cannot be read ({error}).",
                "Delete it, and give the options of 'soundalike add' once more.",
            ) from None
        return document
