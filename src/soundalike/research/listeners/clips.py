"""All clips of the data set, cut from a copy of Slakh song by song, with what is missing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from soundalike.atomic import write_atomically
from soundalike.errors import NotFoundError, SoundalikeError
from soundalike.research.datasets.inst_sim_abx import InstSimAbx, parse_name
from soundalike.research.datasets.slakh_clips import (
    MIDI,
    Coverage,
    SlakhClips,
    clips_in,
    coverage,
    other_tracks,
    read_checksums,
    write_clips,
)
from soundalike.research.listeners.embeddings import clip_key

LIST: Final = "clips.txt"


@dataclass(frozen=True, slots=True)
class CutClips:
    """What was cut.

    Attributes
    ----------
    folder : Path
        Holds the clips, and `LIST` with their paths.
    written, known : int
        Clips that were written, and that were there already.
    songs : int
        Songs that the triplets are of.
    missing, other : tuple of int
        Numbers of the songs that are not there, and of those whose MD5 says that they are other ones.
    failed : dict of int to str
        Why a song could not be cut, by its number.
    verified : int or None
        Songs whose MD5 is the right one; None where none was asked for.
    coverage : Coverage
    """

    folder: Path
    written: int
    known: int
    songs: int
    missing: tuple[int, ...]
    other: tuple[int, ...]
    failed: dict[int, str]
    verified: int | None
    coverage: Coverage

    @property
    def is_whole(self) -> bool:
        """Whether every triplet can be heard."""
        return not (self.missing or self.other or self.failed)

    @property
    def sentence(self) -> str:
        """What there is now."""
        heard = self.coverage
        return (
            f"{self.written} clips were written to '{self.folder}', {self.known} were there already: "
            f"{heard.triplets} of {heard.of_triplets} triplets can be heard."
        )

    @property
    def remarks(self) -> list[str]:
        """What is missing, a sentence each."""
        said = []
        if self.missing:
            said.append(f"{len(self.missing)} of {self.songs} songs are missing: {_tracks(self.missing)}.")
        if self.other:
            said.append(f"Left out, as their MIDI files are other ones than they should be: {_tracks(self.other)}.")
        said += [f"{_tracks([song])} was not cut: {why}" for song, why in self.failed.items()]
        if self.verified is not None:
            said.append(f"{self.verified} songs were verified by the MD5 of their MIDI files.")
        return said

    def to_json(self) -> dict[str, object]:
        """All of it."""
        return {
            **{"folder": str(self.folder), "list": str(self.folder / LIST)},
            **{"written": self.written, "known": self.known, "songs": self.songs, "verified": self.verified},
            **{"missing": list(self.missing), "other": list(self.other)},
            "failed": {str(song): why for song, why in self.failed.items()},
            "coverage": asdict(self.coverage),
        }


def cut_clips(
    dataset: InstSimAbx,
    slakh: Path,
    folder: Path,
    parts: Collection[str],
    *,
    checksums: Path | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> CutClips:
    """Cut every sound of the triplets of some parts once, song by song.

    Parameters
    ----------
    dataset : InstSimAbx
    slakh : Path
        Holds folders ``Track01876`` and so on.
    folder : Path
        Where clips are written; those that are there already are left as they are.
    parts : collection of str
    checksums : Path, optional
        See `soundalike.research.datasets.slakh_clips.read_checksums`.
    progress : callable
        Is called with the number of songs done, and of all.

    Raises
    ------
    NotFoundError
        If the copy of Slakh holds none of the songs.
    UsageError
        If the data set or the checksums are not what they should be.
    """
    triplets = [t for t in dataset.triplets() if t.criterion == "overall" and t.context["part"] in parts]
    names = list(dict.fromkeys(name for t in triplets for name in (t.reference, t.a, t.b)))
    songs = _sounds_by_song(names)
    clips = SlakhClips(slakh, dataset.positions)
    here = {song: clips.tracks[song] for song in songs if song in clips.tracks}
    if not here:
        raise NotFoundError(
            f"'{slakh}' holds none of the {len(songs)} songs of the clips.",
            f"Name a folder with the test split of Slakh2100-redux, {_tracks([min(songs), max(songs)])} among it.",
        )
    known = read_checksums(checksums) if checksums else {}
    other = other_tracks(here, known)
    clips.tracks = {song: track for song, track in here.items() if song not in other}
    before = clips_in(folder, (name for sounds in songs.values() for name in sounds))
    failed = _cut(clips, songs, folder, progress)
    after = clips_in(folder, (name for sounds in songs.values() for name in sounds))
    write_atomically(folder / LIST, "".join(f"{folder / name}\n" for name in sorted(after)).encode())
    sounds = {clip_key(name) for name in after}
    return CutClips(
        folder=folder,
        written=len(after - before),
        known=len(before),
        songs=len(songs),
        missing=tuple(sorted(set(songs) - set(here))),
        other=tuple(other),
        failed=failed,
        verified=_verified(clips, known) if checksums else None,
        coverage=coverage(triplets, {name for name in names if clip_key(name) in sounds}),
    )


def _sounds_by_song(names: Iterable[str]) -> dict[int, list[str]]:
    """One name for every sound, by the number of its song."""
    first = {clip_key(name): name for name in reversed(list(names))}
    songs: dict[int, list[str]] = {}
    for name in first.values():
        songs.setdefault(parse_name(name).track, []).append(name)
    return dict(sorted(songs.items()))


def _cut(
    clips: SlakhClips, songs: Mapping[int, Sequence[str]], folder: Path, progress: Callable[[int, int], None]
) -> dict[int, str]:
    """Write the clips of all songs; why not, by song."""
    failed = {}
    folder.mkdir(parents=True, exist_ok=True)
    for done, song in enumerate(clips.tracks, start=1):
        try:
            write_clips(clips, songs[song], folder)
        except SoundalikeError as error:
            failed[song] = str(error)
        progress(done, len(clips.tracks))
    return failed


def _verified(clips: SlakhClips, checksums: Mapping[int, str]) -> int:
    """Songs with a checksum and the file that it is of; those with another file are left out already."""
    return sum(song in checksums and (track / MIDI).is_file() for song, track in clips.tracks.items())


def _tracks(songs: Iterable[int]) -> str:
    return ", ".join(f"Track{song:05d}" for song in songs)
