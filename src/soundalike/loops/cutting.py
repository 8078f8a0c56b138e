"""From songs to loops of their stems.

    song -> bars -> {stem: picture} -> runs of bars -> samples without a seam -> files

All stems of a song are cut on the same bars and in the same tempo, so that its loops can be played together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import load_clip
from soundalike.audio.decoding import Decoding
from soundalike.audio.wav_chunks import SampleChunks
from soundalike.bars import find_bars
from soundalike.errors import UnknownNameError, UsageError
from soundalike.facets import STEMS
from soundalike.key import KEYS
from soundalike.loops.choosing import Grid, Run, choose_runs, grid_of, picture_of
from soundalike.loops.files import Loop, loop_name, write_loop
from soundalike.loops.hearing import Harmony, audible_bars, hear_harmony, played_bars
from soundalike.loops.points import FADE, LEAD, Samples, attack, seam, seamless
from soundalike.presence import judges
from soundalike.separators import Separator, StemFile
from soundalike.separators.stem_names import is_mix
from soundalike.tags import read_tags
from soundalike.tracks import printable

FREE: Final = 0.025
"""Seconds by which bars may be longer or shorter than the song's tempo says; else a loop has a tempo of its own."""

IN_STEP: Final = 0.02
"""Seconds that the last beat of a song may move when its tempo is rounded."""

UNPITCHED: Final = frozenset({"drums"})

ROOT_OCTAVE: Final = 60
"""MIDI note of the C from which root notes are counted up."""

_GIVEN_BY: Final = {
    "demucs": ("drums", "bass", "other", "vocals"),
    "demucs-6s": ("drums", "bass", "other", "vocals", "guitar", "piano"),
    "files": STEMS,
}
"""Stems of separators, the simplest first, for those who ask another one."""

_MARGIN: Final = 0.1
_GUARD: Final = 0.001


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which loops to cut.

    Attributes
    ----------
    stems : tuple of str
        Empty for all that the separator gives but the mix, if it gives others.
    lengths : tuple of int
        Bars; see `soundalike.loops.choosing.choose_runs`.
    most : int
        Loops of each stem of a song.
    start, end : float
        Passage of the song in seconds; to its end if `end` is None.
    """

    stems: tuple[str, ...] = ()
    lengths: tuple[int, ...] = ()
    most: int = 3
    start: float = 0.0
    end: float | None = None

    def __post_init__(self) -> None:
        for bars in self.lengths:
            if not 1 <= bars <= 64:
                raise UsageError(f"Loops of {bars} bars were asked for.", "Give 1 to 64.")
        if self.most < 1:
            raise UsageError(f"{self.most} loops of each stem were asked for.", "Give 1 or more.")


USUAL: Final = Wanted()


@dataclass(frozen=True, slots=True)
class Song:
    """A song and its bars.

    Attributes
    ----------
    path : str
    rate : int
        Samples per second, of its file and of its loops.
    channels : int
        Of its loops: one if the file has one, else two.
    grid : Grid
    tempo : float
        Beats per minute, that of most of it.
    """

    path: str
    rate: int
    channels: int
    grid: Grid
    tempo: float


@dataclass(frozen=True, slots=True)
class Part:
    """A stem of a song.

    Attributes
    ----------
    stem : str
    path : str
        Of its file.
    offset : float
        Time of the song at which the file begins, in seconds.
    """

    stem: str
    path: str
    offset: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a loop lies in a song.

    Attributes
    ----------
    first, length : int
        Samples at the song's rate.
    rest : int
        Samples at its end in which the song is playing the next stroke.
    beats : int
    tempo : float
        Beats per minute, so that there are ``beats * 60 / tempo`` seconds in it.
    """

    first: int
    length: int
    rest: int
    beats: int
    tempo: float


