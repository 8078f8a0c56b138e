"""Put a checkpoint into its folder: fetched or from files at hand, checked, as safetensors, all of it or nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from soundalike.checkpoints.download import Progress, download, sha256_of
from soundalike.checkpoints.licences import demand
from soundalike.checkpoints.needs import require
from soundalike.checkpoints.places import MANIFEST, folder_of, is_here
from soundalike.checkpoints.table import Checkpoint, RemoteFile, checkpoint
from soundalike.checkpoints.tensors import TORCH, fingerprint, read_document, read_json, read_tensors
from soundalike.errors import CheckpointError
from soundalike.locks import locked

if TYPE_CHECKING:
    import torch

NETWORK = "model.safetensors"
"""What the network of a torch file becomes."""


def fetch(name: str, *, accepted: bool = False, progress: Progress = lambda file, done, total: None) -> Path:
    """Download a checkpoint into its folder, unless it is there in the table's revision.

    Parameters
    ----------
    name : str
    accepted : bool
        Whether the user accepts a licence that forbids commercial use.
    progress : callable
        See `soundalike.checkpoints.download.Progress`.

    Returns
    -------
    Path
        Its folder. An interrupted download is continued by the next call.

    Raises
    ------
    UnknownNameError, MissingExtraError, LicenceError
    CheckpointError
        If the hub cannot be reached, or what came is not the released checkpoint.
    """
    row = checkpoint(name)
    require("torch", "safetensors")
    demand(row, accepted=accepted)
    if is_here(name):
        manifest = read_manifest(folder_of(name))
        if manifest is None or manifest.get("revision") == row.revision:
            return folder_of(name)
    with _staging(row, fresh=False) as staging:
        _check_space(staging, row)
        sources = {
            file.place: _source(file, *download(file, staging / file.place, progress=progress)) for file in row.files
        }
        return _finish(row, staging, sources)


def import_checkpoint(name: str, path: Path, *, accepted: bool = False) -> Path:
    """Copy a checkpoint into its folder from files that the user has; what was there is replaced.

    Parameters
    ----------
    name : str
    path : Path
        A folder, such as a snapshot in the hub's cache, or the file of the network with the others beside it. Instead
        of a torch file its conversion ``model.safetensors`` is taken too.
    accepted : bool
        See `fetch`.

    Raises
    ------
    UnknownNameError, MissingExtraError, LicenceError
    CheckpointError
        If a file is missing, damaged, or not the released one.
    """
    row = checkpoint(name)
    require("torch", "safetensors")
    demand(row, accepted=accepted)
    found = _find(row, path)
    with _staging(row, fresh=True) as staging:
        sources = {}
        for file, given in found.items():
            sha256 = sha256_of(given)
            converted = given.name == NETWORK != Path(file.name).name
            if not converted and not sha256.startswith(file.sha256):
                raise CheckpointError(
                    f"'{given}' is not the released {file.name} of {file.repository}: its SHA-256 is {sha256}.",
                    "To use it all the same, name it with --checkpoint.",
                )
            place = NETWORK if converted else file.place
            (staging / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(given, staging / place)
            sources[place] = _source(file, file.revision if file.sha256 and not converted else "", sha256)
        return _finish(row, staging, sources)


def remove(name: str) -> bool:
    """Delete a checkpoint and what there is of an unfinished download; whether there was anything.

    Raises
    ------
    UnknownNameError
        If there is no such checkpoint in the table.
    """
    checkpoint(name)
    folders = [folder for folder in (folder_of(name), _unfinished(name)) if folder.exists()]
    for folder in folders:
        shutil.rmtree(folder)
    return bool(folders)


def _unfinished(name: str) -> Path:
    return folder_of(name).with_name(f".{name}.unfinished")


@contextmanager
def _staging(row: Checkpoint, *, fresh: bool) -> Iterator[Path]:
    """The folder in which a checkpoint grows, for one process at a time."""
    staging = _unfinished(row.name)
    try:
        staging.parent.mkdir(parents=True, exist_ok=True)
        with locked(staging.with_suffix(".lock"), patience=1.0):
            if fresh and staging.exists():
                shutil.rmtree(staging)
            staging.mkdir(exist_ok=True)
            yield staging
    except OSError as error:
        raise CheckpointError(
            f"'{staging.parent}' cannot be written to: {error.strerror or error}.",
            "Free some space, or set $SOUNDALIKE_HOME.",
        ) from None


def _check_space(staging: Path, row: Checkpoint) -> None:
    needed = row.megabytes * (2 if any(_is_torch(file.place) for file in row.files) else 1) * 1_000_000
    if shutil.disk_usage(staging).free < needed:
        raise CheckpointError(
            f"'{staging.parent}' has too little space: {row.name} needs {needed / 1e9:.1f} GB while it is made.",
            "Free some, or set $SOUNDALIKE_HOME.",
        )


def _find(row: Checkpoint, path: Path) -> dict[RemoteFile, Path]:
    """Which of the user's files is which of the checkpoint's."""
    if not path.exists():
        raise CheckpointError(f"There is nothing at '{path}'.", "Name a file or folder that is there.")
    folder = path if path.is_dir() else path.parent
    found: dict[RemoteFile, Path] = {}
    for file in row.files:
        places = [folder / name for name in _names(row, file)]
        if path in places:
            places = [path]
        here = [place for place in places if place.is_file()]
        if not here:
            raise CheckpointError(
                f"'{folder}' lacks {file.name}, which {row.name} needs.",
                f"It is released in {file.repository} on the hub.",
            )
        found[file] = here[0]
    return found


def _names(row: Checkpoint, file: RemoteFile) -> list[str]:
    """What one of a checkpoint's files may be called; its name without folders only where that means no other file."""
    short = PurePosixPath(file.name).name
    alone = sum(PurePosixPath(other.name).name == short for other in row.files) == 1
    converted = _is_torch(file.place) and row.kind != "heads"
    return [file.place, *([short] if alone else []), *([NETWORK] if converted else [])]


