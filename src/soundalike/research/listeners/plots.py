"""The plots of ``research abx`` as SVG: what is possible and reached, and what weighs how much for whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from soundalike.research.evaluation.plots import COLOURS, GREY, drawing, to_svg
from soundalike.research.listeners.cells import label
from soundalike.research.listeners.factor_votes import FACTORS
from soundalike.research.listeners.human_weights import ORDER
from soundalike.research.listeners.human_weights import PARTS as SINGLE
from soundalike.research.listeners.one_set import OneSet, one_set
from soundalike.research.listeners.protocol import CUTOFFS
from soundalike.research.listeners.published import BASELINE, CONFIGS, PARTS, TABLE_1, WEIGHTED
from soundalike.research.listeners.weighted_models import NOT_NEGATIVE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE = (9, 3.4)


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
    perspective = document["perspectives"][-1]
    plots: dict[str, bytes] = {}
    with drawing() as new:
        plots["agreement.svg"] = to_svg(_agreement(new(figsize=WIDE), document, perspective))
        if sets := one_set(document):
            plots["one-set.svg"] = to_svg(_one_set(new(figsize=WIDE), sets))
        if document["humans"]["between_persons"]:
            plots["factors.svg"] = to_svg(_factors(new(figsize=WIDE), document["humans"]))
        if document["humans"]["parts"]:
            plots["parts.svg"] = to_svg(_parts(new(figsize=(9, 2.8)), document["humans"]["parts"]))
        if track_only := document["paper"].get("overall", {}).get("track_only"):
            plots["gains.svg"] = to_svg(_gains(new(figsize=(9, 2.6)), track_only))
        weights = _fitted(document["strict"].get(perspective, {}).get("XAB", {"models": {}})["models"])
        if weights and document["systems"]:
            plots["weights.svg"] = to_svg(_weights(new(figsize=WIDE), weights))
    return plots


def _agreement(figure: Figure, document: Mapping[str, Any], perspective: str) -> Figure:
    """By part: the limit as a line, a listener as a bar, the paper's row as hollow marks, systems as full ones."""
    grid = figure.subplots(1, 2, sharey=True)
    cutoff = CUTOFFS[-1]
    for axes, config in zip(grid, CONFIGS, strict=True):
        own = {
            cell["part"]: cell
            for cell in document["cells"]
            if (cell["config"], cell["perspective"], cell["cutoff"]) == (config, perspective, cutoff)
        }
        _possible(axes, own)
        if perspective == "overall":
            values = [TABLE_1[1].agreement[config][PARTS.index(part)] for part in own]
            axes.plot(range(len(own)), values, "o", mfc="none", color=GREY, label=f"{TABLE_1[1].system}, published")
        rows = _by_facet(own)
        for number, (name, points) in enumerate(rows.items()):
            shift = 0.6 * (number - (len(rows) - 1) / 2) / len(rows)
            _marks(axes, [(PARTS.index(part) + shift, cell) for part, cell in points], number, name, scale=100)
        axes.axhline(50, color=GREY, linestyle=":", linewidth=1)
        axes.set_xticks(range(len(PARTS)), PARTS, fontsize=8)
        axes.set_xlabel(config)
    grid[0].set_ylim(40, 102)
    grid[0].set_ylabel("as most listeners did, %")
    figure.legend(*grid[0].get_legend_handles_labels(), ncols=3, loc="lower center", bbox_to_anchor=(0.5, 0.9))
    return figure


def _possible(axes: Axes, cells: Mapping[str, Mapping[str, Any]]) -> None:
    """What a system that knew everybody's preference would reach, and what a listener reaches."""
    for place, cell in enumerate(cells.values()):
        limit, listener = cell["ceiling"]["limit"], cell["ceiling"]["one_versus_rest"]
        if limit is not None:
            line = [place - 0.4, place + 0.4]
            axes.plot(line, [100 * limit] * 2, color=GREY, linewidth=2, label="limit" if place == 0 else None)
        if listener is not None:
            name = "a listener, by the others" if place == 0 else None
            axes.bar(place, 100 * listener, 0.7, color=COLOURS[0], alpha=0.35, label=name)


