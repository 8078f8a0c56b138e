"""No separation: the mix is the only stem."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from soundalike.audio import Clip
from soundalike.separators import StemFile


class NoSeparator:
    """Hands the sound on as the stem ``mix``."""

    name = "none"
    stems = ("mix",)
    gate = math.inf

    def separate(self, clip: Clip) -> Mapping[str, Clip]:
        """Return the clip itself under ``mix``."""
        return {"mix": clip}

    @contextmanager
    def files(self, path: str, *, start: float = 0.0, end: float | None = None) -> Iterator[Mapping[str, StemFile]]:
        """Name the file itself under ``mix``."""
        yield {"mix": StemFile(path, start)}
