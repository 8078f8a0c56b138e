"""A recipe made ready to be measured: its systems, its splits, and what is missing here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from soundalike.audio import file_hash
from soundalike.errors import CheckpointError, MissingExtraError, SoundalikeError
from soundalike.research.evaluation.hearing import Progress
from soundalike.research.merit.recipe import MeritRecipe
from soundalike.research.merit.systems import LoadedSystem, restrict
from soundalike.research.triplets.sets import TripletSet
from soundalike.research.triplets.splits import Split, read_split

COMMAND: Final = "soundalike research merit RECIPE"


@dataclass(frozen=True, slots=True)
class Unit:
    """One measurement.

    Attributes
    ----------
    section, subject, system : str
        The subject is a corpus, or empty.
    inputs : mapping
        What the result depends on, in plain values: it stands as long as they are equal.
    measure : callable
        Told how to show progress, gives plain values.
    """

    section: str
    subject: str
    system: str
    inputs: Mapping[str, Any]
    measure: Callable[[Progress], Any]

    @property
    def name(self) -> str:
        """Its key in results."""
        return "/".join(part for part in (self.section, self.subject, self.system) if part)


@dataclass(frozen=True, slots=True)
class Bench:
    """A recipe with its systems, and where embeddings of corpora are kept.

    Attributes
    ----------
    recipe : MeritRecipe
    systems : tuple of LoadedSystem
    cache : Path
    missing : dict of str to str
        Measurements that cannot be made here, and why; filled on the way.
    """

    recipe: MeritRecipe
    systems: tuple[LoadedSystem, ...]
    cache: Path
    missing: dict[str, str] = field(default_factory=dict)

    def shown(self, path: Path) -> str:
        """A path as the recipe names it, so that results tell nothing of the machine."""
        return str(path.relative_to(self.recipe.folder) if path.is_relative_to(self.recipe.folder) else path)

    def present(self, path: Path) -> Path:
        """The path, if something is there.

        Raises
        ------
        AbsentError
            If nothing is.
        """
        if not path.exists():
            raise AbsentError(f"There is no '{self.shown(path)}'.", "Put it there, or change the recipe.")
        return path

    @contextmanager
    def guard(self, name: str) -> Iterator[None]:
        """Note what is missing here, packages, checkpoints and files, and go on with the next."""
        try:
            yield
        except (MissingExtraError, CheckpointError, AbsentError) as error:
            self.missing[name] = str(error)

    def splits(self, *, reference: bool = False) -> dict[str, Split]:
        """Splits by factor; with `reference`, the published ones where there are any."""
        return {factor: read_split(self.present(path)) for factor, path in self._split_paths(reference).items()}

    def split_digests(self) -> dict[str, dict[str, str]]:
        """SHA-256 of the files of splits."""
        both = {"strict": self._split_paths(False), "reference": self._split_paths(True)}
        return {name: {f: file_hash(self.present(path)) for f, path in paths.items()} for name, paths in both.items()}

    def tests(self, system: LoadedSystem, *, reference: bool = False) -> dict[str, TripletSet]:
        """The sets of a system with the folders of the test part only; a set without a split is whole."""
        parts = {factor: split.test for factor, split in self.splits(reference=reference).items()}
        return restrict(system.sets, parts)

    def _split_paths(self, reference: bool) -> dict[str, Path]:
        return {**self.recipe.splits, **(self.recipe.reference_splits if reference else {})}


class AbsentError(SoundalikeError):
    """A file or folder that the recipe names is not there."""
