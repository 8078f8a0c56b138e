"""Triplet folders written in MERIT's layout: ``triplets_<n>/triplet/`` with wav files and ``triplet_meta.json``.

A folder is whole or not there. Beside what MERIT's programs keep, the metadata have "factor", "label" and, under
"clips", the notes of every wav file: its sources, its domain, its tempo. Further negatives than MERIT's one are
``negative_02.wav`` and so on, which its programs do not look at.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from soundalike.audio import Clip
from soundalike.errors import UsageError
from soundalike.research.triplets.sets import ClipNotes

PREFIX: Final = "triplets_"
INSIDE: Final = "triplet"
META: Final = "triplet_meta.json"


@dataclass(frozen=True, slots=True)
class NewClip:
    """A clip that is to be written.

    Attributes
    ----------
    clip : Clip
        Mono.
    notes : ClipNotes
    details : mapping of str to anything that JSON can hold
        What else is worth keeping: an offset, a prompt, by how much it was transposed.
    """

    clip: Clip
    notes: ClipNotes
    details: Mapping[str, Any] = field(default_factory=dict)


def write_folder(
    root: Path,
    number: int,
    factor: str,
    *,
    anchor: NewClip,
    positives: Sequence[NewClip],
    negatives: Sequence[NewClip],
    label: str = "",
    meta: Mapping[str, Any] | None = None,
) -> Path:
    """Write one folder, or leave it as it is if it is there.

    Parameters
    ----------
    root : Path
        Made if it is not there.
    number : int
        Of the folder.
    factor, label : str
        See `soundalike.research.triplets.sets`.
    anchor : NewClip
    positives, negatives : sequence of NewClip
        At least one of each. All clips have one rate.
    meta : mapping, optional
        Further metadata, such as MERIT's "inputs", "generation" and "prompts".

    Returns
    -------
    Path
        The folder ``triplets_<number>``.

    Raises
    ------
    UsageError
        If clips are missing or have different rates, or the folder cannot be written.
    """
    folder = root / f"{PREFIX}{number}"
    if is_written(folder):
        return folder
    named = _named(folder.name, anchor, positives, negatives)
    document = {
        "triplet_index": number,
        "factor": factor,
        "label": label,
        **(meta or {}),
        "clips": {name: {**asdict(new.notes), **new.details} for name, new in named.items()},
    }
    partial = root / f".{folder.name}.partial"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        (partial / INSIDE).mkdir(parents=True)
        for name, new in named.items():
            _write_wav(partial / INSIDE / name, new.clip)
        _write_bytes(partial / INSIDE / META, json.dumps(document, indent=1).encode())
        partial.rename(folder)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if not isinstance(error, OSError):
            raise
        raise UsageError(f"'{folder}' cannot be written: {error.strerror}.", "Choose another place.") from None
    return folder


def is_written(folder: Path) -> bool:
    """Whether a folder of triplets is there, and so whole."""
    return (folder / INSIDE / META).is_file()


def _named(
    name: str, anchor: NewClip, positives: Sequence[NewClip], negatives: Sequence[NewClip]
) -> dict[str, NewClip]:
    named = {"anchor.wav": anchor}
    named |= {f"positive_{i:02d}.wav": new for i, new in enumerate(positives, start=1)}
    named |= {"negative.wav" if i == 1 else f"negative_{i:02d}.wav": new for i, new in enumerate(negatives, start=1)}
    rates = sorted({new.clip.rate for new in named.values()})
    if not positives or not negatives or len(rates) > 1:
        raise UsageError(
            f"{name} would have {len(positives)} positives and {len(negatives)} negatives, at {rates} Hz.",
            "Give one or more of each, all at one rate.",
        )
    return named


def _write_wav(path: Path, clip: Clip) -> None:
    samples = np.clip(clip.mono().samples[0], -1.0, 1.0)
    with path.open("wb") as file:
        soundfile.write(file, samples, clip.rate, format="WAV", subtype="PCM_16")
        file.flush()
        os.fsync(file.fileno())


def _write_bytes(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
