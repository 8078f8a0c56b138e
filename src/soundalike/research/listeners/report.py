"""The page of ``research abx``: tables in Markdown, plots in SVG, and all figures beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from soundalike.atomic import write_atomically
from soundalike.research.listeners.run import Document
from soundalike.research.listeners.tables import sections

PAGE: Final = "abx.md"
FOLDER: Final = "abx"
RESULTS: Final = f"{FOLDER}/results.json"

WITH_SOUND: Final = (
    "    find clips -name '*.wav' > clips.txt",
    "    soundalike embed --encoder clap --separator demucs-6s --out clap.npz @clips.txt",
    "    soundalike embed --encoder muq-mulan --separator demucs-6s --out muq-mulan.npz @clips.txt",
    "    soundalike research abx --data Inst-Sim-ABX-Dataset --embeddings clap.npz --embeddings muq-mulan.npz \\",
    "      --report docs",
)
"""What a user who has the sound runs."""


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
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, picture in plots.items():
        write_atomically(folder / FOLDER / name, picture)
    write_atomically(folder / RESULTS, (json.dumps(document, indent=1, sort_keys=True) + "\n").encode())
    write_atomically(folder / PAGE, page(document, list(plots)).encode())
    return [folder / PAGE, folder / RESULTS, *(folder / FOLDER / name for name in plots)]


def page(document: Document, plots: Sequence[str] = ()) -> str:
    """The whole page in Markdown.

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
        f"Made by `soundalike research abx`, seed {document['seed']}; all figures are in [{RESULTS}]({RESULTS}).",
        "Do not edit it: run the command again. The answers are those of Inst-Sim-ABX; none of them is here.",
        f"{dataset['licence']} To cite: {dataset['citation']}.",
        *_not_run(document),
    ]
    for name in plots:
        lines += ["", f"![{name.removesuffix('.svg')}]({FOLDER}/{name})"]
    for title, body in sections(document).items():
        lines += ["", f"## {title}", "", *body]
    return "\n".join(lines) + "\n"


def _not_run(document: Document) -> list[str]:
    """Which rows of the paper are not measured here, and how to measure them."""
    if document["systems"]:
        about = [
            f"- {name}: {about['triplets_covered']} of {about['triplets']} triplets have all three clips; "
            f"space `{about['space'] or 'unknown'}`"
            for name, about in document["systems"].items()
        ]
        return ["", *about]
    return [
        "",
        "**Not run here: everything that needs sound.** The data set holds none, its clips are cut from the test split",
        "of Slakh2100-redux, which was not at hand. Rows of systems are those that papers print; only listeners and",
        "rules that need no sound are measured. With the clips in a folder, named as in `set2/2/piano/X_1913-28.wav`",
        "(and for stems that are known instead of separated `--separator files`):",
        "",
        *WITH_SOUND,
    ]
