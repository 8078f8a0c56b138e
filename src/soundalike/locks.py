"""A lock between processes that the kernel frees when its holder dies."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soundalike.errors import StoreError, StoreLockedError

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        # A byte far behind the text, so that others can still read who holds the lock.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def locked(path: Path, *, patience: float) -> Iterator[None]:
    """Hold the lock file at `path`; only one holder at a time, over all processes and threads.

    Parameters
    ----------
    path : Path
        Made if missing and left behind: deleting it would let two holders in.
    patience : float
        Seconds to wait for another holder.

    Raises
    ------
    StoreLockedError
        If another holder does not let go in time; names its process.
    StoreError
        If the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StoreError(
            f"'{path.parent}' cannot be written to: {error.strerror}.", "Check the permissions of the folder."
        ) from error
    try:
        _acquire(descriptor, path, time.monotonic() + patience)
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            _try_lock(descriptor)
        except OSError as error:
            if time.monotonic() >= deadline:
                holder = path.read_text("ascii", "replace").strip()
                name = f"process {holder}" if holder.isdecimal() else "another process"
                raise StoreLockedError(
                    f"'{path.parent}' is being written to by {name}.", "Wait until it is done, or stop it."
                ) from error
            time.sleep(0.02)
        else:
            return
