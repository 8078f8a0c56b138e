"""The separator that ships with the package and needs no download: drums, bass and the rest.

It is small and fast, and it shows: see docs/separation.md for what it does to recordings. The net was made by
`soundalike.research.training.separation` from pieces that the package composes and plays itself.
"""

from __future__ import annotations

from soundalike.separators.embedded.model import EmbeddedModel
from soundalike.separators.model import ModelSeparator


def load() -> ModelSeparator:
    """The separator called ``embedded``."""
    return ModelSeparator(EmbeddedModel())
