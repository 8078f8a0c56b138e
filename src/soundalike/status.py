"""What a library holds, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from soundalike.stores import Store


@dataclass(frozen=True, slots=True)
class Status:
    """What a library holds.

    Attributes
    ----------
    tracks, excerpts, silent, failures : int
    seconds : float
        Seconds of audio.
    spaces : tuple of str
        All spaces with vectors in this library.
    space : str
        The space in use.
    background : str
        Where the scale of the scores comes from.
    bytes : int
        Size of the library on disk.
    """

    tracks: int
    excerpts: int
    seconds: float
    silent: int
    failures: int
    spaces: tuple[str, ...]
    space: str
    background: str
    bytes: int


def status_of(store: Store, folder: Path, *, failures: int, scale: str) -> Status:
    """Count what is in a store and on the disk; `scale` says where the scale of the scores comes from, if anywhere."""
    counts = store.count()
    return Status(
        counts.tracks,
        counts.excerpts,
        counts.seconds,
        counts.silent,
        failures,
        tuple(store.spaces()),
        store.space.name,
        scale or "none",
        sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
    )