def _one_set(figure: Figure, sets: Mapping[tuple[str, str], OneSet]) -> Figure:
    """What the first row of Table 1 could be on the second's triplets, and the second."""
    grid = figure.subplots(1, 2)
    for axes, config in zip(grid, CONFIGS, strict=True):
        own = [sets[config, part] for part in PARTS]
        middle = [(each.low + each.high) / 2 for each in own]
        half = [(each.high - each.low) / 2 for each in own]
        axes.errorbar(
            *(range(len(own)), middle, half),
            **{"fmt": "none", "ecolor": COLOURS[0], "elinewidth": 6, "alpha": 0.5, "label": "CLAP, on MuQ-MuLan's set"},
        )
        axes.plot([each.loose for each in own], "_", color=COLOURS[0], markersize=14, label="CLAP, as printed")
        axes.plot([each.strict for each in own], "o", color=COLOURS[1], label="MuQ-MuLan, as printed")
        axes.set_xticks(range(len(PARTS)), PARTS, fontsize=8)
        axes.set_xlabel(config)
    grid[0].set_ylabel("as most listeners did, %")
    figure.legend(*grid[0].get_legend_handles_labels(), ncols=3, loc="lower center", bbox_to_anchor=(0.5, 0.9))
    return figure


def _factors(figure: Figure, humans: Mapping[str, Any]) -> Figure:
    """Two ways to see what listeners go by, in XAB: where one's own factors disagree, and how well others predict."""
    grid = figure.subplots(1, 2)
    about = (
        ("within_person", "followed", 100, "conflicts in which overall goes with it, %"),
        ("between_persons", "weight", 1, "weight of other listeners' answers"),
    )
    for axes, (name, key, scale, said) in zip(grid, about, strict=True):
        cells = {cell["part"]: cell for cell in humans[name] if cell["config"] == "XAB"}
        parts = [part for part in ORDER if part in cells]
        for number, factor in enumerate(FACTORS):
            found = [(place, cells[part]["factors"][factor][key]) for place, part in enumerate(parts)]
            points = [(place + 0.22 * (number - 1), each) for place, each in found if each["value"] is not None]
            _marks(axes, points, number, factor, scale=scale)
        axes.set_xticks(range(len(parts)), parts, fontsize=7)
        axes.set_ylabel(said)
    grid[0].axhline(50, color=GREY, linestyle=":", linewidth=1)
    grid[1].axhline(0, color=GREY, linewidth=1)
    figure.legend(*grid[0].get_legend_handles_labels(), ncols=3, loc="lower center", bbox_to_anchor=(0.5, 0.9))
    figure.subplots_adjust(wspace=0.25)
    return figure


def _parts(figure: Figure, cells: Sequence[Mapping[str, Any]]) -> Figure:
    """How listeners' answers on single parts weigh in those on the mix."""
    axes = figure.subplots()
    for number, cell in enumerate(cells):
        shift = 0.2 * (number - (len(cells) - 1) / 2)
        points = [(place + shift, cell["weights"][part]["weight"]) for place, part in enumerate(SINGLE)]
        _marks(axes, points, number, cell["config"], scale=1)
    axes.axhline(0, color=GREY, linewidth=1)
    axes.set_xticks(range(len(SINGLE)), SINGLE)
    axes.set_ylabel("weight of the part")
    axes.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def _gains(figure: Figure, track_only: Mapping[str, Any]) -> Figure:
    """From the mix alone to a weighted sum, as the paper measures it: published, and of vectors without music."""
    axes = figure.subplots()
    rows = [
        (f"{cell.encoder}, {cell.configuration.partition(', ')[2]}", BASELINE[cell.encoder], *cell.ols)
        for cell in WEIGHTED
        if cell.ols is not None
    ]
    made = [
        100 * track_only[name][key] for name, key in (("mix", "mean"), ("weighted", "mean"), ("weighted", "spread"))
    ]
    rows.append(("knows the track only", *made))
    for place, (_, alone, weighted, spread) in enumerate(reversed(rows)):
        colour = COLOURS[1] if place == 0 else COLOURS[0]
        axes.errorbar(weighted, place, xerr=spread, fmt="o", color=colour)
        axes.annotate("", (weighted, place), (alone, place), arrowprops={"arrowstyle": "->", "color": GREY})
        axes.plot(alone, place, "o", mfc="none", color=colour)
    axes.set_yticks(range(len(rows)), [name for name, *_ in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("agreement, %: cosine of the mix (hollow), weighted sum of 6 stems and the mix (full, ± spread)")
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