def cut_loops(path: str, folder: Path, separator: Separator, wanted: Wanted = USUAL) -> list[Loop]:
    """Cut the loops of a song and write them.

    Parameters
    ----------
    path : str
        What `soundalike.audio.load_clip` reads.
    folder : Path
        Where the loops go.
    separator : Separator
    wanted : Wanted

    Returns
    -------
    list of Loop
        By stem, and of each the best first.

    Raises
    ------
    UsageError
        If the song has no beat, no whole bar, or nothing that loops.
    AudioDecodeError
        If it cannot be decoded.
    StoreError
        If stems or loops cannot be written.
    """
    song = hear_song(path, wanted.start, wanted.end)
    mix = picture_of(path, song.grid)
    cut: list[tuple[Loop, Samples]] = []
    with _parts(path, separator, wanted) as parts:
        if not parts:
            raise UsageError(
                f"No stems of '{printable(path)}' are there.", "Lay them beside it, or use another separator."
            )
        for part in parts:
            picture = mix if part.stem == "mix" else picture_of(part.path, song.grid, offset=part.offset)
            playable = song.grid.complete & audible_bars(picture, mix, separator.gate)
            if part.stem != "mix" and judges(separator) and playable.any():
                playable &= played_bars(part.stem, part.path, part.offset, path, song.grid)
            runs = choose_runs(picture, playable, lengths=wanted.lengths, most=wanted.most)
            cut += _cut(song, part, runs)
    if not cut:
        raise UsageError(f"Nothing loops in '{printable(path)}'.", "Ask for fewer bars, or for other stems.")
    if any(loop.stem not in UNPITCHED for loop, _ in cut):
        harmony = hear_harmony(path, wanted.start, wanted.end)
        cut = [(_with_key(loop, harmony), samples) for loop, samples in cut]
    return _written(song, cut, folder)


def _with_key(loop: Loop, harmony: Harmony) -> Loop:
    return loop if loop.stem in UNPITCHED else replace(loop, key=harmony.key(0.5 * (loop.start + loop.end)))


def title_of(path: str) -> str:
    """What to call a song: the title in its tags, or the name of its file; of its folder if that is called mix."""
    file = Path(path)
    return read_tags(path).title or (file.parent.name if is_mix(file.stem) else "") or file.stem


@contextmanager
def _parts(path: str, separator: Separator, wanted: Wanted) -> Iterator[list[Part]]:
    """The stems of a song that are wanted and there, a little more of each than the passage."""
    stems = wanted.stems or separator.stems[1:] or separator.stems
    start, end = max(wanted.start - _MARGIN, 0.0), None if wanted.end is None else wanted.end + _MARGIN
    with ExitStack() as stack:
        files: Mapping[str, StemFile] = {"mix": StemFile(path, start)}
        if set(stems) - {"mix"}:
            files = stack.enter_context(separator.files(path, start=start, end=end))
        yield [Part(stem, files[stem].path, start - files[stem].start) for stem in stems if stem in files]


def check_stems(separator: Separator, stems: Sequence[str]) -> None:
    """Refuse stems that a separator does not give, and name one that does."""
    for stem in stems:
        if stem not in separator.stems:
            others = [f"'{name}'" for name, more in _GIVEN_BY.items() if stem in more]
            raise UnknownNameError(
                f"The separator '{separator.name}' gives no '{stem}', only {', '.join(separator.stems)}.",
                f"'{stem}' is given by --separator {' or '.join(others)}." if others else "Name one of these.",
            )


def hear_song(path: str, start: float = 0.0, end: float | None = None) -> Song:
    """Find the bars of a passage of a song.

    Raises
    ------
    UsageError
        If it has no beat, or not one bar.
    AudioDecodeError
        If it cannot be decoded.
    """
    with Decoding(path, start=start, end=end) as decoding:
        rate, channels = decoding.rate, min(decoding.channels, 2)
    bars = find_bars(path, start=start, end=end)
    if bars is None:
        raise UsageError(f"No beat is heard in '{printable(path)}'.", "Loops can be cut from music with a beat only.")
    grid = grid_of(bars)
    if grid is None or not grid.complete.any():
        raise UsageError(f"'{printable(path)}' is shorter than a bar.", "Name a longer passage.")
    return Song(path, rate, channels, grid, _usual_tempo(bars.beats))


