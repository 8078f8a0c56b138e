"""Measurements on embedded triplets, and on clips that are rendered: matrix, fusion, audits, padding, invariance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from soundalike.research.evaluation.hearing import Progress
from soundalike.research.evaluation.invariance import draw_anchors, measure_invariance
from soundalike.research.merit.audits import audit
from soundalike.research.merit.bench import Bench, Unit
from soundalike.research.merit.fusion import fusion_table
from soundalike.research.merit.padding import measure_padding
from soundalike.research.merit.reference_matrix import reference_matrix
from soundalike.research.merit.strict_matrix import strict_matrix
from soundalike.research.merit.systems import LoadedSystem
from soundalike.research.merit.trained_on import folders_met


def matrix(bench: Bench, system: LoadedSystem) -> list[Unit]:
    """The cross-factor matrix, as MERIT defines it and by the strict protocol."""

    def measure(_progress: Progress) -> dict[str, Any]:
        tests = bench.tests(system)
        names = {factor: [folder.name for folder in triplets.folders] for factor, triplets in tests.items()}
        return {
            "reference": reference_matrix(bench.tests(system, reference=True), system.heads),
            "strict": strict_matrix(tests, system.heads, seed=bench.recipe.seed),
            "met in training": folders_met(Path(system.recipe.heads), system.set_digests, names),
        }

    return _on_sets(bench, system, "matrix", measure)


def fusion(bench: Bench, system: LoadedSystem) -> list[Unit]:
    """Fused heads on the sets."""

    def measure(_progress: Progress) -> dict[str, Any]:
        return fusion_table(bench.tests(system), system.heads, seed=bench.recipe.seed)

    return _on_sets(bench, system, "fusion", measure)


def audits(bench: Bench, system: LoadedSystem) -> list[Unit]:
    """Shortcuts and leaks of the sets; of sets that several systems have, once."""
    first = next(other for other in bench.systems if other.recipe.sets == system.recipe.sets)
    if first.name != system.name:
        return []
    audio = {factor: bench.present(path) for factor, path in bench.recipe.audio.items()}

    def measure(progress: Progress) -> dict[str, Any]:
        splits = bench.splits()
        return {
            factor: audit(
                triplets,
                split=splits.get(factor),
                root=audio.get(factor),
                seed=bench.recipe.seed,
                progress=progress,
            )
            for factor, triplets in system.sets.items()
        }

    units = _on_sets(bench, system, "audits", measure, audio=_names(audio))
    return [replace(unit, inputs={**unit.inputs, "heads": []}) for unit in units]  # heads have no part in it


def padding(bench: Bench, system: LoadedSystem) -> list[Unit]:
    """What silence behind the clips of the sets does."""
    roots = {factor: bench.present(path) for factor, path in bench.recipe.audio.items() if factor in system.recipe.sets}
    if not roots:
        bench.missing[f"padding/{system.name}"] = "The recipe names no folders of wav files under [audio]."
        return []
    folders = bench.recipe.settings.folders
    _ = system.encoder  # refused, or missing, before anything is measured

    def measure(progress: Progress) -> dict[str, Any]:
        tests, load, seed = bench.tests(system), system.padding_encoder, bench.recipe.seed
        return {
            factor: measure_padding(
                tests[factor], root, system.heads, load, folders=folders, seed=seed, progress=progress
            )
            for factor, root in roots.items()
        }

    return _on_sets(bench, system, "padding", measure, audio=_names(roots), folders=folders)


def invariance(bench: Bench, system: LoadedSystem) -> list[Unit]:
    """Curves of rendered clips that are changed, by how much; see `soundalike.research.evaluation.invariance`."""
    chosen, seed = bench.recipe.settings, bench.recipe.seed
    palette = {"palette": chosen.palette} if chosen.palette else {}
    _ = system.encoder

    def measure(progress: Progress) -> dict[str, Any]:
        anchors = draw_anchors(chosen.anchors, seed=seed, palette=chosen.palette or None)
        found = measure_invariance([system.listening()], anchors, changes=chosen.changes, seed=seed, progress=progress)
        return found[system.name]

    sizes = {"seed": seed, "anchors": chosen.anchors, "changes": list(chosen.changes), **palette}
    return [Unit("invariance", "", system.name, {**sizes, **system.describe()}, measure)]


def _on_sets(
    bench: Bench, system: LoadedSystem, section: str, measure: Callable[[Progress], Any], **more: Any
) -> list[Unit]:
    """A unit that depends on sets, heads, splits and `more`; none where the system has no sets."""
    if not system.recipe.sets:
        bench.missing[f"{section}/{system.name}"] = "The recipe names no sets for this system."
        return []
    inputs = {"seed": bench.recipe.seed, "sets": system.set_digests, "splits": bench.split_digests()}
    return [Unit(section, "", system.name, {**inputs, **system.describe(), **more}, measure)]


def _names(roots: dict[str, Path]) -> list[str]:
    """Factors whose wav files are here: what is in them was embedded, and the sets' digests stand for it."""
    return sorted(roots)
