"""Rules of the training of factor heads, from sets of triplets to a folder that a library listens with."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pytorch_metric_learning")

import torch

from made_triplets import made_set
from soundalike.audio import Clip
from soundalike.encoders import Encoder, load_encoder
from soundalike.errors import ShapeError, StoreLockedError, UsageError
from soundalike.heads.merit_files import doubts, read_provenance
from soundalike.heads.projection import FILE, load_folder
from soundalike.library import Library
from soundalike.recipe import Recipe
from soundalike.research.evaluation.metrics import triplet_accuracy
from soundalike.research.factor_heads.recipe import read_recipe
from soundalike.research.factor_heads.run import train_heads
from soundalike.research.renderer import factor_group, render
from soundalike.research.triplets.pickles import write_triplet_pickle
from soundalike.research.triplets.sets import ClipNotes, Members, TripletSet, write_set
from tiny import mert

SMALL = "hidden = 32\ndim = 8\nbatch = 8\nepochs = 4\nvalidation = 0.2\n"
REFERENCE = 'mode = "reference"\nhidden = 16\ndim = 8\nbatch = 64\nepochs = 4\nvalidation = 0.2\n'
MODES = {"default": SMALL, "shared": f'{SMALL}architecture = "shared"\n', "reference": REFERENCE}


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    for factor in ("melody", "rhythm"):
        write_set(folder / f"{factor}.npz", made_set(factor, folders=30))
    return folder


def recipe_in(folder: Path, sets: Path, settings: str = SMALL, factors: tuple[str, ...] = ("melody", "rhythm")) -> Path:
    path = folder / "recipe.toml"
    named = "".join(f"{factor} = {json.dumps(str(sets / f'{factor}.npz'))}\n" for factor in factors)
    path.write_text(f"{settings}[sets]\n{named}")
    return path


def files(folder: Path) -> dict[str, bytes]:
    """All files and what they hold."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def accuracy(made: TripletSet, vectors: np.ndarray) -> float:
    triples = made.triples()
    return triplet_accuracy(*(vectors[rows] for rows in (triples.anchor, triples.positive, triples.negative)))


@pytest.mark.parametrize(
    "settings",
    [
        "",
        'negatives = "folder"\n',
        'negatives = "hard"\nhardest = 4\n',
        'loss = "merit-pairwise"\ngamma = 10.0\nmargin = 0.2\n',
        'loss = "merit-pairwise"\nnegatives = "folder"\nselect = "loss"\n',
    ],
)
def test_a_factor_that_is_linearly_hidden_is_found_in_folders_that_were_never_seen(tmp_path, settings):
    write_set(tmp_path / "melody.npz", made_set("melody", folders=120))
    made = "hidden = 64\ndim = 16\nbatch = 16\nepochs = 20\nrate = 0.005\nvalidation = 0.15\ndropout = 0.1\n" + settings
    document = train_heads(recipe_in(tmp_path, tmp_path, made, ("melody",)), tmp_path / "heads")
    (head,) = load_folder(tmp_path / "heads", encoder="toy@1")
    unseen, other = made_set("melody", folders=100, seed=7), made_set("rhythm", folders=100, seed=7)
    assert accuracy(unseen, unseen.embeddings) < 0.65
    assert accuracy(unseen, head.project(unseen.embeddings)) > 0.88
    assert accuracy(other, head.project(other.embeddings)) < 0.5, "and no other"
    assert document["best"]["melody"]["val_acc"] > 0.85


