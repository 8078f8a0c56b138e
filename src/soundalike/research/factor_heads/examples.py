"""The folders that heads are trained on and validated with: read, checked, and split."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from soundalike.errors import ShapeError, UsageError
from soundalike.research.factor_heads.recipe import HeadRecipe
from soundalike.research.triplets.pickles import read_set_or_pickle
from soundalike.research.triplets.sets import Members, TripletSet
from soundalike.research.triplets.splits import Split, inner_split, split_by_source, split_sources


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Folders of one factor.

    Attributes
    ----------
    triplets : TripletSet
        Whose embeddings they are places in.
    train, validation : tuple of Members
        No folder is in both.
    silent : int
        Folders that were left out because something in them was not heard: its embedding is zero.
    """

    triplets: TripletSet
    train: tuple[Members, ...]
    validation: tuple[Members, ...]
    silent: int = 0

    def names(self) -> dict[str, list[str]]:
        """Names of the folders on either side."""
        return {"train": [each.name for each in self.train], "validation": [each.name for each in self.validation]}


def load_examples(recipe: HeadRecipe) -> dict[str, Examples]:
    """The sets of a recipe, by factor, split as it says.

    Raises
    ------
    UsageError
        If a set cannot be read, is of another factor or has too few folders, sets were made by different encoders, or
        the folders cannot be split.
    ShapeError
        If embeddings are not finite or of different lengths.
    """
    sets = {factor: read_triplets(recipe.sets[factor], factor) for factor in recipe.factors}
    check_alike(sets, recipe)
    return split_sets(sets, recipe)


def read_triplets(path: Path, factor: str) -> TripletSet:
    """One set, from a file of ours or a triplet pickle of MERIT."""
    triplets = read_set_or_pickle(path, factor)
    if triplets.factor != factor:
        raise UsageError(f"'{path}' holds triplets for {triplets.factor}, not for {factor}.", "Name another set.")
    if len(triplets.folders) < 2:
        raise UsageError(
            f"'{path}' has {len(triplets.folders)} folders of triplets.",
            "Give two or more: one to train on, one to validate with.",
        )
    name, count = Counter(folder.name for folder in triplets.folders).most_common(1)[0]
    if count > 1:
        raise UsageError(f"'{path}' has {count} folders called {name}.", "Give each a name of its own.")
    if not np.isfinite(triplets.embeddings).all():
        row = int(np.flatnonzero(~np.isfinite(triplets.embeddings).all(axis=1))[0])
        raise ShapeError(
            f"'{path}' has embeddings that are not finite, first that of '{triplets.clips[row]}'.", "Embed it again."
        )
    return triplets


def check_alike(sets: Mapping[str, TripletSet], recipe: HeadRecipe) -> None:
    """Refuse sets that were not embedded by one encoder."""
    first, *others = sets
    for factor in others:
        one, other = sets[first], sets[factor]
        if one.dim != other.dim:
            raise ShapeError(
                f"'{recipe.sets[first]}' has embeddings of length {one.dim}, '{recipe.sets[factor]}' of {other.dim}.",
                "Embed both with one encoder.",
            )
        if one.encoder != other.encoder:
            raise UsageError(
                f"'{recipe.sets[first]}' was embedded by {one.encoder}, '{recipe.sets[factor]}' by {other.encoder}.",
                "Embed both with one encoder.",
            )


def split_sets(sets: Mapping[str, TripletSet], recipe: HeadRecipe) -> dict[str, Examples]:
    """Split sets as the recipe says; see `load_examples`."""
    found: dict[str, Examples] = {}
    for factor, triplets in sets.items():
        # MERIT's program does not look whether anything is heard.
        heard = triplets.folders if recipe.mode == "reference" else _heard(triplets)
        found[factor] = Examples(triplets, heard, (), len(triplets.folders) - len(heard))
        if factor in recipe.splits:
            found[factor] = _named(found[factor], recipe.splits[factor])
    open_ones = {factor: each for factor, each in found.items() if not each.validation}
    for factor, each in open_ones.items():
        if len(each.train) < 2:
            raise UsageError(f"{factor} has {len(each.train)} folders to train with.", "Give two or more.")
    if not open_ones:
        return found
    if recipe.split == "folder":
        return found | {factor: _by_folder(each, recipe) for factor, each in open_ones.items()}
    # Where sources are split, each counts by itself; a clip is never split from what it was made from.
    kin, divide = (kin_of, split_by_source) if recipe.split == "source" else (TripletSet.sources, split_sources)
    sources = {f: {each.name: kin(one.triplets, each) for each in one.train} for f, one in open_ones.items()}
    splits = divide(sources, fraction=recipe.validation, seed=recipe.seed)
    return found | {factor: _divided(open_ones[factor], split) for factor, split in splits.items()}


def _heard(triplets: TripletSet) -> tuple[Members, ...]:
    heard = np.count_nonzero(triplets.embeddings, axis=1) > 0
    return tuple(folder for folder in triplets.folders if heard[list(folder.clips)].all())


def kin_of(triplets: TripletSet, folder: Members) -> frozenset[str]:
    """What a folder may share with another: its sources, and its clips themselves."""
    return triplets.sources(folder) | {f"{triplets.factor} clip {triplets.clips[place]}" for place in folder.clips}


def _by_folder(each: Examples, recipe: HeadRecipe) -> Examples:
    train, validation = inner_split(len(each.train), fraction=recipe.validation, seed=recipe.seed)
    return replace(each, train=tuple(each.train[i] for i in train), validation=tuple(each.train[i] for i in validation))


def _divided(each: Examples, split: Split) -> Examples:
    sides = [frozenset(split.train), frozenset(split.test)]
    train, validation = (tuple(folder for folder in each.train if folder.name in side) for side in sides)
    return replace(each, train=train, validation=validation)


def _named(each: Examples, path: Path) -> Examples:
    """The folders that a file of names has for training, and for validation if it says so."""
    names = _read_names(path)
    sides = {side: set(names.get(side, ())) for side in ("train", "validation", "test")}
    if both := sorted(sides["train"] & (sides["validation"] | sides["test"])):
        raise UsageError(f"'{path}' has {both[0]} on both sides.", "Name each folder once.")
    train, validation = (
        tuple(folder for folder in each.train if folder.name in sides[side]) for side in ("train", "validation")
    )
    if not train or (sides["validation"] and not validation):
        raise UsageError(
            f"Of the folders of '{path}', {len(train)} for training and {len(validation)} for validation are there.",
            "Use the split of this set.",
        )
    return replace(each, train=train, validation=validation)


def _read_names(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror}.", "Name a split that is there.") from None
    except ValueError:
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("train"), list):
        raise UsageError(f"'{path}' is no split.", 'Write {"train": [...], "test": [...]} with names of folders.')
    return document
