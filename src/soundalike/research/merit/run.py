"""Measure a recipe unit by unit, and keep what was measured: a result stands as long as its inputs are equal.

{"parts": {"matrix/trained": {"section", "subject", "system", "inputs", "result"}},
 "missing": {"probes/musdb/trained": "why"}, "name", "command", "versions"}
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from soundalike.research.evaluation.hearing import Progress
from soundalike.research.evaluation.parts import Document
from soundalike.research.merit import corpus_units, set_units
from soundalike.research.merit.bench import COMMAND, Bench, Unit
from soundalike.research.merit.recipe import MeritRecipe
from soundalike.research.merit.systems import LoadedSystem

RESULTS: Final = "results.json"
FORMAT: Final = 1
"""Of results; those of another are measured again."""

CACHE: Final = "embeddings"
PACKAGES: Final = ("soundalike", "numpy", "scipy", "torch", "transformers", "safetensors")

BUILDERS: Final[Mapping[str, Callable[[Bench, LoadedSystem], list[Unit]]]] = MappingProxyType(
    {
        "matrix": set_units.matrix,
        "audits": set_units.audits,
        "fusion": set_units.fusion,
        "probes": corpus_units.probes,
        "retrieval": corpus_units.retrieval,
        "padding": set_units.padding,
        "invariance": set_units.invariance,
    }
)

ON_SETS: Final = ("matrix", "audits", "fusion", "padding")
"""Sections that cannot do without the sets."""


def run_recipe(
    recipe: MeritRecipe,
    out: Path,
    *,
    known: Document | None = None,
    fresh: bool = False,
    save: Callable[[Document], None] = lambda _document: None,
    bar: Callable[[str], AbstractContextManager[Progress]],
) -> tuple[Document, list[str]]:
    """Measure all units that are not known yet.

    Parameters
    ----------
    recipe : MeritRecipe
    out : Path
        Folder in which embeddings of corpora are kept.
    known : dict, optional
        What an earlier run returned. Units that this recipe leaves out stay in it.
    fresh : bool
        Measure the recipe's units even where they are known.
    save : callable
        Given the document after each unit.
    bar : callable
        Given a unit's name, shows its progress while it runs.

    Returns
    -------
    dict
        See the module's first lines.
    list of str
        Names of the units that were measured now.

    Raises
    ------
    UsageError, ShapeError
        If parts of the recipe do not fit each other. What is only missing here is noted instead.
    """
    bench = Bench(recipe, tuple(LoadedSystem(system) for system in recipe.systems), out / CACHE)
    units = units_of(bench)
    before: dict[str, Any] = (known or {}).get("parts", {})
    parts = {name: part for name, part in before.items() if part.get("inputs", {}).get("format") == FORMAT}
    document: Document = {
        "name": recipe.name,
        "command": COMMAND,
        "versions": versions(),
        "parts": parts,
        "missing": bench.missing,
    }
    measured = []
    for unit in units:
        inputs = json.loads(json.dumps({"format": FORMAT, **unit.inputs}))  # as they will be read again
        if not fresh and parts.get(unit.name, {}).get("inputs") == inputs:
            continue
        with bar(unit.name) as show:
            result = unit.measure(show)
        entry = {"section": unit.section, "subject": unit.subject, "system": unit.system}
        parts[unit.name] = {**entry, "inputs": inputs, "result": result}
        measured.append(unit.name)
        save(document)
    save(document)
    return document, measured


def units_of(bench: Bench) -> list[Unit]:
    """The units of a recipe in the order of its sections; what cannot be made here is noted in ``bench.missing``."""
    units: list[Unit] = []
    for section in bench.recipe.sections:
        for system in bench.systems:
            with bench.guard(f"{section}/{system.name}"):
                for path in system.recipe.sets.values() if section in ON_SETS else ():
                    bench.present(path)
                units += BUILDERS[section](bench, system)
    return units


def versions() -> dict[str, str]:
    """Of Python, this program, and the packages that compute; those that are not installed are left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
