"""The measurements of a recipe by section."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from soundalike.research.merit import corpus_units, set_units
from soundalike.research.merit.bench import Bench, Unit
from soundalike.research.merit.systems import LoadedSystem

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
