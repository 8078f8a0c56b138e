"""What a file's tags say about it: title, artist, album, genres and moods."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

LONGEST = 1000
"""Characters of a tag that are kept; longer ones are damaged or abused."""

MOST = 32
"""Genres and moods that are kept."""


@dataclass(frozen=True, slots=True)
class Tags:
    """What a file says about itself; empty where it says nothing.

    Attributes
    ----------
    title, artist, album : str
        Several artists are joined by ", ".
    genres : tuple of str
        Genres and moods in lower case, each once, in the file's order.
    track_number : int or None
        Place on the album, from 1.
    """

    title: str = ""
    artist: str = ""
    album: str = ""
    genres: tuple[str, ...] = ()
    track_number: int | None = None


_KEYS = MappingProxyType(
    {
        "title": ("TIT2", "title", "\xa9nam", "Title"),
        "artist": ("TPE1", "artist", "\xa9ART", "Author"),
        "album": ("TALB", "album", "\xa9alb", "WM/AlbumTitle"),
        "genre": ("TCON", "genre", "\xa9gen", "WM/Genre"),
        "mood": ("TMOO", "TXXX:MOOD", "TXXX:mood", "mood", "----:com.apple.iTunes:MOOD", "WM/Mood"),
        "track": ("TRCK", "tracknumber", "track", "trkn", "WM/TrackNumber"),
    }
)
"""Names of each tag in ID3 (also inside WAV and AIFF), Vorbis comments and APEv2, MP4, and ASF."""


def read_tags(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> Tags:
    """Read the tags of an audio file.

    Parameters
    ----------
    path : path
        A regular file of any kind.

    Returns
    -------
    Tags
        Empty for files without tags, with damaged ones, or that cannot be read.
    """
    found = _load(path)
    return Tags(
        title=_joined(found["title"]),
        artist=_joined(found["artist"]),
        album=_joined(found["album"]),
        genres=_split([*found["genre"], *found["mood"]]),
        track_number=_number(found["track"]),
    )


def _load(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> dict[str, list[str]]:
    """All values under each of `_KEYS`; nothing at all if anything goes wrong."""
    import mutagen

    try:
        if not Path(os.fsdecode(path)).is_file():  # a pipe would block
            return {name: [] for name in _KEYS}
        tags: Any = getattr(mutagen.File(path), "tags", None)
        return {name: [text for key in keys for text in _texts(tags, key)] for name, keys in _KEYS.items()}
    except Exception:  # noqa: BLE001 - damaged tags make mutagen raise nearly anything; a file is never lost for its tags
        return {name: [] for name in _KEYS}


def _texts(tags: Any, key: str) -> list[str]:
    """The values under one key as text."""
    try:
        value = tags[key] if tags is not None and key in tags else []
    except ValueError:  # Vorbis comments refuse keys such as those of MP4
        return []
    value = getattr(value, "genres", None) or getattr(value, "text", value)  # ID3 frames; numbers become genre names
    values = value if isinstance(value, Iterable) and not isinstance(value, str | bytes) else [value]
    return [text for item in values if (text := _text(item))]


def _text(item: Any) -> str:
    """One value as clean text."""
    if isinstance(item, tuple):  # MP4's track number and count
        item = item[0] if item else ""
    item = getattr(item, "value", item)
    text = bytes(item).decode("utf-8", "replace") if isinstance(item, bytes) else str(item)
    return " ".join(text.replace("\0", " ").split())[:LONGEST].rstrip()


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(texts))[:LONGEST].rstrip(", ")


def _split(texts: Iterable[str]) -> tuple[str, ...]:
    names = (name.strip().lower() for text in texts for name in re.split(r"[;/,]", text))
    return tuple(dict.fromkeys(name for name in names if name))[:MOST]


def _number(texts: Iterable[str]) -> int | None:
    for text in texts:
        if found := re.match(r"0*([1-9][0-9]{0,5})(?![0-9])", text):
            return int(found[1])
    return None
