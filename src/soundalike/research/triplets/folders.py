"""Roots of triplet folders in MERIT's layout, as directories and as archives, in the order of its programs.

A root holds ``triplets_<n>/triplet/`` with ``anchor.wav``, ``positive_*.wav``, ``negative.wav``, of ours also
``negative_*.wav``, and maybe ``triplet_meta.json``. An archive is read twice: once for names, which finds out what is
missing before hours of work, and once for content.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from soundalike.audio import Clip
from soundalike.audio.decoding import Decoding, shown
from soundalike.errors import AudioDecodeError, UsageError
from soundalike.research.triplets.archives import SUFFIXES, list_archive, stream_archive
from soundalike.research.triplets.metadata import read_meta
from soundalike.research.triplets.sets import ClipNotes, Listed
from soundalike.research.triplets.writing import INSIDE, META, PREFIX

FACTORS: Final = ("melody", "rhythm", "timbre", "harmony")
ANCHOR: Final = "anchor.wav"
NEGATIVE: Final = "negative.wav"


@dataclass(frozen=True, slots=True)
class Sound:
    """A clip that can be opened.

    Attributes
    ----------
    path : str
        Within the root, such as "triplets_17/triplet/anchor.wav".
    content : Path or bytes
        Its file, or what an archive has of it.
    notes : ClipNotes
    """

    path: str
    content: Path | bytes = field(repr=False)
    notes: ClipNotes = field(default_factory=ClipNotes)

    def read(self) -> bytes:
        """The file's bytes.

        Raises
        ------
        AudioDecodeError
            If it cannot be read.
        """
        if isinstance(self.content, bytes):
            return self.content
        try:
            return self.content.read_bytes()
        except OSError as error:
            raise AudioDecodeError(
                f"{shown(self.path)} cannot be read: {error.strerror}.", "Check name and permissions."
            ) from None

    def load(self) -> tuple[Clip, str]:
        """Decode it.

        Returns
        -------
        Clip
            With its own rate and channels.
        str
            What was odd about it, such as a missing end; empty if nothing was.

        Raises
        ------
        AudioDecodeError
            If it cannot be decoded.
        """
        with self._file() as path:
            try:
                with Decoding(path) as decoding:
                    blocks = list(decoding.blocks())
                    samples = np.stack([np.concatenate(parts) for parts in zip(*blocks, strict=True)])
                    return Clip(samples, decoding.rate), decoding.warning
            except AudioDecodeError as error:
                message = error.message.replace(shown(path), shown(self.path))
                raise AudioDecodeError(message, error.remedy) from None

    @contextmanager
    def _file(self) -> Iterator[Path]:
        """A file with the content: of an archive's member one for the moment, as decoders want to seek."""
        if isinstance(self.content, Path):
            yield self.content
            return
        with TemporaryDirectory(prefix="soundalike-") as place:
            path = Path(place) / "clip.wav"
            path.write_bytes(self.content)
            yield path


@dataclass(frozen=True, slots=True)
class TripletFolder:
    """One folder with its sounds.

    Attributes
    ----------
    name : str
        Such as "triplets_17".
    anchor : Sound
    positives, negatives : tuple of Sound
        At least one of each, sorted as text, but ``negative.wav`` first.
    factor : str
        As its metadata say; empty where they do not.
    label : str
        See `soundalike.research.triplets.sets.Members`.
    remark : str
        What is wrong with its metadata, if anything.
    """

    name: str
    anchor: Sound
    positives: tuple[Sound, ...]
    negatives: tuple[Sound, ...]
    factor: str = ""
    label: str = ""
    remark: str = ""

    @property
    def sounds(self) -> tuple[Sound, ...]:
        """All: anchor, positives, negatives."""
        return (self.anchor, *self.positives, *self.negatives)

    @property
    def sources(self) -> frozenset[str]:
        """Everything that is known to be a source of any of its clips."""
        return frozenset(source for sound in self.sounds for source in sound.notes.sources)


@dataclass(frozen=True, slots=True)
class Root:
    """What a root holds, by name.

    Attributes
    ----------
    path : Path
        The directory of the folders, or the archive.
    names : tuple of str
        Of all folders, also those that are skipped, sorted as text.
    folders : tuple of Listed
        Those that are whole, sorted as text, which is the order of MERIT's programs. Labels are not known yet.
    skipped : dict of str to str
        The others, and why.
    stamps : dict of str to str
        By path, size and time of every clip, which change when it does.
    factor : str
        As the name of the root says; empty where it does not.
    """

    path: Path
    names: tuple[str, ...]
    folders: tuple[Listed, ...]
    skipped: dict[str, str]
    stamps: dict[str, str] = field(repr=False)
    factor: str

    @property
    def is_archive(self) -> bool:
        """Whether it is an archive."""
        return self.path.is_file()

    def read(self, wanted: Collection[str] | None = None) -> Iterator[TripletFolder]:
        """The whole folders, or those of these names, one by one: of an archive in its order, else sorted.

        Raises
        ------
        UsageError
            If an archive is cut short or damaged.
        """
        chosen = {each.name: each for each in self.folders if wanted is None or each.name in wanted}
        if not self.is_archive:
            return (self._open(listed) for listed in chosen.values())
        needed = {name: {META, *map(_file_name, listed.clips)} for name, listed in chosen.items()}
        stream = stream_archive(self.path, lambda folder, file: file in needed.get(folder, ()))
        return (_folder(chosen[name], content, content.get(META, b"")) for name, content in stream)

    def _open(self, listed: Listed) -> TripletFolder:
        inside = self.path / listed.name / INSIDE
        try:
            meta = (inside / META).read_bytes()
        except OSError:
            meta = b""
        return _folder(listed, {name: inside / name for name in map(_file_name, listed.clips)}, meta)


