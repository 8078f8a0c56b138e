"""Stems that are there already: those of data sets, and what a workstation exported.

Where they lie is told by rules about names (see `soundalike.separators.stem_folders`) or by a list (see
`soundalike.separators.stem_manifest`). Stems begin with their track; one that ends sooner is silent from there on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import zip_longest
from pathlib import Path

import numpy as np

from soundalike.audio import Clip, file_hash
from soundalike.audio.clip import check_span
from soundalike.audio.decoding import Decoding
from soundalike.errors import UsageError
from soundalike.facets import STEMS
from soundalike.separators import StemFile
from soundalike.separators.cache import StemCache, key_of
from soundalike.separators.model import read_blocks, write_stems
from soundalike.separators.stem_folders import Found, find_stems
from soundalike.separators.stem_manifest import read_manifest
from soundalike.separators.streaming import Samples

CHANNELS = 2
CHUNK = 1 << 16
"""Of the sum of several files: its channels, and how many samples are added at a time."""


class FilesSeparator:
    """Hands out the files of stems that belong to a track's file; see `soundalike.separators.Separator`.

    Parameters
    ----------
    find : callable
        From the path of a track to the files of its stems.
    cache : StemCache, optional
        Where sums of several files are kept; the default is that of the user.

    Notes
    -----
    The name says nothing of the place, so that libraries made from other folders can be compared.
    """

    name = "files-1"
    stems = STEMS
    gate = math.inf  # nothing of other stems is left in these

    def __init__(self, find: Callable[[Path], Found] = find_stems, *, cache: StemCache | None = None) -> None:
        self._find = find
        self._cache = cache

    def separate(self, clip: Clip) -> Mapping[str, Clip]:
        """Refuse: sound in memory has no files beside it."""
        raise UsageError(
            f"Stems were asked for of {clip.duration:.1f} s of sound in memory, which has no files beside it.",
            "Name a file, or use a separator such as demucs.",
        )

    @contextmanager
    def files(self, path: str, *, start: float = 0.0, end: float | None = None) -> Iterator[Mapping[str, StemFile]]:
        """Find the stems of a file; several files of one stem are added up."""
        check_span(start, end)
        found = {"mix": StemFile(path, start)}
        with ExitStack() as stack:
            for stem, files in self._find(Path(path)).items():
                rates = {file: rate for file in files if (rate := _rate(file, start))}
                if len(rates) == 1:
                    found[stem] = StemFile(str(next(iter(rates))), start)
                elif rates:
                    folder = stack.enter_context(self._sum(stem, rates, start, end))
                    found[stem] = StemFile(str(folder / f"{stem}.flac"), 0.0)
            yield found

    @contextmanager
    def _sum(self, stem: str, rates: Mapping[Path, int], start: float, end: float | None) -> Iterator[Path]:
        rate = max(rates.values())

        def make(folder: Path) -> None:
            sounds = [read_blocks(str(file), rate, CHANNELS, start, end) for file in rates]
            write_stems(folder, [stem], rate, CHANNELS, (block[None] for block in added(sounds)))

        key = key_of([file_hash(file) for file in rates], float(start), None if end is None else float(end), stem)
        with (self._cache or StemCache()).entry(key, make) as folder:
            yield folder


def load(stems: str | Path | None = None) -> FilesSeparator:
    """Make the separator "files".

    Parameters
    ----------
    stems : str or Path, optional
        A folder to look in before looking beside each track, or a list (.csv or .json) of the stems of each track.

    Raises
    ------
    UsageError
        If it is neither, or the list makes no sense.
    """
    if stems is None:
        return FilesSeparator()
    place = Path(stems).expanduser()
    if place.is_dir():
        return FilesSeparator(lambda track: find_stems(track, place))
    if place.suffix.lower() not in (".csv", ".json"):
        raise UsageError(f"'{place}' is no folder and no list of stems.", "Name a folder, or a .csv or .json file.")
    listed = read_manifest(place)
    return FilesSeparator(lambda track: listed.get(track.resolve(), {}))


def added(sounds: Sequence[Iterable[Samples]]) -> Iterator[Samples]:
    """The sum of sounds that come block by block, float32 (channels, any); it is as long as the longest."""
    for chunks in zip_longest(*map(_chunks, sounds)):
        there = [chunk for chunk in chunks if chunk is not None]
        total = np.zeros((len(there[0]), max(chunk.shape[1] for chunk in there)), np.float32)
        for chunk in there:
            total[:, : chunk.shape[1]] += chunk
        yield total


def _chunks(blocks: Iterable[Samples]) -> Iterator[Samples]:
    """Blocks of any length as blocks of `CHUNK` samples and a shorter last one."""
    held: list[Samples] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += block.shape[1]
        if count >= CHUNK:
            samples = np.concatenate(held, axis=1)
            used = count // CHUNK * CHUNK
            yield from (samples[:, first : first + CHUNK] for first in range(0, used, CHUNK))
            held, count = [samples[:, used:]], count - used
    if count:
        yield np.concatenate(held, axis=1)


def _rate(file: Path, start: float) -> int | None:
    """The rate of a file in hertz, or None if it ends before `start`; raises `AudioDecodeError` naming the file."""
    try:
        with Decoding(file, start=start) as decoding:
            return decoding.rate
    except UsageError:
        return None
