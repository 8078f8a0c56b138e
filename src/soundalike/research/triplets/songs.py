"""Songs as multitrack recordings, from the layouts that data sets and workstations have.

moisesdb
    ``<song>/data.json`` with a list of stems, each a folder with a sound file per track.
musdb
    ``train|test/<song>/`` with ``mixture.wav``, ``drums.wav``, ``bass.wav``, ``other.wav``, ``vocals.wav``.
slakh
    ``Track00001/`` with ``metadata.yaml``, ``mix.flac``, ``stems/S00.flac`` and ``all_src.mid``.
exports
    A folder of sound files per song, as a workstation exports them, called after what plays.
mixes
    Sound files of whole songs, which a separator splits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from soundalike.audio import AUDIO_SUFFIXES
from soundalike.errors import UsageError
from soundalike.research.triplets.instruments import OTHER, SLAKH, instrument_of
from soundalike.separators.stem_names import is_mix, stem_of, words_of

DEEPEST: Final = 3
"""Folders between the given one and a song's."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one instrument plays in a song.

    Attributes
    ----------
    id : str
        Unique within the song, and the same wherever the song lies.
    stem, kind : str
        See `soundalike.research.triplets.instruments`; a kind that is empty is not known.
    files : tuple of Path
        Sound files that are added up.
    split : str
        Stem that a separator has to take from the file; empty where the file is the part.
    """

    id: str
    stem: str
    kind: str
    files: tuple[Path, ...]
    split: str = ""


@dataclass(frozen=True, slots=True)
class Song:
    """A song's parts.

    Attributes
    ----------
    id : str
        Its folder or file, from where songs were looked for.
    parts : tuple of Part
        Sorted by stem and id.
    mix : Part or None
        All together; None where there are no parts.
    tempo : float
        Beats per minute; 0 where nothing says it, or it changes.
    problem : str
        Why parts are missing; empty where none are.
    """

    id: str
    parts: tuple[Part, ...]
    mix: Part | None = None
    tempo: float = 0.0
    problem: str = ""


Finder: TypeAlias = Callable[[Path], list[Song]]


def find_songs(root: Path, *, layout: str = "", stems: tuple[str, ...] = ()) -> tuple[str, list[Song]]:
    """Find the songs in a folder.

    Parameters
    ----------
    root : Path
    layout : str
        One of `LAYOUTS`; empty to find out, which takes the first that any song has.
    stems : tuple of str
        What the separator gives that is to split them; with it songs are "mixes" unless another layout is named.

    Returns
    -------
    str, list of Song
        The layout, and the songs by id.

    Raises
    ------
    UsageError
        If there is no such folder or layout, it holds no songs, or mixes come without a separator.
    """
    if not root.is_dir():
        raise UsageError(f"'{root}' is no folder.", "Name the folder that holds the songs.")
    if layout and layout not in LAYOUTS:
        raise UsageError(f"The layout '{layout}' was named.", f"Known: {', '.join(LAYOUTS)}.")
    if layout == "mixes" and not stems:
        raise UsageError("Songs that are mixes have to be split.", "Name a separator, such as embedded or demucs.")
    if stems and layout in ("", "mixes"):
        tried: Mapping[str, Finder] = {"mixes": partial(_mixes, stems=stems)}
    else:
        tried = {name: find for name, find in LAYOUTS.items() if name == layout or (not layout and name != "mixes")}
    for name, find in tried.items():
        if found := find(root):
            return name, sorted(found, key=lambda song: song.id)
    wanted = f" laid out as {layout}" if layout else ""
    raise UsageError(f"'{root}' holds no songs{wanted}.", f"Lay them out as one of {', '.join(LAYOUTS)}.")


def _moisesdb(root: Path) -> list[Song]:
    return [_moisesdb_song(_id(root, mark.parent), mark) for mark in _marked(root, "data.json")]


def _moisesdb_song(song: str, mark: Path) -> Song:
    """Every listed track that is there; where the list cannot be read, every file by its folder."""
    folder, problem = mark.parent, ""
    try:
        parts = list(_listed(folder, json.loads(mark.read_text("utf-8"))))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        problem = f"data.json cannot be understood ({error}); kinds are not known."
        parts = [
            Part(f"{place.name}/{file.stem}", place.name, "", (file,))
            for place in sorted(folder.iterdir())
            if place.is_dir()
            for file in _sounds(place)
        ]
    return _song(song, parts, problem=problem)


def _listed(folder: Path, document: Any) -> Iterator[Part]:
    for stem in document.get("stems") or []:
        name = str(stem.get("stemName") or "").strip()
        for track in stem.get("tracks") or []:
            part, kind = (str(track.get(key) or "").strip() for key in ("id", "trackType"))
            file = folder / name / f"{part}.wav"
            if _is_plain(name) and _is_plain(part) and file.is_file():
                yield Part(part, name, kind, (file,))


def _is_plain(name: str) -> bool:
    """Whether a name leads nowhere else."""
    return bool(name) and name != ".." and Path(name).name == name


def _musdb(root: Path) -> list[Song]:
    songs = []
    for mark in _marked(root, "mixture.wav"):
        files = [file for file in _sounds(mark.parent) if file != mark]
        parts = [
            Part(file.stem, file.stem, _kind(file.stem), (file,)) for file in files if stem_of(file.stem, whole=True)
        ]
        songs.append(_song(_id(root, mark.parent), parts, mix=mark))
    return songs


def _kind(stem: str) -> str:
    """What parts of a stem have in common; all else together has nothing."""
    return "" if stem == OTHER else stem


def _slakh(root: Path) -> list[Song]:
    songs = []
    for mark in _marked(root, "metadata.yaml"):
        folder, problem = mark.parent, ""
        try:
            listed = read_stems(mark.read_text("utf-8"))
        except (OSError, ValueError) as error:
            listed, problem = {}, f"metadata.yaml cannot be read: {error}."
        files = {file.stem: file for file in _sounds(folder / "stems")}
        parts = [
            Part(name, _slakh_stem(about), about.get("midi_program_name", "").lower(), (files[name],))
            for name, about in listed.items()
            if name in files
        ]
        mix = next((file for file in _sounds(folder) if is_mix(file.stem)), None)
        songs.append(
            _song(_id(root, folder), parts, mix=mix, tempo=_midi_tempo(folder / "all_src.mid"), problem=problem)
        )
    return songs


def _slakh_stem(about: Mapping[str, str]) -> str:
    return "drums" if about.get("is_drum", "").lower() == "true" else SLAKH.get(about.get("inst_class", ""), OTHER)


def read_stems(text: str) -> dict[str, dict[str, str]]:
    r"""What a ``metadata.yaml`` of Slakh says of its stems: mappings of two levels, and nothing else of YAML.

    Examples
    --------
    >>> read_stems("stems:\n  S00:\n    inst_class: Bass\n    is_drum: false\n")
    {'S00': {'inst_class': 'Bass', 'is_drum': 'false'}}
    """
    stems: dict[str, dict[str, str]] = {}
    inside, first, current = False, 0, ""
    for line in text.splitlines():
        found = re.fullmatch(r"( *)([^\s:#][^:]*):(?:\s+(.*?))?\s*", line)
        if found is None:
            continue
        indent, key, value = len(found[1]), found[2].strip("'\""), (found[3] or "").strip("'\"")
        if not indent:
            inside, first, current = key == "stems", 0, ""
        elif inside and (not first or indent <= first):
            first, current = indent, key
            stems[current] = {}
        elif inside and current:
            stems[current][key] = value
    return stems


def _midi_tempo(path: Path) -> float:
    """The tempo of a MIDI file that has only one; 0 otherwise."""
    if not path.is_file():
        return 0.0
    import mido

    try:
        messages = [message for track in mido.MidiFile(path).tracks for message in track]
    except (OSError, ValueError, EOFError, KeyError, IndexError):
        return 0.0
    tempi = {message.tempo for message in messages if message.type == "set_tempo"}
    return round(60e6 / tempi.pop(), 3) if len(tempi) == 1 else 0.0


def _exports(root: Path) -> list[Song]:
    """Folders with sound files; those of folders called after a stem, or "stems", belong to the song above."""
    files: dict[Path, list[Path]] = {}
    for folder in _folders(root):
        for file in _sounds(folder):
            inner = folder != root and ("stems" in words_of(folder.name) or stem_of(folder.name, whole=True))
            files.setdefault(folder.parent if inner else folder, []).append(file)
    return [_export(_id(root, folder), folder, found) for folder, found in files.items()]


def _export(song: str, folder: Path, files: list[Path]) -> Song:
    mixes = [file for file in files if is_mix(file.stem)]
    names = {file: file.relative_to(folder).with_suffix("").as_posix() for file in files if file not in mixes}
    shared = frozenset.intersection(*(frozenset(words_of(name)) for name in names.values())) if len(names) > 1 else ()
    titles = [frozenset(words_of(folder.name)) - {"bpm"}, frozenset(shared)]
    parts = [Part(name, *_meant(name, titles), (file,)) for file, name in names.items()]
    tempo = re.search(r"(\d{2,3}(?:\.\d+)?)[ _-]?bpm", folder.name, re.IGNORECASE)
    return _song(song, parts, mix=mixes[0] if mixes else None, tempo=float(tempo[1]) if tempo else 0.0)


def _meant(name: str, titles: list[frozenset[str]]) -> tuple[str, str]:
    """What a file is called after besides the song's title; an instrument may be a word of that, but not all of it."""
    found = instrument_of(name, frozenset().union(*titles))
    named = any(len(title) > 1 and title <= set(words_of(name)) for title in titles)
    return found if found[1] or named else instrument_of(name)


