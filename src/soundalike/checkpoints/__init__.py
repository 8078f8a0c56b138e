"""Files of pretrained networks: which there are, where they lie, under which licence, and their tensors.

The table `checkpoints.toml` lists them. A checkpoint comes from a file or folder that the user names, or from the
folder of checkpoints (``$SOUNDALIKE_HOME/checkpoints/NAME``) once ``soundalike models get NAME`` has put it there.
"""

from __future__ import annotations

from pathlib import Path

from soundalike.checkpoints.needs import require
from soundalike.checkpoints.tensors import fingerprint, read_document, read_json, read_metadata, read_tensors
from soundalike.errors import CheckpointError
from soundalike.home import home

__all__ = [
    "fingerprint",
    "locate",
    "read_document",
    "read_json",
    "read_metadata",
    "read_tensors",
    "require",
]


def locate(name: str, path: str | Path | None = None) -> Path:
    """The file or folder of the checkpoint `name`: `path` if one is given, else where it was fetched to."""
    place = home() / "checkpoints" / name if path is None else Path(path)
    if not place.exists():
        raise CheckpointError(f"The checkpoint '{place}' is not here.", f"Get it with: soundalike models get {name}")
    return place
