"""Reading parts of songs: whole, or a passage at the cost of that passage; files of one part are added up."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from soundalike.audio import Clip, load_clip
from soundalike.errors import UsageError
from soundalike.research.triplets.songs import Part
from soundalike.separators import Separator, StemFile, load_separator
from soundalike.stems import audible


def read_part(part: Part, *, separator: str = "", start: float = 0.0, seconds: float | None = None) -> Clip:
    """Read a part, or a passage of it.

    Parameters
    ----------
    part : Part
    separator : str
        Takes the part out of a mix, where it has to be.
    start : float
        Seconds.
    seconds : float, optional
        Length of the passage; what lies behind the end of the sound is silent. The default is all there is.

    Returns
    -------
    Clip
        Mono, at the highest rate of the part's files.

    Raises
    ------
    AudioDecodeError
        If a file cannot be decoded.
    UsageError
        If all files end before the passage.
    """
    end = None if seconds is None else start + seconds
    clips = []
    with ExitStack() as stack:
        for file in part.files:
            source = StemFile(str(file), 0.0)
            if part.split:
                stems = stack.enter_context(the_separator(separator).files(str(file)))
                if part.split not in stems:
                    raise UsageError(f"'{file.name}' has no {part.split}.", "Leave it out.")
                source = stems[part.split]
            try:
                clips.append(load_clip(source.path, start=start, end=end, mono=True))
            except UsageError:  # it ends before the passage
                continue
    if not clips:
        raise UsageError(f"'{part.id}' ends before {start:g} s.", "Name a passage that lies within it.")
    return _added(clips, seconds)


def _added(clips: list[Clip], seconds: float | None) -> Clip:
    rate = max(clip.rate for clip in clips)
    sounds = [clip.resample(rate).samples[0] for clip in clips]
    length = max(map(len, sounds)) if seconds is None else round(seconds * rate)
    total = np.zeros(length, np.float32)
    for sound in sounds:
        total[: len(sound)] += sound[:length]
    return Clip(total[None], rate)


def is_residue(part: Part, clip: Clip, *, separator: str, start: float) -> bool:
    """Whether a passage of a part that was split off a mix is only what the separator leaves in a stem that is silent.

    Parameters
    ----------
    part : Part
    clip : Clip
        The passage, mono.
    separator : str
    start : float
        Where it begins in the song, in seconds.
    """
    if not part.split:
        return False
    mix = read_part(replace(part, split=""), start=start, seconds=clip.duration)
    return part.split not in audible({"mix": mix, part.split: clip}, the_separator(separator).gate)


@lru_cache(maxsize=1)
def the_separator(name: str) -> Separator:
    """The separator of this process."""
    return load_separator(name)


def fingerprint(files: tuple[Path, ...]) -> str:
    """What files look like from outside: sizes and times of change."""
    marks = []
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            marks.append("-")
        else:
            marks.append(f"{stat.st_size}:{stat.st_mtime_ns}")
    return " ".join(marks)
