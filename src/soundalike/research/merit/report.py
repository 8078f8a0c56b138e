"""The page of MERIT's measurements: tables in Markdown beside the paper's numbers, all from the results document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from soundalike.research.evaluation.pages import write_page
from soundalike.research.evaluation.parts import Document
from soundalike.research.evaluation.report import share, table
from soundalike.research.merit.corpora import OWN_FACTOR
from soundalike.research.merit.fusion import HEADS
from soundalike.research.merit.projections import RAW
from soundalike.research.merit.published import published_cell, published_probe
from soundalike.research.merit.recipe import SECTIONS
from soundalike.research.merit.retrieval import METRICS
from soundalike.research.merit.run import RESULTS
from soundalike.research.merit.strict_matrix import ANCHORS, FIRST, FURTHER, POSITIVES

PAGE: Final = "README.md"
PAPER: Final = HEADS
"""Rows and columns of its first table."""


def write_report(folder: Path, document: Document) -> list[Path]:
    """Write ``README.md`` and its plots beside the results.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    from soundalike.research.merit.plots import draw_plots

    plots = draw_plots(document["parts"])
    return write_page(folder / PAGE, page(document, list(plots)), plots)


def page(document: Document, plots: Sequence[str] = ()) -> str:
    """The whole page in Markdown.

    Parameters
    ----------
    document : dict
        From `soundalike.research.merit.run.run_recipe`.
    plots : sequence of str
        Names of the plots that lie beside the page.
    """
    parts: Mapping[str, Any] = document["parts"]
    versions = ", ".join(f"{name} {number}" for name, number in document["versions"].items())
    lines = [
        f"# MERIT, measured: {document['name']}",
        "",
        f"Made by `{document['command']}` with {versions}.",
        f"All figures with their inputs are in [{RESULTS}]({RESULTS}). Do not edit this page: run the command again.",
        "Shares are in per cent, with 95 % bootstrap intervals over songs in brackets. The paper's tables could not be",
        "read: its numbers are those of a web page that reports them (report), and unknown is what stood nowhere.",
        "",
        *table(["system", "encoder", "heads"], _systems(parts)),
    ]
    for section in SECTIONS:
        found = {name: part for name, part in parts.items() if part["section"] == section}
        if found:
            lines += ["", *WRITERS[section](found)]
            lines += [line for plot in plots if plot.startswith(section) for line in ("", f"![{plot[:-4]}]({plot})")]
    if document["missing"]:
        lines += ["", "## Not measured", "", *(f"- {name}: {why}" for name, why in document["missing"].items())]
    return "\n".join(lines) + "\n"


def _systems(parts: Mapping[str, Any]) -> list[list[str]]:
    found: dict[str, Mapping[str, Any]] = {}
    for part in parts.values():  # audits are the same whatever the heads, and name none
        if part["inputs"]["heads"] or part["system"] not in found:
            found[part["system"]] = part["inputs"]
    return [[name, f"`{i['encoder']}`", ", ".join(i["heads"]) or "none"] for name, i in found.items()]


def _per_cent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _matrix(parts: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Cross-factor matrix",
        "",
        "*As MERIT defines it*: the k squared triples of a folder, ties wrong. *Strict*: folders of the test part of a",
        "split by source where the recipe has one, ties half, every negative, but first and further ones apart.",
        "",
        "### The paper",
        "",
        *table(["row", *PAPER], [[row, *(published_cell(row, column) for column in PAPER)] for row in (RAW, *PAPER)]),
        *_own_heads(parts),
    ]
    for part in parts.values():
        reference, strict = part["result"]["reference"], part["result"]["strict"]
        columns = list(strict["sets"])
        lines += ["", f"### {part['system']}, as MERIT defines it", ""]
        lines += table(
            ["row", *columns],
            [[row, *(_per_cent(cells[c]["triplet_accuracy"]) for c in columns)] for row, cells in reference.items()],
        )
        for kind in _told_apart(strict):
            lines += ["", f"### {part['system']}, strict, {kind}", ""]
            lines += table(
                ["row", *columns],
                [[row, *(share(cells[c][kind]) for c in columns)] for row, cells in strict["cells"].items()],
            )
        lines += ["", *_counted(strict), *_met(part["result"]["met in training"]), *_pairings(strict)]
    return lines


