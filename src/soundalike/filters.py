"""Which tracks a search may return, as a small typed tree.

``parse_filter(["tempo=118..124", "key=8A", "tag!=live"])`` makes one from what is typed on a command
line. Stores compile the tree to their own language with bound values; `matches` says what it means.

A track that lacks a value (no tempo was heard) fails every condition on that value and so passes
its negation.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from soundalike.errors import UnknownNameError, UsageError
from soundalike.tracks import FAMILIES, KINDS, Track

TextField: TypeAlias = Literal["key", "artist", "album", "title", "family", "kind"]
"""Fields that a track has one text for."""


@dataclass(frozen=True, slots=True)
class Range:
    """`field` lies between two values, both included; an open end is infinite."""

    field: Literal["tempo", "duration"]
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True, slots=True)
class OneOf:
    """`field` is one of some texts; letter case and Unicode form do not matter (see `fold`)."""

    field: TextField
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prefix:
    """The file is `path` or lies anywhere below it.

    Attributes
    ----------
    path : str
        Absolute, without a separator at its end except for a root.
    """

    path: str


@dataclass(frozen=True, slots=True)
class HasTag:
    """One of the track's tags is `tag`, in the sense of `fold`."""

    tag: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds; true without parts."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds; false without parts."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """`part` does not hold."""

    part: Filter


Filter: TypeAlias = Range | OneOf | Prefix | HasTag | AllOf | AnyOf | Not


def fold(text: str) -> str:
    """Bring a text into the form in which texts are compared: NFKC, without case and outer blanks.

    Undecodable bytes become escapes, so that the result can be stored as UTF-8 anywhere.
    """
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", " ")
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", plain).casefold()).strip()


def below(folder: str) -> str:
    """Give what the path of everything below `folder` starts with: `folder` and one separator."""
    return folder if folder.endswith(os.sep) else folder + os.sep


def matches(where: Filter, track: Track) -> bool:
    """Tell whether `track` passes: the meaning that every store's compiled filter must have."""
    match where:
        case Range(field, low, high):
            value = getattr(track, field)
            return value is not None and low <= value <= high
        case OneOf(field, values):
            text = getattr(track, field)
            return text is not None and fold(text) in {fold(value) for value in values}
        case Prefix(path):
            return track.path == path or track.path.startswith(below(path))
        case HasTag(tag):
            return fold(tag) in {fold(own) for own in track.tags}
        case AllOf(parts):
            return all(matches(part, track) for part in parts)
        case AnyOf(parts):
            return any(matches(part, track) for part in parts)
        case Not(part):
            return not matches(part, track)


EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "tempo": "tempo=118..124",
        "duration": "duration<0:30",
        "key": "key=8A|C major",
        "artist": "artist=Kevin MacLeod",
        "album": "album=Kind of Blue",
        "title": "title=So What",
        "tag": "tag=jazz",
        "family": "family=drums|bass",
        "kind": "kind=loop",
        "path": "path=~/music/loops",
    }
)
"""The fields that a filter may name, each with an example."""

_CONDITION = re.compile(r"\s*(\w+)\s*(!=|<=|>=|=|<|>)\s*(.+?)\s*", re.DOTALL)


def parse_filter(texts: Sequence[str]) -> Filter | None:
    """Read conditions as they are typed; several must all hold.

    Parameters
    ----------
    texts : sequence of str
        ``FIELD=VALUE`` or ``FIELD!=VALUE``. Numbers (`tempo`; `duration` in seconds or m:ss) take
        ``LOW..HIGH`` with either end left out, a number (whatever rounds to it), or ``<``, ``<=``,
        ``>``, ``>=``. Texts take alternatives: ``key=A minor|C major``; `family` and
        `kind` know a few words only (see `soundalike.tracks`). `path` takes one file or folder.

    Returns
    -------
    Filter or None
        None without conditions.

    Raises
    ------
    UsageError
        If a condition cannot be read; shows one that can.
    """
    parts = tuple(_parse_condition(text) for text in texts)
    if len(parts) < 2:
        return parts[0] if parts else None
    return AllOf(parts)


