"""Files of judgments: CSV in UTF-8, one judgment a line.

The columns are those of `COLUMNS`, in any order; ``strength`` and ``listener`` may be missing or empty. Every further
column is context. An empty cell of context means that nothing is known.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from soundalike.atomic import write_atomically
from soundalike.errors import NotFoundError, UnknownNameError, UsageError
from soundalike.facets import FACTORS
from soundalike.judgments import ANSWERS, FIRST, Judgment

REQUIRED: Final = ("reference", "a", "b", "criterion", "answer")
COLUMNS: Final = (*REQUIRED, "strength", "listener")


def read_judgments(path: Path) -> list[Judgment]:
    """Read a file of judgments.

    Parameters
    ----------
    path : Path
        Answers are ``a``, ``b``, ``tie`` or ``na``, in letters of either case.

    Returns
    -------
    list of Judgment
        In the order of the file; at least one.

    Raises
    ------
    NotFoundError
        If there is no such file.
    UnknownNameError
        If a column is missing, or an answer or a criterion is not known.
    UsageError
        If the file is empty or no CSV in UTF-8, or a line does not fit; the line is named.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise NotFoundError(f"There is no file '{path}'.", "Name a CSV file of judgments.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not in UTF-8"
        raise UsageError(f"'{path}' cannot be read: {reason}.", "Name a CSV file of judgments.") from None
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        judgments = list(_rows(path, lines))
    except csv.Error as error:
        raise UsageError(f"'{path}', line {lines.line_num}, is no CSV: {error}.", "Close every quotation.") from None
    if not judgments:
        raise UsageError(f"'{path}' holds no judgments.", f"Write a line {','.join(COLUMNS)} and a line for each.")
    return judgments


def write_judgments(path: Path, judgments: Sequence[Judgment]) -> None:
    """Write a file that `read_judgments` reads back as it was; an older one is replaced at once or not at all.

    Raises
    ------
    UsageError
        If a judgment is not valid, or the file cannot be written.
    """
    for number, judgment in enumerate(judgments, start=1):
        _check(judgment, f"Judgment {number}")
    context = [*dict.fromkeys(name for judgment in judgments for name in judgment.context)]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, *context])
    for judgment in judgments:
        cells = [*(getattr(judgment, name) for name in REQUIRED), f"{judgment.strength!r}", judgment.listener]
        writer.writerow([*cells, *(judgment.context.get(name, "") for name in context)])
    write_atomically(path, text.getvalue().encode())


def _rows(path: Path, lines: Iterator[list[str]]) -> Iterator[Judgment]:
    header = [name.strip() for name in next(lines, [])]
    _check_header(path, header)
    contexts: dict[tuple[str, ...], Mapping[str, str]] = {}
    context_columns = [name for name in header if name not in COLUMNS]
    for cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        where = f"'{path}', line {lines.line_num},"  # type: ignore[attr-defined]
        if len(cells) != len(header):
            raise UsageError(f"{where} has {len(cells)} cells.", f"Give one for each of the {len(header)} columns.")
        row = dict(zip(header, cells, strict=True))
        known = tuple(row[name] for name in context_columns)
        if known not in contexts:  # many judgments share a context, which need not be kept many times
            filled = {name: value for name, value in zip(context_columns, known, strict=True) if value}
            contexts[known] = MappingProxyType(filled)
        yield _judgment(where, row, contexts[known])


def _judgment(where: str, row: Mapping[str, str], context: Mapping[str, str]) -> Judgment:
    answers = {str(answer): answer for answer in ANSWERS}
    answer = answers.get(row["answer"].strip().lower())
    if answer is None:
        raise UnknownNameError(f"{where} has the answer '{row['answer']}'.", f"Known: {', '.join(ANSWERS)}.")
    strength = row.get("strength", "").strip() or "1"
    try:
        number = float(strength)
    except ValueError:
        raise UsageError(f"{where} has the strength '{strength}'.", "Give a number from 0 to 1.") from None
    criterion = row["criterion"].strip().lower()
    sounds = (row["reference"], row["a"], row["b"])
    judgment = Judgment(*sounds, criterion, answer, number, row.get("listener", ""), context)
    _check(judgment, where.removesuffix(","))
    return judgment


def _check(judgment: Judgment, where: str) -> None:
    """Refuse a judgment that cannot have been made."""
    if not (judgment.reference and judgment.a and judgment.b):
        raise UsageError(f"{where} does not say what was heard.", "Name the reference, A and B.")
    if judgment.a == judgment.b:
        raise UsageError(f"{where} has '{judgment.a}' as A and as B.", "Compare two candidates.")
    if judgment.criterion not in FACTORS:
        raise UnknownNameError(f"{where} has the criterion '{judgment.criterion}'.", f"Known: {', '.join(FACTORS)}.")
    if judgment.answer not in ANSWERS:
        raise UnknownNameError(f"{where} has the answer '{judgment.answer}'.", f"Known: {', '.join(ANSWERS)}.")
    if not 0 <= judgment.strength <= 1:
        raise UsageError(f"{where} has the strength {judgment.strength:g}.", "Give a number from 0 to 1.")
    if judgment.context.get(FIRST, "a") not in ("a", "b"):
        raise UsageError(f"{where} has '{judgment.context[FIRST]}' as what was first.", "Write a or b.")
    taken = [name for name in judgment.context if name in COLUMNS or name != name.strip() or not name]
    if taken:
        raise UsageError(f"{where} has a context called '{taken[0]}'.", "Choose a name that no column has.")


def _check_header(path: Path, header: Iterable[str]) -> None:
    names = list(header)
    if not any(names):
        raise UsageError(f"'{path}' is empty.", f"Write a line {','.join(COLUMNS)} and a line for each judgment.")
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise UnknownNameError(
            f"'{path}' has no column {' and no column '.join(missing)}; it has {', '.join(names)}.",
            f"Name these columns in its first line: {', '.join(REQUIRED)}.",
        )
    doubled = [name for i, name in enumerate(names) if name in names[:i] or not name]
    if doubled:
        raise UsageError(f"'{path}' has the column '{doubled[0]}' twice, or unnamed.", "Give each column its own name.")