def _own_heads(parts: Mapping[str, Any]) -> list[str]:
    """One line per system: each head on its own set, beside the bare embedding."""
    strict = {part["system"]: part["result"]["strict"] for part in parts.values()}
    columns = list(dict.fromkeys(column for found in strict.values() for column in found["sets"]))
    rows = []
    for system, found in strict.items():
        cells = found["cells"]
        for kind in (FIRST, FURTHER):
            own = [share(cells.get(c, {}).get(c, {}).get(kind)) for c in columns]
            raw = [share(cells[RAW].get(c, {}).get(kind)) for c in columns]
            summary = [share(found.get(name)) if kind == FIRST else "" for name in ("off_diagonal", "selectivity")]
            rows += [[f"{system}, own heads", kind, *own, *summary]] if any(own) else []
            rows += [[f"{system}, {RAW}", kind, *raw, "", ""]] if any(raw) else []
    rows.sort(key=lambda row: row[1] == FURTHER)
    lines = [
        "",
        "### All systems",
        "",
        "Each set by the head of its factor, strict. Off the diagonal blind heads have 50; *selectivity* is by how",
        "much a set's own head does better on it than the others. *Further negatives* are asked of anchors; where they",
        "share all but the factor, whoever hears something else is wrong.",
    ]
    return [*lines, "", *table(["system", "triples", *columns, "off the diagonal", "selectivity"], rows)]


def _told_apart(strict: Mapping[str, Any]) -> list[str]:
    """The kinds of triples that have a table: by negatives, and by queries where domains differ."""
    cells = [cell for columns in strict["cells"].values() for cell in columns.values()]
    kinds = [FIRST, *((ANCHORS, POSITIVES) if any(len(cell["domains"]) > 1 for cell in cells) else ())]
    return [*kinds, FURTHER] if any(cell[FURTHER] for cell in cells) else kinds


def _counted(strict: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{name}: {found['folders']} folders, {found['triples']} triples, intervals over {found['clusters']} "
        f"{found['over']}."
        for name, found in strict["sets"].items()
    ]
    for name, words in (("off_diagonal", "Off the diagonal (blind heads: 50)"), ("selectivity", "Selectivity")):
        if name in strict:
            lines.append(f"{words}: {share(strict[name])}.")
    return [line + "  " for line in lines]


