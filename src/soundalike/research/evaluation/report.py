"""The page of an evaluation: tables in Markdown and plots in SVG, all from the results document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from soundalike.research.evaluation.factor_matrix import HARD
from soundalike.research.evaluation.metrics import TEMPO_ORACLE
from soundalike.research.evaluation.pages import write_page
from soundalike.research.evaluation.parts import Document
from soundalike.research.evaluation.systems import MEANING
from soundalike.research.evaluation.tasks import METRICS

PAGE: Final = "evaluation.md"
FOLDER: Final = "evaluation"
RESULTS: Final = f"{FOLDER}/results.json"
FEW_SOURCES: Final = 10
OWN_HEAD: Final = MappingProxyType({probe: probe.partition(",")[0] for probe in HARD})
"""The head that should answer each probe."""


def write_report(folder: Path, document: Document) -> list[Path]:
    """Write ``evaluation.md``, and beside it ``evaluation/`` with the plots.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    document : dict
        From `soundalike.research.evaluation.parts.run_parts`.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    from soundalike.research.evaluation.plots import draw_plots

    plots = draw_plots(document["parts"])
    pictures = {f"{FOLDER}/{name}": picture for name, picture in plots.items()}
    return write_page(folder / PAGE, page(document, list(plots)), pictures)


def page(document: Document, plots: Sequence[str] = ()) -> str:
    """The whole page in Markdown.

    Parameters
    ----------
    document : dict
        See `write_report`.
    plots : sequence of str
        Names of the plots that lie in `FOLDER`.
    """
    parts: Mapping[str, Any] = document["parts"]
    spaces = {name: entry["space"] for part in parts.values() for name, entry in part["systems"].items()}
    lines = [
        "# How well it hears",
        "",
        f"Made by `{document['command']}`; all figures with their settings are in [{RESULTS}]({RESULTS}).",
        "Do not edit it: run the command again. Shares are in per cent, with 95 % bootstrap intervals over sources in",
        "brackets; what cannot be told counts as a tie, so that chance is exact. Systems of one space are listed once.",
        "",
        *table(
            ["system", "what it is", "space"],
            [[name, MEANING.get(name, "another encoder"), f"`{space}`"] for name, space in spaces.items()],
        ),
    ]
    for name in dict.fromkeys(name.partition("/")[0] for name in parts):
        lines += ["", *section(name, parts), *_pictures(name, plots)]
    if document["missing"]:
        lines += ["", "## Not run", ""]
        lines += [f"- {name}: {why}." for name, why in document["missing"].items()]
    return "\n".join(lines) + "\n"


def section(name: str, parts: Mapping[str, Any]) -> list[str]:
    """The lines of one of `soundalike.research.evaluation.parts.PARTS`."""
    return SECTIONS[name]({key: part for key, part in parts.items() if key.partition("/")[0] == name})


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]


def share(cell: Mapping[str, float] | None) -> str:
    """A share with its interval in per cent, as in ``84 [80, 88]``."""
    return "" if cell is None else f"{100 * cell['value']:.0f} [{100 * cell['low']:.0f}, {100 * cell['high']:.0f}]"


def _results(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry["result"] for name, entry in part["systems"].items()}


def _settings(part: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in part["settings"].items())


def _pictures(name: str, plots: Sequence[str]) -> list[str]:
    """The plots of a section."""
    found = [plot for plot in plots if plot.startswith(name)]
    return [line for plot in found for line in ("", f"![{plot[:-4]}]({FOLDER}/{plot})")]


def _matrix(parts: Mapping[str, Any]) -> list[str]:
    (part,) = parts.values()
    results = _results(part)
    lines = [
        "## Factor matrix",
        "",
        f"Rendered pieces that no head was trained on ({_settings(part)}). *Hard*: the negative shares every factor",
        "but the asked one. *Neutral*: it shares nothing. Each head on its own factor's hard triplets, and the mean of",
        "all neutral cells off the diagonal, where blind heads have 50. A tempo oracle knows the true tempo, nothing",
        "else: rhythm counts where the tempo is the same.",
        "",
    ]
    probes = [probe for probe in HARD if probe in next(iter(results.values()))["accuracy"]["hard"][TEMPO_ORACLE]]
    rows = []
    for name, result in results.items():
        hard = result["accuracy"]["hard"]
        rows.append([name, *(share(hard[OWN_HEAD[p]][p]) for p in probes), share(result["off_diagonal"])])
    oracle = next(iter(results.values()))["accuracy"]["hard"][TEMPO_ORACLE]
    rows.append([TEMPO_ORACLE, *(share(oracle[probe]) for probe in probes), ""])
    lines += table(["hard, own head", *probes, "off the diagonal"], rows)
    for name, result in results.items():
        for kind, cells in result["accuracy"].items():
            known = list(cells[TEMPO_ORACLE])
            lines += ["", f"### {name}, {kind} triplets", ""]
            lines += table(["head", *known], [[h, *(share(row[p]) for p in known)] for h, row in cells.items()])
    return lines


