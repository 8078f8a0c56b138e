"""The tables of ``research abx`` in Markdown, each beside what papers print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from soundalike.facets import Facet
from soundalike.research.evaluation.report import FEW_SOURCES, share, table
from soundalike.research.listeners.ceiling import SAME_TRACK
from soundalike.research.listeners.cells import label
from soundalike.research.listeners.human_tables import human_tables
from soundalike.research.listeners.protocol import CUTOFFS
from soundalike.research.listeners.published import (
    BASELINE,
    CONFIGS,
    INFERRED,
    PARTS,
    POOL,
    PUBLISHED,
    TABLE_1,
    WEIGHTED,
    WEIGHTS,
)
from soundalike.research.listeners.run import Document
from soundalike.research.listeners.track_only import MODEL

MOST_FACETS: Final = 8
"""Of a model whose weights are in a table."""


def sections(document: Document) -> dict[str, list[str]]:
    """Lines of Markdown by title, in order; parts that have nothing to say are left out."""
    found = {
        "Triplets kept, and what is possible": _kept(document),
        "What factors weigh": _humans(document, ("within_person", "between_persons")),
        "What parts weigh": _humans(document, ("parts",)),
        "One facet at a time, as the paper counts": _facets(document),
        "One facet at a time, each triplet once": _strict_facets(document),
        "Single votes": _votes(document),
        "Weighted models, as the paper measures them": _paper(document),
        "Weights, as the paper fits them": _paper_weights(document),
        "Weighted models on unseen tracks": _strict(document),
        "Which model is better": _comparisons(document),
        "Weights, at equal spread": _strict_weights(document),
        "Do heads hear their own factor": _factors(document),
    }
    return {title: lines for title, lines in found.items() if lines}


def per_cent(value: float | None, digits: int = 1) -> str:
    """A share in per cent; nothing where there is none."""
    return "" if value is None else f"{100 * value:.{digits}f}"


def _counted(cell: Mapping[str, Any] | None) -> str:
    """A count as in ``72.4 (92/127)``, with its ties where there are some."""
    if not cell or not cell["of"]:
        return ""
    ties = f", {cell['tied']} tied" if cell["tied"] else ""
    return f"{_share_of(cell)} ({cell['right']}/{cell['of']}{ties})"


def _kept(document: Document) -> list[str]:
    both = " / ".join(f"{cutoff:.2f}" for cutoff in CUTOFFS)
    lines = [
        f"Triplets at which agreement is at least {both}, and the limit at either in per cent; then those that the "
        "paper's rows count, where the two orders of a triplet are two, and in how many per cent the rule is right "
        "that Y is more like X than C is, which needs no sound.",
        "",
    ]
    rows: dict[tuple[str, ...], dict[str, list[tuple[str, str]]]] = {}

    def note(cell: Mapping[str, Any], what: str, number: str, more: str = "") -> None:
        own = rows.setdefault((cell["perspective"], cell["config"], what), {})
        own.setdefault(cell["part"], []).append((number, more))

    for cell in document["cells"]:
        note(cell, "kept (limit)", str(cell["kept"]), per_cent(cell["ceiling"]["limit"]))
        if cell["perspective"] == "overall" and cell["config"] == SAME_TRACK:
            note(cell, "as the paper counts", str(cell["kept_ordered"]))
            note(cell, "same track", _share_of(cell["same_track"]))
    shown = [[*key, *(_side_by_side(cells.get(part, [])) for part in PARTS)] for key, cells in rows.items()]
    return lines + table(["perspective", "config", both, *PARTS], shown)


def _side_by_side(found: Iterable[tuple[str, str]]) -> str:
    """Numbers at either cut-off, as in ``130 / 92 (97.1 / 98.6)``."""
    numbers, more = (" / ".join(each) for each in zip(*found, strict=True))
    return f"{numbers} ({more})" if more.strip(" /") else numbers


def _share_of(cell: Mapping[str, Any]) -> str:
    return per_cent((cell["right"] + 0.5 * cell["tied"]) / cell["of"]) if cell["of"] else "-"


def _humans(document: Document, names: Iterable[str]) -> list[str]:
    tables = human_tables({name: document["humans"][name] for name in names if document["humans"][name]})
    return [line for title, lines in tables.items() for line in (f"{title}.", "", *lines, "")][:-1]


def _facets(document: Document) -> list[str]:
    """The paper's Table 1, and its rule applied to the systems at hand."""
    lines = [
        f"Per cent of the triplets. Rows of papers are {PUBLISHED}; their counts and cut-offs are {INFERRED}. Rows of "
        "different cut-offs are of different triplets.",
        "",
    ]
    rows: list[list[str]] = []
    for config in CONFIGS:
        rows += _limits(
            cell for cell in document["cells"] if (cell["config"], cell["perspective"]) == (config, "overall")
        )
        for row in TABLE_1:
            printed, counts = row.agreement[config], row.counts.get(config, ((0, 0),) * len(PARTS))
            cells = [
                ("" if value is None else f"{value:.1f}") + (f" ({right}/{of})" if of else "")
                for value, (right, of) in zip(printed, counts, strict=True)
            ]
            cutoff = f"{row.cutoff:.2f}" if row.cutoff else "?"
            rows.append([config, "overall", cutoff, f"{row.system}, {PUBLISHED}", *cells])
        rows += _own_rows(document, config, lambda cell: _counted(cell["ordered"]))
    return lines + table(["config", "perspective", "cut-off", "system", *PARTS], rows)


