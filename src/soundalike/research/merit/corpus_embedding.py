"""Recordings of a corpus, embedded and kept: a part is written when it is done and never computed again.

Two ways to hear a recording:

reference
    Its first 30 s, with zeros behind what is shorter, as MERIT's program does: one vector.
strict
    Windows of the encoder's length, spread evenly over what sounds: a vector each. A window is left out if it is
    `QUIET` decibels below the loudest, as stems that begin with silence are silence in their first 30 s.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.atomic import write_atomically
from soundalike.audio import Clip, load_clip
from soundalike.encoders import Encoder
from soundalike.errors import AudioDecodeError
from soundalike.research.evaluation.hearing import Progress
from soundalike.research.merit.corpora import Recording
from soundalike.research.merit.padding import encode_padded

Regime: TypeAlias = Literal["reference", "strict"]

PART: Final = 32
"""Recordings per part."""

SECONDS: Final = 30.0
QUIET: Final = 40.0
LONGEST: Final = 600.0
"""Seconds of a recording that are looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Vectors of recordings.

    Attributes
    ----------
    embeddings : float32, shape (n vectors, dim)
    owners : intp, shape (n vectors,)
        Number of the recording, in ascending order.
    failed : dict of str to str
        Paths that could not be heard, and why.
    """

    embeddings: NDArray[np.float32]
    owners: NDArray[np.intp]
    failed: dict[str, str]


def embed_corpus(
    root: Path,
    recordings: Sequence[Recording],
    encoder: Encoder,
    *,
    regime: Regime,
    windows: int = 6,
    cache: Path,
    progress: Progress | None = None,
) -> Embedded:
    """Embed recordings, or read what was embedded before.

    Parameters
    ----------
    root : Path
        Of the corpus.
    recordings : sequence of Recording
    encoder : Encoder
        For MERIT's regime of the encoder "merit", one that pads to 30 s.
    regime : {"reference", "strict"}
    windows : int
        At most so many of a recording; only in the strict regime.
    cache : Path
        Folder for the parts; made if it is not there.
    progress : callable, optional
    """
    settings = {"encoder": encoder.name, "regime": regime, "windows": windows if regime == "strict" else 1}
    parts = []
    for first in range(0, len(recordings), PART):
        chosen = recordings[first : first + PART]
        path = cache / f"{_key(root, chosen, settings)}.npz"
        part = _read_part(path)
        if part is None:
            part = _embed_part(root, chosen, encoder, regime, windows)
            cache.mkdir(parents=True, exist_ok=True)
            _write_part(path, part)
        parts.append(Embedded(part.embeddings, part.owners + first, part.failed))
        if progress is not None:
            progress(first + len(chosen), len(recordings))
    return Embedded(
        np.concatenate([part.embeddings for part in parts]),
        np.concatenate([part.owners for part in parts]),
        {path: why for part in parts for path, why in part.failed.items()},
    )


def _embed_part(
    root: Path, recordings: Sequence[Recording], encoder: Encoder, regime: Regime, windows: int
) -> Embedded:
    rows: list[NDArray[np.float32]] = []
    owners: list[int] = []
    failed: dict[str, str] = {}
    for number, recording in enumerate(recordings):
        try:
            clip = load_clip(root / recording.path, end=SECONDS if regime == "reference" else LONGEST).mono()
        except AudioDecodeError as error:
            failed[recording.path] = str(error)
            continue
        clip = clip.resample(encoder.sample_rate)
        if regime == "reference":
            found = encode_padded(encoder, [clip], SECONDS)
        else:
            found = encoder.encode(active_windows(clip, encoder.window, windows))
        rows.append(found)
        owners += [number] * len(found)
    embeddings = np.concatenate(rows) if rows else np.zeros((0, encoder.dim), np.float32)
    return Embedded(embeddings.astype(np.float32), np.array(owners, np.intp), failed)


def active_windows(clip: Clip, seconds: float, most: int) -> list[Clip]:
    """Windows that sound, evenly spread.

    Parameters
    ----------
    clip : Clip
        Mono.
    seconds : float
        Of a window. A clip that is shorter is one window.
    most : int
        At least 1.

    Returns
    -------
    list of Clip
        In order of time, at least one, even of silence.
    """
    size = round(seconds * clip.rate)
    samples = clip.samples
    starts = range(0, max(1, samples.shape[1] - size + 1), size)
    power = np.array([float(np.mean(np.square(samples[:, a : a + size], dtype=np.float64))) for a in starts])
    loud = np.flatnonzero(power >= power.max() * 10 ** (-QUIET / 10))
    chosen = loud[np.unique(np.linspace(0, len(loud) - 1, min(most, len(loud))).round().astype(int))]
    return [Clip(samples[:, starts[i] : starts[i] + size], clip.rate) for i in chosen.tolist()]


def _key(root: Path, recordings: Sequence[Recording], settings: dict[str, Any]) -> str:
    """Changes with the encoder, the settings, and the names and sizes of the files."""
    files = [[recording.path, (root / recording.path).stat().st_size] for recording in recordings]
    return hashlib.sha256(json.dumps([settings, files], sort_keys=True).encode()).hexdigest()[:24]


def _write_part(path: Path, part: Embedded) -> None:
    buffer = BytesIO()
    failed = np.array(json.dumps(part.failed))
    np.savez(buffer, embeddings=part.embeddings, owners=part.owners, failed=failed)
    write_atomically(path, buffer.getvalue())


def _read_part(path: Path) -> Embedded | None:
    """A part that was written before; None where it is not there, or damaged, as it can be made again."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Embedded(arrays["embeddings"], arrays["owners"].astype(np.intp), json.loads(str(arrays["failed"])))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