def _invariance(parts: Mapping[str, Any]) -> list[str]:
    (part,) = parts.values()
    results = _results(part)
    first = next(iter(results.values()))
    lines = [
        "## Invariance",
        "",
        f"How many changed clips find their own original first among {first['anchors']}, chance",
        f"{100 * first['chance']:.1f} ({_settings(part)}). A facet should stay near 100 unless the change touches what",
        "it hears. The mean reciprocal ranks are in the results.",
    ]
    for change, curve in first["curves"].items():
        touched = f"; touches {', '.join(curve['touches'])} by design" if curve["touches"] else ""
        lines += ["", f"### {change} ({curve['unit']}){touched}", ""]
        rows = [
            [name, facet, *(share(point["first"]) for point in points)]
            for name, result in results.items()
            for facet, points in result["curves"][change]["facets"].items()
        ]
        lines += table(["system", "facet", *(f"{amount:g}" for amount in curve["amounts"])], rows)
    return lines


def _hubness(parts: Mapping[str, Any]) -> list[str]:
    (part,) = parts.values()
    results = _results(part)
    first = next(iter(results.values()))
    lines = [
        "## Hubness",
        "",
        f"Excerpts of music: {first['excerpts']} of {first['tracks']} tracks, the {first['k']} nearest of other tracks",
        f"({_settings(part)}). Skewness is 0 where every excerpt is in its fair share of lists; hubs are in more than",
        f"{first['hub'] * first['k']} of them.",
        "",
    ]
    rows = []
    for name, result in results.items():
        for facet, entry in result["facets"].items():
            if "skewness" in entry:
                cell = entry["skewness"]
                skewness = f"{cell['value']:.2f} [{cell['low']:.2f}, {cell['high']:.2f}]"
                shares = [f"{100 * entry[key]:.1f}" for key in ("never", "hubs", "absent")]
                rows.append([name, facet, skewness, shares[0], shares[1], str(entry["most"]), shares[2]])
    return lines + table(["system", "facet", "skewness", "in no list", "hubs", "most lists", "absent"], rows)


def _recordings(parts: Mapping[str, Any]) -> list[str]:
    by_name = {name.partition("/")[2]: _results(part) for name, part in parts.items()}
    lines = ["## Recordings and MIDI performances", ""]
    lines += [f"*Nearer*: how often {METRICS['nearer']}; *first*: how often {METRICS['first']}; *precision*: the"]
    lines += [f"{METRICS['precision']}. First each task as the facet answers it that should, then as all facets do."]
    lines += ["A facet should win its own task and lose the others'.", "", *_own_tasks(by_name)]
    for name, results in by_name.items():
        for task, first in next(iter(results.values())).items():
            lines += ["", f"### {task} ({name})", ""]
            lines += [f"{first['title'][0].upper()}{first['title'][1:]}: {first['queries']} queries, intervals over"]
            few = "; so few say little about how sure the figures are" if first["sources"] < FEW_SOURCES else ""
            lines += [f"{first['sources']} {first['over']}{few}.", ""]
            lines += _task_table({system: result[task] for system, result in results.items()})
    return lines


def _own_tasks(by_name: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One row per task and metric: its own facet of every system, the oracle, and chance."""
    systems = list(dict.fromkeys(system for results in by_name.values() for system in results))
    rows = []
    for results in by_name.values():
        for task, first in next(iter(results.values())).items():
            for metric, chance in first["chance"].items():
                answers = [results.get(s, {}).get(task, {"rows": {}})["rows"] for s in systems]
                cells = [share(rows_of.get(first["own"], {}).get(metric)) for rows_of in answers]
                oracle = share(first["rows"].get(TEMPO_ORACLE, {}).get(metric))
                rows.append([task, first["own"], metric, *cells, oracle, f"{100 * chance:.0f}"])
    return table(["task", "facet", "measure", *systems, TEMPO_ORACLE, "chance"], rows)


def _task_table(results: Mapping[str, Any]) -> list[str]:
    """Facets as rows, systems and metrics as columns, the oracle and chance last."""
    first = next(iter(results.values()))
    metrics = list(first["chance"])
    columns = [(system, metric) for system in results for metric in metrics]
    names = list(dict.fromkeys(name for result in results.values() for name in result["rows"]))
    rows = [
        [name, *(share(results[system]["rows"].get(name, {}).get(metric)) for system, metric in columns)]
        for name in sorted(names, key=lambda name: name.endswith("oracle"))
    ]
    rows.append(["chance", *(f"{100 * results[system]['chance'][metric]:.0f}" for system, metric in columns)])
    return table(["facet", *(f"{system}: {metric}" for system, metric in columns)], rows)


SECTIONS: Final[Mapping[str, Callable[[Mapping[str, Any]], list[str]]]] = MappingProxyType(
    {"matrix": _matrix, "invariance": _invariance, "hubness": _hubness, "recordings": _recordings}
)
