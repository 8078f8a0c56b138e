"""Rules of the networks of factor heads, and of the pairs that they learn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pytorch_metric_learning")

import torch

from made_triplets import made_set
from soundalike.heads.projection import load_folder, write_heads
from soundalike.research.factor_heads.epochs import Keeping, run_epochs, seeded
from soundalike.research.factor_heads.examples import split_sets
from soundalike.research.factor_heads.networks import FactorNetwork
from soundalike.research.factor_heads.pairs import Pairing, hardest
from soundalike.research.factor_heads.recipe import HeadRecipe
from soundalike.research.factor_heads.scaling import spread_of
from soundalike.research.factor_heads.training import FolderCourse
from soundalike.research.triplets.sets import ClipNotes

FACTORS = ("melody", "rhythm", "timbre")
CPU = torch.device("cpu")


def rows(count: int = 50, dim: int = 32) -> np.ndarray:
    rng = np.random.default_rng(3)
    return (rng.standard_normal((count, dim)) * rng.uniform(0.1, 3, dim) + rng.standard_normal(dim)).astype(np.float32)


def shared_course(folders: int = 20, **settings: object) -> tuple[FolderCourse, HeadRecipe]:
    given = {"hidden": 24, "dim": 8, "batch": 4, "epochs": 2, "validation": 0.2, "dropout": 0.0, **settings}
    sets = {factor: made_set(factor, folders=folders) for factor in FACTORS}
    recipe = HeadRecipe(dict.fromkeys(FACTORS, "x.npz"), architecture="shared", **given)
    with seeded(0):
        return FolderCourse(split_sets(sets, recipe), recipe, CPU), recipe


def test_exported_heads_give_the_vectors_of_the_shared_network(tmp_path):
    embeddings = rows()
    with seeded(1):
        network = FactorNetwork(FACTORS, 32, 24, 8, spread=spread_of(embeddings))
    write_heads(tmp_path, network.heads(), encoder="toy@1")
    heads = load_folder(tmp_path, encoder="toy@1")
    assert [head.factor for head in heads] == list(FACTORS)
    for head in heads:
        vectors = network(torch.from_numpy(embeddings), head.factor).detach().numpy()
        assert np.abs(head.project(embeddings) - vectors).max() < 1e-6
        assert np.array_equal(head.hidden, heads[0].hidden), "the trunk is shared"
        assert np.array_equal(head.bias, heads[0].bias)
    assert not np.array_equal(heads[0].output, heads[1].output)


def test_without_standardisation_the_layers_are_exported_as_they_are():
    network = FactorNetwork(("melody",), 6, 5, 4)
    (head,) = network.heads()
    assert np.array_equal(head.hidden, network.trunk.weight.detach().numpy())
    assert np.array_equal(head.bias, network.trunk.bias.detach().numpy())


def test_what_is_dropped_in_training_is_there_afterwards():
    embeddings = torch.from_numpy(rows())
    with seeded(2):
        network = FactorNetwork(("melody",), 32, 24, 8, dropout=0.5)
        trained = [network.train()(embeddings, "melody") for _ in range(2)]
        used = [network.eval()(embeddings, "melody") for _ in range(2)]
    assert not torch.equal(*trained)
    assert torch.equal(*used)


def test_a_network_without_dropout_draws_nothing():
    with seeded(2):
        network = FactorNetwork(("melody",), 32, 24, 8)
        before = torch.get_rng_state()
        network.train()(torch.from_numpy(rows()), "melody")
        assert torch.equal(before, torch.get_rng_state()), "the reference's own draws must not be moved"


def test_a_triplet_teaches_its_own_factor_and_the_trunk():
    course, _ = shared_course()
    batch = next(course._train["rhythm"].in_order())
    loss, _ = course._measure("rhythm", batch)
    loss.backward()
    assert course.network.trunk.weight.grad.abs().max() > 0
    grads = {factor: layer.weight.grad for factor, layer in course.network.outputs.items()}
    assert grads["rhythm"].abs().max() > 0
    assert grads["melody"] is grads["timbre"] is None


def test_factors_count_the_same_however_many_folders_they_have():
    sets = {"melody": made_set("melody", folders=40), "rhythm": made_set("rhythm", folders=10)}
    recipe = HeadRecipe(dict.fromkeys(sets, "x.npz"), architecture="shared", hidden=8, dim=4, batch=4, validation=0.2)
    with seeded(0):
        course = FolderCourse(split_sets(sets, recipe), recipe, CPU)
    taken = dict.fromkeys(sets, 0)
    measure = course._measure

    def counting(factor, batch):
        taken[factor] += 1
        return measure(factor, batch)

    course._measure = counting
    course.train(1)
    assert taken == {"melody": 8, "rhythm": 8}


def test_heads_that_share_a_trunk_each_find_their_factor(tmp_path):
    course, recipe = shared_course(80, hidden=64, epochs=25, batch=8, rate=5e-3)
    with seeded(0):
        found = run_epochs(course, recipe, keeping=Keeping(tmp_path / "state.pt", "x"), progress=lambda told: None)
    for factor in FACTORS:
        first, best = found.history[factor][0], found.history[factor][found.best_epoch - 1]
        assert best["val_acc"] > 0.85 > first["val_acc"]


def pairing(made, **settings) -> Pairing:
    return Pairing(made, made.folders, **{"size": 4, "others": True, "own": 1, **settings})


def test_positives_are_of_the_same_folder_and_negatives_are_not():
    made = made_set(folders=8)
    for batch in pairing(made).in_order():
        clips = batch.clips.tolist()
        of = {clip: folder for folder in made.folders for clip in folder.clips}
        for i, j in batch.near.nonzero().tolist():
            assert of[clips[i]] is of[clips[j]]
            assert clips[i] != clips[j]
            assert not {clips[i], clips[j]} & set(of[clips[i]].negatives)
        for i, j in batch.own.nonzero().tolist():
            assert clips[j] in of[clips[i]].negatives
        for i, j in (batch.far & ~batch.own).nonzero().tolist():
            assert of[clips[i]] is not of[clips[j]]
            assert clips[j] not in of[clips[j]].negatives, "what another folder's negative plays is not known"
        assert int(batch.near.sum()) == 4 * 4 * 3
        assert int(batch.own.sum()) == 4 * 4
        assert int(batch.far.sum()) == 4 * 4 + 4 * 4 * 3 * 4


def folders_that_are_negatives(made) -> set[frozenset[str]]:
    (batch,) = pairing(made, size=len(made.folders)).in_order()
    of = {clip: folder.name for folder in made.folders for clip in folder.clips}
    clips = batch.clips.tolist()
    return {frozenset({of[clips[i]], of[clips[j]]}) for i, j in (batch.far & ~batch.own).nonzero().tolist()}


def test_folders_that_share_a_label_a_source_or_a_clip_are_no_negatives_of_each_other():
    made = made_set(folders=4)
    pair = frozenset({"triplets_0", "triplets_1"})
    assert len(folders_that_are_negatives(made)) == 6
    labelled = tuple(replace(folder, label="flute") if i < 2 else folder for i, folder in enumerate(made.folders))
    for changed in (
        replace(made, folders=labelled),
        replace(made, notes=tuple(ClipNotes(("song 0",)) if n.sources == ("song 1",) else n for n in made.notes)),
        replace(made, folders=(made.folders[0], replace(made.folders[1], positives=made.folders[0].positives))),
    ):
        found = folders_that_are_negatives(changed)
        assert pair not in found
        assert len(found) == (5 if len(changed.folders) == 4 else 0)


def test_only_own_negatives_where_no_others_are_wanted():
    (batch, *_) = pairing(made_set(folders=8), others=False, own=5).in_order()
    assert torch.equal(batch.far, batch.own)
    assert len(batch.clips) == 4 * 5, "and none of them twice"


def test_own_negatives_count_as_often_as_asked():
    (batch, *_) = pairing(made_set(folders=8), own=3).in_order()
    assert set(batch.own.sum(dim=1).tolist()) == {0, 3}


def test_the_hardest_negatives_are_the_nearest_and_the_folder_s_own():
    (batch, *_) = pairing(made_set(folders=8)).in_order()
    table = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, batch.far.shape))
    kept = hardest(batch, table, 2)
    for i in batch.near.any(dim=1).nonzero().ravel().tolist():
        ranked = sorted(batch.far[i].nonzero().ravel().tolist(), key=lambda j: -float(table[i, j]))
        assert set(kept[i].nonzero().ravel().tolist()) == {*ranked[:2], *batch.own[i].nonzero().ravel().tolist()}
    assert not kept[~batch.near.any(dim=1)].any()
    assert torch.equal(hardest(batch, table, 10**6), batch.far)


def test_batches_are_of_nearly_equal_size_and_hold_every_folder_once():
    made = made_set(folders=9)
    for batches in (pairing(made).in_order(), pairing(made).shuffled(3, np.random.default_rng(0))):
        found = list(batches)
        assert [int(batch.anchor.sum()) for batch in found] == [3, 3, 3]
        assert sorted(int(c) for batch in found for c in batch.clips) == list(range(len(made.clips)))


def test_more_batches_than_there_are_go_round_again_in_another_order():
    found = list(pairing(made_set(folders=8)).shuffled(5, np.random.default_rng(0)))
    assert len(found) == 5
    assert not torch.equal(found[0].clips, found[2].clips)
