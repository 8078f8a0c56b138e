"""Files of pretrained networks: which there are, where they lie, under which licence, and their tensors.

The table `checkpoints.toml` lists them. A checkpoint comes from a file or folder that the user names, or from the
folder of checkpoints (``$SOUNDALIKE_HOME/checkpoints/NAME``) once ``soundalike models get NAME`` has put it there.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundalike.errors import MissingExtraError

if TYPE_CHECKING:
    import torch


def require(*modules: str) -> None:
    """Raise `MissingExtraError` unless all modules, which the extra ``models`` installs, can be imported."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise MissingExtraError(
            f"Pretrained models need {', '.join(missing)}, which is not installed.",
            "Install it with: pip install 'soundalike[models]'",
        )


def locate(name: str, path: str | Path | None = None) -> Path:
    """The file or folder of the checkpoint `name`: `path` if one is given, else where it was fetched to."""
    raise NotImplementedError


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint file (or of the one in a hub-like folder) by name, without running anything in it."""
    raise NotImplementedError


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """A JSON file of a hub-like folder, such as ``config.json``."""
    raise NotImplementedError


def fingerprint(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, types, shapes and values of tensors, in hexadecimal; the same in whatever file they lie."""
    raise NotImplementedError
