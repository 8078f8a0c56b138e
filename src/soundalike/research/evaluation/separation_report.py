"""One run over recorded and rendered mixes, and its tables in the page about separation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from soundalike.research.evaluation.pages import write_between_marks
from soundalike.research.evaluation.report import share, table
from soundalike.research.evaluation.separation import (
    EXCERPT,
    FACTORS,
    GATE_DB,
    MIXTURE,
    TRUTH,
    Listener,
    Result,
    Retrieval,
    measure_mixes,
)
from soundalike.research.evaluation.separation_mixes import (
    STEMS,
    Splitter,
    known,
    mixture,
    oracle,
    plain,
    recorded_mixes,
    rendered_mixes,
    splitter,
)
from soundalike.research.sound.orchestra import Palette
from soundalike.separators import load_separator

PAGE: Final = "separation.md"
RESULTS: Final = "separation.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure.

    Attributes
    ----------
    data : Path or None
        The folder of outside recordings, with a folder ``stems``; None for rendered pieces only.
    pieces : int
        Rendered pieces; 0 for none.
    palette : Palette
        Who plays them.
    separators : tuple of str
        Names, as `soundalike.separators.load_separator` knows them.
    checkpoint : str or None
        Of the pretrained ones among them.
    seed : int
    """

    data: Path | None
    pieces: int = 24
    palette: Palette = "synthesizer"
    separators: tuple[str, ...] = ("embedded",)
    checkpoint: str | None = None
    seed: int = 0


def run_plan(plan: Plan, *, report: Callable[[str], None] = lambda line: None) -> Result:
    """Measure everything, as one document of plain values.

    Raises
    ------
    NotFoundError
        If the folder of recordings has no stems.
    """
    splitters: dict[str, Splitter] = {MIXTURE: mixture, "plain": plain}
    stems: set[str] = set()
    for name in plan.separators:
        separator = load_separator(name, checkpoint=None if name == "embedded" else plan.checkpoint)
        splitters[name] = splitter(separator)
        stems |= set(separator.stems)
    splitters["oracle mask"] = oracle
    command = f"soundalike research separation --pieces {plan.pieces} --palette {plan.palette}"
    if plan.separators != ("embedded",):
        command += "".join(f" --separator {name}" for name in plan.separators)
    document: Result = {"command": command + " --data DATA" * (plan.data is not None), "seed": plan.seed, "sets": {}}
    how: dict[str, Any] = {"seed": plan.seed, "gated": plan.separators, "report": report}
    if plan.data is not None:
        folder = plan.data / "stems"
        mixes = [known(mix, stems) for mix in recorded_mixes(folder)]
        retrieval = Retrieval([mix for mix in mixes if set(mix.songs.values()) == {mix.name}], Listener())
        document["sets"]["recorded"] = measure_mixes(mixes, splitters, retrieval=retrieval, **how)
    if plan.pieces:
        pieces = (known(mix, stems) for mix in rendered_mixes(plan.pieces, palette=plan.palette))
        document["sets"]["rendered"] = measure_mixes(pieces, splitters, **how)
    return document


def write_tables(folder: Path, document: Result) -> list[Path]:
    """Write the tables into the page, and all figures beside it; raises as `write_between_marks`."""
    return write_between_marks(folder / PAGE, tables(document), document)


def tables(document: Result) -> list[str]:
    """All tables in Markdown."""
    lines = [f"Made by `{document['command']}`; all figures are in [{RESULTS}]({RESULTS})."]
    for name, found in document["sets"].items():
        lines += ["", f"### Distortion, {name} mixes", "", *_distortion(found["distortion"])]
        if name == "recorded":
            lines += ["", "Each mix by itself:", "", *_each(found["distortion"])]
        if "retrieval" in found:
            lines += ["", "### Whose stem is it", "", *_retrieval(found["retrieval"])]
        for who, levels in found.get("levels", {}).items():
            lines += ["", f"### Level of each stem of {who}, {name} mixes", "", *_levels(levels)]
    return lines


def _distortion(found: Mapping[str, Any]) -> list[str]:
    rows = []
    known = [stem for stem in STEMS if any(stem in stems for stems in found.values())]
    for who, stems in found.items():
        cells = [stems.get(stem, {}).get("all") for stem in known]
        rows.append([who, *("" if c is None else f"{c['value']:.1f} [{c['low']:.1f}, {c['high']:.1f}]" for c in cells)])
    return table(["SDR in dB", *known], rows)


def _each(found: Mapping[str, Any]) -> list[str]:
    mixes = list(dict.fromkeys(mix for stems in found.values() for cell in stems.values() for mix in cell["mixes"]))
    rows = []
    for mix in mixes:
        for stem in STEMS:
            cells = [stems.get(stem, {"mixes": {}})["mixes"].get(mix) for stems in found.values()]
            if any(cell is not None for cell in cells):
                rows.append([mix, stem, *("" if cell is None else f"{cell:.1f}" for cell in cells)])
    return table(["mix", "stem", *found], rows)


def _retrieval(found: Mapping[str, Any]) -> list[str]:
    lines = [
        f"Excerpts of {EXCERPT} s. *First*: how often the true stem of the right song comes first among",
        f"{found['candidates']} stems, chance {100 / found['candidates']:.0f}. *Nearer*: how often it is nearer than",
        "the same stem of the other song, chance 50. In per cent, with 95 % intervals over stems of mixes.",
    ]
    who = [name for name in found["splitters"] if name != TRUTH] + [TRUTH]
    for measure in ("first", "nearer"):
        rows = []
        for key in (*FACTORS, *STEMS):
            cells = [found["splitters"][name][measure].get(key) for name in who]
            if any(cells):
                rows.append([key, *(share(cell) for cell in cells)])
        lines += ["", *table([f"{measure}, by factor and by stem", *who], rows)]
    return lines


def _levels(found: Mapping[str, Any]) -> list[str]:
    rows = []
    for stem, levels in found.items():
        cells = [*_spread(levels["absent"], ("50", "75", "95")), *_spread(levels["present"], ("5", "25", "50"))]
        shares = [f"{100 * levels[key]:.0f}" for key in ("right", "kept", "dropped")]
        rows.append([stem, *cells, f"{levels['gate']:.0f}", *shares])
    header = [
        "dB against the mix",
        "absent: 50 %",
        "75 %",
        "95 %",
        "present: 5 %",
        "25 %",
        "50 %",
        "best gate",
        "right",
    ]
    return table([*header, f"kept at -{GATE_DB:.0f}", "dropped"], rows)


def _spread(levels: Mapping[str, float], keys: Sequence[str]) -> list[str]:
    return [f"{levels[key]:.0f}" for key in keys]
