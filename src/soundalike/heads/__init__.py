"""Extension point: an encoder's embeddings to the vectors of one factor.

A head is a small projection. Heads come in sets, one head per factor; a set belongs to an encoder.
To add a set, write a function that returns its heads, add a line to `HEADS`, and run
``tests/contract/test_heads.py``.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from soundalike import extensions
from soundalike.errors import UsageError
from soundalike.facets import Vector
from soundalike.scoring import Background

HEADS = MappingProxyType(
    {
        "factors": "soundalike.heads.factors:load",
        "descriptors": "soundalike.heads.descriptors:load",
        "identity": "soundalike.heads.identity:load",
        "merit": "soundalike.heads.projection:load_merit",
    }
)
"""A function may take ``in_dim``, the length of the embeddings, and ``checkpoint``, where its weights lie."""

DEFAULT_HEADS = MappingProxyType(
    {
        "embedded": "factors",
        "descriptors": "descriptors",
        "mert-95m": "identity",
        "mert-330m": "identity",
        "merit": "merit",
        "clap": "identity",
        "clap-music": "identity",
        "muq": "identity",
        "muq-mulan": "identity",
    }
)
"""The set that an encoder is used with unless another is named."""


BACKGROUNDS = MappingProxyType(
    {
        "factors": "soundalike.heads.factors:background",
        "descriptors": "soundalike.heads.descriptors:background",
    }
)
"""Sets that ship with the background of their cosines."""


@runtime_checkable
class Head(Protocol):
    """What every head has.

    Attributes
    ----------
    name : str
        Name and version; part of the space.
    factor : str
        One of `soundalike.facets.FACTORS`.
    in_dim, dim : int
        Lengths of the embedding and of the facet vector.
    """

    name: str
    factor: str
    in_dim: int
    dim: int

    def project(self, embeddings: NDArray[np.float32]) -> Vector:
        """Project embeddings, float32 (n, in_dim), to float32 (n, dim).

        Rows have unit length, or are zero where the embedding holds nothing for this factor. The
        same row gives the same bits, alone or in any batch. Raises `ShapeError` for another in_dim.
        """
        ...


def load_heads(
    name: str, *, in_dim: int | None = None, checkpoint: str | Path | None = None, encoder: str | None = None
) -> tuple[Head, ...]:
    """Make a set of heads, in the order of their factors.

    Parameters
    ----------
    name : str
        One of `HEADS`, or a folder of trained heads; see `soundalike.heads.projection`.
    in_dim : int, optional
        Length of the embeddings; only heads that have no length of their own need it.
    checkpoint : str or Path, optional
        Where the weights lie; the default is where ``soundalike models get`` put them.
    encoder : str, optional
        Name of the encoder that they will be used with; heads in a folder say which one they were made for.

    Raises
    ------
    UnknownNameError, UsageError
        If there are no such heads, or they do not take one of the options, or were made for another encoder.
    MissingExtraError, CheckpointError
        If they need packages or a checkpoint that are not here, or the checkpoint holds no such heads.
    """
    if name not in extensions.names("heads", HEADS) and Path(name).is_dir():
        if checkpoint is not None:
            raise UsageError(f"The heads are in the folder '{name}'.", "Leave their checkpoint out.")
        from soundalike.heads.projection import load_folder

        found: tuple[Any, ...] = load_folder(Path(name), encoder=encoder)  # frozen, which a protocol cannot say
        return found
    takes = inspect.signature(extensions.load("heads", HEADS, name)).parameters
    if "in_dim" not in takes:
        in_dim = None
    elif in_dim is None:
        raise UsageError(f"The heads '{name}' fit embeddings of any length, but none was given.", "Give in_dim.")
    return tuple(extensions.make("heads", HEADS, name, in_dim=in_dim, checkpoint=checkpoint))


def load_background(name: str) -> Background | None:
    """The background that ships with the set called `name`, or None if there is none."""
    if name not in BACKGROUNDS:
        return None
    background: Background = extensions.load("backgrounds", BACKGROUNDS, name)()
    return background
