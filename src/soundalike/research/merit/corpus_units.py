"""Measurements on corpora: MERIT's probes in its own form, and retrieval in ours."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from soundalike.research.evaluation.hearing import Progress
from soundalike.research.merit.bench import COMMAND, Bench, Unit
from soundalike.research.merit.corpora import SOURCES, read_corpus, read_for_reference
from soundalike.research.merit.corpus_embedding import SECONDS, embed_corpus
from soundalike.research.merit.fusion import CONCATENATION, fuse, reference_projections
from soundalike.research.merit.probes import class_probe, cover_probe
from soundalike.research.merit.projections import project_each
from soundalike.research.merit.retrieval import make_gallery, measure_retrieval
from soundalike.research.merit.systems import LoadedSystem

COVERS: Final = "covers80"


def probes(bench: Bench, system: LoadedSystem) -> list[Unit]:
    """The probes as MERIT's program makes them."""
    return [
        Unit("probes", kind, system.name, inputs, partial(_probe, bench, system, kind, root))
        for kind, root, inputs in _corpora(bench, system, "probes")
    ]


def retrieval(bench: Bench, system: LoadedSystem) -> list[Unit]:
    """Rank metrics over all recordings."""
    windows = bench.recipe.settings.windows
    return [
        Unit(
            "retrieval",
            kind,
            system.name,
            {**inputs, "windows": windows},
            partial(_retrieve, bench, system, kind, root),
        )
        for kind, root, inputs in _corpora(bench, system, "retrieval")
    ]


def _corpora(bench: Bench, system: LoadedSystem, section: str) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Corpora that are here, each with what a result on it depends on."""
    if not bench.recipe.corpora:
        bench.missing[f"{section}/{system.name}"] = "The recipe names no corpus under [corpora]."
    for kind, root in bench.recipe.corpora.items():
        if not root.is_dir():
            why = f"There is no '{bench.shown(root)}'. {SOURCES[kind]} Then: {COMMAND} --only {section}"
            bench.missing[f"{section}/{kind}/{system.name}"] = why
            continue
        encoder = system.encoder.name
        files = [path for path in root.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        inputs = {"seed": bench.recipe.seed, "files": len(files), "bytes": size, "heard by": encoder}
        yield kind, root, {**inputs, **system.describe()}


def _probe(bench: Bench, system: LoadedSystem, kind: str, root: Path, progress: Progress) -> dict[str, Any]:
    recordings = read_for_reference(kind, root)
    encoder = system.padding_encoder(SECONDS)
    found = embed_corpus(root, recordings, encoder, regime="reference", cache=bench.cache, progress=progress)
    heard = [recordings[owner] for owner in found.owners.tolist()]
    heads = {factor: head.project(found.embeddings) for factor, head in system.heads.items()}
    rows = reference_projections(found.embeddings, heads)
    if kind == COVERS:
        probe = cover_probe(rows, [recording.path for recording in heard])
    else:
        probe = class_probe(rows, [recording.label for recording in heard])
    return {"recordings": len(heard), "probe": probe, "failed": found.failed}


def _retrieve(bench: Bench, system: LoadedSystem, kind: str, root: Path, progress: Progress) -> dict[str, Any]:
    recordings, windows, seed = read_corpus(kind, root), bench.recipe.settings.windows, bench.recipe.seed
    found = embed_corpus(
        root, recordings, system.encoder, regime="strict", windows=windows, cache=bench.cache, progress=progress
    )
    gallery = make_gallery(recordings, found.embeddings, found.owners)
    rows = project_each(found.embeddings, system.heads, seed=seed)
    if fused := fuse(rows):
        rows[CONCATENATION] = fused[CONCATENATION].vectors
    return {**measure_retrieval(gallery, rows, seed=seed), "failed": found.failed}
