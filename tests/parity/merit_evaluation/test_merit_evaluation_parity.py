"""Ours against the authors' program on the same inputs; `make_golden.py` says how the numbers were made."""

from __future__ import annotations

import json
from pathlib import Path

import evaluation_inputs as inputs
import numpy as np
import pytest

from soundalike.heads.projection import ProjectionHead
from soundalike.research.merit import fusion, probes
from soundalike.research.merit.projections import RAW
from soundalike.research.merit.reference_matrix import reference_cell, reference_matrix
from soundalike.research.triplets.sets import ClipNotes, Members, TripletSet

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "golden.json").read_text("utf-8"))
VECTORS = dict(np.load(HERE / "golden.npz"))
ROWS = {
    RAW: "raw",
    **inputs.FACTORS,
    fusion.MEAN: "combined",
    fusion.CONCATENATION: "combined_concat",
    fusion.WEIGHTED: "combined_wmean",
    fusion.PRODUCT: "combined_prod",
    fusion.MAXIMUM: "combined_max",
}
SYSTEMS = {
    "all": ("melody", "rhythm", "timbre"),
    "rhythm": ("melody", "timbre"),
    "alone": ("timbre",),
}
"""Heads that are there, by the name of the golden numbers."""


def head(factor: str) -> ProjectionHead:
    return ProjectionHead("golden", factor, *inputs.layers(factor).values())


def heads_of(system: str) -> dict[str, ProjectionHead]:
    return {factor: head(factor) for factor in SYSTEMS[system]}


def rows_of(corpus: dict[str, np.ndarray], system: str) -> dict[str, fusion.Projection | None]:
    rows = np.stack(list(corpus.values()))
    return fusion.reference_projections(rows, {f: h.project(rows) for f, h in heads_of(system).items()})


def triplet_set(factor: str, kind: str) -> TripletSet:
    found = inputs.triplet_pickle(factor, kind)
    places = {path: place for place, path in enumerate(found["embeddings"])}
    folders = tuple(
        Members(str(number), places[t["anchor"]], tuple(places[p] for p in t["positives"]), (places[t["negative"]],))
        for number, t in enumerate(found["triplets"])
    )
    notes = (ClipNotes(),) * len(places)
    return TripletSet(factor, "mert", np.stack(list(found["embeddings"].values())), tuple(places), notes, folders)


def with_our_names(results: dict) -> dict:
    return {name: results[theirs] for name, theirs in ROWS.items() if theirs in results}


@pytest.mark.parametrize("kind", inputs.KINDS)
def test_all_cells_of_the_matrix_are_those_of_the_authors(kind):
    ours = reference_matrix({factor: triplet_set(factor, kind) for factor in inputs.FACTORS}, heads_of("all"))
    for row, cells in ours.items():
        for factor, cell in cells.items():
            theirs = GOLDEN[f"matrix/{kind}/{row}/{factor}"]
            assert (cell["triplet_accuracy"], cell["n_triplets"]) == (theirs["triplet_accuracy"], theirs["n_triplets"])
            for name in ("mean_d_ap", "mean_d_an", "mean_margin"):
                assert cell[name] == pytest.approx(theirs[name], abs=1e-6)
    assert len(ours) == 4


@pytest.mark.parametrize("kind", inputs.KINDS)
@pytest.mark.parametrize("factor", inputs.FACTORS)
def test_the_accuracy_before_training_and_that_of_probes_are_the_raw_row(kind, factor):
    ours = reference_matrix({factor: triplet_set(factor, kind)}, {})[RAW][factor]["triplet_accuracy"]
    assert ours == pytest.approx(GOLDEN[f"before training/{kind}/{factor}"], abs=1e-12)
    assert ours == pytest.approx(GOLDEN[f"probe/{kind}/{factor}"], abs=1e-12)


