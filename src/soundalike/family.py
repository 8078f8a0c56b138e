"""Which instrument plays in a sample, by ear and by the names of its file and folders.

How to use it
-------------
>>> from soundalike.family import estimate_family
>>> estimate_family(None, "Drum Loops/break.wav").family
'drums'

A small model of the embedded encoder's embedding, made by `soundalike.research.training.families`, does the hearing. It
adds numbers one after the other in double precision, so that the answer is the same on every machine.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePath
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.encoders.embedded import LAYOUT, EmbeddedEncoder
from soundalike.errors import ShapeError
from soundalike.separators.stem_names import is_mix, stem_of
from soundalike.tracks import FAMILIES

Values: TypeAlias = NDArray[np.float64]

OWN_NAME: Final = 12.0
FOLDERS: Final = (8.0, 4.0, 2.0)
"""How many times likelier a name is in the family that it names than in another: the file's own name, and the folder
that it lies in and the two above that. Names are mostly right, but a sample is also called after what it goes with, and
a folder holds what else came along. Together they outweigh an ear that is unsure, not one that is sure."""

AGAINST_MIX: Final = 3.0
"""How many times likelier at most one name is in the family that it names than in a mix: a song may be called anything,
as "Drums of War"."""

UNHEARD: Final = 0.01
"""Share of what is heard that is taken to be wrong whatever it sounds like: nothing is ever heard quite surely."""

MODEL: Final = "families.npz"

_FLAGS: Final = ("melody", "harmony", "rhythm", "groove", "chroma")
_STROKES: Final = slice(LAYOUT["groove"].start, LAYOUT["groove"].start + 48)
"""Where a groove tells how drums follow each other: zeros where no drums are heard."""
DESCRIBED: Final = LAYOUT["timbre"].stop - LAYOUT["timbre"].start + len(_FLAGS) + 1 + 12
"""Numbers that the models are told of an embedding."""
_FARTHEST: Final = 3.0
"""Deviations from the mean beyond which a number counts no more."""


@dataclass(frozen=True, slots=True)
class FamilyEstimate:
    """Which instrument plays.

    Attributes
    ----------
    family : str
        The likeliest of `FAMILIES`.
    confidence : float
        Its probability, 0 to 1.
    probabilities : dict of str to float
        Of every family; they sum to 1.
    """

    family: str
    confidence: float
    probabilities: dict[str, float]


def estimate_family(embedding: NDArray[np.float32] | None, path: str = "") -> FamilyEstimate | None:
    """Which instrument plays in a sample: what is heard, times how likely the names are in each family.

    Parameters
    ----------
    embedding : float32, shape (dim,), or None
        Of the embedded encoder, for an excerpt or the mean of several; None where there is none of that encoder.
    path : str
        Of the file. Its own name and those of up to three folders count.

    Returns
    -------
    FamilyEstimate or None
        None if there is nothing to hear, and if nothing is heard and no name says anything.

    Raises
    ------
    ShapeError
        If the embedding is not one of the embedded encoder.
    """
    odds = name_odds(path)
    if embedding is None:
        if len(set(odds.values())) == 1:
            return None
        heard = dict.fromkeys(FAMILIES, 1.0 / len(FAMILIES))
    else:
        if not _checked(embedding).any():
            return None
        heard = hear_family(embedding)
    joint = {family: heard[family] * odds[family] for family in FAMILIES}
    total = math.fsum(joint.values())
    probabilities = {family: value / total for family, value in joint.items()}
    best = max(FAMILIES, key=probabilities.__getitem__)
    return FamilyEstimate(best, probabilities[best], probabilities)


def hear_family(embedding: NDArray[np.float32]) -> dict[str, float]:
    """Probability of every family by what is heard alone; raises as `estimate_family`."""
    logits = hear_logits(_checked(embedding))
    powers = [math.exp(logit - logits.max()) for logit in logits]
    total = math.fsum(powers)
    least = UNHEARD / len(FAMILIES)
    return {family: (1.0 - UNHEARD) * power / total + least for family, power in zip(FAMILIES, powers, strict=True)}


def name_odds(path: str) -> dict[str, float]:
    """How much likelier the names of a file and of its folders are in each family than in one that they do not name.

    A mix may be called anything, see `AGAINST_MIX`.

    Examples
    --------
    >>> name_odds("Drum Loops/break.wav")["drums"], name_odds("Drum Loops/bass 2.wav")["bass"]
    (8.0, 12.0)
    """
    file = PurePath(path)
    odds = dict.fromkeys(FAMILIES, 1.0)
    names = (file.stem, *(folder.name for folder in file.parents))
    for name, factor in zip(names, (OWN_NAME, *FOLDERS), strict=False):
        family = "mix" if is_mix(name) else stem_of(name)
        if family is not None:
            odds[family] *= factor
            odds["mix"] *= 1.0 if family == "mix" else max(factor / AGAINST_MIX, 1.0)
    return odds


def describe(embedding: NDArray[np.float32]) -> Values:
    """What the models are told of an embedding: float64, shape (dim,) to (`DESCRIBED`,).

    Timbre, which parts there is anything to hear of, and the chroma in order of strength, so that the key does not
    matter.
    """
    row = np.asarray(embedding, np.float64)
    flags = [float(row[LAYOUT[part]].any()) for part in _FLAGS]
    chroma = np.sort(row[LAYOUT["chroma"]])[::-1]
    return np.concatenate([row[LAYOUT["timbre"]], flags, [float(row[_STROKES].any())], chroma])


def scaled(described: Values, mean: Values, scale: Values) -> Values:
    """Deviations from the mean, of at most `_FARTHEST`."""
    deviations: Values = np.clip((described - mean) / scale, -_FARTHEST, _FARTHEST)
    return deviations


def hear_logits(embedding: NDArray[np.float32], model: Mapping[str, Values] | None = None) -> Values:
    """Logarithms of how likely each family is, up to a number that is the same for all.

    Parameters
    ----------
    embedding : float32, shape (dim,)
    model : mapping of str to float64, optional
        Arrays as in `MODEL`; the default is that file.

    Returns
    -------
    float64, shape (7,)
    """
    model = model or _model()
    told = scaled(describe(embedding), model["mean"], model["scale"])
    units = np.maximum(linear(model, "family.hidden", told), 0.0)
    return linear(model, "family.output", units)


def linear(model: Mapping[str, Values], layer: str, values: Values) -> Values:
    """The answers of a layer of a model, added up from the first number to the last on every machine: (m,) to (n,)."""
    products = model[layer] * values
    answers: Values = np.add.accumulate(products, axis=1)[:, -1] + model[f"{layer}_offset"]
    return answers


def _checked(embedding: NDArray[np.float32]) -> NDArray[np.float32]:
    if embedding.shape != (EmbeddedEncoder.dim,):
        raise ShapeError(
            f"An embedding of shape {embedding.shape} was given.",
            f"Give one row of the embedded encoder: ({EmbeddedEncoder.dim},).",
        )
    return embedding


@cache
def _model() -> Mapping[str, Values]:
    return read_model((resources.files(__package__) / MODEL).read_bytes())


def read_model(content: bytes) -> Mapping[str, Values]:
    """The arrays of a file like `MODEL`, in double precision."""
    with np.load(io.BytesIO(content)) as arrays:
        return {name: arrays[name].astype(np.float64) for name in arrays.files}
