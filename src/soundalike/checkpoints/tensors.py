"""Tensors from the files of strangers, without running anything that those files may hold.

A torch file is a pickle, which can call any function when it is opened. Here torch's own restricted reader opens it,
which builds tensors and plain data, and beside those only what released checkpoints really hold: a numpy number.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundalike.checkpoints.needs import require
from soundalike.errors import CheckpointError

if TYPE_CHECKING:
    import torch

TORCH = (".bin", ".pt", ".pth", ".ckpt", ".th")
"""Suffixes of torch files."""

INDEX = "model.safetensors.index.json"
"""Says which tensor lies in which file, where a checkpoint is cut into several."""

_PLACES = ("state_dict", "model", "state")
"""Where training programs put the tensors that matter, beside the state of the optimizer."""

_AGAIN = "Fetch it again."


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint by name, without running anything in it.

    Parameters
    ----------
    path : Path
        A .safetensors file, a torch file (see `TORCH`), or a folder such as the hub's, which holds one of them or
        safetensors in several files with their index.

    Returns
    -------
    dict of str to Tensor
        On the CPU, in the file's own types. Of a torch file only tensors are kept: those under "state_dict",
        "model" or "state" if there are any, else those at the top. A "module." before all names is cut off.

    Raises
    ------
    CheckpointError
        If nothing or several things could be meant, or the file is damaged, or holds more than tensors and plain data.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / "model.safetensors").is_file() and (path / INDEX).is_file():
            return _read_parts(path)
        path = checkpoint_file(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    return _pick(read_document(path), path)


def checkpoint_file(folder: Path) -> Path:
    """The one file of a folder that holds the tensors."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return folder / name
    found = sorted(file for file in folder.iterdir() if file.suffix in (".safetensors", *TORCH))
    if not found:
        raise CheckpointError(
            f"The folder '{folder}' holds no checkpoint.", "It should hold model.safetensors or pytorch_model.bin."
        )
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise CheckpointError(f"The folder '{folder}' holds several checkpoints: {names}.", "Name one of the files.")
    return found[0]


def read_document(path: Path) -> dict[str, Any]:
    """What a torch file holds: tensors, numbers, texts, and lists and mappings of them, by name.

    Raises
    ------
    CheckpointError
        If it is damaged, holds anything else, or is no mapping.
    """
    require("torch")
    import torch

    path = Path(path)
    if path.suffix not in TORCH:
        raise CheckpointError(f"'{path}' is no checkpoint.", f"Use .safetensors or one of {', '.join(TORCH)}.")
    check_content(path)
    try:
        with torch.serialization.safe_globals(_numbers()), warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "Detected pickle protocol", UserWarning
            )  # what it cannot read, it refuses
            document = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        if named := re.search(r"GLOBAL (\S+)|class (\S+)", str(error).split("Please use", 1)[0]):
            name = named[1] or named[2]
            raise CheckpointError(
                f"'{path}' holds more than tensors ({name}) and is not opened.", "Use the file as released."
            ) from None
        raise _damaged(path) from None
    except (RuntimeError, ValueError, EOFError, KeyError, IndexError, AttributeError, TypeError, struct.error, OSError):
        raise _damaged(path) from None
    if not isinstance(document, Mapping):
        raise CheckpointError(f"'{path}' holds no tensors with names.", "Use the file as released.")
    return {str(name): value for name, value in document.items()}


def read_metadata(path: Path) -> dict[str, str]:
    """The texts that a .safetensors file carries beside its tensors."""
    require("safetensors")
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    check_content(path)
    try:
        with safe_open(path, "numpy") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError):
        raise _damaged(path) from None


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """A JSON file of a hub-like folder, such as ``config.json``.

    Raises
    ------
    CheckpointError
        If it is missing or holds anything but a JSON object.
    """
    path = Path(folder) / name
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError:
        raise CheckpointError(
            f"The checkpoint '{folder}' has no {name}.", f"Put the {name} that was released with it beside it."
        ) from None
    except ValueError:
        raise CheckpointError(f"'{path}' is no JSON.", _AGAIN) from None
    if not isinstance(found, dict):
        raise CheckpointError(f"'{path}' holds no JSON object.", _AGAIN)
    return found


def fingerprint(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, types, shapes and values of tensors, in hexadecimal; the same in whatever file they lie."""
    import torch

    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        total.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def check_content(path: Path) -> None:
    """Refuse what a failed download leaves behind under a checkpoint's name.

    Raises
    ------
    CheckpointError
        If the file is missing or empty, a web page, or the pointer that Git LFS keeps in place of a large file.
    """
    try:
        with path.open("rb") as file:
            start = file.read(256)
    except OSError as error:
        raise CheckpointError(f"'{path}' cannot be read: {error.strerror}.", "Name a file that is there.") from None
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"'{path}' is only a Git LFS pointer to the file.", "Fetch the file itself: git lfs pull."
        )
    if re.match(rb"\s*(<!doctype|<html|<\?xml)", start, re.IGNORECASE):
        raise CheckpointError(f"'{path}' is a web page under a checkpoint's name.", _AGAIN)
    if not start:
        raise CheckpointError(f"'{path}' is empty.", _AGAIN)


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(f"'{path}' is cut short, damaged, or no checkpoint.", _AGAIN)


def _numbers() -> list[Any]:
    """What a pickled numpy number is built from, under the names of numpy 1 and 2."""
    import numpy as np

    scalar = np.float64(0).__reduce__()[0]
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    return [*((scalar, name) for name in names), np.dtype, type(np.dtype(np.float64))]


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    require("torch", "safetensors")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    check_content(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError):
        raise _damaged(path) from None


def _read_parts(folder: Path) -> dict[str, torch.Tensor]:
    """Tensors that lie in several files."""
    places = read_json(folder, INDEX).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(place, str) for place in places.values()):
        raise CheckpointError(f"'{folder / INDEX}' does not say where tensors lie.", _AGAIN)
    tensors: dict[str, torch.Tensor] = {}
    for name in sorted(set(places.values())):
        if Path(name).name != name:
            raise CheckpointError(f"'{folder / INDEX}' points out of its folder, to '{name}'.", "Do not use it.")
        tensors |= _read_safetensors(folder / name)
    if tensors.keys() != places.keys():
        raise CheckpointError(f"The files of '{folder}' do not hold what its index says.", _AGAIN)
    return tensors


def _pick(document: dict[str, Any], path: Path) -> dict[str, torch.Tensor]:
    """The tensors that are meant."""
    inner = (document[place] for place in _PLACES if isinstance(document.get(place), Mapping))
    for place in (*inner, document):
        tensors = _only_tensors(place)
        if tensors:
            break
    else:
        raise CheckpointError(f"'{path}' holds no tensors with names.", "Use the file as released.")
    if all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return tensors


def _only_tensors(found: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    import torch

    return {str(name): value.detach() for name, value in found.items() if isinstance(value, torch.Tensor)}
