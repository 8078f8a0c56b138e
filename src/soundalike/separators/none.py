"""No separation: the mix is the only stem."""

from __future__ import annotations

from collections.abc import Mapping

from soundalike.audio import Clip


class NoSeparator:
    """Hands the clip on as the stem ``mix``."""

    name = "none"
    stems = ("mix",)

    def separate(self, clip: Clip) -> Mapping[str, Clip]:
        """Return the clip itself under ``mix``."""
        return {"mix": clip}