@pytest.mark.parametrize("mode", MODES)
def test_the_folder_holds_heads_and_what_is_known_of_them(sets, tmp_path, mode):
    path = recipe_in(tmp_path, sets, MODES[mode])
    told = []
    document = train_heads(path, tmp_path / "heads", progress=told.append)
    found = files(tmp_path / "heads")
    expected = {FILE, "history.json", "history.svg", "recipe.toml", "run.json", "split.json"}
    if mode == "reference":
        expected |= {
            f"merit/head_{name}/{file}" for name in ("mel", "rhy") for file in ("best_head.pt", "history.json")
        }
    assert set(found) == expected
    assert json.loads(found["run.json"]) == document
    assert document["finished"]
    assert set(document["versions"]) == {"python", "soundalike", "torch", "numpy", "pytorch-metric-learning"}
    assert "unknown" not in document["versions"].values()
    assert document["sets"]["rhythm"]["encoder"] == "toy@1"
    history, split = json.loads(found["history.json"]), json.loads(found["split.json"])
    for factor in ("melody", "rhythm"):
        assert [record["epoch"] for record in history[factor]] == [1, 2, 3, 4]
        assert set(history[factor][0]) == {"epoch", "train_loss", "val_loss", "train_acc", "val_acc"}
        assert document["best"][factor] in history[factor]
        assert len(split[factor]["train"]) + len(split[factor]["validation"]) == 30
    assert found["history.svg"].lstrip().startswith(b"<?xml")
    assert read_recipe(tmp_path / "heads" / "recipe.toml") == read_recipe(path)
    assert len(told) == (4 if mode == "shared" else 8)
    assert [head.factor for head in load_folder(tmp_path / "heads")] == ["melody", "rhythm"]


def test_the_best_epoch_is_the_one_that_is_kept(sets, tmp_path):
    settings = SMALL.replace("epochs = 4", "epochs = 30") + 'rate = 0.05\ndropout = 0.0\nselect = "loss"\n'
    document = train_heads(recipe_in(tmp_path, sets, settings, ("melody",)), tmp_path / "heads")
    history = json.loads((tmp_path / "heads" / "history.json").read_text())["melody"]
    best = min(history, key=lambda record: record["val_loss"])
    assert document["best"]["melody"] == best
    assert best["epoch"] < len(history) < 31
    made = made_set("melody", folders=30)
    split = json.loads((tmp_path / "heads" / "split.json").read_text())["melody"]
    (head,) = load_folder(tmp_path / "heads")
    vectors = head.project(made.embeddings)
    assert accuracy(made.select(split["validation"]), vectors) == pytest.approx(best["val_acc"], abs=1e-9)


def test_patience_ends_the_training(sets, tmp_path):
    settings = SMALL.replace("epochs = 4", "epochs = 60") + "rate = 0.05\npatience = 3\n"
    document = train_heads(recipe_in(tmp_path, sets, settings, ("melody",)), tmp_path / "heads")
    history = json.loads((tmp_path / "heads" / "history.json").read_text())["melody"]
    assert len(history) == document["best"]["melody"]["epoch"] + 3


class StopError(Exception):
    """Someone pulls the plug."""


@pytest.mark.parametrize(
    ("mode", "after", "save_every"),
    [("default", 3, 0.0), ("default", 6, 0.0), ("default", 3, 1e9), ("shared", 3, 0.0), ("reference", 6, 0.0)],
)
def test_a_training_that_was_stopped_goes_on_to_the_same_bits(sets, tmp_path, mode, after, save_every):
    path = recipe_in(tmp_path, sets, MODES[mode])
    train_heads(path, tmp_path / "whole")
    told = []

    def stopping(one: object) -> None:
        told.append(one)
        if len(told) == after:
            raise StopError

    with pytest.raises(StopError):
        train_heads(path, tmp_path / "stopped", progress=stopping, save_every=save_every)
    assert not (tmp_path / "stopped" / FILE).exists(), "nothing half trained looks like heads"
    before = len(told)
    train_heads(path, tmp_path / "stopped", progress=told.append)
    whole, stopped = files(tmp_path / "whole"), files(tmp_path / "stopped")
    assert whole == stopped
    again = 0 if save_every == 0 else before
    assert len(told) == (4 if mode == "shared" else 8) + again


@pytest.mark.parametrize("mode", MODES)
def test_any_number_of_threads_gives_the_same_bits_and_the_caller_s_chance_is_left_alone(sets, tmp_path, mode):
    path = recipe_in(tmp_path, sets, MODES[mode])
    threads = torch.get_num_threads()
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    found = []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            train_heads(path, tmp_path / str(count))
            assert torch.get_num_threads() == count
            found.append(files(tmp_path / str(count)))
    finally:
        torch.set_num_threads(threads)
    assert found[0] == found[1]
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), np.random.get_state()[1].tolist())


