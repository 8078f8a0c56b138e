"""Heads of two layers, trained on one encoder's embeddings and kept in a folder.

Two layouts are read: that of the released heads of MERIT, one torch file per factor, and our own, one file
``heads.safetensors`` with tensors ``<factor>.hidden.weight``, ``<factor>.hidden.bias`` and ``<factor>.output.weight``.
Its metadata say of which format it is, for which encoder, and which factors it has.

Source of the form: Roy et al., "MERIT: Learning Disentangled Music Representations for Audio Similarity", 2026.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.atomic import write_atomically
from soundalike.checkpoints import locate, read_metadata, require
from soundalike.errors import CheckpointError, ShapeError, UsageError
from soundalike.facets import FACTORS, Vector, unit
from soundalike.heads.merit_files import ENCODER, MERIT_FILES, MERIT_TENSORS, MODEL, read_merit_file
from soundalike.heads.parts import check_embeddings

Array = NDArray[np.float32]

FILE: Final = "heads.safetensors"
FORMAT: Final = "1"
"""Version of our layout."""

_REMEDY: Final = "Use the files whole, as they were written."


@dataclass(frozen=True, slots=True, eq=False)
class ProjectionHead:
    """A layer, its negative answers set to zero, and a second layer; then unit length.

    Attributes
    ----------
    name, factor
        See `soundalike.heads.Head`.
    hidden : float32, shape (h, in_dim)
    bias : float32, shape (h,)
    output : float32, shape (dim, h)

    Raises
    ------
    ShapeError
        If the layers do not fit each other.
    """

    name: str
    factor: str
    hidden: Array
    bias: Array
    output: Array

    def __post_init__(self) -> None:
        shapes = tuple(layer.shape for layer in (self.hidden, self.bias, self.output))
        width = self.bias.size
        if [len(shape) for shape in shapes] != [2, 1, 2] or not (self.hidden.shape[0] == width == self.output.shape[1]):
            raise ShapeError(f"A head's layers have shapes {shapes}.", "Give (h, in_dim), (h,) and (dim, h).")

    @property
    def in_dim(self) -> int:
        """Length of an embedding."""
        return int(self.hidden.shape[1])

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return len(self.output)

    def project(self, embeddings: Array) -> Vector:
        """See `soundalike.heads.Head.project`."""
        check_embeddings(embeddings, self.in_dim)
        rows = np.zeros((len(embeddings), self.dim), np.float32)
        for row, embedding in zip(rows, np.ascontiguousarray(embeddings, np.float32), strict=True):
            if embedding.any():
                # einsum and not BLAS: BLAS adds up in another order when it has more threads.
                hidden = np.maximum(np.einsum("ij,j->i", self.hidden, embedding) + self.bias, np.float32(0.0))
                row[:] = unit(np.einsum("ij,j->i", self.output, hidden)[None])[0]
        return rows

    def layers(self) -> dict[str, Array]:
        """The layers by their names in a file."""
        return {
            f"{self.factor}.hidden.weight": self.hidden,
            f"{self.factor}.hidden.bias": self.bias,
            f"{self.factor}.output.weight": self.output,
        }


def load_merit(checkpoint: str | Path | None = None) -> tuple[ProjectionHead, ...]:
    """The heads of MERIT for melody, rhythm and timbre.

    Parameters
    ----------
    checkpoint : str or Path, optional
        Folder with ``head_mel/best_head.pt``, ``head_rhy/best_head.pt`` and ``head_tim/best_head.pt``.

    Raises
    ------
    MissingExtraError, CheckpointError
        If packages or the checkpoint are not here, or it holds no such heads.
    """
    return _read_merit(locate("merit", checkpoint))


def load_folder(folder: Path, *, encoder: str | None = None) -> tuple[ProjectionHead, ...]:
    """Heads from a folder of either layout, in the order of `FACTORS`.

    Parameters
    ----------
    folder : Path
    encoder : str, optional
        Name of the encoder that they will be used with. It may compute in another precision than the one that they
        were trained on.

    Raises
    ------
    MissingExtraError, CheckpointError
        If packages are not here, or the folder holds no heads or damaged ones.
    UsageError
        If the heads were made for another encoder.
    """
    if (folder / FILE).is_file():
        return _read_own(folder / FILE, encoder)
    if any((folder / file).is_file() for file in MERIT_FILES.values()):
        return _read_merit(folder)
    raise CheckpointError(
        f"The folder '{folder}' holds no heads.", f"It should hold {FILE}, or the files of MERIT's heads."
    )


def write_heads(folder: Path, heads: Sequence[ProjectionHead], *, encoder: str) -> Path:
    """Write heads in our own layout, whole or not at all.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    heads : sequence of ProjectionHead
        One per factor, all of the same lengths. Their names are not kept.
    encoder : str
        Name of the encoder on whose embeddings they were trained.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        If the heads do not belong together, or the file cannot be written.
    """
    require("safetensors")
    from safetensors.numpy import save

    factors = [head.factor for head in heads]
    lengths = {(head.in_dim, head.dim) for head in heads}
    if len(lengths) != 1 or len(set(factors)) < len(factors) or not set(factors) <= set(FACTORS):
        raise UsageError(
            f"Heads for {', '.join(factors) or 'nothing'} cannot be written together.",
            f"Give one or more, each for another factor of {', '.join(FACTORS)}, and all of the same lengths.",
        )
    arrays = {name: np.ascontiguousarray(layer) for head in heads for name, layer in head.layers().items()}
    metadata = {"format": FORMAT, "encoder": encoder, "factors": ",".join(factors)}
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / FILE, _in_order(save(arrays, metadata)))
    return folder / FILE


def _in_order(content: bytes) -> bytes:
    """A .safetensors file with its header sorted: its writer puts metadata in an order of chance."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:start]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[start:]


