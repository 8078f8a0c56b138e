"""The page of ``research abx``: tables in Markdown, plots in SVG, and all figures beside them."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from soundalike.research.evaluation.pages import write_page
from soundalike.research.listeners.human_weights import ALL
from soundalike.research.listeners.run import Document
from soundalike.research.listeners.story import CHAPTERS, in_short
from soundalike.research.listeners.tables import sections
from soundalike.research.listeners.weighted_models import NOT_NEGATIVE

PAGE: Final = "abx.md"
FOLDER: Final = "abx"
RESULTS: Final = f"{FOLDER}/results.json"

WITH_SOUND: Final = (
    "    soundalike embed --encoder clap --separator demucs-6s --out clap.npz @clips/clips.txt",
    "    soundalike embed --encoder muq-mulan --separator demucs-6s --out muq-mulan.npz @clips/clips.txt",
    "    soundalike research abx --data Inst-Sim-ABX-Dataset --embeddings clap.npz --embeddings muq-mulan.npz \\",
    "      --report docs",
)
"""What a user runs who has the clips."""

LINE: Final = 120
GLUE: Final = "\0"


def write_report(folder: Path, document: Document) -> list[Path]:
    """Write ``abx.md``, and beside it ``abx/`` with the plots and ``results.json``.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    document : dict
        From `soundalike.research.listeners.run.run_plan`.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    from soundalike.research.listeners.plots import draw_plots

    plots = draw_plots(document)
    results = {RESULTS: (json.dumps(document, indent=1, allow_nan=False) + "\n").encode()}
    pictures = {f"{FOLDER}/{name}": picture for name, picture in plots.items()}
    return write_page(folder / PAGE, page(document, list(plots)), results | pictures)


def page(document: Document, plots: Sequence[str] = ()) -> str:
    """The whole page in Markdown, about the last of the perspectives where a table is of one.

    Parameters
    ----------
    document : dict
        See `write_report`.
    plots : sequence of str
        Names of the plots that lie in `FOLDER`.
    """
    dataset = document["dataset"]
    lines = [
        "# How well it agrees with listeners",
        "",
        *_wrapped(
            [
                f"Made by `soundalike research abx --report`, seed {document['seed']}; all figures are in "
                f"[{RESULTS}]({RESULTS}). Do not edit it: run the command again. The answers are those of Inst-Sim-ABX "
                f"({dataset['citation']}); none of them is here. {dataset['licence']}",
                *in_short(document),
            ]
        ),
    ]
    tables = sections(_of_one(document))
    for chapter in CHAPTERS:
        lines += ["", f"## {chapter.title}", "", *_wrapped(chapter.story(document))]
        for name in chapter.plots:
            lines += ["", f"![{name.removesuffix('.svg')}]({FOLDER}/{name})"] if name in plots else []
        for title in chapter.tables:
            lines += ["", *_captioned(tables[title])] if title in tables else []
    return "\n".join([*lines, "", *_run_on(document)]) + "\n"


def _of_one(document: Document) -> Document:
    """What tables are shown of: the last perspective, weights of either sign, and of people in XYC all parts as one."""
    last = document["perspectives"][-1]
    humans = {
        name: [row for row in rows if row["config"] == "XAB" or row.get("part") in (None, ALL)]
        for name, rows in document["humans"].items()
    }
    strict = {
        config: {
            **part,
            "models": {name: found for name, found in part["models"].items() if not name.endswith(NOT_NEGATIVE)},
            "comparisons": [
                pair for pair in part["comparisons"] if not f"{pair['first']}{pair['second']}".count(NOT_NEGATIVE)
            ],
        }
        for config, part in document["strict"][last].items()
    }
    cells = [cell if cell["perspective"] == last else {**cell, "systems": {}} for cell in document["cells"]]
    return {
        **document,
        "cells": cells,
        "humans": humans,
        "paper": {last: document["paper"][last]},
        "strict": {last: strict},
        "votes": [cell for cell in document["votes"] if cell["perspective"] == last],
    }


def _captioned(lines: Sequence[str]) -> list[str]:
    """A table with what stands above it in lines that are not too long."""
    return [
        part
        for line in lines
        for part in ([line] if line.startswith("|") else textwrap.wrap(line, LINE, break_on_hyphens=False) or [""])
    ]


def _wrapped(paragraphs: Sequence[str]) -> list[str]:
    """Paragraphs as lines, an empty one between two, but not between items of a list."""
    lines: list[str] = []
    for before, paragraph in zip(("", *paragraphs), paragraphs, strict=False):
        item = paragraph.startswith("- ")
        lines += [""] if before and not (item and before.startswith("- ")) else []
        # A command is not broken over two lines.
        whole = re.sub("`[^`]+`", lambda code: code[0].replace(" ", GLUE), paragraph)
        indent = "  " if item else ""
        broken = textwrap.wrap(whole, LINE, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
        lines += [line.replace(GLUE, " ") for line in broken]
    return lines


def _run_on(document: Document) -> list[str]:
    """Which systems were measured; or that none was, and the commands that measure them."""
    if document["systems"]:
        about = [
            f"- {name}: {about['triplets_covered']} of {about['triplets']} triplets have all three clips; "
            f"space `{about['space'] or 'unknown'}`"
            for name, about in document["systems"].items()
        ]
        return ["## Systems", "", *about]
    return [
        "## Not run here",
        "",
        *_wrapped(
            [
                "Everything that needs sound. The data set holds none: its clips are cut from the test split of "
                "Slakh2100-redux, which was not at hand. Rows of systems are those that papers print. With that split "
                "in a folder, `soundalike research abx-clips --slakh SLAKH --data CLONE --out clips` cuts the clips, "
                "and these lines fill in the rows, the heads and the control (for stems that are known instead of "
                "separated `--separator files`):"
            ]
        ),
        "",
        *WITH_SOUND,
    ]
