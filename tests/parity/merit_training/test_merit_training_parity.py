"""Losses, heads, files and training give what MERIT's own programs give; ``make_golden.py`` asked those."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch
from merit_training_inputs import BATCHES, DEFAULTS, KEPT, LOSSES, RUNS, document, probes, unit_vectors

from soundalike.errors import CheckpointError
from soundalike.heads.merit_files import merit_file, read_merit_file, read_provenance, write_merit_head
from soundalike.heads.projection import ProjectionHead
from soundalike.research.evaluation.metrics import triplet_accuracy
from soundalike.research.factor_heads.epochs import Keeping, run_epochs, seeded
from soundalike.research.factor_heads.examples import split_sets
from soundalike.research.factor_heads.losses import cosines, merit_pairwise_loss
from soundalike.research.factor_heads.networks import FactorNetwork
from soundalike.research.factor_heads.recipe import parse_recipe
from soundalike.research.factor_heads.reference import ReferenceCourse
from soundalike.research.factor_heads.run import train_heads
from soundalike.research.triplets.sets import ClipNotes, Members, TripletSet, write_set
from tiny import merit as tiny_merit

HERE = Path(__file__).parent
GOLDEN = {**np.load(HERE / "golden.npz")}
GOLDEN_RUNS = json.loads((HERE / "golden.json").read_text())


def as_set(made: dict) -> TripletSet:
    clips = tuple(made["embeddings"])
    place = {name: i for i, name in enumerate(clips)}
    folders = tuple(
        Members(
            each["anchor"].partition("/")[0],
            place[each["anchor"]],
            tuple(place[name] for name in each["positives"]),
            (place[each["negative"]],),
        )
        for each in made["triplets"]
    )
    notes = (ClipNotes(),) * len(clips)
    return TripletSet("melody", "merit@01234567", np.stack([*made["embeddings"].values()]), clips, notes, folders)


def recipe_of(name: str) -> dict:
    sizes = {**DEFAULTS, **RUNS[name]}
    ours = {"hidden_dim": "hidden", "out_dim": "dim", "batch_size": "batch", "lr": "rate", "val_split": "validation"}
    kept = {ours.get(key, key): value for key, value in sizes.items() if key not in ("folders", "in_dim")}
    return {"mode": "reference", **kept}


def course_of(name: str) -> tuple[ReferenceCourse, object]:
    triplets = as_set(document(**RUNS[name]))
    recipe = parse_recipe({**recipe_of(name), "sets": {"melody": "melody.npz"}}, Path())
    examples = split_sets({"melody": triplets}, recipe)["melody"]
    return ReferenceCourse("melody", examples, recipe, torch.device("cpu")), recipe


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(("gamma", "margin"), LOSSES)
def test_the_loss_and_its_gradients_are_the_reference_s(batch, gamma, margin):
    rows = [torch.from_numpy(each).requires_grad_() for each in unit_vectors(batch)]
    near, far = cosines(rows[0], rows[1]), cosines(rows[0], rows[2])
    loss = merit_pairwise_loss(near, far, gamma=gamma, margin=margin, reduction="sum")
    loss.backward()
    assert loss.item() == pytest.approx(float(GOLDEN[f"loss-{batch}-{gamma}"]), rel=1e-5)
    gradients = np.stack([each.grad.numpy()[KEPT] for each in rows])
    assert np.allclose(gradients, GOLDEN[f"loss-{batch}-{gamma}-gradients"], rtol=1e-5, atol=1e-6)
    assert batch == 1 or np.abs(gradients[:, 0]).max() == 0, "the first triple is perfect"


def test_the_network_for_one_factor_is_the_reference_s_head():
    assert sum(part.numel() for part in FactorNetwork(("melody",), 5120, 512, 128).parameters()) == 2687488
    assert int(GOLDEN["parameters"]) == 2687488
    layers = {name: torch.from_numpy(array) for name, array in tiny_merit.arrays(3, 5120, 512, 128).items()}
    network = FactorNetwork(("melody",), 5120, 512, 128)
    ours = {"net.0.weight": "trunk.weight", "net.0.bias": "trunk.bias", "net.2.weight": "outputs.melody.weight"}
    network.load_state_dict({ours[name]: layer for name, layer in layers.items()}, strict=False)
    vectors = network(torch.from_numpy(probes(5120)), "melody").detach().numpy()
    assert np.abs(vectors - GOLDEN["written"][0]).max() < 1e-6
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_file_of_the_reference_s_training_opens_here_as_the_same_head(tmp_path):
    layers = read_merit_file(HERE / "reference_head.pt")
    head = ProjectionHead("read", "melody", *layers.values())
    assert np.abs(head.project(probes(20)) - GOLDEN["reference head"]).max() < 1e-6
    place = tmp_path / merit_file("melody")
    place.parent.mkdir()
    place.write_bytes((HERE / "reference_head.pt").read_bytes())
    (told,) = read_provenance(tmp_path)
    best = GOLDEN_RUNS["small"]["best"]
    assert {name: getattr(told, name) for name in best} == best


def test_a_file_written_here_opens_in_the_reference_as_the_same_head(tmp_path):
    layers = tiny_merit.arrays(3, 5120, 512, 128)
    head = ProjectionHead("made", "melody", layers["net.0.weight"], layers["net.0.bias"], layers["net.2.weight"])
    assert np.abs(head.project(probes(5120)) - GOLDEN["written"][0]).max() < 1e-6, "by its reader of folders"
    triplets = as_set(document(**RUNS["true sizes"]))
    triples, vectors = triplets.triples(), head.project(triplets.embeddings)
    found = triplet_accuracy(*(vectors[rows] for rows in (triples.anchor, triples.positive, triples.negative)))
    assert [found, len(triples)] == pytest.approx(GOLDEN["written-evaluated"]), "by its evaluation"
    write_merit_head(tmp_path / "head.pt", head, epoch=3, val_loss=1.5, val_acc=0.75)
    ours, theirs = (torch.load(path, weights_only=True) for path in (tmp_path / "head.pt", HERE / "reference_head.pt"))
    assert {name: type(value) for name, value in ours.items()} == {
        **{name: type(value) for name, value in theirs.items()},
        "state_dict": dict,
    }
    assert ours["state_dict"].keys() == theirs["state_dict"].keys()


def test_a_bare_state_is_accepted_and_the_older_form_refused_as_there(tmp_path):
    layers = {name: torch.from_numpy(array) for name, array in tiny_merit.arrays(3, 5120, 512, 128).items()}
    torch.save(layers, tmp_path / "bare.pt")
    torch.save({"linear.weight": layers["net.2.weight"]}, tmp_path / "older.pt")
    head = ProjectionHead("read", "rhythm", *read_merit_file(tmp_path / "bare.pt").values())
    assert np.abs(head.project(probes(5120)) - GOLDEN["written"][1]).max() < 1e-6
    with pytest.raises(CheckpointError, match="older form"):
        read_merit_file(tmp_path / "older.pt")


@pytest.mark.parametrize("name", RUNS)
def test_the_folders_on_either_side_are_the_reference_s_in_its_order(name):
    recipe = parse_recipe({**recipe_of(name), "sets": {"melody": "melody.npz"}}, Path())
    examples = split_sets({"melody": as_set(document(**RUNS[name]))}, recipe)["melody"]
    assert examples.names() == {side: GOLDEN_RUNS[name][side] for side in ("train", "validation")}


@pytest.mark.parametrize("name", RUNS)
def test_step_sizes_fall_exactly_as_the_reference_s(name, tmp_path, monkeypatch):
    kind = torch.optim.lr_scheduler.CosineAnnealingLR
    rates, step = [], kind.step

    def noting(self: object) -> None:
        step(self)
        rates.append(self.get_last_lr()[0])

    monkeypatch.setattr(kind, "step", noting)
    with seeded(42):
        course, recipe = course_of(name)
        run_epochs(course, recipe, keeping=Keeping(tmp_path / "state.pt", "x"), progress=lambda told: None)
    assert rates[1:] == GOLDEN_RUNS[name]["rates"], "the first is set before any step"
    assert len(rates) > 5


@pytest.mark.parametrize("name", RUNS)
def test_training_goes_as_the_reference_s(name, tmp_path):
    write_set(tmp_path / "melody.npz", as_set(document(**RUNS[name])))
    settings = "".join(f"{key} = {json.dumps(value)}\n" for key, value in recipe_of(name).items())
    (tmp_path / "recipe.toml").write_text(f'{settings}[sets]\nmelody = "melody.npz"\n')
    train_heads(tmp_path / "recipe.toml", tmp_path / "heads")
    golden = GOLDEN_RUNS[name]
    history = json.loads((tmp_path / "heads" / "merit" / "head_mel" / "history.json").read_text())
    assert [list(record) for record in history] == [list(record) for record in golden["history"]]
    for ours, theirs in zip(history, golden["history"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
    (told,) = read_provenance(tmp_path / "heads" / "merit")
    assert told.epoch == golden["best"]["epoch"]
    for key, value in golden["best"].items():
        assert getattr(told, key) == (pytest.approx(value, rel=1e-4) if isinstance(value, float) else value)


def test_the_runs_are_worth_comparing():
    stopped = GOLDEN_RUNS["overfitting"]
    assert stopped["best"]["epoch"] + 4 == len(stopped["history"]) < 40, "one stops by its patience"
    assert len(GOLDEN_RUNS["small"]["rates"]) % 3 == 0
    assert RUNS["true sizes"]["in_dim"] == 5120
