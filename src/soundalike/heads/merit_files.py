"""MERIT's files of heads: one torch file per factor, ``best_head.pt``, with the layers and how they were trained.

Source of the form: github.com/AMAAI-Lab/MERIT, whose training program writes these files and whose evaluation reads
them: a dictionary of "state_dict", "in_dim", "hidden_dim", "out_dim", "encoder", "model_id", "epoch", "val_loss" and
"val_acc". A state dict alone is read as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.atomic import write_atomically
from soundalike.checkpoints import read_document, require
from soundalike.errors import CheckpointError
from soundalike.facets import unit

if TYPE_CHECKING:
    from soundalike.heads.projection import ProjectionHead

Array = NDArray[np.float32]

FILE: Final = "best_head.pt"

MERIT_FILES: Final = MappingProxyType(
    {
        "melody": Path("head_mel") / FILE,
        "rhythm": Path("head_rhy") / FILE,
        "timbre": Path("head_tim") / FILE,
    }
)
"""The files of the three heads that MERIT has."""

MERIT_TENSORS: Final = MappingProxyType(
    {"net.0.weight": "hidden.weight", "net.0.bias": "hidden.bias", "net.2.weight": "output.weight"}
)
"""Names in MERIT's files and in ours."""

ENCODER: Final = "mert"
MODEL: Final = "m-a-p/MERT-v1-330M"
"""What released heads say they were trained on."""

RELEASED_LENGTHS: Final = (5120, 512, 128)
"""Lengths of an embedding, a hidden layer and a vector of the released heads."""

LEAST_LOSS: Final = MappingProxyType({"melody": math.log(2) * 11250 / 11, "rhythm": math.log(2) * 11250 / 11})
"""The lowest validation loss that the published program can store for its sizes: no triple's loss is below log 2, and
450 folders of 25 triples make 11 batches."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a file of a head says of itself.

    Attributes
    ----------
    factor : str
        By the file's place.
    in_dim, hidden_dim, out_dim : int
        Lengths, from the layers themselves.
    encoder, model_id : str
        What it was trained on; empty where the file does not say.
    epoch : int or None
        The epoch that was the best.
    val_loss, val_acc : float or None
        Its mean sum of losses per batch, and its share of triples that were right, on the validation folders.
    self_score : float
        Cosine of a made-up clip with itself.
    """

    factor: str
    in_dim: int
    hidden_dim: int
    out_dim: int
    encoder: str
    model_id: str
    epoch: int | None
    val_loss: float | None
    val_acc: float | None
    self_score: float


def merit_file(factor: str) -> Path:
    """Where a head lies below a folder of MERIT's heads; for a factor that MERIT has not, by the same rule."""
    return MERIT_FILES.get(factor, Path(f"head_{factor[:3]}") / FILE)


def read_merit_file(path: Path) -> dict[str, Array]:
    """The layers of one head, by the names of our own layout but without the factor.

    Raises
    ------
    MissingExtraError, CheckpointError
        If torch is not here, or the file holds no such head, or one for another encoder.
    """
    state = _state(read_document(path), path)
    return {ours: state[theirs].float().numpy() for theirs, ours in MERIT_TENSORS.items()}


def _state(document: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    import torch

    trained_on = document.get("encoder", ENCODER)
    if trained_on != ENCODER:
        raise CheckpointError(f"The head '{path}' was trained on '{trained_on}'.", "Use MERIT's heads for mert.")
    state = document.get("state_dict", document)
    if isinstance(state, Mapping) and "linear.weight" in state:
        raise CheckpointError(f"The head '{path}' is of an older form, with one layer.", "Use the released heads.")
    if not isinstance(state, Mapping) or set(MERIT_TENSORS) != {
        name for name, value in state.items() if isinstance(value, torch.Tensor)
    }:
        raise CheckpointError(f"'{path}' is no head of MERIT.", f"It should hold {', '.join(MERIT_TENSORS)}.")
    return state


def write_merit_head(
    path: Path,
    head: ProjectionHead,
    *,
    encoder: str = ENCODER,
    model_id: str = MODEL,
    epoch: int,
    val_loss: float,
    val_acc: float,
) -> None:
    """Write a head as MERIT's training writes it, whole or not at all.

    Parameters
    ----------
    path : Path
        Such as ``head_mel/best_head.pt``; its folder is made if it is not there.
    head : ProjectionHead
    encoder, model_id : str
        What it was trained on.
    epoch : int
    val_loss, val_acc : float
        See `Provenance`.

    Raises
    ------
    MissingExtraError, UsageError
        If torch is not here, or the file cannot be written.
    """
    require("torch")
    import torch

    layers = (head.hidden, head.bias, head.output)
    state = {name: torch.from_numpy(layer.copy()) for name, layer in zip(MERIT_TENSORS, layers, strict=True)}
    document = {
        "state_dict": state,
        "in_dim": head.in_dim,
        "hidden_dim": head.bias.size,
        "out_dim": head.dim,
        "encoder": encoder,
        "model_id": model_id,
        "epoch": epoch,
        "val_loss": float(val_loss),
        "val_acc": float(val_acc),
    }
    buffer = BytesIO()
    torch.save(document, buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())


def read_provenance(folder: Path) -> tuple[Provenance, ...]:
    """What the heads of a folder say of themselves, those of the three that are there.

    Raises
    ------
    MissingExtraError, CheckpointError
        As `read_merit_file`.
    """
    here = {factor: folder / file for factor, file in MERIT_FILES.items() if (folder / file).is_file()}
    return tuple(_provenance(factor, path) for factor, path in here.items())


def _provenance(factor: str, path: Path) -> Provenance:
    document = read_document(path)
    state = _state(document, path)
    hidden_dim, in_dim = state["net.0.weight"].shape
    epoch, val_loss, val_acc = (_number(document.get(name)) for name in ("epoch", "val_loss", "val_acc"))
    return Provenance(
        factor,
        int(in_dim),
        int(hidden_dim),
        int(state["net.2.weight"].shape[0]),
        str(document.get("encoder", "")),
        str(document.get("model_id", "")),
        None if epoch is None else int(epoch),
        val_loss,
        val_acc,
        _self_score([state[name].float().numpy() for name in MERIT_TENSORS]),
    )


def _self_score(layers: Sequence[Array]) -> float:
    hidden, bias, output = layers
    embedding = np.random.default_rng(0).standard_normal(hidden.shape[1:], np.float32)
    (vector,) = unit((output @ np.maximum(hidden @ embedding + bias, 0.0))[None])
    return float(vector @ vector)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float | np.number) and math.isfinite(value) else None


def doubts(provenance: Provenance) -> list[str]:
    """What speaks against a head being one that the published program made at its sizes, a sentence each."""
    found = []
    lengths = (provenance.in_dim, provenance.hidden_dim, provenance.out_dim)
    if lengths != RELEASED_LENGTHS:
        found.append(f"Its lengths are {lengths}, those of released heads {RELEASED_LENGTHS}.")
    least = LEAST_LOSS.get(provenance.factor)
    if provenance.val_loss is not None and least is not None and provenance.val_loss < least:
        found.append(
            f"Its validation loss {provenance.val_loss:.2f} is below {least:.2f}, which the published program cannot "
            f"go below at its sizes."
        )
    if provenance.val_acc is not None and not 0 <= provenance.val_acc <= 1:
        found.append(f"Its validation accuracy is {provenance.val_acc:g}, and no share.")
    if abs(provenance.self_score - 1.0) > 1e-5:
        found.append(f"A clip scores {provenance.self_score:g} with itself, not 1.")
    if not provenance.model_id:
        found.append("It does not say what it was trained on.")
    return found