def test_another_seed_gives_other_heads(sets, tmp_path):
    heads = []
    for seed in (0, 1):
        train_heads(recipe_in(tmp_path, sets, f"{SMALL}seed = {seed}\n"), tmp_path / str(seed))
        heads.append((tmp_path / str(seed) / FILE).read_bytes())
    assert heads[0] != heads[1]


def test_what_is_finished_is_not_trained_again(sets, tmp_path):
    path = recipe_in(tmp_path, sets)
    first, told = train_heads(path, tmp_path / "heads"), []
    assert train_heads(path, tmp_path / "heads", progress=told.append) == first
    assert not told


def test_another_recipe_or_other_triplets_are_refused_unless_begun_afresh(sets, tmp_path):
    write_set(tmp_path / "melody.npz", made_set("melody", folders=10))
    path = recipe_in(tmp_path, tmp_path, factors=("melody",))
    train_heads(path, tmp_path / "heads")
    (tmp_path / "heads" / "notes.txt").write_text("mine")
    write_set(tmp_path / "melody.npz", made_set("melody", folders=11))
    with pytest.raises(UsageError, match="another recipe or other triplets"):
        train_heads(path, tmp_path / "heads")
    document = train_heads(path, tmp_path / "heads", fresh=True)
    assert document["sets"]["melody"]["train"] + document["sets"]["melody"]["validation"] == 11
    recipe_in(tmp_path, tmp_path, f"{SMALL}seed = 5\n", ("melody",))
    with pytest.raises(UsageError, match="--fresh"):
        train_heads(path, tmp_path / "heads")
    assert (tmp_path / "heads" / "notes.txt").read_text() == "mine"


def test_two_trainings_in_one_folder_are_refused(sets, tmp_path):
    path = recipe_in(tmp_path, sets)

    def meddle(told: object) -> None:
        for fresh in (False, True):
            with pytest.raises(StoreLockedError, match="is being written to"):
                train_heads(path, tmp_path / "heads", fresh=fresh)

    assert train_heads(path, tmp_path / "heads", progress=meddle)["finished"]


def test_a_fresh_start_that_cannot_begin_leaves_what_is_there(sets, tmp_path):
    path = recipe_in(tmp_path, sets)
    train_heads(path, tmp_path / "heads")
    before = files(tmp_path / "heads")
    recipe_in(tmp_path, sets, f"{SMALL}epoch = 3\n")
    with pytest.raises(UsageError, match="no key"):
        train_heads(path, tmp_path / "heads", fresh=True)
    write_set(tmp_path / "melody.npz", made_set("melody", folders=1))
    recipe_in(tmp_path, tmp_path, factors=("melody",))
    with pytest.raises(UsageError, match="1 folders"):
        train_heads(path, tmp_path / "heads", fresh=True)
    assert files(tmp_path / "heads") == before


