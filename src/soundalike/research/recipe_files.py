"""Recipes as TOML files: read whole, and refused where a key is not known."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from soundalike.errors import UsageError

R = TypeVar("R")


def read_recipe_file(path: Path, parse: Callable[[Mapping[str, Any], Path], R]) -> R:
    """Read a recipe.

    Parameters
    ----------
    path : Path
    parse : callable
        Given the file's tables and its folder, makes the recipe.

    Raises
    ------
    UsageError
        If it cannot be read, or `parse` refuses it; the file is named.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror}.", "Name a recipe that is there.") from None
    except ValueError as error:
        raise UsageError(f"'{path}' is no TOML: {error}.", "Correct it.") from None
    try:
        return parse(document, path.parent)
    except UsageError as error:
        raise type(error)(f"In '{path}': {error.message}", error.remedy) from None


def check_key(key: str, known: Iterable[str], *, where: str = "") -> None:
    """Refuse a key that is not known.

    Parameters
    ----------
    key : str
    known : iterable of str
    where : str
        What stands before the key where it is in a table, such as "settings.".

    Raises
    ------
    UsageError
        With the known keys, and the one that is most like it.
    """
    known = list(known)
    if key not in known:
        close = difflib.get_close_matches(key, known, n=1)
        hint = f"Did you mean '{close[0]}'? " if close else ""
        raise UsageError(f"'{where}{key}' is no key of a recipe.", f"{hint}Known: {', '.join(known)}.")
