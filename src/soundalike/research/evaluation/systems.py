"""The systems that an evaluation compares: one table of names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from soundalike.analysis import Analyzer
from soundalike.audio import Clip
from soundalike.encoders import ENCODERS
from soundalike.errors import CheckpointError, MissingExtraError, UnknownNameError
from soundalike.extensions import names
from soundalike.facets import unit
from soundalike.recipe import Recipe
from soundalike.research.evaluation import baselines
from soundalike.research.evaluation.hearing import Encode, System, Vectors

DEFAULT = "default"
DESCRIPTORS = "descriptors"
MFCC = "mfcc"
RECIPES = MappingProxyType({DEFAULT: Recipe(), DESCRIPTORS: Recipe(encoder=DESCRIPTORS)})
MEANING = MappingProxyType(
    {
        DEFAULT: "what `soundalike add` listens with",
        DESCRIPTORS: "descriptors without anything learned, whitened",
        MFCC: "statistics of 20 MFCC, and the mean chroma in its best key",
    }
)


@dataclass(frozen=True, slots=True)
class RecipeSystem:
    """An `Analyzer` as a system; clips longer than its window are cut evenly, and their vectors averaged."""

    name: str
    space: str
    recipe: Recipe

    def load(self) -> Encode:
        """See `System.load`."""
        analyzer = Analyzer(self.recipe)
        return lambda clips: encode_long(analyzer, clips)


@dataclass(frozen=True, slots=True)
class MfccSystem:
    """The classic baseline, see `soundalike.research.evaluation.baselines`."""

    name: str = MFCC
    space: str = baselines.SPACE

    def load(self) -> Encode:
        """See `System.load`."""
        return baselines.mfcc_statistics


def encode_long(analyzer: Analyzer, clips: Sequence[Clip]) -> Vectors:
    """Facet vectors of clips of any length: the direction of the mean over even pieces of a window at most."""
    pieces: list[Clip] = []
    counts: list[int] = []
    for clip in clips:
        count = max(1, int(np.ceil(clip.duration / analyzer.window - 1e-6)))
        edges = np.linspace(0, clip.samples.shape[1], count + 1).astype(int)
        pieces += [Clip(clip.samples[:, a:b], clip.rate) for a, b in pairwise(edges)]
        counts.append(count)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(int)
    vectors = analyzer.vectors(pieces)
    return {facet: unit(np.add.reduceat(array.astype(np.float64), first)) for facet, array in vectors.items()}


def system_names() -> list[str]:
    """All names: the default recipe, the descriptors, MFCC statistics, and every encoder but the default one."""
    encoders = [name for name in names("encoders", ENCODERS) if name != Recipe().encoder]
    return list(dict.fromkeys([*RECIPES, MFCC, *encoders]))


def load_systems(wanted: Sequence[str] = ()) -> list[System]:
    """Look systems up by name.

    Parameters
    ----------
    wanted : sequence of str
        From `system_names`. None at all means all that can be had here: a name whose vectors are another's is
        left out, and so is an encoder whose libraries or checkpoint are missing.

    Raises
    ------
    UnknownNameError
        If there is no system of that name.
    """
    known = system_names()
    if unknown := [name for name in wanted if name not in known]:
        raise UnknownNameError(f"'{unknown[0]}' is not a system.", f"Known systems: {', '.join(known)}.")
    systems: dict[str, System] = {}
    for name in dict.fromkeys(wanted or known):
        try:
            system = MfccSystem() if name == MFCC else _recipe_system(name)
        except (MissingExtraError, CheckpointError):
            if wanted:
                raise
            continue
        if wanted or system.space not in {other.space for other in systems.values()}:
            systems[name] = system
    return list(systems.values())


def _recipe_system(name: str) -> System:
    recipe = RECIPES.get(name, Recipe(encoder=name))
    return RecipeSystem(name, Analyzer(recipe).space.name, recipe)
