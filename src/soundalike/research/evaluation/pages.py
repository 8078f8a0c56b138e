"""Tables that a command writes into a page of the documentation, and all figures beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from soundalike.atomic import write_atomically
from soundalike.errors import NotFoundError

BEGIN: Final = "<!-- begin of the tables that the command writes -->"
END: Final = "<!-- end of the tables that the command writes -->"


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