def open_root(path: str | Path) -> Root:
    """List what a root holds.

    Parameters
    ----------
    path : str or Path
        A directory with folders ``triplets_*``, or with a single directory that has them; or an archive.

    Raises
    ------
    UsageError
        If it is not there, holds no such folders or several roots, or is an archive that is damaged or whose folders'
        members do not lie together.
    """
    path = Path(path)
    if path.is_dir():
        try:
            return _open_directory(path)
        except OSError as error:
            raise UsageError(f"'{path}' cannot be read: {error.strerror}.", "Check permissions.") from None
    if not path.is_file():
        raise UsageError(f"'{path}' is not there.", "Name a folder of triplets, or an archive of one.")
    if not path.name.endswith(SUFFIXES):
        raise UsageError(f"'{path}' is no archive of triplets.", f"Name a folder, or one of {', '.join(SUFFIXES)}.")
    inside, files = list_archive(path)
    return _root(path, inside.rstrip("/").rpartition("/")[2] or path.name, files)


def find_factor(root: Root, folders: Collection[str], given: str | None = None) -> str:
    """The factor of a root: as given, or else as its metadata or its name say.

    Parameters
    ----------
    root : Root
    folders : collection of str
        What the metadata of its folders say; empty texts say nothing.
    given : str, optional

    Raises
    ------
    UsageError
        If nothing says it, or the metadata say something else.
    """
    said = sorted(set(folders) - {""})
    if len(said) > 1 or (given and said and said != [given]):
        raise UsageError(
            f"'{root.path}' holds triplets for {', '.join(said)}" + (f", not for {given}." if given else "."),
            "Name a root of one factor.",
        )
    found = given or (said[0] if said else root.factor)
    if not found:
        raise UsageError(f"Nothing says which factor '{root.path}' is for.", f"Say one of {', '.join(FACTORS)}.")
    return found


def list_folder(name: str, files: Collection[str]) -> Listed | str:
    """A folder from the names of the files in its ``triplet/``, or why there is none; MERIT's rules."""
    positives = sorted(file for file in files if file.startswith("positive_") and file.endswith(".wav"))
    further = sorted(file for file in files if file.startswith("negative_") and file.endswith(".wav"))
    missing = [file for file in (ANCHOR, NEGATIVE) if file not in files]
    missing += [] if positives else ["positive_*.wav"]
    if missing:
        return f"has no {' and no '.join(missing)}" if files else f"has no files in {INSIDE}/"

    anchor, negative, *others = (f"{name}/{INSIDE}/{file}" for file in (ANCHOR, NEGATIVE, *positives, *further))
    return Listed(name, anchor, tuple(others[: len(positives)]), (negative, *others[len(positives) :]))


def _open_directory(path: Path) -> Root:
    if not _holds(path):
        inner = [each for each in sorted(path.iterdir()) if each.is_dir() and _holds(each)]
        if len(inner) != 1:
            found = f"the roots {', '.join(each.name for each in inner)}" if inner else f"no folders {PREFIX}*"
            raise UsageError(f"'{path}' holds {found}.", "Name one root of triplets.")
        path = inner[0]
    files: dict[str, dict[str, str]] = {}
    for folder in path.iterdir():
        if folder.name.startswith(PREFIX) and folder.is_dir():
            inside = folder / INSIDE
            files[folder.name] = {each.name: _stamp(each) for each in inside.iterdir()} if inside.is_dir() else {}
    return _root(path, path.resolve().name, files)


def _holds(path: Path) -> bool:
    return any(each.name.startswith(PREFIX) and each.is_dir() for each in path.iterdir())


def _stamp(path: Path) -> str:
    """Size and time; empty of a link to nothing."""
    try:
        stat = path.stat()
    except OSError:
        return ""
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def _root(path: Path, called: str, files: Mapping[str, Mapping[str, str]]) -> Root:
    """Sort folders as text, which is how MERIT's programs go through them."""
    names = tuple(sorted(files))
    found = {name: list_folder(name, files[name]) for name in names}
    folders = tuple(each for each in found.values() if isinstance(each, Listed))
    stamps = {clip: files[each.name][_file_name(clip)] for each in folders for clip in each.clips}
    factor = [name for name in FACTORS if name in called.lower()]
    return Root(
        path,
        names,
        folders,
        {name: why for name, why in found.items() if isinstance(why, str)},
        stamps,
        factor[0] if len(factor) == 1 else "",
    )


def _folder(listed: Listed, content: Mapping[str, Path | bytes], meta: bytes) -> TripletFolder:
    about = read_meta(meta, [_file_name(clip) for clip in listed.positives])

    def sound(clip: str) -> Sound:
        name = _file_name(clip)
        return Sound(clip, content[name], about.notes.get(name, ClipNotes()))

    return TripletFolder(
        listed.name,
        sound(listed.anchor),
        tuple(map(sound, listed.positives)),
        tuple(map(sound, listed.negatives)),
        about.factor,
        about.label,
        about.remark,
    )


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]