def _mixes(root: Path, stems: tuple[str, ...] = ()) -> list[Song]:
    songs = []
    for folder in _folders(root):
        for file in _sounds(folder):
            parts = [Part(stem, stem, _kind(stem), (file,), stem) for stem in stems if stem != "mix"]
            songs.append(_song(file.relative_to(root).as_posix(), parts, mix=file))
    return songs


LAYOUTS: Final[Mapping[str, Finder]] = MappingProxyType(
    {"moisesdb": _moisesdb, "slakh": _slakh, "musdb": _musdb, "exports": _exports, "mixes": _mixes}
)
"""How to find songs, in the order in which layouts are looked for."""


def _song(song: str, parts: list[Part], *, mix: Path | None = None, tempo: float = 0.0, problem: str = "") -> Song:
    ordered = tuple(sorted(parts, key=lambda part: (part.stem, part.id)))
    files = (mix,) if mix else tuple(file for part in ordered for file in part.files)
    whole = Part("mix", "mix", "mix", files) if files else None
    return Song(song, ordered, whole, tempo, problem or ("" if parts else "It has no parts."))


def _marked(root: Path, name: str) -> list[Path]:
    """Files of a name in a folder and those below."""
    return [folder / name for folder in _folders(root) if (folder / name).is_file()]


def _folders(root: Path) -> Iterator[Path]:
    yield root
    level = [root]
    for _ in range(DEEPEST):
        level = [entry for folder in level for entry in _entries(folder) if entry.is_dir()]
        yield from level


def _id(root: Path, folder: Path) -> str:
    return folder.name if folder == root else folder.relative_to(root).as_posix()


def _sounds(folder: Path) -> list[Path]:
    return [file for file in _entries(folder) if file.suffix.lower() in AUDIO_SUFFIXES and file.is_file()]


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, sorted, without what is hidden; nothing if it cannot be listed."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:
        return []
