"""The files of loops: what they are called, and how they are written.

A file takes its name when it is whole, and never that of a file with other content.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import unicodedata
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from soundalike.audio.wav_chunks import SampleChunks, append_chunks
from soundalike.errors import StoreError

_LONGEST_TITLE: Final = 100
"""Bytes of a title in a name, in UTF-8: with all that follows, names stay below the 255 that file systems take."""

_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
UNFINISHED: Final = ".loop-"
"""What names of files begin with that are not whole."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop that was cut.

    Attributes
    ----------
    path : str
        Of its file.
    source : str
        The song's file.
    stem : str
    start, end : float
        Where it lies in the song, in seconds.
    bars, beats : int
    tempo : float
        Beats per minute, exactly that of the file: ``beats * 60 / tempo`` seconds are in it.
    key : str or None
        Such as "A minor"; None for drums, and where none is sure.
    score : float
        How well it loops, 0 to 1; see `soundalike.loops.choosing`.
    seam : float
        How far its seam stands out; see `soundalike.loops.points.seam`.
    """

    path: str
    source: str
    stem: str
    start: float
    end: float
    bars: int
    beats: int
    tempo: float
    key: str | None
    score: float
    seam: float


def loop_name(title: str, loop: Loop, *, timed: bool) -> str:
    """What to call a loop: "Song - bass - 2 bars - 96.5 bpm - A minor", without a suffix.

    Parameters
    ----------
    title : str
        The song's; anything that a file system may refuse is left out or replaced.
    loop : Loop
    timed : bool
        Whether to add where it begins, as "0m41", to tell it from others.
    """
    tempo = f"{loop.tempo:.1f}".removesuffix(".0")
    parts = [safe(title), loop.stem, f"{loop.bars} bar{'s' * (loop.bars > 1)}", f"{tempo} bpm"]
    parts += [loop.key] if loop.key else []
    parts += [f"{int(loop.start) // 60}m{int(loop.start) % 60:02}"] if timed else []
    return " - ".join(parts)


def safe(title: str) -> str:
    """A title as part of a name that every file system takes; "song" where nothing is left of it."""
    text = unicodedata.normalize("NFC", title.encode("utf-8", "replace").decode("utf-8"))
    text = "".join(" " if c.isspace() else c for c in text)
    text = re.sub(r'[<>:"/\\|?*]+', "-", text)
    text = " ".join("".join(c for c in text if c.isprintable()).split())
    text = text.encode("utf-8")[:_LONGEST_TITLE].decode("utf-8", "ignore").strip(" .-")
    return f"{text} song" if _RESERVED.fullmatch(text) else text or "song"


def write_loop(folder: Path, name: str, samples: NDArray[np.float32], rate: int, chunks: SampleChunks) -> Path:
    """Write a loop as WAV of 24 bits.

    Parameters
    ----------
    folder : Path
    name : str
        Without a suffix. If a file of other content has it, a number is added; a file of the same content is left
        as it is.
    samples : float32, shape (channels, n)
        Made softer as a whole if they exceed full scale.
    rate : int
        Samples per second.
    chunks : SampleChunks
        What else the file says.

    Returns
    -------
    Path

    Raises
    ------
    StoreError
        If it cannot be written, as when the disk is full.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    samples = samples / np.float32(peak) if peak > 1.0 else samples
    try:
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=UNFINISHED)
        os.close(handle)
        unfinished = Path(temporary)
        try:
            soundfile.write(unfinished, samples.T, rate, subtype="PCM_24", format="WAV")
            append_chunks(unfinished, chunks)
            unfinished.chmod(0o644)
            return _named(unfinished, folder, name)
        finally:
            unfinished.unlink(missing_ok=True)
    except (OSError, soundfile.LibsndfileError) as error:
        # All that libsndfile says of a full disk is "System error".
        reason = error.strerror if isinstance(error, OSError) else "the disk is full or failing"
        raise StoreError(f"Loops cannot be written to '{folder}': {reason}.", "Free some space there.") from None


def _named(unfinished: Path, folder: Path, name: str) -> Path:
    """Give a whole file its name, or find the file that is the same."""
    for number in count(1):
        target = folder / (f"{name}.wav" if number == 1 else f"{name} ({number}).wav")
        if not os.path.lexists(target):
            unfinished.replace(target)
            return target
        if target.is_file() and _content(target) == _content(unfinished):
            return target
    raise AssertionError("numbers do not end")


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