def _strict_facets(document: Document) -> list[str]:
    if not document["systems"]:
        return []
    lines = [
        "Per cent with 95 % intervals over reference tracks, and in parentheses how far that is from chance, 0, to the "
        "limit, 100.",
        "",
    ]
    rows = _limits(cell for cell in document["cells"] if cell["systems"])
    rows += [row for config in CONFIGS for row in _own_rows(document, config, _with_limit)]
    rows.sort(key=lambda row: row[:3])
    return lines + table(["config", "perspective", "cut-off", "system", *PARTS], rows)


def _limits(cells: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """The best that can be expected, a row for each config, perspective and cut-off."""
    limits: dict[tuple[str, ...], dict[str, str]] = {}
    for cell in cells:
        key = (cell["config"], cell["perspective"], f"{cell['cutoff']:.2f}", "limit")
        limits.setdefault(key, {})[cell["part"]] = per_cent(cell["ceiling"]["limit"])
    return [[*key, *(own[part] for part in PARTS)] for key, own in limits.items()]


def _with_limit(cell: Mapping[str, Any]) -> str:
    above = f" ({per_cent(cell['above_chance'], 0)})" if cell["above_chance"] is not None else ""
    return share(cell["agreement"]) + above


def _own_rows(document: Document, config: str, shown: Any) -> list[list[str]]:
    """A row for each perspective, system, facet and cut-off."""
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for cell in document["cells"]:
        for system, facets in cell["systems"].items() if cell["config"] == config else ():
            for facet, found in facets.items():
                key = (config, cell["perspective"], f"{cell['cutoff']:.2f}", f"{system}: {label(facet)}")
                rows.setdefault(key, {})[cell["part"]] = shown(found)
    return [[*key, *(cells[part] for part in PARTS)] for key, cells in rows.items()]


def _votes(document: Document) -> list[str]:
    if not document["votes"]:
        return []
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for cell in document["votes"]:
        asked = (cell["config"], cell["perspective"])
        rows.setdefault((*asked, "a listener, by the others"), {})[cell["part"]] = per_cent(cell["one_versus_rest"])
        for system, facets in cell["systems"].items():
            for facet, found in facets.items():
                rows.setdefault((*asked, f"{system}: {label(facet)}"), {})[cell["part"]] = share(found)
    lines = [
        "Per cent of all votes that go with the system, without a cut-off; above them how often a listener's vote goes "
        "with the majority of the others.",
        "",
    ]
    shown = [[*key, *(cells.get(part, "") for part in PARTS)] for key, cells in rows.items()]
    return lines + table(["config", "perspective", "system", *PARTS], shown)


def _paper(document: Document) -> list[str]:
    lines = []
    for perspective, part in document["paper"].items():
        lines.append(
            f"{perspective}: {part['kept']['XAB']} + {part['kept']['XYC']} = {part['of']} triplets of the mix at "
            f"{part['cutoff']:.2f}, XAB and XYC pooled; in {part['first_chosen']} what was shown first was chosen."
        )
    lines += [
        f"The paper reports {POOL} triplets ({PUBLISHED}) and no cut-off; 0.80 is {INFERRED}. Mean ± deviation over "
        "100 splits; in brackets the standard error corrected for splits that share triplets. What knows the track "
        "only are made-up vectors without music, mean ± deviation over draws: what a gain has to be held against.",
        "",
    ]
    rows = [
        [
            f"{cell.encoder}, {PUBLISHED}",
            "overall",
            cell.configuration,
            *(_printed(pair) for pair in (cell.ols, cell.ridge)),
        ]
        for cell in WEIGHTED
    ]
    rows += [
        [f"{encoder}, {PUBLISHED}", "overall", "cosine of the mix", f"{value}", ""]
        for encoder, value in BASELINE.items()
    ]
    for perspective, part in document["paper"].items():
        rows.append(["limit", perspective, "", per_cent(part["limit"]), ""])
        rows += _without_music(perspective, part)
        for system, models in part["systems"].items():
            for model, forms in models.items():
                if model == "missing":
                    rows.append([system, perspective, f"not measured: {forms}", "", ""])
                else:
                    rows.append([system, perspective, model, *_forms(forms)])
    return lines + table(["system", "perspective", "model", "OLS, or cosine", "ridge"], rows)


def _without_music(perspective: str, part: Mapping[str, Any]) -> list[list[str]]:
    """What knowing the track is enough for: a rule, and made-up vectors alone and added up."""
    rows = [["knows the track only", perspective, "Y is more like X than C", _counted(part["same_track"]), ""]]
    for name, model in (("mix", "made-up mix"), ("weighted", f"made-up {MODEL}"), ("gain", "difference of the two")):
        if part["track_only"]:
            found = part["track_only"][name]
            cell = f"{per_cent(found['mean'])} ± {per_cent(found['spread'])}"
            rows.append(["knows the track only", perspective, model, cell, ""])
    return rows


def _printed(pair: tuple[float, float] | None) -> str:
    return "" if pair is None else f"{pair[0]} ± {pair[1]}"


def _forms(forms: Mapping[str, Any]) -> list[str]:
    cells = [
        f"{per_cent(found['mean'])} ± {per_cent(found['spread'])} [{per_cent(found['standard_error'])}]"
        for found in forms.values()
    ]
    return [*cells, ""][:2]


def _paper_weights(document: Document) -> list[str]:
    columns = ("bass", "drums", "guitar", "piano", "vocals", "other", "mix")
    rows = [
        [f"{name}, {PUBLISHED}", *(f"{weights[stem]:.2f}" if stem in weights else "" for stem in columns)]
        for name, weights in WEIGHTS.items()
    ]
    for perspective, part in document["paper"].items():
        for system, models in part["systems"].items():
            for model, forms in models.items():
                weights = {} if model == "missing" else forms.get("ols", {}).get("weights", {})
                if weights and all(Facet(facet).factor == "overall" for facet in weights):
                    cells = {Facet(facet).stem: f"{value:.2f}" for facet, value in weights.items()}
                    rows.append([f"{system}: {model}, {perspective}", *(cells.get(stem, "") for stem in columns)])
    lines = ["OLS, mean over splits. They are not scaled by how much each stem varies: compare ranks only.", ""]
    return lines + table(["model", *columns], rows)


def _each_strict(document: Document) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    return (
        (perspective, config, part)
        for perspective, configs in document["strict"].items()
        for config, part in configs.items()
        if part["models"]
    )


def _strict(document: Document) -> list[str]:
    rows = [
        [
            perspective,
            config,
            model,
            f"{found['right']}/{found['of']}" + (f", {found['tied']} tied" if found["tied"] else ""),
            share(found["agreement"]),
            per_cent(part["ceiling"]["limit"]),
            per_cent(found["above_chance"], 0),
        ]
        for perspective, config, part in _each_strict(document)
        for model, found in part["models"].items()
    ]
    if not rows:
        return []
    lines = [
        "Each reference track left out in turn, with every triplet that shares a track with those then tested; the "
        "ridge's strength chosen in training. The last column is where the agreement lies from chance, 0, to the "
        "limit, 100.",
        "",
    ]
    return lines + table(["perspective", "config", "model", "right", "per cent", "limit", "of the possible"], rows)


def _comparisons(document: Document) -> list[str]:
    """Every model against the one that is best in its table."""
    rows = []
    for perspective, config, part in _each_strict(document):
        best = max(part["models"], key=lambda name: part["models"][name]["agreement"]["value"])
        for pair in part["comparisons"]:
            if best in (pair["first"], pair["second"]):
                turn = 1 if pair["first"] == best else -1
                other = pair["second"] if turn == 1 else pair["first"]
                low, high = sorted(100 * turn * pair["difference"][end] for end in ("low", "high"))
                only = (pair["only_first"], pair["only_second"])[::turn]
                value = 100 * turn * pair["difference"]["value"]
                shown = f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"
                rows.append(
                    [perspective, config, best, other, shown, f"{only[0]} : {only[1]}", f"{pair['p_value']:.3f}"]
                )
    if not rows:
        return []
    lines = [
        "The best of each table against the others, on the same triplets: difference in points with its 95 % interval "
        "over track triples, the triplets that only one of the two answers, and McNemar's exact p. The best was "
        "picked by these same triplets, and nothing is corrected for how many pairs are looked at.",
        "",
    ]
    return lines + table(["perspective", "config", "best", "other", "difference", "only one right", "p"], rows)


def _strict_weights(document: Document) -> list[str]:
    rows = []
    for perspective, config, part in _each_strict(document):
        for model, found in part["models"].items():
            for facet, weight in found["weights"].items() if len(found["weights"]) <= MOST_FACETS else ():
                low, high = weight["weight"]["low"], weight["weight"]["high"]
                rows.append(
                    [
                        *(perspective, config, model, label(facet)),
                        f"{weight['weight']['value']:.2f} [{low:.2f}, {high:.2f}]",
                        per_cent(weight["above_control"], 0),
                        per_cent(weight["absent"], 0),
                    ]
                )
    if not rows:
        return []
    lines = [
        "With 95 % intervals over reference tracks. Vocals are the control: they are nearly silent here, and what "
        f"does not beat them is noise. Draws and triplets in per cent. Models of more than {MOST_FACETS} facets are in "
        "the results only.",
        "",
    ]
    header = ["perspective", "config", "model", "facet", "weight", "draws above vocals", "triplets without it"]
    return lines + table(header, rows)


def _enough(cell: Mapping[str, Any] | None) -> str:
    """A share with its interval, where there are triplets enough for one."""
    if cell is None:
        return ""
    return f"{share(cell)} of {cell['of']}" if cell["of"] >= FEW_SOURCES else f"only {cell['of']}"


def _factors(document: Document) -> list[str]:
    criteria = ("timbre", "rhythm", "melody", "overall")
    rows = []
    for config, part in document["factors"].items():
        for system, tables in part["systems"].items():
            for name in ("all", "conflicts"):
                for head, cells in tables[name].items():
                    shown = [_enough(cells.get(criterion)) for criterion in criteria]
                    rows += [[config, name, f"{system}: {label(head)}", *shown]] if cells else []
    if not rows:
        return []
    counts = ", ".join(
        f"{part['conflicts']} of {part['triplets']} in {config}" for config, part in document["factors"].items()
    )
    lines = [
        "Per cent of the triplets of all parts on which a facet chooses as most listeners did, by what they were "
        f"asked. In conflicts most chose one candidate for timbre and the other for rhythm or melody ({counts}; "
        "agreement at least 0.75): a timbre head is above 50 there for timbre, and below for the others.",
        "",
    ]
    return lines + table(["config", "triplets", "facet", *criteria], rows)
