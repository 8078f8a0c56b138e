"""Files that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from soundalike.errors import UsageError


def write_atomically(out: Path, content: bytes) -> None:
    """Write beside `out`, flush to disk, then take its name: a reader never sees half a file."""
    try:
        handle, temporary = tempfile.mkstemp(dir=out.parent, prefix=out.name, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(out)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"'{out}' cannot be written: {error.strerror}.", "Choose another place.") from None
