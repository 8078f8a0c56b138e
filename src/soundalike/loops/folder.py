"""A folder of loops: what it was cut from, and how more songs come to it.

Beside the loops lies ``loops.json``, which says what each was cut from. A song enters it when all its files are there,
so that a run that was stopped goes on where it was, and finds again what it had begun. A loop that somebody deletes
does not come back.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from soundalike.atomic import write_atomically
from soundalike.audio import file_hash
from soundalike.errors import AudioDecodeError, NotFoundError, StoreCorruptError, UsageError
from soundalike.ingest import Progress, discover
from soundalike.locks import locked
from soundalike.loops.cutting import USUAL, Wanted, check_stems, cut_loops
from soundalike.loops.files import UNFINISHED, Loop
from soundalike.separators import Separator
from soundalike.separators.files import FilesSeparator
from soundalike.separators.stem_folders import is_stem_file
from soundalike.tracks import printable

LEDGER: Final = "loops.json"

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class SongLoops:
    """What came of a song.

    Attributes
    ----------
    path : str
    loops : list of Loop
    reason : str
        One sentence if there are none; else empty.
    known : bool
        Whether they were there already.
    """

    path: str
    loops: list[Loop] = field(default_factory=list)
    reason: str = ""
    known: bool = False


def fill_folder(
    folder: str | Path,
    paths: Sequence[str | Path],
    separator: Separator,
    wanted: Wanted = USUAL,
    *,
    progress: Callable[[Progress], None] | None = None,
) -> list[SongLoops]:
    """Cut the loops of songs into a folder; what it has already is left as it is.

    Parameters
    ----------
    folder : str or Path
        Made if needed. It may lie among the songs: what is in it is no song.
    paths : sequence of str or Path
        Songs, and folders to search for songs at any depth.
    separator : Separator
    wanted : Wanted
    progress : callable, optional
        Called with a `soundalike.ingest.Progress` after each song.

    Returns
    -------
    list of SongLoops
        In order. A song that fails does not stop the others.

    Raises
    ------
    NotFoundError
        If a path does not exist, or there is no song.
    UsageError
        If the folder cannot be made, or the separator does not give a stem that is wanted.
    StoreError
        If the folder cannot be written to, or another process is filling it.
    """
    check_stems(separator, wanted.stems)
    folder = Path(os.path.abspath(os.path.expanduser(folder)))  # noqa: PTH100, PTH111
    done: list[SongLoops] = []
    songs = list(_songs(folder, paths, separator, done))
    if not songs and not done:
        raise NotFoundError(f"No song was found in {', '.join(map(_shown, paths))}.", "Name a file or another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"'{_shown(folder)}' cannot be made: {error.strerror}.", "Choose another --out.") from None
    with locked(folder / ".loops.lock", patience=0):
        ledger = LoopLedger(folder)
        pace = _Pace(songs)
        for number, path in enumerate(songs):
            if progress:
                progress(pace.state(number, path))
            done.append(_cut(path, folder, ledger, separator, wanted))
    return done


def _songs(folder: Path, paths: Sequence[str | Path], separator: Separator, failed: list[SongLoops]) -> Iterator[str]:
    """The songs at and below `paths`; folders that cannot be read are added to `failed`."""
    roots = [os.path.abspath(os.path.expanduser(path)) for path in paths]  # noqa: PTH100, PTH111
    for path in discover(roots, on_error=lambda place, reason: failed.append(SongLoops(place, reason=reason))):
        made_here = folder in Path(path).parents and path not in roots
        is_part = isinstance(separator, FilesSeparator) and is_stem_file(Path(path))
        if not made_here and not is_part:
            yield path


def _cut(path: str, folder: Path, ledger: LoopLedger, separator: Separator, wanted: Wanted) -> SongLoops:
    settings = json.loads(json.dumps({"separator": separator.name, **asdict(wanted)}))
    try:
        digest = file_hash(path)
        known = ledger.find(digest, settings)
        if known is not None:
            return SongLoops(path, [replace(loop, source=path) for loop in known], known=True)
        loops = cut_loops(path, folder, separator, wanted)
    except (AudioDecodeError, UsageError) as error:
        return SongLoops(path, reason=str(error))
    ledger.record(digest, settings, loops)
    return SongLoops(path, loops)


def _shown(path: str | Path) -> str:
    return printable(str(path))


class _Pace:
    """Estimates the time left from the bytes that are left."""

    def __init__(self, songs: Sequence[str]) -> None:
        self._sizes = [_size(path) for path in songs]
        self._begun = time.monotonic()

    def state(self, done: int, path: str) -> Progress:
        """The progress when `done` songs are finished and `path` is being cut."""
        spent = max(time.monotonic() - self._begun, 1e-6)
        heard = sum(self._sizes[:done])
        left = (sum(self._sizes) - heard) * spent / heard if heard else 0.0
        return Progress(done, len(self._sizes), path, done / spent, left)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return 0


class LoopLedger:
    """What a folder of loops was cut from.

    Parameters
    ----------
    folder : Path
        What a stopped run left unfinished in it is deleted.

    Raises
    ------
    StoreCorruptError
        If its ``loops.json`` cannot be understood.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / LEDGER
        for left in folder.glob(f"{UNFINISHED}*"):
            left.unlink(missing_ok=True)
        self._songs = self._read()

    def find(self, source_hash: str, settings: dict[str, Any]) -> list[Loop] | None:
        """The loops that a song has given with these settings, without those that are gone; None if it was not cut."""
        for song in self._songs:
            if song["hash"] == source_hash and song["settings"] == settings:
                return [loop for loop in self._loops(song) if os.path.exists(loop.path)]  # noqa: PTH110
        return None

    def record(self, source_hash: str, settings: dict[str, Any], loops: Sequence[Loop]) -> None:
        """Enter a song, all of whose loops are there; durable when it returns."""
        names = [asdict(replace(loop, path=os.path.basename(loop.path))) for loop in loops]  # noqa: PTH119
        self._songs.append({"hash": source_hash, "settings": settings, "loops": names})
        content = {"version": _VERSION, "songs": self._songs}
        write_atomically(self._path, (json.dumps(content, indent=1) + "\n").encode())

    def _loops(self, song: dict[str, Any]) -> Iterator[Loop]:
        for entry in song["loops"]:
            yield Loop(**{**entry, "path": str(self._folder / entry["path"])})

    def _read(self) -> list[dict[str, Any]]:
        try:
            content = json.loads(self._path.read_text("utf-8"))
            songs: list[dict[str, Any]] = content["songs"]
            if content["version"] != _VERSION:
                raise ValueError
            for song in songs:
                list(self._loops({**song, "hash": song["hash"], "settings": song["settings"]}))
        except FileNotFoundError:
            return []
        except (OSError, ValueError, LookupError, TypeError):
            raise StoreCorruptError(
                f"'{self._path}' does not say what was cut.", "Delete it: loops that are there will be found again."
            ) from None
        return songs
