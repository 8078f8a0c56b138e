"""Extension point: a clip to its stems.

To add a separator, write a class with the attributes and the one method of `Separator`, add a line
to `SEPARATORS`, and run ``tests/contract/test_separators.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from soundalike import extensions
from soundalike.audio import Clip

SEPARATORS = MappingProxyType({"none": "soundalike.separators.none:NoSeparator"})


@runtime_checkable
class Separator(Protocol):
    """What every separator has.

    Attributes
    ----------
    name : str
        Name and version; part of the space.
    stems : tuple of str
        The stems it gives, each one of `soundalike.facets.STEMS`.
    """

    name: str
    stems: tuple[str, ...]

    def separate(self, clip: Clip) -> Mapping[str, Clip]:
        """Split a clip into stems of the same length and rate; the input is left untouched."""
        ...


def load_separator(name: str = "none") -> Separator:
    """Make the separator called `name`."""
    separator: Separator = extensions.load("separators", SEPARATORS, name)()
    return separator
