"""Pages of the documentation that commands write, whole or the tables in them, with what lies beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from soundalike.atomic import write_atomically
from soundalike.errors import NotFoundError

BEGIN: Final = "<!-- begin of the tables that the command writes -->"
END: Final = "<!-- end of the tables that the command writes -->"


def write_page(page: Path, text: str, beside: Mapping[str, bytes]) -> list[Path]:
    """Write a page, and what belongs to it.

    Parameters
    ----------
    page : Path
    text : str
    beside : mapping of str to bytes
        Files by their path from the page's folder, such as ``abx/ceiling.svg``; folders are made if needed.

    Returns
    -------
    list of Path
        What was written, the page first.
    """
    files = [page.parent / name for name in beside]
    for file, content in zip(files, beside.values(), strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, content)
    page.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(page, text.encode())
    return [page, *files]


def write_between_marks(page: Path, lines: Sequence[str], document: Mapping[str, Any]) -> list[Path]:
    """Write lines into a page, between the two marks, and the document into a file of the page's name in JSON.

    Parameters
    ----------
    page : Path
        Such as ``docs/families.md``; ``docs/families.json`` is written too.
    lines : sequence of str
    document : mapping
        Plain values.

    Raises
    ------
    NotFoundError
        If the page is not there or has no marks.
    """
    text = page.read_text("utf-8") if page.is_file() else ""
    if BEGIN not in text or END not in text:
        raise NotFoundError(f"'{page}' has no place for the tables.", f"Write lines with {BEGIN} and {END}.")
    before, _, rest = text.partition(BEGIN)
    tables = "\n".join(lines)
    results = page.with_suffix(".json")
    write_atomically(page, f"{before}{BEGIN}\n\n{tables}\n\n{END}{rest.partition(END)[2]}".encode())
    write_atomically(results, (json.dumps(document, indent=1) + "\n").encode())
    return [page, results]