def test_a_folder_that_cannot_be_made_is_one_sentence(sets, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be"):
        train_heads(recipe_in(tmp_path, sets), tmp_path / "file" / "heads")


def test_heads_from_elsewhere_are_never_overwritten(sets, tmp_path):
    folder = tmp_path / "heads"
    folder.mkdir()
    (folder / FILE).write_bytes(b"precious")
    for fresh in (False, True):
        with pytest.raises(UsageError, match="not trained here"):
            train_heads(recipe_in(tmp_path, sets), folder, fresh=fresh)
    assert files(folder) == {FILE: b"precious"}


def test_a_set_that_cannot_be_trained_on_leaves_no_folder(tmp_path):
    made = made_set("melody")
    made.embeddings[0, 0] = np.inf
    write_set(tmp_path / "melody.npz", made)
    with pytest.raises(ShapeError, match="not finite"):
        train_heads(recipe_in(tmp_path, tmp_path, factors=("melody",)), tmp_path / "heads")
    assert not (tmp_path / "heads").exists()


def test_a_set_or_device_that_is_not_there_is_one_sentence(sets, tmp_path):
    with pytest.raises(UsageError, match=r"timbre.npz' is not there"):
        train_heads(recipe_in(tmp_path, sets, factors=("timbre",)), tmp_path / "heads")
    with pytest.raises(UsageError, match="'abacus' cannot be used"):
        train_heads(recipe_in(tmp_path, sets), tmp_path / "heads", device="abacus")


def test_a_loss_that_is_no_number_ends_the_training(sets, tmp_path):
    with pytest.raises(UsageError, match="no longer a number in epoch"):
        train_heads(recipe_in(tmp_path, sets, f"{SMALL}rate = 1e30\n"), tmp_path / "heads")
    assert not (tmp_path / "heads" / FILE).exists()


def test_a_damaged_run_file_is_refused_and_a_fresh_start_helps(sets, tmp_path):
    path = recipe_in(tmp_path, sets)
    train_heads(path, tmp_path / "heads")
    (tmp_path / "heads" / "run.json").write_text("{")
    with pytest.raises(UsageError, match="cannot be read"):
        train_heads(path, tmp_path / "heads")
    assert train_heads(path, tmp_path / "heads", fresh=True)["finished"]


def test_the_reference_s_heads_of_a_pickle_are_merit_s_and_fit_its_encoder(tmp_path):
    made = made_set("melody", folders=12)
    write_triplet_pickle(tmp_path / "melody.pkl", TripletSet(**{**_fields(made), "encoder": "mert:m-a-p/MERT-v1-330M"}))
    (tmp_path / "recipe.toml").write_text(f'{REFERENCE}[sets]\nmelody = "melody.pkl"\n')
    train_heads(tmp_path / "recipe.toml", tmp_path / "heads")
    (told,) = read_provenance(tmp_path / "heads" / "merit")
    assert (told.encoder, told.model_id) == ("mert", "m-a-p/MERT-v1-330M")
    assert doubts(told)[0].startswith("Its lengths are (32, 16, 8)")
    assert load_folder(tmp_path / "heads", encoder="merit@01234567")
    with pytest.raises(UsageError, match="made for"):
        load_folder(tmp_path / "heads", encoder="mert-95m@01234567")


def _fields(made: TripletSet) -> dict:
    return {name: getattr(made, name) for name in ("factor", "encoder", "embeddings", "clips", "notes", "folders")}


@pytest.fixture(scope="module")
def rendered() -> list[list[Clip]]:
    """Anchor, a positive and a negative of melody, of a few groups."""
    groups = [factor_group(seed, "train", duration=3.0) for seed in range(5)]
    return [[render(group[name]) for name in ("A", "P_melody", "N_melody")] for group in groups]


def embedded(encoder: Encoder, rendered: list[list[Clip]]) -> TripletSet:
    clips = [clip.resample(encoder.sample_rate) for group in rendered for clip in group]
    rows = np.concatenate([encoder.encode([clip]) for clip in clips])
    folders = tuple(Members(f"triplets_{i}", 3 * i, (3 * i + 1,), (3 * i + 2,)) for i in range(len(rendered)))
    notes = tuple(ClipNotes((f"group {i // 3}",), "rendered") for i in range(len(clips)))
    return TripletSet("melody", encoder.name, rows, tuple(f"{i}.wav" for i in range(len(clips))), notes, folders)


@pytest.mark.parametrize("name", ["descriptors", "merit"])
def test_trained_heads_are_what_a_library_listens_with(rendered, tunes, tmp_path, name, monkeypatch):
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path / "home"))
    given = {"encoder_checkpoint": str(mert.MAKERS[name](tmp_path / "mert"))} if name == "merit" else {}
    encoder = load_encoder(name, checkpoint=given.get("encoder_checkpoint"))
    write_set(tmp_path / "melody.npz", embedded(encoder, rendered))
    train_heads(recipe_in(tmp_path, tmp_path, SMALL, ("melody",)), tmp_path / "heads")
    recipe = Recipe(encoder=name, heads=str(tmp_path / "heads"), **given)
    with Library(tmp_path / "library", recipe=recipe) as library:
        assert library.add([tunes]).added == 6
        found = library.search(tunes / "tune 0.wav", n=6)
        assert len(found) == 5
        assert {str(facet) for facet in found[0].comparison.facets} == {"mix.melody"}
        assert "heads@" in library.space.name
