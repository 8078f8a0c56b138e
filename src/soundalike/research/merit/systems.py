"""A recipe's system made ready: its sets and heads are read when they are asked for, and must fit each other."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from soundalike.audio import file_hash
from soundalike.encoders import Encoder, load_encoder
from soundalike.errors import UsageError
from soundalike.heads import HEADS, Head, load_heads
from soundalike.heads.projection import FILE, load_folder
from soundalike.recipe import Recipe
from soundalike.research.evaluation.systems import RecipeSystem
from soundalike.research.merit.recipe import SystemRecipe
from soundalike.research.triplets.pickles import read_set_or_pickle
from soundalike.research.triplets.sets import TripletSet

OVERALL: Final = "overall"
IDENTITY: Final = "identity"
"""Heads that leave embeddings as they are."""

MERIT: Final = "merit"
"""The encoder that pads."""

PICKLED: Final = "mert:"
OF_MERIT: Final = (PICKLED, f"{MERIT}@")
"""How names of MERIT's encoder begin: in its own pickles, which do not say which tensors were used, and in ours."""


def same_encoder(one: str, other: str) -> bool:
    """Whether two names are of one encoder, but for its precision and what it pads to, or may be as far as is said."""
    plain = [re.sub(r",(precision|padded)=[^,]+", "", name) for name in (one, other)]
    unsigned = any(name.startswith(PICKLED) for name in plain) and all(name.startswith(OF_MERIT) for name in plain)
    return plain[0] == plain[1] or unsigned


@dataclass(frozen=True)
class LoadedSystem:
    """An encoder with its heads and its embedded sets."""

    recipe: SystemRecipe

    @property
    def name(self) -> str:
        """To call it by in tables."""
        return self.recipe.name

    @cached_property
    def sets(self) -> dict[str, TripletSet]:
        """By factor, those whose files are here.

        Raises
        ------
        UsageError
            If a set cannot be read, is of another factor, or the sets are of different encoders.
        """
        found = {factor: read_set_or_pickle(path, factor) for factor, path in self.recipe.sets.items() if path.exists()}
        for factor, triplets in found.items():
            first = next(iter(found.values()))
            if triplets.factor != factor:
                raise UsageError(
                    f"The set '{self.recipe.sets[factor]}' is for {triplets.factor}, not for {factor}.",
                    "Name it under its own factor.",
                )
            if not same_encoder(triplets.encoder, first.encoder) or triplets.dim != first.dim:
                raise UsageError(
                    f"The sets of '{self.name}' are of the encoders '{first.encoder}' and '{triplets.encoder}'.",
                    "Embed them with one, or make two systems.",
                )
        return found

    @cached_property
    def set_digests(self) -> dict[str, str]:
        """SHA-256 of the files of sets, by factor."""
        return {factor: file_hash(path) for factor, path in self.recipe.sets.items()}

    @cached_property
    def heads(self) -> dict[str, Head]:
        """By factor, without any for ``overall``; empty where the recipe names none.

        Raises
        ------
        UsageError
            If they were trained on another encoder.
        MissingExtraError, CheckpointError
            If they cannot be read.
        """
        name = self.recipe.heads
        if not name:
            return {}
        if Path(name).is_dir() and name not in HEADS:
            found: tuple[Head, ...] = tuple(load_folder(Path(name)))  # type: ignore[arg-type]  # frozen
            self._check_made_for()
        else:
            dim = next(iter(self.sets.values())).dim if self.sets else self.encoder.dim
            found = load_heads(name, in_dim=dim, checkpoint=self.recipe.heads_checkpoint or None)
        return {head.factor: head for head in found if head.factor != OVERALL}

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder, as the product uses it; it must be the one that made the sets."""
        encoder = load_encoder(self.recipe.encoder, **self.encoder_options())
        for triplets in self.sets.values():
            if not same_encoder(encoder.name, triplets.encoder):
                raise UsageError(
                    f"The sets of '{self.name}' were embedded by '{triplets.encoder}', not by '{encoder.name}'.",
                    "Name the encoder, the checkpoint and the layers that made them.",
                )
        return encoder

    def padding_encoder(self, seconds: float | None) -> Encoder:
        """The encoder for clips that are filled up with zeros: that of MERIT has to be told, as it takes them whole."""
        if self.recipe.encoder != MERIT or seconds is None:
            return self.encoder
        return load_encoder(MERIT, **self.encoder_options(), padded=seconds)

    def encoder_options(self) -> dict[str, Any]:
        """What the recipe says of the encoder, for `soundalike.encoders.load_encoder`."""
        options = ("checkpoint", "device", "precision", "layers")
        return {option: getattr(self.recipe, option) or None for option in options}

    @property
    def padded(self) -> float:
        """Seconds to which the clips of the sets were padded, as the encoder's name says; 0 for none."""
        said = next((triplets.encoder for triplets in self.sets.values()), None) or self._made_for()
        found = re.search(r",padded=([\d.]+)", said)
        return float(found[1]) if found else 0.0

    def _made_for(self) -> str:
        """The encoder that heads in our own layout say they were trained on; empty where they do not."""
        path = Path(self.recipe.heads) / FILE
        if not self.recipe.heads or not path.is_file():
            return ""
        from soundalike.checkpoints import read_metadata

        return read_metadata(path).get("encoder", "")

    def listening(self) -> RecipeSystem:
        """The system as one that hears clips."""
        recipe = Recipe(
            encoder=self.recipe.encoder,
            heads=self.recipe.heads or IDENTITY,
            encoder_checkpoint=self.recipe.checkpoint,
            heads_checkpoint=self.recipe.heads_checkpoint,
            device=self.recipe.device,
            precision=self.recipe.precision,
            layers=self.recipe.layers,
            padded=self.padded,
        )
        return RecipeSystem(self.name, self.name, recipe)

    def describe(self) -> dict[str, Any]:
        """Names of the encoder and the heads, for results."""
        heads = sorted(self.heads.values(), key=lambda head: head.factor)
        encoder = next((triplets.encoder for triplets in self.sets.values()), None) or self.encoder.name
        return {"encoder": encoder, "heads": [f"{head.factor} {head.name}" for head in heads]}

    def _check_made_for(self) -> None:
        """Refuse heads in our own layout that say that another encoder made what they learned from."""
        made_for = self._made_for()
        if not made_for:
            return
        encoder = next((triplets.encoder for triplets in self.sets.values()), None) or self.encoder.name
        if not same_encoder(made_for, encoder):
            raise UsageError(
                f"The heads of '{self.name}' were trained on '{made_for}', but its sets were embedded by '{encoder}'.",
                "Embed the sets with that encoder, or train heads on this one.",
            )


def restrict(sets: Mapping[str, TripletSet], parts: Mapping[str, Collection[str]]) -> dict[str, TripletSet]:
    """The sets with only the folders of a part; a set without one is whole.

    Raises
    ------
    UsageError
        If nothing is left of a set.
    """
    found = {
        factor: triplets.select(parts[factor]) if factor in parts else triplets for factor, triplets in sets.items()
    }
    for factor, triplets in found.items():
        if not triplets.folders:
            raise UsageError(
                f"No folder of the set for {factor} is in its part of the split.", "Check the split against the set."
            )
    return found
