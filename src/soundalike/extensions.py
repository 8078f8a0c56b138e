"""Turn (kind, name) into an object.

Each kind of extension (separators, encoders, heads, stores, datasets) keeps a literal table of
``name -> "module:attribute"``. Other packages add names through the entry-point group
``soundalike.<kind>``. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from soundalike.errors import UnknownNameError, UsageError


def names(kind: str, table: Mapping[str, str]) -> list[str]:
    """All names of one kind, built in or installed, sorted."""
    return sorted({*table, *(point.name for point in entry_points(group=f"soundalike.{kind}"))})


def load(kind: str, table: Mapping[str, str], name: str) -> Any:
    """Import and return what `name` stands for.

    Parameters
    ----------
    kind : str
        "separators", "encoders", "heads", "stores" or "datasets".
    table : mapping of str to str
        The kind's built-in names and their "module:attribute".
    name : str
        The name asked for.

    Raises
    ------
    UnknownNameError
        If nobody offers the name; lists the known ones.
    UsageError
        If two installed packages offer the same name.
    """
    offers = list(entry_points(group=f"soundalike.{kind}", name=name))
    if name in table:
        offers.append(EntryPoint(name, table[name], f"soundalike.{kind}"))
    if len(offers) > 1:
        sources = " and ".join(offer.value for offer in offers)
        raise UsageError(f"'{name}' is offered twice among the {kind}: {sources}.", "Uninstall one of the packages.")
    if not offers:
        known = names(kind, table)
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean '{close[0]}'? " if close else ""
        raise UnknownNameError(f"'{name}' is not among the {kind}.", f"{hint}Known: {', '.join(known)}.")
    module, _, attribute = offers[0].value.partition(":")
    return getattr(importlib.import_module(module), attribute)


def make(kind: str, table: Mapping[str, str], name: str, **options: object) -> Any:
    """Import what `name` stands for and call it with the options that were given.

    Parameters
    ----------
    kind, table, name
        See `load`.
    **options
        Keyword arguments; those that are None are left to the extension's own defaults.

    Raises
    ------
    UnknownNameError, UsageError
        See `load`.
    UsageError
        If the extension does not take one of the options.
    """
    factory = load(kind, table, name)
    given = {option: value for option, value in options.items() if value is not None}
    takes = inspect.signature(factory).parameters if given else {}
    for option in given:
        if option not in takes:
            raise UsageError(f"'{name}' among the {kind} takes no {option}.", "Leave that option out.")
    return factory(**given)