def _met(met: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What makes figures worthless: heads that were tested on what they learned from."""
    return [
        f"**Not a test: of the folders for {factor} these heads learned from {found['train']}, and were chosen by "
        f"{found['validation']}.**  "
        for factor, found in met.items()
        if any(found.values())
    ]


def _pairings(strict: Mapping[str, Any]) -> Iterator[str]:
    """Accuracies by domains, where there is more than one pairing."""
    rows = []
    for row, cells in strict["cells"].items():
        for column, cell in cells.items():
            if len(cell["domains"]) > 1:
                rows += [
                    [row, column, pairing, str(found["triples"]), share(found["accuracy"])]
                    for pairing, found in cell["domains"].items()
                ]
    if rows:
        yield from ("", "By the domains of query, positive and negative:", "")
        yield from table(["row", "set", "domains", "triples", "right"], rows)


def _audits(parts: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Ways around",
        "",
        "Judges that know one thing about each clip and hear nothing. Chance is 50: what is far from it is a way to",
        "answer the set without its factor.",
    ]
    for part in parts.values():
        for factor, found in part["result"].items():
            lines += ["", f"### {factor} ({part['system']})", ""]
            columns = [("as merit", "all"), ("as merit", "anchor queries"), ("as merit", "positive queries")]
            columns.append(("all negatives", "all"))
            lines += table(
                ["judge", "as MERIT counts", "anchor queries", "positive queries", "all negatives"],
                [
                    [judge, *(share(scores[which][kind]) for which, kind in columns)]
                    for judge, scores in found["shortcuts"].items()
                ],
            )
            leaks, again = found["leaks"], found["recurrence"]
            lines += ["", *(f"- {judge}: not measured. {why}" for judge, why in found["not measured"].items())]
            lines += [
                f"- {again['folders']} folders have {again['anchors']} different anchors; one is in up to "
                f"{again['most']}.",
            ]
            if leaks:
                told = ", ".join(
                    f"{kind} {_per_cent(leaks[f'by_{kind}']) or 'unknown'}" for kind in ("source", "anchor")
                )
                lines += [f"- Test folders that training has met, of {leaks['test_folders']}: {told}."]
    return lines


def _fusion(parts: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Fusion",
        "",
        "Only concatenation is meaningful as a similarity: heads are trained apart, so their axes have nothing to do",
        "with each other, and every other way mixes arbitrary ones. Strict triples; the paper's numbers are unknown.",
    ]
    for part in parts.values():
        if part["result"]:
            columns = list(next(iter(part["result"].values())))
            lines += ["", f"### {part['system']}", ""]
            lines += table(
                ["fusion", *columns],
                [[name, *(share(cells[c]) for c in columns)] for name, cells in part["result"].items()],
            )
    return lines


def _probes(parts: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Probes, as MERIT's program makes them",
        "",
        "Its own stream of chance: every row is scored on other negatives. The paper's number is set beside the head",
        "that should win; which row it belongs to is not known.",
    ]
    for part in parts.values():
        own = OWN_FACTOR.get(part["subject"])
        rows = [
            [
                name,
                _per_cent(row["triplet_accuracy"]),
                str(row.get("n_triplets", "")),
                published_probe(part["subject"]) if name == own else "",
            ]
            for name, row in part["result"]["probe"].items()
            if isinstance(row, dict)
        ]
        lines += ["", f"### {part['subject']} ({part['system']}, {part['result']['recordings']} recordings)", ""]
        lines += table(["row", "right", "triples", "paper"], rows)
    return lines


def _retrieval(parts: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Retrieval",
        "",
        "All recordings are candidates, the same for all rows, but for those of the query's group: stems of one song,",
        "dances of one album, copies. *nearer*: pairs of a right and a wrong candidate in the right order.",
    ]
    for part in parts.values():
        found = part["result"]
        lines += ["", f"### {part['subject']} ({part['system']})", ""]
        lines += [
            f"{found['queries']} queries among {found['recordings']} recordings of {found['classes']} classes, in",
            f"{found['groups']} groups; {len(found['copies'])} pairs of copies were found.",
            "",
        ]
        rows = [
            [name, *(share(row[metric]) for metric in METRICS), f"{row['hubness']['skewness']:.2f}"]
            for name, row in found["rows"].items()
        ]
        lines += table(["row", *METRICS, "hubness"], rows)
        classes = list(next(iter(found["rows"].values()))["per class"])
        if len(classes) <= 20:
            lines += ["", "Mean average precision by class:", ""]
            per_class = [[n, *(_per_cent(row["per class"][c]) for c in classes)] for n, row in found["rows"].items()]
            lines += table(["row", *classes], per_class)
    return lines


def _padding(parts: Mapping[str, Any]) -> list[str]:
    lines = ["## Silence behind clips", "", "MERIT trains on clips filled up to 10 s, and is evaluated on 30 s."]
    for part in parts.values():
        for factor, found in part["result"].items():
            lines += ["", f"### {factor} ({part['system']}): {found['clips']} clips of {found['seconds']:g} s", ""]
            rows = [
                [row, length, f"{cell['cosine']:.3f}", share(cell["accuracy"]), share(cell["change"])]
                for row, lengths in found["rows"].items()
                for length, cell in lengths.items()
            ]
            lines += table(["row", "filled up to", "cosine to itself", "right", "change"], rows)
    return lines


def _invariance(parts: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Invariance",
        "",
        "How many rendered clips that are changed find their own original first among all. A head should stay near",
        "100 unless the change touches what it hears.",
    ]
    changes = list(dict.fromkeys(change for part in parts.values() for change in part["result"]["curves"]))
    for change in changes:
        curves = {p["system"]: p["result"]["curves"][change] for p in parts.values() if change in p["result"]["curves"]}
        first = next(iter(curves.values()))
        touched = f"; touches {', '.join(first['touches'])} by design" if first["touches"] else ""
        lines += ["", f"### {change} ({first['unit']}){touched}", ""]
        rows = [
            [system, facet, *(share(point["first"]) for point in points)]
            for system, curve in curves.items()
            for facet, points in curve["facets"].items()
        ]
        lines += table(["system", "head", *(f"{amount:g}" for amount in first["amounts"])], rows)
    return lines


WRITERS: Final[Mapping[str, Callable[[Mapping[str, Any]], list[str]]]] = MappingProxyType(
    {
        "matrix": _matrix,
        "audits": _audits,
        "fusion": _fusion,
        "probes": _probes,
        "retrieval": _retrieval,
        "padding": _padding,
        "invariance": _invariance,
    }
)