def test_ties_are_counted_wrong_as_the_authors_do():
    triplets = triplet_set("melody", "ties")
    tied = sum(
        (triplets.embeddings[p] == triplets.embeddings[folder.negatives[0]]).all()
        for folder in triplets.folders
        for p in folder.positives
    )
    assert tied == 10
    only = triplets.select([f.name for f in triplets.folders if len(f.positives) == 1 and int(f.name) % 3 == 0])
    assert only.folders
    cell = reference_cell(head("melody").project(only.embeddings), only.triples())
    assert cell.triplet_accuracy == 0.0


@pytest.mark.parametrize("kind", inputs.KINDS)
def test_the_melody_probe_is_the_melody_column_of_the_matrix(kind):
    ours = reference_matrix({"melody": triplet_set("melody", kind)}, heads_of("all"))
    theirs = with_our_names(GOLDEN[f"probe M/{kind}"])
    for row, cells in ours.items():
        assert round(cells["melody"]["triplet_accuracy"], 4) == theirs[row]["triplet_accuracy"]
        assert cells["melody"]["n_triplets"] == theirs[row]["n_triplets"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_heads_and_fusions_give_the_vectors_of_the_authors(system):
    rows = rows_of(inputs.classes(), system)
    for name, row in rows.items():
        if row is None:
            assert f"{system}/{ROWS[name]}" not in VECTORS
        else:
            assert row.present.all()
            np.testing.assert_allclose(
                row.vectors[:: inputs.EVERY_NTH], VECTORS[f"{system}/{ROWS[name]}"], rtol=0, atol=1e-6
            )
    assert (rows[fusion.CONCATENATION] is None) == (system == "alone")


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("exclude", [(), ("Rumba",)])
def test_the_probe_of_classes_is_that_of_the_authors(system, exclude):
    corpus = inputs.classes()
    ours = probes.class_probe(rows_of(corpus, system), [probes.parent_of(path) for path in corpus], exclude=exclude)
    assert ours == with_our_names(GOLDEN[f"probe B/{'excluded' if exclude else 'classes'}/{system}"])


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_probe_of_stems_is_that_of_the_authors(system):
    corpus = inputs.stems()
    labels = [probes.stem_of(path) for path in corpus]
    ours = probes.class_probe(rows_of(corpus, system), labels, exclude=["mixture"])
    assert ours == with_our_names(GOLDEN[f"probe B/stems/{system}"])


@pytest.mark.parametrize("system", ["all", "rhythm"])
def test_the_probe_of_covers_is_that_of_the_authors(system):
    corpus = inputs.covers()
    ours = probes.cover_probe(rows_of(corpus, system), list(corpus))
    theirs = GOLDEN[f"probe C/{system}"]
    profiles, expected = ours.pop("cover_factor_profiles"), theirs["cover_factor_profiles"]
    assert ours == with_our_names(theirs)
    assert ours[RAW]["n_triplets"] == 8000
    assert [profile["pair"] for profile in profiles] == [profile["pair"] for profile in expected]
    for profile, other in zip(profiles, expected, strict=True):
        for name, theirs_name in ROWS.items():
            assert profile.get(name) == pytest.approx(other.get(theirs_name), abs=1.01e-4)


def test_a_missing_head_shifts_the_negatives_of_all_rows_after_it():
    corpus = inputs.classes()
    labels = [probes.parent_of(path) for path in corpus]
    full, without = (probes.class_probe(rows_of(corpus, system), labels) for system in ("all", "rhythm"))
    assert full[RAW] == without[RAW]
    assert full["melody"] == without["melody"]
    assert full["timbre"] != without["timbre"]
    assert without["rhythm"] == {"triplet_accuracy": None}


def test_the_probe_of_tags_is_that_of_the_authors():
    known, corpus = inputs.tags(), inputs.tagged()
    kept = {path: row for path, row in corpus.items() if probes.stem_of(path) in known}
    assert len(kept) == len(corpus) - 2
    ours = probes.tag_probe(rows_of(kept, "rhythm"), [frozenset(known[probes.stem_of(path)]) for path in kept])
    assert ours == with_our_names(GOLDEN["probe A"])
