"""One run of `soundalike.research.evaluation.families`, and its tables in the page about families."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from soundalike.research.evaluation.families import Result
from soundalike.research.evaluation.pages import write_between_marks
from soundalike.research.evaluation.report import share, table
from soundalike.research.training.separation_scenes import STEMS
from soundalike.tracks import FAMILIES

PAGE: Final = "families.md"
WITH_CONFUSION: Final = (
    "rendered loops, 10 s",
    "rendered one-shots",
    "one-shots, by ear",
    "parts of songs, 10 s, by ear",
)


def write_tables(folder: Path, document: Result) -> list[Path]:
    """Write the document beside the page, and its tables into it; as `write_between_marks`."""
    return write_between_marks(folder / PAGE, tables(document), document)


def tables(document: Result) -> list[str]:
    """All tables in Markdown."""
    lines = [f"Made by `{document['command']}`; all figures are in [families.json](families.json)."]
    lines += ["", "### Families", "", *_families(document["families"])]
    for name in WITH_CONFUSION:
        if name in document["families"]:
            found = document["families"][name]["confusion"]
            lines += ["", f"Taken for what, in per cent: {name}.", "", *_confusion(found)]
    for name, found in document["presence"].items():
        lines += ["", f"### Does a separated stem play, {name}", "", *_presence(found)]
    return lines


def _families(found: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, cell in found.items():
        by_family = {family: row[family] / sum(row.values()) for family, row in cell["confusion"].items()}
        shares = [f"{100 * by_family[family]:.0f}" if family in by_family else "" for family in FAMILIES]
        rows.append(
            [
                name,
                f"{cell['count']} of {cell['sources']}",
                share(cell["right"]),
                f"{100 * cell['confidence']:.0f}",
                *shares,
            ]
        )
    return table(["right, in per cent", "sounds of sources", "all", "sure", *FAMILIES], rows)


def _confusion(found: Mapping[str, Mapping[str, int]]) -> list[str]:
    rows = []
    for family, row in found.items():
        total = sum(row.values())
        rows.append([f"{family} ({total})", *(f"{100 * row[other] / total:.0f}" for other in FAMILIES)])
    return table(["", *FAMILIES], rows)


def _presence(found: Mapping[str, Any]) -> list[str]:
    rows = []
    for stem in STEMS:
        for how, cells in found.get(stem, {}).items():
            kept, dropped = cells.get("kept"), cells.get("dropped")
            counts = [str(cell["count"]) if cell else "" for cell in (kept, dropped)]
            rows.append([stem, how, counts[0], share(kept), counts[1], share(dropped)])
    return table(["stem", "by", "playing", "kept, %", "absent", "dropped, %"], rows)
