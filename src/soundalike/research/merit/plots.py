"""The plots of MERIT's measurements as SVG: the matrix as a heat map, and invariance curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from soundalike.research.evaluation.plots import draw_plots as draw_evaluation
from soundalike.research.evaluation.plots import drawing, to_svg
from soundalike.research.merit.strict_matrix import FIRST

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_plots(parts: Mapping[str, Any]) -> dict[str, bytes]:
    """All plots of a results document's parts.

    Returns
    -------
    dict of str to bytes
        SVG by file name; each name begins with its section's. The same results give the same bytes.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    sections = {
        section: {part["system"]: part for part in parts.values() if part["section"] == section}
        for section in ("matrix", "invariance")
    }
    plots = draw_evaluation({"invariance": {"systems": sections["invariance"]}})
    with drawing() as new:
        for system, part in sections["matrix"].items():
            plots[f"matrix-{system}.svg"] = to_svg(_heat_map(new(figsize=(9, 3.2)), part["result"], system))
    return plots


def _heat_map(figure: Figure, result: Mapping[str, Any], system: str) -> Figure:
    """The matrix as MERIT defines it beside the strict one; 50 % is the colour of the page."""
    strict, reference = result["strict"], result["reference"]
    columns = list(strict["sets"])
    tables = {
        "as MERIT defines it": {r: [cells[c]["triplet_accuracy"] for c in columns] for r, cells in reference.items()},
        "strict": {r: [cells[c][FIRST]["value"] for c in columns] for r, cells in strict["cells"].items()},
    }
    for axes, (title, rows) in zip(figure.subplots(1, 2), tables.items(), strict=True):
        values = 100 * np.array(list(rows.values()))
        axes.grid(visible=False)
        axes.imshow(values, cmap="RdBu_r", vmin=0, vmax=100, aspect="auto", alpha=0.75)
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(rows)), list(rows))
        for (y, x), value in np.ndenumerate(values):
            axes.text(x, y, f"{value:.1f}", ha="center", va="center", color="black")
        axes.set_title(f"{system}, {title}", fontsize=9)
    figure.subplots_adjust(wspace=0.35)
    return figure
