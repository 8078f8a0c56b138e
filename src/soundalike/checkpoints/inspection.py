"""What a checkpoint on this machine holds, and how far it is known to be the released one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from soundalike.checkpoints.download import sha256_of
from soundalike.checkpoints.install import read_manifest
from soundalike.checkpoints.places import MANIFEST, locate
from soundalike.checkpoints.table import Checkpoint, checkpoint
from soundalike.checkpoints.tensors import INDEX, TORCH, fingerprint, read_tensors

if TYPE_CHECKING:
    import torch

Verdict: TypeAlias = Literal["released", "unchanged", "unknown", "differs"]
"""The released file or its conversion; as it was put here, but no released hash is known; nothing known; another."""

SAMPLES = 8
"""Tensors whose norms are told."""


@dataclasses.dataclass(frozen=True, slots=True)
class FileReport:
    """One file: path within the checkpoint, size in bytes, SHA-256, and what that says."""

    file: str
    bytes: int
    sha256: str
    verdict: Verdict


@dataclasses.dataclass(frozen=True, slots=True)
class TensorReport:
    """One tensor; `norm` is the square root of the sum of squares, None unless it was sampled."""

    name: str
    type: str
    shape: tuple[int, ...]
    norm: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Inspection:
    """A whole checkpoint; `fingerprint` as in `soundalike.checkpoints.fingerprint`, over all networks in it."""

    name: str
    path: str
    files: tuple[FileReport, ...]
    tensors: tuple[TensorReport, ...]
    parameters: int
    fingerprint: str

    @property
    def sound(self) -> bool:
        """Whether no file is another than the released one, or than it was when it was put here."""
        return all(file.verdict != "differs" for file in self.files)


def inspect(name: str, path: str | Path | None = None) -> Inspection:
    """Read a checkpoint completely.

    Parameters
    ----------
    name : str
        A name of the table.
    path : str or Path, optional
        Its file or folder; the default is where it was fetched to.

    Raises
    ------
    UnknownNameError, MissingExtraError
    CheckpointError
        If it is not there or cannot be read.
    """
    row = checkpoint(name)
    place = locate(name, path)
    tensors: dict[str, torch.Tensor] = {}
    for network, found in _networks(place):
        tensors |= {f"{network}{key}": tensor for key, tensor in found.items()}
    names = [key for key in sorted(tensors) if tensors[key].is_floating_point() and tensors[key].ndim > 1]
    sampled = set(names[:: max(1, len(names) // SAMPLES)][:SAMPLES])
    return Inspection(
        name=name,
        path=str(place),
        files=tuple(_file_reports(row, place)),
        tensors=tuple(_tensor_report(key, tensors[key], key in sampled) for key in sorted(tensors)),
        parameters=sum(tensor.numel() for tensor in tensors.values()),
        fingerprint=fingerprint(tensors),
    )


def _networks(place: Path) -> Iterator[tuple[str, Mapping[str, torch.Tensor]]]:
    """The networks of a checkpoint, each with what stands before the names of its tensors."""
    single = ("model.safetensors", INDEX, "pytorch_model.bin")
    if place.is_file() or any((place / file).is_file() for file in single):
        yield "", read_tensors(place)
        return
    found = sorted(path for path in place.rglob("*") if path.suffix in (".safetensors", *TORCH))
    if not found:
        read_tensors(place)  # says what is missing
    for path in found:
        yield (f"{path.relative_to(place).as_posix()}:" if len(found) > 1 else ""), read_tensors(path)


def _tensor_report(name: str, tensor: torch.Tensor, sampled: bool) -> TensorReport:
    norm = float(tensor.double().norm()) if sampled else None
    return TensorReport(name, str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape), norm)


def _file_reports(row: Checkpoint, place: Path) -> Iterator[FileReport]:
    folder = place if place.is_dir() else place.parent
    manifest = (read_manifest(place) if place.is_dir() else None) or {"files": {}}
    released = {file.name: file.sha256 for file in row.files} | {file.place: file.sha256 for file in row.files}
    paths = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    for path in paths:
        file = path.relative_to(folder).as_posix()
        if file == MANIFEST:
            continue
        sha256 = sha256_of(path)
        noted = manifest["files"].get(file)
        verdict: Verdict = "unknown"
        if noted:
            verdict = _noted_verdict(row, sha256, noted)
        elif released.get(file):
            verdict = "released" if sha256.startswith(released[file]) else "differs"
        yield FileReport(file, path.stat().st_size, sha256, verdict)


def _noted_verdict(row: Checkpoint, sha256: str, noted: Mapping[str, dict[str, str]]) -> Verdict:
    """What the hashes written down with a file say: its own, and that of the released file it was made from."""
    if sha256 != str(noted["sha256"]):
        return "differs"
    source = noted["source"]
    known = [
        file.sha256
        for file in row.files
        if (file.repository, file.name) == (source["repository"], source["name"]) and file.sha256
    ]
    return "released" if known and source["sha256"].startswith(known[0]) else "unchanged"
