"""Archives of triplet folders, read member by member: nothing is unpacked, and links are not followed."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import Final

from soundalike.errors import UsageError
from soundalike.research.triplets.writing import INSIDE, PREFIX

SUFFIXES: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

LARGEST: Final = 2**28
"""Bytes of a member beyond which it is no clip of some seconds, and is not looked at."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file lies: ``<inside>triplets_<n>/triplet/<file>``."""

    inside: str
    folder: str
    file: str


def list_archive(path: Path) -> tuple[str, dict[str, dict[str, str]]]:
    """What an archive holds, from the names of its members.

    Returns
    -------
    str
        Directory within it that the folders lie in; with "/" behind it unless empty.
    dict of str to dict of str to str
        By folder, the files in its ``triplet/``, each with size and time.

    Raises
    ------
    UsageError
        If it is damaged, holds several roots, or one folder's members do not lie together.
    """
    files: dict[str, dict[str, dict[str, str]]] = {}
    bare: list[tuple[str, str]] = []
    last = ("", "")
    with _opened(path) as archive:
        for member in archive:
            if place := _place(member):
                folder = (place.inside, place.folder)
                held = files.setdefault(place.inside, {})
                if place.folder in held and folder != last:
                    raise UsageError(
                        f"In '{path}' the members of {place.folder} do not lie together.",
                        "Unpack it and name the folder.",
                    )
                last = folder
                held.setdefault(place.folder, {})[place.file] = f"{member.size}:{int(member.mtime)}"
            elif member.isdir() and PurePosixPath(member.name).name.startswith(PREFIX):
                bare.append(_split(PurePosixPath(member.name)))
    if len(files) != 1:
        found = ", ".join(repr(inside) for inside in files) or "no folders triplets_*/triplet"
        raise UsageError(f"'{path}' holds {found}.", "Name an archive of one root of triplets.")
    ((inside, held),) = files.items()
    return inside, {**{name: {} for where, name in bare if where == inside}, **held}


def stream_archive(path: Path, wanted: Callable[[str, str], bool]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Folders one by one, in the order of the archive.

    Parameters
    ----------
    path : Path
        One that `list_archive` took.
    wanted : callable
        Told the names of a folder and of a file in its ``triplet/``; whether to read it.

    Yields
    ------
    (str, dict of str to bytes)
        Name of a folder, and its wanted files; none without any.

    Raises
    ------
    UsageError
        If it is damaged.
    """
    with _opened(path) as archive:
        found = ((place, member) for member in archive if (place := _place(member)))
        for folder, group in groupby(found, key=lambda each: each[0].folder):
            content = {}
            for place, member in group:
                if wanted(folder, place.file):
                    opened = archive.extractfile(member)
                    assert opened is not None
                    content[place.file] = opened.read()
            if content:
                yield folder, content


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:*") as archive:
            yield archive
    except (tarfile.TarError, EOFError, zlib.error, LZMAError, OSError) as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise UsageError(
            f"'{path}' is cut short, damaged, or no archive: {reason}.", "Fetch it again, or unpack what it has."
        ) from None


def _place(member: tarfile.TarInfo) -> _Place | None:
    """Where a clip or its metadata lie; None of anything else, such as a link or a path out of the archive."""
    path = PurePosixPath(member.name)
    if not member.isreg() or member.size > LARGEST or path.is_absolute() or ".." in path.parts or len(path.parts) < 3:
        return None
    if path.parent.name != INSIDE or not path.parent.parent.name.startswith(PREFIX):
        return None
    return _Place(*_split(path.parent.parent), path.name)


def _split(folder: PurePosixPath) -> tuple[str, str]:
    above = folder.parent.as_posix()
    return "" if above == "." else f"{above}/", folder.name
