"""What separators are judged on: mixes whose stems are known, and the plainest ways of splitting them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from scipy.ndimage import median_filter

from soundalike.audio import Clip, load_clip
from soundalike.errors import NotFoundError
from soundalike.research.music.composer import Split
from soundalike.research.sound.orchestra import Palette
from soundalike.research.training.separation_scenes import PieceParts
from soundalike.separators import Separator
from soundalike.separators.embedded.picture import RATE, SIZE, Array, restore, transform

Stems: TypeAlias = Mapping[str, Array]
"""By stem, float32 (channels, n) at `RATE`."""

Splitter: TypeAlias = Callable[[Array, Stems], Stems]
"""From a mix, and its true stems for those who may look, to estimates of stems."""

STEMS: Final[tuple[str, ...]] = ("drums", "bass", "vocals", "other")

SUNG_BELOW: Final = 3.0
"""Decibels by which vocals that are added to a song are softer than all of it."""

_LOW: Final = 180.0
_MIDDLE: Final = 4000.0
_REACH: Final = 31
"""Bins and frames of the baseline's median filters."""


def stem_of(part: str) -> str:
    """The stem that a part belongs to: those that are no stem of their own are ``other``."""
    return part if part in STEMS else "other"


@dataclass(frozen=True, slots=True)
class Mix:
    """Stems that sound together, and add up to the mix.

    Attributes
    ----------
    name : str
    stems : mapping of str to float32, shape (channels, n)
        All of one shape.
    songs : mapping of str to str
        The song that each stem is from.
    """

    name: str
    stems: Stems
    songs: Mapping[str, str]

    def sound(self, *, without: str = "") -> Array:
        """The sum of all stems but one."""
        return sum_of([samples for stem, samples in self.stems.items() if stem != without])


def known(mix: Mix, stems: Collection[str]) -> Mix:
    """The same mix, in which stems that are not among `stems` are part of ``other``."""
    found = _joined_rest(mix.stems, stems)
    return Mix(mix.name, found, {stem: mix.songs.get(stem, next(iter(mix.songs.values()))) for stem in found})


def _joined_rest(stems: Stems, kept: Collection[str]) -> dict[str, Array]:
    found = {stem: samples for stem, samples in stems.items() if stem in kept}
    rest = [samples for stem, samples in stems.items() if stem not in kept]
    if rest:
        found["other"] = sum_of([*([found["other"]] if "other" in found else []), *rest])
    return found


def sum_of(sounds: Sequence[Array]) -> Array:
    """Sum of sounds of one shape; float32."""
    total: Array = np.sum(np.stack(sounds), axis=0, dtype=np.float32)
    return total


def recorded_mixes(folder: Path) -> Iterator[Mix]:
    """Songs that are there as separate parts, then their stems crossed.

    The drums of each song also play under the rest of each other one, as loud against it as the drums they replace;
    and vocals are added to songs that have none.

    Parameters
    ----------
    folder : Path
        With ``index.csv`` (``file``, ``song``, ``stem``) and stereo sound files. Parts that are called neither
        drums, bass nor vocals are ``other``; one called mix is left out.

    Raises
    ------
    NotFoundError
        If the index is missing.
    """
    songs = _read_songs(folder)
    for name, stems in songs.items():
        yield Mix(name, stems, dict.fromkeys(stems, name))
    for name, stems in songs.items():
        for other, theirs in songs.items():
            if other != name and "drums" in stems and "drums" in theirs:
                drums = theirs["drums"] * np.float32(loudness(stems["drums"]) / loudness(theirs["drums"]))
                yield _joined(f"{name}, drums of {other}", name, stems, "drums", drums, other)
            if other != name and "vocals" not in stems and "vocals" in theirs:
                level = loudness(sum_of(list(stems.values()))) / 10 ** (SUNG_BELOW / 20)
                vocals = theirs["vocals"] * np.float32(level / loudness(theirs["vocals"]))
                yield _joined(f"{name}, vocals of {other}", name, stems, "vocals", vocals, other)


def _read_songs(folder: Path) -> dict[str, dict[str, Array]]:
    index = folder / "index.csv"
    if not index.is_file():
        raise NotFoundError(f"There is no '{index}'.", "Name a folder of stems with their index.")
    with index.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["stem"] != "mix"]
    parts: dict[str, dict[str, list[Array]]] = {}
    for row in rows:
        samples = load_clip(str(folder / row["file"]), rate=RATE).samples
        parts.setdefault(row["song"], {}).setdefault(stem_of(row["stem"]), []).append(samples)
    songs = {}
    for song, stems in parts.items():
        length = min(samples.shape[1] for found in stems.values() for samples in found)
        ordered = [stem for stem in STEMS if stem in stems]
        songs[song] = {stem: sum_of([samples[:, :length] for samples in stems[stem]]) for stem in ordered}
    return songs


