"""The plots of ``research abx`` as SVG: agreement by part below what is possible, and weights with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from soundalike.research.evaluation.plots import COLOURS, GREY, drawing, to_svg
from soundalike.research.listeners.cells import label
from soundalike.research.listeners.protocol import CUTOFFS
from soundalike.research.listeners.published import CONFIGS, PARTS, TABLE_1
from soundalike.research.listeners.weighted_models import NOT_NEGATIVE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_plots(document: Mapping[str, Any]) -> dict[str, bytes]:
    """All plots of a results document.

    Returns
    -------
    dict of str to bytes
        SVG by file name. The same results give the same bytes.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    plots: dict[str, bytes] = {}
    with drawing() as new:
        perspective = document["perspectives"][-1]
        for config in CONFIGS:
            cells = [
                cell for cell in document["cells"] if (cell["config"], cell["perspective"]) == (config, perspective)
            ]
            plots[f"agreement-{config}.svg"] = to_svg(_agreement(new(figsize=(9, 3.6)), config, cells))
        weights = _fitted(document["strict"].get(perspective, {}).get("XAB", {"models": {}})["models"])
        if weights:
            plots["weights-XAB.svg"] = to_svg(_weights(new(figsize=(9, 3.6)), weights))
    return plots


def _agreement(figure: Figure, config: str, cells: list[Mapping[str, Any]]) -> Figure:
    """By part and cut-off: the limit as a line, papers' rows as hollow marks, systems' as full ones."""
    grid = figure.subplots(1, 2, sharey=True)
    for axes, cutoff in zip(grid, CUTOFFS, strict=True):
        own = {cell["part"]: cell for cell in cells if cell["cutoff"] == cutoff}
        for part, cell in own.items():
            if (limit := cell["ceiling"]["limit"]) is not None:
                place = PARTS.index(part)
                axes.plot([place - 0.4, place + 0.4], [100 * limit] * 2, color=GREY, linewidth=2)
        for row in TABLE_1:
            if row.cutoff == cutoff and own[PARTS[0]]["perspective"] == "overall":
                values = [math.nan if value is None else value for value in row.agreement[config]]
                axes.plot(range(len(PARTS)), values, "o", mfc="none", color=GREY, label=f"{row.system}, published")
        rows = _by_facet(own)
        for number, (name, points) in enumerate(rows.items()):
            shift = 0.6 * (number - (len(rows) - 1) / 2) / len(rows)
            _marks(axes, [(PARTS.index(part) + shift, cell) for part, cell in points], number, name, scale=100)
        axes.axhline(50, color=GREY, linestyle=":", linewidth=1)
        axes.set_xticks(range(len(PARTS)), PARTS)
        axes.set_xlabel(f"{config}, agreement at least {cutoff:.2f}; line: limit")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    grid[0].set_ylim(20, 102)
    grid[0].set_ylabel("answered as most listeners did, %")
    return figure


def _marks(
    axes: Axes, points: Sequence[tuple[float, Mapping[str, float]]], number: int, name: str, *, scale: float
) -> None:
    """A mark with its interval at every place, all in the colour of their number."""
    values = [scale * cell["value"] for _, cell in points]
    errors = [
        [max(0.0, scale * (cell["value"] - cell["low"])) for _, cell in points],
        [max(0.0, scale * (cell["high"] - cell["value"])) for _, cell in points],
    ]
    colour = COLOURS[number % len(COLOURS)]
    axes.errorbar([place for place, _ in points], values, errors, fmt="o", color=colour, label=name, markersize=4)


def _by_facet(cells: Mapping[str, Mapping[str, Any]]) -> dict[str, list[tuple[str, Mapping[str, float]]]]:
    """Agreement by part for every facet of every system."""
    rows: dict[str, list[tuple[str, Mapping[str, float]]]] = {}
    for part, cell in cells.items():
        for system, facets in cell["systems"].items():
            for facet, found in facets.items():
                if found["agreement"]:
                    rows.setdefault(f"{system}: {label(facet)}", []).append((part, found["agreement"]))
    return rows


def _fitted(models: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Weights that were free to be negative, by model."""
    return {
        name: found["weights"] for name, found in models.items() if found["weights"] and not name.endswith(NOT_NEGATIVE)
    }


def _weights(figure: Figure, models: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Weights at equal spread, a colour per model."""
    axes = figure.subplots()
    facets = list(dict.fromkeys(facet for weights in models.values() for facet in weights))
    for number, (name, weights) in enumerate(models.items()):
        shift = 0.6 * (number - (len(models) - 1) / 2) / len(models)
        points = [(facets.index(facet) + shift, weight["weight"]) for facet, weight in weights.items()]
        _marks(axes, points, number, name, scale=1)
    axes.axhline(0, color=GREY, linewidth=1)
    axes.set_xticks(range(len(facets)), [label(facet) for facet in facets])
    axes.set_ylabel("weight at equal spread, XAB")
    axes.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure
