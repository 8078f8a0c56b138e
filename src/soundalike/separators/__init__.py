"""Extension point: sound to its stems.

A separator splits clips in memory, for sound that comes as samples, and passages of sound files of any length, whose
stems are sound files again. To add one, write a class with the attributes and the methods of `Separator`, add a line
to `SEPARATORS`, and run ``tests/contract/test_separators.py``. A network that takes segments of a fixed length need
only be a `soundalike.separators.streaming.SegmentModel`; `soundalike.separators.model.ModelSeparator` does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from soundalike import extensions
from soundalike.audio import Clip

SEPARATORS = MappingProxyType(
    {
        "none": "soundalike.separators.none:NoSeparator",
        "embedded": "soundalike.separators.embedded:load",
        "demucs": "soundalike.separators.demucs:load",
        "demucs-6s": "soundalike.separators.demucs:load_6s",
        "demucs-ft": "soundalike.separators.demucs:load_ft",
        "files": "soundalike.separators.files:load",
    }
)
"""Those called demucs are pretrained: they need the extra ``models`` and a checkpoint of their name."""


@dataclass(frozen=True, slots=True)
class StemFile:
    """A sound file that holds a stem of a passage.

    Attributes
    ----------
    path : str
    start : float
        Time in that file, in seconds, at which the passage begins. The file may end before the passage does: the
        stem is silent from there on.
    """

    path: str
    start: float


@runtime_checkable
class Separator(Protocol):
    """What every separator has.

    Attributes
    ----------
    name : str
        Name and version; part of the space.
    stems : tuple of str
        The stems it gives, each one of `soundalike.facets.STEMS`, "mix" first.
    gate : float
        Decibels below the mix at which a stem counts as silent: what the separator leaves in a stem that does not
        play is softer than that.
    """

    name: str
    stems: tuple[str, ...]
    gate: float

    def separate(self, clip: Clip) -> Mapping[str, Clip]:
        """Split a clip into stems of the same length and rate.

        Parameters
        ----------
        clip : Clip
            Left untouched.

        Returns
        -------
        mapping of str to Clip
            All of `stems`; "mix" is the clip itself.

        Raises
        ------
        UsageError
            If the separator knows the stems of files only.
        """
        ...

    def files(
        self, path: str, *, start: float = 0.0, end: float | None = None
    ) -> AbstractContextManager[Mapping[str, StemFile]]:
        """Split a passage of a sound file of any length, in bounded memory.

        Parameters
        ----------
        path : str
            What `soundalike.audio.load_clip` reads.
        start, end : float
            The passage in seconds; it ends with the sound if `end` is later or None.

        Returns
        -------
        context manager giving a mapping of str to StemFile
            The files are there within the ``with`` block. "mix" is the sound file itself. A stem that this track
            does not have is left out.

        Raises
        ------
        AudioDecodeError
            If a file that it opens cannot be decoded; names it.
        UsageError
            If the passage is not ``0 <= start < end``, or it opens the file and that ends before the passage.
        StoreError
            If the stems cannot be written, as when the disk is full.
        """
        ...


def load_separator(
    name: str = "none",
    *,
    checkpoint: str | Path | None = None,
    device: str | None = None,
    stems: str | Path | None = None,
) -> Separator:
    """Make the separator called `name`.

    Parameters
    ----------
    name : str
    checkpoint : str or Path, optional
        File or folder of a pretrained separator; the default is where ``soundalike models get`` put it.
    device : str, optional
        Where a pretrained separator computes, such as "cpu" or "cuda".
    stems : str or Path, optional
        Folder or manifest of the stems that "files" hands out; the default is beside each track.

    Raises
    ------
    UnknownNameError, UsageError
        If there is no such separator, or it does not take one of the options.
    MissingExtraError, CheckpointError
        If it needs packages or a checkpoint that are not here, or the checkpoint is not its own.
    """
    separator: Separator = extensions.make(
        "separators", SEPARATORS, name, checkpoint=checkpoint, device=device, stems=stems
    )
    return separator