def _source(file: RemoteFile, commit: str, sha256: str) -> dict[str, str]:
    return {"repository": file.repository, "name": file.name, "commit": commit, "sha256": sha256}


def _finish(row: Checkpoint, staging: Path, sources: dict[str, dict[str, str]]) -> Path:
    """Convert and read all files, describe them, and let the folder take its name."""
    done_with = []
    for place in list(sources):
        if _is_torch(place) and row.kind != "heads":
            _convert(row, staging, staging / place, sources[place])
            sources[NETWORK] = sources.pop(place)
            done_with.append(place)
        else:
            _read(staging, place)
    files = {
        place: {"sha256": sha256_of(staging / place), "bytes": (staging / place).stat().st_size, "source": source}
        for place, source in sources.items()
    }
    manifest = {
        "name": row.name,
        "repository": row.repository,
        "revision": row.revision,
        "licence": row.licence,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": files,
    }
    (staging / MANIFEST).write_text(json.dumps(manifest, indent=1), "utf-8")
    for place in (*files, MANIFEST):
        _flush(staging / place)
    folder = folder_of(row.name)
    if folder.exists():
        shutil.rmtree(folder)
    staging.replace(folder)
    for place in done_with:
        (folder / place).unlink()
    return folder


def _convert(row: Checkpoint, staging: Path, path: Path, source: dict[str, str]) -> None:
    """Write the tensors of a torch file as safetensors, and read them back."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors = read_tensors(path)
    metadata = {"format": "pt", "licence": row.licence} | {f"source_{key}": text for key, text in source.items()}
    try:
        save_file(_apart(tensors), staging / NETWORK, metadata)
    except SafetensorError as error:  # it hides the disk's own complaint
        raise OSError(str(error)) from None
    (staging / NETWORK).chmod(0o644)  # it is written for its owner alone
    if fingerprint(read_tensors(staging / NETWORK)) != fingerprint(tensors):
        raise CheckpointError(f"'{path}' did not survive its conversion.", "The disk may be failing; try again.")


def _apart(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same tensors, none of which shares its memory with another, as safetensors wants them."""
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        alone = place not in seen and tensor.is_contiguous()
        apart[name] = tensor if alone else tensor.contiguous().clone()
        seen.add(place)
    return apart


def _read(staging: Path, place: str) -> None:
    """Raise `CheckpointError` unless a file is what its name says."""
    if place.endswith(".json"):
        read_json(staging, place)
    elif _is_torch(place):
        read_document(staging / place)
    elif place.endswith(".safetensors"):
        read_tensors(staging / place)


def _is_torch(place: str) -> bool:
    return PurePosixPath(place).suffix in TORCH


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """What was written down when a checkpoint was put into `folder`; None where nothing was."""
    return read_json(folder, MANIFEST) if (folder / MANIFEST).is_file() else None