def _parse_condition(text: str) -> Filter:
    found = _CONDITION.fullmatch(text)
    if not found:
        raise UsageError(f"'{text}' is not a condition.", f"Write one like {' or '.join(list(EXAMPLES.values())[:3])}.")
    field, operator, value = found[1].lower(), found[2], found[3]
    if field not in EXAMPLES:
        close = difflib.get_close_matches(field, EXAMPLES, n=1)
        hint = f"Did you mean '{close[0]}'? " if close else ""
        raise UnknownNameError(f"'{field}' cannot be filtered by.", f"{hint}Known fields: {', '.join(EXAMPLES)}.")
    try:
        if operator in ("=", "!="):
            part = _EQUALS[field](field, value)
            return part if operator == "=" else Not(part)
        return _compare(field, operator, value)
    except ValueError as error:
        reason = f" {error.message}" if isinstance(error, UsageError) else ""
        raise UsageError(f"'{text}' is not a condition.{reason}", f"Write one like {EXAMPLES[field]}.") from None


def _number(field: str, text: str) -> float:
    """Read a finite number; ``m:ss`` or ``h:mm:ss`` for a duration. ValueError for anything else."""
    value = 0.0
    for part in text.split(":") if field == "duration" else [text]:
        value = value * 60.0 + float(part)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _compare(field: str, operator: str, text: str) -> Filter:
    if field not in ("tempo", "duration"):
        raise UsageError(f"'{field}' has no order.")
    value = _number(field, text)
    # Ranges include their ends, so a strict bound is the neighbouring float.
    if operator.startswith("<"):
        return Range(_numeric(field), high=value if operator == "<=" else math.nextafter(value, -math.inf))
    return Range(_numeric(field), low=value if operator == ">=" else math.nextafter(value, math.inf))


def _numeric(field: str) -> Literal["tempo", "duration"]:
    return "tempo" if field == "tempo" else "duration"


def _parse_range(field: str, text: str) -> Filter:
    low, dots, high = (part.strip() for part in text.partition(".."))
    if not dots:
        value = _number(field, low)
        half = 0.5 * 10.0 ** -len(low.rpartition(".")[2] if "." in low else "")
        return Range(_numeric(field), value - half, value + half)
    if not low and not high:
        raise UsageError("The range has no end at all.")
    ends = (_number(field, low) if low else -math.inf, _number(field, high) if high else math.inf)
    if ends[0] > ends[1]:
        raise UsageError(f"{low} is greater than {high}.")
    return Range(_numeric(field), *ends)


def _alternatives(text: str) -> tuple[str, ...]:
    values = tuple(value.strip() for value in text.split("|"))
    if not all(values):
        raise UsageError("An alternative is empty.")
    return values


def _parse_key(_field: str, text: str) -> Filter:
    from soundalike.key import parse_key

    return OneOf("key", tuple(parse_key(value) for value in _alternatives(text)))


def _parse_text(field: str, text: str) -> Filter:
    name: Literal["artist", "album", "title"] = "artist" if field == "artist" else "album"
    return OneOf("title" if field == "title" else name, _alternatives(text))


def _parse_word(field: str, text: str) -> Filter:
    """One of a few words that a field knows; blanks and hyphens in them do not matter."""
    known = {_letters(word): word for word in (FAMILIES if field == "family" else KINDS)}
    values = _alternatives(text)
    for value in values:
        if _letters(value) not in known:
            raise UsageError(f"'{value}' is none of {', '.join(known.values())}.")
    return OneOf("family" if field == "family" else "kind", tuple(known[_letters(value)] for value in values))


def _letters(text: str) -> str:
    return "".join(letter for letter in fold(text) if letter.isalpha())


def _parse_tag(_field: str, text: str) -> Filter:
    tags = tuple(HasTag(value) for value in _alternatives(text))
    return tags[0] if len(tags) == 1 else AnyOf(tags)


def _parse_path(_field: str, text: str) -> Filter:
    return Prefix(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111 - bytes that are not UTF-8 pass


_EQUALS: Mapping[str, Callable[[str, str], Filter]] = MappingProxyType(
    {
        "tempo": _parse_range,
        "duration": _parse_range,
        "key": _parse_key,
        "artist": _parse_text,
        "album": _parse_text,
        "title": _parse_text,
        "tag": _parse_tag,
        "family": _parse_word,
        "kind": _parse_word,
        "path": _parse_path,
    }
)
