"""Stems on disk, kept as long as there is room, shared by all processes of a user.

Every entry is a folder that came by renaming, so half an entry never counts; a record in it holds the hashes of its
files, so a damaged one is made anew. Whoever uses an entry holds a lock file beside it, which the kernel frees if its
process dies. The entries that were not used for the longest time go first, and none that is in use.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import soundfile

from soundalike.audio import file_hash
from soundalike.errors import AudioDecodeError, StoreError, StoreLockedError, UsageError
from soundalike.home import home
from soundalike.locks import locked

GIGABYTES = 5.0
"""Room for stems unless ``$SOUNDALIKE_STEMS_GB`` says otherwise; 0 keeps them only while they are in use."""

RECORD = "record.json"
"""In the folder of an entry: the SHA-256 of each of its files."""

PATIENCE = 60.0
"""Seconds to wait for others, who hold the cache's lock only for moments."""


class StemCache:
    """Folders of stems by what they were made from.

    Parameters
    ----------
    folder : Path, optional
        The default is ``stems`` in `soundalike.home.home`.
    limit : int, optional
        Bytes that entries out of use may take; the default is ``$SOUNDALIKE_STEMS_GB`` or `GIGABYTES`.

    Raises
    ------
    UsageError
        If the variable is no number of gigabytes.
    """

    def __init__(self, folder: Path | None = None, *, limit: int | None = None) -> None:
        self._folder = home() / "stems" if folder is None else folder
        self._limit = _limit() if limit is None else limit

    @contextmanager
    def entry(self, key: str, make: Callable[[Path], None]) -> Iterator[Path]:
        """The folder that `key` stands for, which stays as it is within the ``with`` block.

        Parameters
        ----------
        key : str
            See `key_of`.
        make : callable
            Called if there is no sound entry: writes the files into the folder it is given.

        Raises
        ------
        StoreError
            If the stems cannot be written, as when the disk is full.
        """
        with self._writing():
            self._folder.mkdir(parents=True, exist_ok=True)
        entry = self._folder / key
        try:
            with self._in_use(entry):
                if not _is_sound(entry):
                    self._make(entry, make)
                yield entry
        finally:
            self.shrink()

    def shrink(self) -> None:
        """Delete entries out of use, the longest unused first, until the others are within the limit."""
        with self._lock():
            entries = [folder for folder in self._folder.iterdir() if folder.is_dir()]
            for folder in entries:
                if folder.suffix == ".unfinished" and not self._is_used(folder):
                    _delete(folder)
            whole = sorted((folder for folder in entries if not folder.suffix), key=lambda one: one.stat().st_mtime_ns)
            sizes = {folder: sum(file.stat().st_size for file in folder.iterdir()) for folder in whole}
            total = sum(sizes.values())
            for folder, size in sizes.items():
                if total <= self._limit:
                    return
                if not self._is_used(folder):
                    _delete(folder)
                    total -= size

    def _make(self, entry: Path, make: Callable[[Path], None]) -> None:
        """Make an entry beside its place, then move it there; if two make the same, the first one's counts."""
        growing = entry.with_name(f"{entry.name}.{uuid.uuid4().hex}.unfinished")
        with self._in_use(growing), self._writing():
            try:
                growing.mkdir()
                make(growing)
                _seal(growing)
                with self._lock():
                    if entry.exists() and not _is_sound(entry):
                        _delete(entry)
                    if not entry.exists():
                        growing.rename(entry)
                        _flush(self._folder)
            finally:
                _delete(growing)

    @contextmanager
    def _in_use(self, folder: Path) -> Iterator[None]:
        """Keep others from deleting a folder, which need not exist yet."""
        lease = self._folder / f"{folder.name}.{uuid.uuid4().hex}.lease"
        with ExitStack() as stack:
            stack.callback(lease.unlink, missing_ok=True)
            with self._lock():
                stack.enter_context(locked(lease, patience=0.0))
                if folder.exists():
                    os.utime(folder)
            yield

    def _is_used(self, folder: Path) -> bool:
        """Whether anyone has a lease on a folder; leases of dead processes are cleared away. The lock is held."""
        for lease in self._folder.glob(f"{folder.name}.*.lease"):
            try:
                with locked(lease, patience=0.0):
                    pass
            except StoreLockedError:
                return True
            lease.unlink(missing_ok=True)
        return False

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with self._writing(), locked(self._folder / ".lock", patience=PATIENCE):
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Say in one sentence why the cache cannot be written to."""
        try:
            yield
        except (OSError, soundfile.LibsndfileError) as error:
            # All that libsndfile says of a full disk is "System error".
            reason = error.strerror if isinstance(error, OSError) else "the disk is full or failing"
            raise StoreError(
                f"Stems cannot be written to '{self._folder}': {reason}.",
                "Free some space, or set $SOUNDALIKE_HOME to a folder on another disk.",
            ) from None


def key_of(*parts: object) -> str:
    """SHA-256 over what stems depend on: hashes of files, times, the separator's name; None stays None."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _limit() -> int:
    text = os.environ.get("SOUNDALIKE_STEMS_GB", "")
    try:
        gigabytes = float(text) if text else GIGABYTES
        if not 0 <= gigabytes < 1e9:
            raise ValueError
    except ValueError:
        raise UsageError(f"$SOUNDALIKE_STEMS_GB is '{text}'.", "Give a number of gigabytes, such as 20 or 0.") from None
    return round(gigabytes * 1e9)


def _seal(folder: Path) -> None:
    """Write the record of a folder's files, and bring all of it to the disk."""
    hashes = {file.name: file_hash(file) for file in sorted(folder.iterdir())}
    (folder / RECORD).write_text(json.dumps(hashes), "utf-8")
    for file in folder.iterdir():
        _flush(file)
    _flush(folder)


def _is_sound(folder: Path) -> bool:
    """Whether a folder holds what was once written to it."""
    try:
        hashes = json.loads((folder / RECORD).read_text("utf-8"))
        return all(file_hash(folder / name) == known for name, known in hashes.items())
    except (OSError, ValueError, AttributeError, AudioDecodeError):
        return False


def _flush(path: Path) -> None:
    """Bring a file, or a folder's list of names, to the disk; Windows keeps the latter by itself."""
    is_folder = path.is_dir()
    if is_folder and sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _delete(folder: Path) -> None:
    """Delete a folder, which may be gone; on Windows what someone still reads stays for the next time."""
    shutil.rmtree(folder, ignore_errors=True)