def _joined(name: str, song: str, stems: Stems, stem: str, sound: Array, other: str) -> Mix:
    """A song with one stem of another, as long as the shorter one."""
    length = min(sound.shape[1], *(samples.shape[1] for samples in stems.values()))
    joined = {key: samples[:, :length] for key, samples in ({**stems, stem: sound}).items()}
    ordered = {key: joined[key] for key in STEMS if key in joined}
    return Mix(name, ordered, {key: other if key == stem else song for key in ordered})


def rendered_mixes(count: int, *, palette: Palette = "synthesizer", split: Split = "test") -> Iterator[Mix]:
    """Pieces that were composed and played for this: 10 s each, one channel, half of them sung."""
    pieces = PieceParts(split, palette)
    for seed in range(count):
        stems: dict[str, list[Array]] = {}
        for part, samples in pieces.clips(seed).items():
            stems.setdefault(stem_of(part), []).append(samples[None])
        found = {stem: sum_of(stems[stem]) for stem in STEMS if stem in stems}
        if found:
            yield Mix(f"piece {seed}", found, dict.fromkeys(found, f"piece {seed}"))


def loudness(samples: Array) -> float:
    """Root mean square over all channels, never 0."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))) + 1e-9)


def mixture(mix: Array, stems: Stems) -> Stems:
    """No separation: every stem is the mix."""
    return dict.fromkeys(stems, mix)


def oracle(mix: Array, stems: Stems) -> Stems:
    """What masks could do at best: each cell is shared by the true powers of the stems."""
    powers = {stem: np.square(np.abs(transform(samples))).mean(axis=0) + 1e-12 for stem, samples in stems.items()}
    whole = sum(powers.values())
    spectrum = transform(mix)
    return {stem: restore(spectrum * (power / whole), mix.shape[1]) for stem, power in powers.items()}


def plain(mix: Array, stems: Stems) -> Stems:
    """What needs no learning: bursts are drums, what lasts below 180 Hz is bass, and half of the middle is vocals.

    Bursts and what lasts are told apart by median filters along frequency and time (Fitzgerald 2010). Of stereo,
    vocals are what is in the middle between left and right. Where no vocals are asked for, they are other.
    """
    spectrum = transform(mix)
    amplitude = np.abs(spectrum).mean(axis=0)
    lasting, bursting = (np.square(median_filter(amplitude, size)) for size in ((_REACH, 1), (1, _REACH)))
    tonal: Array = np.asarray(lasting / (lasting + bursting + np.float32(1e-12)), np.float32)
    hertz = np.arange(SIZE // 2 + 1) * (RATE / SIZE)
    low = (1.0 / (1.0 + (hertz / _LOW) ** 8)).astype(np.float32)
    middle, side = np.square(np.abs(spectrum.sum(axis=0))), np.square(np.abs(spectrum[0] - spectrum[-1]))
    centred = middle / (middle + side + np.float32(1e-12))
    masks: dict[str, Array] = {"drums": 1 - tonal, "bass": tonal * low}
    if "vocals" in stems:
        voiced = (hertz < _MIDDLE).astype(np.float32)
        masks["vocals"] = np.asarray(np.float32(0.5) * tonal * (1 - low) * centred * voiced, np.float32)
    masks["other"] = 1 - sum_of(list(masks.values()))
    return {stem: restore(spectrum * mask, mix.shape[1]) for stem, mask in masks.items()}


def splitter(separator: Separator) -> Splitter:
    """A separator as a splitter."""

    def split(mix: Array, stems: Stems) -> Stems:
        found = separator.separate(Clip(mix, RATE))
        return {stem: clip.samples for stem, clip in found.items() if stem != "mix"}

    return split


def matched(truth: Stems, estimates: Stems) -> tuple[Stems, Stems]:
    """Truth and estimates with the same stems: what only one side knows is part of the other side's ``other``."""
    answers = _joined_rest(estimates, STEMS)
    wanted = {stem: samples for stem, samples in _joined_rest(truth, answers).items() if stem in answers}
    return wanted, {stem: answers[stem] for stem in wanted}
