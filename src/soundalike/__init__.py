"""Find music that sounds alike, say in what way, and see why.

The names below are loaded when they are first used, so that ``import soundalike`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from soundalike.analysis import Analyzer
    from soundalike.audio import Clip, load_clip
    from soundalike.comparison import Comparison
    from soundalike.errors import SoundalikeError
    from soundalike.explanation import sentence
    from soundalike.facets import FACTORS, PRESETS, STEMS, Facet, FacetVectors, Space, Weights
    from soundalike.library import Library
    from soundalike.recipe import Recipe
    from soundalike.search import Hit, Options, Query
    from soundalike.tracks import Track

_HOMES = {
    "Analyzer": "analysis",
    "Recipe": "recipe",
    "Clip": "audio",
    "load_clip": "audio",
    "SoundalikeError": "errors",
    "sentence": "explanation",
    "FACTORS": "facets",
    "PRESETS": "facets",
    "STEMS": "facets",
    "Facet": "facets",
    "FacetVectors": "facets",
    "Space": "facets",
    "Weights": "facets",
    "Library": "library",
    "Comparison": "comparison",
    "Hit": "search",
    "Options": "search",
    "Query": "search",
    "Track": "tracks",
}

__all__ = [
    "FACTORS",
    "PRESETS",
    "STEMS",
    "Analyzer",
    "Clip",
    "Comparison",
    "Facet",
    "FacetVectors",
    "Hit",
    "Library",
    "Options",
    "Query",
    "Recipe",
    "SoundalikeError",
    "Space",
    "Track",
    "Weights",
    "__version__",
    "load_clip",
    "sentence",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'soundalike' has no attribute '{name}'")
    return getattr(importlib.import_module(f"soundalike.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
