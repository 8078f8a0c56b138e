"""Compile a filter to SQL over the table ``track``; values are bound, never written into the text."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from soundalike.filters import AllOf, AnyOf, Filter, HasTag, Not, OneOf, Prefix, Range, below, fold

Compiled = tuple[str, list[object]]


def compile_filter(where: Filter | None) -> Compiled:
    """Give an SQL condition and the values for its question marks.

    The condition is never NULL, so that NOT means the same as in `soundalike.filters.matches`.
    """
    match where:
        case None:
            return "1", []
        case Range(field, low, high):
            return f'("{field}" IS NOT NULL AND "{field}" BETWEEN ? AND ?)', [low, high]
        case OneOf(field, values):
            # One bound list, because SQLite limits the number of question marks.
            known = json.dumps([fold(value) for value in values], ensure_ascii=False)
            column = f'"{field}_fold"'
            among = f"{column} IN (SELECT value FROM json_each(?))"  # noqa: S608 - a field's name, one of a few
            return f"({column} IS NOT NULL AND {among})", [known]
        case Prefix(path):
            first = os.fsencode(below(path))
            return "(path = ? OR (path >= ? AND path < ?))", [os.fsencode(path), first, first[:-1] + _after(first[-1])]
        case HasTag(tag):
            return "(track.id IN (SELECT tag.track FROM tag WHERE tag.tag = ?))", [fold(tag)]
        case AllOf(parts):
            return _join([compile_filter(part) for part in parts], "AND")
        case AnyOf(parts):
            return _join([compile_filter(part) for part in parts], "OR")
        case Not(part):
            text, bound = compile_filter(part)
            return f"(NOT {text})", bound


def _after(byte: int) -> bytes:
    return bytes([byte + 1])


def _join(parts: Sequence[Compiled], operator: str) -> Compiled:
    if not parts:
        return ("1" if operator == "AND" else "0"), []
    if len(parts) == 1:
        return parts[0]
    # Halves rather than one long chain: SQLite limits how deep an expression may be.
    middle = len(parts) // 2
    (left, first), (right, second) = _join(parts[:middle], operator), _join(parts[middle:], operator)
    return f"({left} {operator} {right})", [*first, *second]
