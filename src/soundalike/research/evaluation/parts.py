"""The parts of an evaluation, and the document that keeps their results so that none is run twice.

    {"parts": {"matrix": {"settings": {...}, "systems": {"default": {"space": "...", "result": {...}}}}},
     "missing": {"recordings/pop909": "why"}}

A result stands as long as its part's settings and its system's space are the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from soundalike.atomic import write_atomically
from soundalike.errors import UnknownNameError, UsageError
from soundalike.research.evaluation import recordings
from soundalike.research.evaluation.factor_matrix import draw_groups, measure_matrix
from soundalike.research.evaluation.hearing import Progress, System
from soundalike.research.evaluation.hubness import measure_hubness
from soundalike.research.evaluation.invariance import ANCHORS, draw_anchors, measure_invariance
from soundalike.research.evaluation.runs import Run
from soundalike.research.sound.orchestra import PALETTES

Document: TypeAlias = dict[str, Any]
Results: TypeAlias = Mapping[str, Any]
Measure: TypeAlias = Callable[[Run], Results]
"""Asks systems; gives plain results by system."""

PARTS: Final = ("matrix", "invariance", "hubness", "recordings")
SPLIT: Final = "test"
"""All that is rendered is music that no head was trained on."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to evaluate.

    Attributes
    ----------
    only : tuple of str
        From `PARTS`.
    groups : int
        Of the factor matrix.
    anchors : int
        Of the invariance curves.
    seed : int
        Not negative.
    palette : str or None
        Which instruments play, see `soundalike.research.renderer.factor_group`; None is its own default.
    data : Path or None
        The folder of outside recordings.
    systems : tuple of str
        Names of the systems that are compared; none means all.
    """

    only: tuple[str, ...] = ("matrix",)
    groups: int = 60
    anchors: int = ANCHORS
    seed: int = 0
    palette: str | None = None
    data: Path | None = None
    systems: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if unknown := [part for part in self.only if part not in PARTS]:
            raise UnknownNameError(f"'{unknown[0]}' is not a part.", f"Known parts: {', '.join(PARTS)}.")
        if self.palette is not None and self.palette not in PALETTES:
            raise UnknownNameError(f"'{self.palette}' is not a palette.", f"Known palettes: {', '.join(PALETTES)}.")

    @property
    def command(self) -> str:
        """The command that measures this, with ``DIR`` for the report's folder and ``DATA`` for the data."""
        words = ["soundalike research evaluate --report DIR"]
        words += [f"--only {','.join(self.only)}"] if self.only != PARTS else []
        words += ["--data DATA"] if self.data is not None else []
        words += [f"--groups {self.groups} --seed {self.seed}"]
        words += [f"--palette {self.palette}"] if self.palette else []
        return " ".join(words + ([f"--systems {','.join(self.systems)}"] if self.systems else []))


@dataclass(frozen=True, slots=True)
class Part:
    """A part that can be run: what its results depend on, and how they are measured."""

    settings: dict[str, Any]
    measure: Measure


def parts_of(plan: Plan) -> tuple[dict[str, Part], dict[str, str]]:
    """The parts of a plan by name, in order, and by name why others cannot be run."""
    rendered = {"seed": plan.seed, "split": SPLIT, "palette": plan.palette or "default"}
    parts: dict[str, Part] = {}
    if "matrix" in plan.only:
        parts["matrix"] = Part({"groups": plan.groups} | rendered, lambda run: _matrix(plan, run))
    if "invariance" in plan.only:
        parts["invariance"] = Part({"anchors": plan.anchors} | rendered, lambda run: _invariance(plan, run))
    folders: dict[str, tuple[str, Callable[[Path, Run], Results]]] = {}
    if "hubness" in plan.only:
        folders["hubness"] = ("music", _hubness)
    if "recordings" in plan.only:
        folders |= {f"recordings/{name}": (name, measure) for name, measure in recordings.TASKS.items()}
    missing: dict[str, str] = {}
    for name, (folder, measure) in folders.items():
        if plan.data is None:
            missing[name] = "no data folder was given"
        elif folder not in recordings.present(plan.data):
            missing[name] = f"the data folder has no {folder}/{recordings.INDEX[folder]}"
        else:
            parts[name] = _on_folder(plan.data / folder, plan, measure, rendered=folder in recordings.RENDERED)
    return parts, missing


def _on_folder(folder: Path, plan: Plan, measure: Callable[[Path, Run], Results], *, rendered: bool) -> Part:
    """A part that is measured on the files of a folder; it is told from others by their number and size."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    settings: dict[str, Any] = {"seed": plan.seed}
    settings |= {"palette": plan.palette or "default"} if rendered else {}
    settings |= {"files": len(files), "bytes": sum(path.stat().st_size for path in files)}
    return Part(settings, lambda run: measure(folder, run))


def _matrix(plan: Plan, run: Run) -> Results:
    groups = draw_groups(plan.groups, seed=plan.seed, split=SPLIT, palette=plan.palette)
    matrices = measure_matrix(run.systems, groups, split=SPLIT, seed=run.seed, jobs=run.jobs, progress=run.progress)
    return {name: matrix.to_json() for name, matrix in matrices.items()}


def _invariance(plan: Plan, run: Run) -> Results:
    anchors = draw_anchors(plan.anchors, seed=plan.seed, split=SPLIT, palette=plan.palette)
    return measure_invariance(run.systems, anchors, seed=run.seed, jobs=run.jobs, progress=run.progress)


def _hubness(folder: Path, run: Run) -> Results:
    return measure_hubness(run.systems, folder, seed=run.seed, jobs=run.jobs, progress=run.progress)


def run_parts(
    plan: Plan,
    systems: Sequence[System],
    *,
    jobs: int = 1,
    known: Document | None = None,
    save: Callable[[Document], None] = lambda _document: None,
    bar: Callable[[str], AbstractContextManager[Progress]],
) -> Document:
    """Measure all parts of a plan that are not known yet.

    Parameters
    ----------
    plan : Plan
    systems : sequence of System
    jobs : int
        Processes to render and listen in.
    known : dict, optional
        What an earlier run returned. Parts that this plan leaves out stay in the document.
    save : callable
        Given the document after each part.
    bar : callable
        Given a part's name, shows its progress while it runs.

    Returns
    -------
    dict
        See the module's first lines; and the ``command``.
    """
    parts, missing = parts_of(plan)
    document: Document = {"command": plan.command, "parts": dict((known or {}).get("parts", {})), "missing": missing}
    for name, part in parts.items():
        before = document["parts"].get(name, {})
        results = dict(before.get("systems", {})) if before.get("settings") == part.settings else {}
        wanted = [system for system in systems if results.get(system.name, {}).get("space") != system.space]
        if wanted:
            with bar(name) as show:
                found = part.measure(Run(wanted, plan.seed, jobs, show, plan.palette))
            results |= {s.name: {"space": s.space, "result": found[s.name]} for s in wanted}
        order = [system.name for system in systems] + list(results)
        document["parts"][name] = {
            "settings": part.settings,
            "systems": {name: results[name] for name in dict.fromkeys(order)},
        }
        save(document)
    return document


def read_results(path: Path) -> Document:
    """What `write_results` wrote, or nothing where no such file is.

    Raises
    ------
    UsageError
        If the file is something else.
    """
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text("utf-8"))
        if not isinstance(document.get("parts"), dict):
            raise ValueError
    except (ValueError, AttributeError):
        raise UsageError(f"'{path}' does not hold results.", "Remove it, or start over with --fresh.") from None
    return dict(document)


def write_results(path: Path, document: Document) -> None:
    """Keep a document as JSON; the file is complete at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