def _read_own(path: Path, encoder: str | None) -> tuple[ProjectionHead, ...]:
    metadata = read_metadata(path)
    from safetensors.numpy import load_file

    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"The heads '{path}' are of format {metadata.get('format')}, not {FORMAT}.",
            "Train them again, or use another version of soundalike.",
        )
    made_for = metadata.get("encoder", "")
    if encoder is not None and not _fits(encoder, made_for):
        raise UsageError(
            f"The heads '{path}' were made for the encoder '{made_for}', not for '{encoder}'.",
            "Use them with that encoder, or train heads for this one.",
        )
    return _build("heads", metadata.get("factors", "").split(","), load_file(path), path)


def _fits(encoder: str, made_for: str) -> bool:
    """Whether heads that were made for one encoder may be used with another."""
    # Heads trained on embeddings of MERIT's own programs name the model and no fingerprint.
    if made_for == f"{ENCODER}:{MODEL}" and encoder.startswith("merit@"):
        return True
    return _exact(encoder) == _exact(made_for)


def _exact(encoder: str) -> str:
    """The name of an encoder without its precision, which moves embeddings too little to matter to heads."""
    return re.sub(r",precision=\w+", "", encoder)


def _read_merit(folder: Path) -> tuple[ProjectionHead, ...]:
    arrays: dict[str, Array] = {}
    for factor, file in MERIT_FILES.items():
        for name, array in read_merit_file(folder / file).items():
            arrays[f"{factor}.{name}"] = array
    return _build("merit", list(MERIT_FILES), arrays, folder)


def _build(kind: str, factors: list[str], arrays: Mapping[str, NDArray[Any]], path: Path) -> tuple[ProjectionHead, ...]:
    """Heads of the factors, refused unless they are complete, finite and of the same lengths."""
    if len(set(factors)) < len(factors) or not set(factors) <= set(FACTORS):
        raise CheckpointError(
            f"The heads '{path}' are said to be for the factors {', '.join(factors)}.",
            f"There are {', '.join(FACTORS)}, each at most once.",
        )
    expected = {f"{factor}.{layer}" for factor in factors for layer in MERIT_TENSORS.values()}
    if odd := sorted(set(arrays) ^ expected):
        raise CheckpointError(f"The heads '{path}' have too much or too little, first {odd[0]}.", _REMEDY)
    if bad := sorted(name for name, array in arrays.items() if not np.isfinite(array).all()):
        raise CheckpointError(f"The heads '{path}' hold numbers that are not finite, in {bad[0]}.", _REMEDY)
    layers = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
    name = f"{kind}@{_fingerprint(layers)[:8]}"
    try:
        heads = tuple(
            ProjectionHead(name, factor, *(layers[f"{factor}.{layer}"] for layer in MERIT_TENSORS.values()))
            for factor in sorted(factors, key=FACTORS.index)
        )
    except ShapeError as error:
        raise CheckpointError(f"The heads '{path}' do not fit: {error.message}", _REMEDY) from None
    if len({(head.in_dim, head.dim) for head in heads}) > 1:
        lengths = ", ".join(f"{head.factor} {head.in_dim} to {head.dim}" for head in heads)
        raise CheckpointError(f"The heads '{path}' are of several lengths: {lengths}.", "Use heads made together.")
    return heads


def _fingerprint(layers: Mapping[str, Array]) -> str:
    """SHA-256 over names, shapes and values, in hexadecimal; `soundalike.checkpoints.fingerprint` would need torch."""
    total = hashlib.sha256()
    for name in sorted(layers):
        total.update(f"{name}\0{layers[name].shape}\0".encode())
        total.update(layers[name].data)
    return total.hexdigest()
