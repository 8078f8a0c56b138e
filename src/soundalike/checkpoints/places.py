"""Where checkpoints lie on this machine."""

from __future__ import annotations

from pathlib import Path

from soundalike.checkpoints.table import checkpoints
from soundalike.errors import CheckpointError
from soundalike.home import home

MANIFEST = "manifest.json"
"""In the folder of a checkpoint that was fetched or imported: what it is, where it comes from, its files' hashes."""


def folder_of(name: str) -> Path:
    """The folder of the checkpoint `name`, which need not exist; a folder there is whole, since it came by renaming."""
    return home() / "checkpoints" / name


def is_here(name: str) -> bool:
    """Whether the checkpoint `name` was fetched, imported, or put into its folder by hand."""
    folder = folder_of(name)
    return folder.is_dir() and any(folder.iterdir())


def locate(name: str, path: str | Path | None = None) -> Path:
    """The file or folder of the checkpoint `name`: `path` if one is given, else where it was fetched to.

    Where only another checkpoint for the same part is here, such as "clap-unfused" for "clap", it is that one.

    Raises
    ------
    CheckpointError
        If it is not there; says how to get it.
    """
    if path is not None:
        given = Path(path).expanduser()
        if not given.exists():
            raise CheckpointError(f"There is no checkpoint at '{path}'.", "Name a file or a folder that is there.")
        return given
    for other in (name, *(row.name for row in checkpoints().values() if row.part == name)):
        if is_here(other):
            return folder_of(other)
    raise CheckpointError(f"The checkpoint {name} is not here.", _how_to_get(name))


def _how_to_get(name: str) -> str:
    row = checkpoints().get(name)
    if row is None:
        return f"Put it at '{folder_of(name)}', or name it with --checkpoint PATH."
    accept = "" if row.commercial else " --accept-licence"
    return (
        f"Get it with 'soundalike models get {name}{accept}' ({row.size}, licence {row.licence}), "
        f"or name a file that you have with --checkpoint PATH."
    )