def _usual_tempo(beats: NDArray[np.float64]) -> float:
    """The tempo that beats usually keep over four bars, with as few decimals as keep the last one in step."""
    lag = min(16, len(beats) - 1)
    beat = float(np.median(beats[lag:] - beats[:-lag])) / lag
    rounded = [round(60.0 / beat, digits) for digits in range(3)]
    return next((tempo for tempo in rounded if abs(60.0 / tempo - beat) * len(beats) <= IN_STEP), 60.0 / beat)


def place_of(song: Song, run: Run) -> Place:
    """The samples of a run: from just before its first attack on, as long as its beats take."""
    after = run.first + run.bars
    start, end = (float(song.grid.starts[bar]) for bar in (run.first, after))
    beats = run.bars * song.grid.meter
    at_home = abs(beats * 60.0 / song.tempo - (end - start)) <= FREE
    tempo = song.tempo if at_home else beats * 60.0 / (end - start)
    first = max(round((min(start, _attack(song, run.first)) - LEAD) * song.rate), 0)
    length = round(beats * 60.0 / tempo * song.rate)
    rest = max(first + length - round((min(_attack(song, after), end + FREE) - _GUARD) * song.rate), 0)
    return Place(first, length, rest, beats, tempo)


def _attack(song: Song, bar: int) -> float:
    """When the attack that a bar begins with is heard in the mix, in seconds; infinite where there is none."""
    time = float(song.grid.starts[bar])
    begun = max(time - _MARGIN, 0.0)
    near = load_clip(song.path, start=begun, end=time + _MARGIN)
    found = attack(near.samples, near.rate, time - begun)
    return np.inf if found is None else begun + found


def _cut(song: Song, part: Part, runs: Sequence[Run]) -> list[tuple[Loop, Samples]]:
    """Runs of a stem as loops, without paths and keys yet."""
    cut = []
    for run in runs:
        place = place_of(song, run)
        samples = _samples(song, part, place)
        start, end = place.first / song.rate, (place.first + place.length) / song.rate
        stands_out = round(seam(samples, song.rate), 3)
        loop = Loop(
            "", song.path, part.stem, start, end, run.bars, place.beats, place.tempo, None, run.score, stands_out
        )
        cut.append((loop, samples))
    return cut


def _written(song: Song, cut: Sequence[tuple[Loop, Samples]], folder: Path) -> list[Loop]:
    """Write loops under names that tell them apart."""
    title = title_of(song.path)
    names = Counter(loop_name(title, loop, timed=False) for loop, _ in cut)
    written = []
    for loop, samples in cut:
        timed = names[loop_name(title, loop, timed=False)] > 1
        path = write_loop(folder, loop_name(title, loop, timed=timed), samples, song.rate, _chunks(song, loop, samples))
        written.append(replace(loop, path=str(path)))
    return written


def _samples(song: Song, part: Part, place: Place) -> Samples:
    """The samples of a loop, float32 (channels, length), at the song's rate."""
    margin = round(_MARGIN * song.rate)
    begun = max(place.first - margin, round(part.offset * song.rate), 0)
    start = max(begun / song.rate - part.offset, 0.0)
    clip = load_clip(part.path, start=start, end=start + (place.first + place.length + margin - begun) / song.rate)
    clip = clip.mono() if song.channels == 1 or clip.channels > 2 else clip
    samples = clip.resample(song.rate).samples
    if len(samples) < song.channels:
        samples = np.repeat(samples, song.channels, axis=0)
    return seamless(samples, place.first - begun, place.length, fade=round(FADE * song.rate), rest=place.rest)


def _chunks(song: Song, loop: Loop, samples: Samples) -> SampleChunks:
    root = None if loop.key is None else ROOT_OCTAVE + KEYS.index(loop.key) % 12
    return SampleChunks(
        tempo=loop.tempo, beats=loop.beats, root=root, meter=(song.grid.meter, 4), loop=(0, samples.shape[1])
    )
