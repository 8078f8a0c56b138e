"""Splits as files: names of folders, ``{"train": [...], "test": [...]}``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from soundalike.errors import UsageError

Split: TypeAlias = Mapping[str, frozenset[str]]


def read_split(path: Path) -> Split:
    """The names of the folders of each part.

    Raises
    ------
    UsageError
        If the file cannot be read or is no split, or its part "test" is empty.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
        parts = {str(part): frozenset(map(str, names)) for part, names in document.items() if isinstance(names, list)}
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror}.", "Name a split that is there.") from None
    except (ValueError, AttributeError):
        raise UsageError(f"'{path}' is no split.", 'It should hold {"train": [...], "test": [...]}.') from None
    if not parts.get("test"):
        raise UsageError(f"The split '{path}' has nobody in its part 'test'.", "Put folders into that part.")
    return parts
