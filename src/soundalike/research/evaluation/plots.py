"""The plots of an evaluation as SVG that reads well on light and on dark pages."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from soundalike.errors import MissingExtraError
from soundalike.facets import FACTORS
from soundalike.research.evaluation.factor_matrix import HARD
from soundalike.research.evaluation.metrics import TEMPO_ORACLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY: Final = "#808080"
"""Of text and lines: as far from white as from black."""
COLOURS: Final = ("#3f8fd2", "#e07b39", "#3aa676", "#c65b9b", "#8b7fd6", "#b8962e")
STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "soundalike",
    "text.color": GREY,
    "axes.labelcolor": GREY,
    "axes.edgecolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "font.size": 9,
    "font.family": "sans-serif",
}


def draw_plots(parts: Mapping[str, Any]) -> dict[str, bytes]:
    """All plots of a results document's parts.

    Returns
    -------
    dict of str to bytes
        SVG by file name; each name begins with its part's. The same results give the same bytes.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    plots: dict[str, bytes] = {}
    with drawing() as new:
        if "matrix" in parts:
            results = {name: entry["result"] for name, entry in parts["matrix"]["systems"].items()}
            plots["matrix.svg"] = to_svg(_matrix(new(figsize=(9, 3.4)), results))
        for name, entry in parts.get("invariance", {"systems": {}})["systems"].items():
            plots[f"invariance-{name}.svg"] = to_svg(_invariance(new(figsize=(9, 8)), entry["result"], name))
        if "hubness" in parts:
            results = {name: entry["result"] for name, entry in parts["hubness"]["systems"].items()}
            plots["hubness.svg"] = to_svg(_hubness(new(figsize=(9, 3)), results))
    return plots


@contextmanager
def drawing() -> Iterator[type[Figure]]:
    """Matplotlib's figures, in one style while the block runs.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError(
            "Plots need matplotlib, which is not installed.", "Install it with: pip install 'soundalike[research]'"
        ) from None
    with matplotlib.rc_context(STYLE):
        yield Figure


def to_svg(figure: Figure) -> bytes:
    """A figure as bytes of SVG without a background; the same figure gives the same bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def _bars(axes: Axes, rows: Mapping[str, Sequence[Mapping[str, float] | None]], scale: float) -> None:
    """Groups of bars with intervals: a colour per row, a group per place."""
    width = 0.8 / len(rows)
    for number, (name, cells) in enumerate(rows.items()):
        known = [(place, cell) for place, cell in enumerate(cells) if cell is not None]
        places = [place + (number - (len(rows) - 1) / 2) * width for place, _ in known]
        values = [scale * cell["value"] for _, cell in known]
        below = [max(0.0, scale * (cell["value"] - cell["low"])) for _, cell in known]
        above = [max(0.0, scale * (cell["high"] - cell["value"])) for _, cell in known]
        colour = GREY if name == TEMPO_ORACLE else COLOURS[number % len(COLOURS)]
        axes.bar(places, values, width * 0.9, color=colour, label=name)
        axes.errorbar(places, values, [below, above], fmt="none", ecolor=GREY, elinewidth=1)


def _matrix(figure: Figure, results: Mapping[str, Any]) -> Figure:
    """Own head on own hard triplets, by system, beside the tempo oracle."""
    axes = figure.subplots()
    oracle = next(iter(results.values()))["accuracy"]["hard"][TEMPO_ORACLE]
    probes = [probe for probe in HARD if probe in oracle]
    rows = {
        name: [result["accuracy"]["hard"][probe.partition(",")[0]][probe] for probe in probes]
        for name, result in results.items()
    }
    _bars(axes, rows | {TEMPO_ORACLE: [oracle[probe] for probe in probes]}, 100)
    axes.axhline(50, color=GREY, linestyle=":", linewidth=1)
    axes.set_xticks(range(len(probes)), probes)
    axes.set_ylim(0, 100)
    axes.set_ylabel("hard triplets right, %")
    axes.legend(ncols=len(rows) + 1, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def _invariance(figure: Figure, result: Mapping[str, Any], name: str) -> Figure:
    """One panel per change, one line per facet."""
    curves = result["curves"]
    columns = 3
    grid = figure.subplots(-(-len(curves) // columns), columns, squeeze=False, sharey=True).flatten()
    for axes, (change, curve) in zip(grid, curves.items(), strict=False):
        for facet, points in curve["facets"].items():
            values = [100 * point["first"]["value"] for point in points]
            colour = COLOURS[FACTORS.index(facet) % len(COLOURS)] if facet in FACTORS else GREY
            touched = facet in curve["touches"]
            axes.plot(
                curve["amounts"], values, color=colour, label=facet, linestyle="--" if touched else "-", marker="."
            )
        axes.axhline(100 * result["chance"], color=GREY, linestyle=":", linewidth=1)
        axes.set_title(change, fontsize=9)
        axes.set_xlabel(curve["unit"])
        axes.set_ylim(0, 103)
    for axes in grid[len(curves) :]:
        axes.set_visible(False)
    grid[0].set_ylabel("own original first, %")
    figure.legend(*grid[0].get_legend_handles_labels(), ncols=6, loc="upper center", title=name)
    figure.subplots_adjust(hspace=0.55, top=0.89)
    return figure


def _hubness(figure: Figure, results: Mapping[str, Any]) -> Figure:
    """Skewness by facet and system."""
    axes = figure.subplots()
    facets = list(dict.fromkeys(facet for result in results.values() for facet in result["facets"]))
    rows = {name: [result["facets"].get(f, {}).get("skewness") for f in facets] for name, result in results.items()}
    _bars(axes, rows, 1)
    axes.axhline(0, color=GREY, linewidth=1)
    axes.set_xticks(range(len(facets)), facets)
    axes.set_ylabel("skewness of 10-occurrence")
    axes.legend(ncols=len(rows), loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure
