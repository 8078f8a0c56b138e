"""Where the stems of a track lie, by rules about names of files and folders.

Conventions
-----------
* A track called like a mix (``mixture.wav``, ``mix.flac``) has its folder for itself. Its stems lie beside it
  (MUSDB18), in ``stems/``, there maybe under numbers that a ``metadata.yaml`` explains (Slakh), or in a folder for
  each stem (MoisesDB).
* The stems of ``Song.wav`` lie in ``Song stems/``, ``Song_stems/``, ``Song-stems/``, ``Song/stems/`` or ``Song/``, or
  beside it as ``Song - Drums.wav``, ``Song_bass.flac``, ``Song (vocals).wav``.
* The first of these places that holds any stem counts. Several files of one stem belong together.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections import defaultdict
from pathlib import Path

from soundalike.audio import AUDIO_SUFFIXES
from soundalike.errors import MissingExtraError, UsageError
from soundalike.separators.stem_names import is_mix, stem_of

Found = dict[str, list[Path]]
"""Files by stem."""

SLAKH = "metadata.yaml"

SLAKH_CLASSES = {"Drums": "drums", "Bass": "bass", "Guitar": "guitar", "Piano": "piano", "Percussive": "drums"}
"""Slakh's classes of instruments; all others are "other". It has no vocals."""


def find_stems(track: Path, root: Path | None = None) -> Found:
    """The files of a track's stems.

    Parameters
    ----------
    track : Path
    root : Path, optional
        A folder of stems, in which to look before looking beside the track.

    Raises
    ------
    MissingExtraError
        If PyYAML is needed and not installed.
    UsageError
        If a ``metadata.yaml`` cannot be understood.
    """
    places = [] if root is None else [root / track.parent.name, root]
    for place in (*places, track.parent):
        if is_mix(track.stem) and place == root:
            continue  # what lies at the root of many folders belongs to no single track
        found = _find_in(place, track)
        if found:
            return found
    return {}


def is_stem_file(path: Path) -> bool:
    """Whether a file is a stem of a track that lies near it, and so no track itself."""
    near = [path.parent, *path.parents[1:3]]
    if not any(stem_of(name) or "stems" in name.lower() for name in (path.stem, *(place.name for place in near[:2]))):
        return False
    names = (path.stem, *(place.name for place in near))
    return any(
        path in files
        for place in near
        for track in _sounds(place)
        if track != path and (is_mix(track.stem) or any(name.startswith(track.stem) for name in names))
        for files in find_stems(track).values()
    )


def _find_in(place: Path, track: Path) -> Found:
    song = track.stem
    if is_mix(song):
        folders = [place / "stems", place]
    else:
        folders = [place / f"{song}{end}" for end in (" stems", "_stems", "-stems", "/stems", "")]
    for folder in folders:
        if folder.is_dir():
            numbered = _slakh(folder) if folder.name == "stems" else {}
            found = numbered or _inside(folder, track, whole=not folder.name.endswith("stems"))
            if found:
                return found
    return {} if is_mix(song) else _beside(place, track)


def _inside(folder: Path, track: Path, *, whole: bool) -> Found:
    """Stems in a folder of their own, as files or as folders of files."""
    found: Found = defaultdict(list)
    for entry in _entries(folder):
        if entry.is_dir():
            stem = stem_of(entry.name, whole=True)
            files = _sounds(entry) if stem else []
        else:
            stem = stem_of(entry.stem.removeprefix(track.stem), whole=whole)
            files = [entry] if entry.suffix.lower() in AUDIO_SUFFIXES and entry != track else []
        if stem and files:
            found[stem] += files
    return dict(found)


def _beside(folder: Path, track: Path) -> Found:
    """Stems among songs: the song's name, a sign, and nothing but words that belong to a stem."""
    found: Found = defaultdict(list)
    for file in _sounds(folder):
        rest = file.stem.removeprefix(track.stem)
        if file.stem.startswith(track.stem) and rest and not rest[0].isalnum():
            stem = stem_of(rest, whole=True)
            if stem:
                found[stem].append(file)
    return dict(found)


def _sounds(folder: Path) -> list[Path]:
    """Sound files in a folder."""
    return [file for file in _entries(folder) if file.suffix.lower() in AUDIO_SUFFIXES and file.is_file()]


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, sorted, without what is hidden; nothing if it cannot be listed."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:
        return []


def _slakh(folder: Path) -> Found:
    """Stems called S00, S01, ... by the classes of their instruments; empty if no metadata explain them."""
    path = folder.parent / SLAKH
    if not path.is_file():
        return {}
    if importlib.util.find_spec("yaml") is None:
        raise MissingExtraError(f"PyYAML, which reads '{path}', is not installed.", "Install it: pip install pyyaml")
    yaml = importlib.import_module("yaml")
    try:
        listed = yaml.safe_load(path.read_text("utf-8"))["stems"]
        classes = {
            str(name): "Drums" if entry.get("is_drum") else entry["inst_class"] for name, entry in listed.items()
        }
    except (yaml.YAMLError, OSError, ValueError, LookupError, TypeError, AttributeError):
        raise UsageError(f"'{path}' does not say what its stems are.", "Use the file as released.") from None
    found: Found = defaultdict(list)
    for file in _sounds(folder):
        if file.stem in classes:
            found[SLAKH_CLASSES.get(classes[file.stem], "other")].append(file)
    return dict(found)
