"""Rules of the recipes of factor heads, and of the sets that they name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from made_triplets import made_set
from soundalike.errors import ShapeError, UsageError
from soundalike.research.factor_heads.examples import load_examples
from soundalike.research.factor_heads.recipe import HeadRecipe, parse_recipe, read_recipe
from soundalike.research.triplets.pickles import write_triplet_pickle
from soundalike.research.triplets.sets import ClipNotes, TripletSet, write_set

SETS = {"melody": "melody.npz"}


def write(folder: Path, text: str = "", sets: str = 'melody = "melody.npz"') -> Path:
    path = folder / "recipe.toml"
    path.write_text(f"{text}\n[sets]\n{sets}\n")
    return path


def examples(folder: Path, *sets: TripletSet, **settings: object):
    for each in sets:
        write_set(folder / f"{each.factor}.npz", each)
    return load_examples(HeadRecipe({each.factor: folder / f"{each.factor}.npz" for each in sets}, **settings))


def test_a_recipe_needs_no_more_than_a_set(tmp_path):
    recipe = read_recipe(write(tmp_path))
    assert recipe == HeadRecipe({"melody": tmp_path / "melody.npz"})
    assert (recipe.mode, recipe.loss, recipe.split) == ("default", "circle", "source")


def test_paths_are_relative_to_the_recipe(tmp_path):
    path = write(tmp_path, sets='melody = "sets/melody.npz"\n[splits]\nmelody = "/elsewhere/split.json"')
    recipe = read_recipe(path)
    assert recipe.sets["melody"] == tmp_path / "sets" / "melody.npz"
    assert recipe.splits["melody"] == Path("/elsewhere/split.json")


def test_the_reference_has_merit_s_settings_unless_told_otherwise():
    recipe = parse_recipe({"mode": "reference", "sets": SETS, "epochs": 3, "margin": 0.3}, Path())
    assert (recipe.loss, recipe.gamma, recipe.margin) == ("merit-pairwise", 10.0, 0.3)
    assert (recipe.batch, recipe.epochs, recipe.seed, recipe.patience) == (1024, 3, 42, 0)
    assert (recipe.hidden, recipe.dim, recipe.rate, recipe.decay) == (512, 128, 1e-3, 1e-4)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("split", "source"),
        ("loss", "circle"),
        ("negatives", "hard"),
        ("architecture", "shared"),
        ("select", "accuracy"),
    ],
)
def test_what_makes_the_reference_cannot_be_chosen_in_it(key, value):
    with pytest.raises(UsageError, match=f"{key} is '{value}', but the mode 'reference' has"):
        parse_recipe({"mode": "reference", "sets": SETS, key: value}, Path())


def test_an_unknown_key_is_refused_with_the_nearest_one(tmp_path):
    with pytest.raises(UsageError, match="'epoch' is no key of a recipe") as caught:
        read_recipe(write(tmp_path, "epoch = 3"))
    assert "Did you mean 'epochs'?" in caught.value.remedy
    assert "recipe.toml" in caught.value.message


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('epochs = "many"', "epochs is 'many'. Give a whole number"),
        ("epochs = 1.5", "epochs is 1.5. Give a whole number"),
        ("seed = true", "seed is True. Give a whole number"),
        ("rate = 'fast'", "rate is 'fast'. Give a number"),
        ("loss = 3", "loss is 3. Give a text"),
        ("loss = 'triplet'", "loss is 'triplet'. Choose circle or merit-pairwise"),
        ("split = 'random'", "split is 'random'. Choose source or drop or folder"),
        ("epochs = 0", "epochs is 0. Give a number that is 1 or more"),
        ("validation = 1.0", "validation is 1.0. Give a number that is above 0 and below 1"),
        ("rate = inf", "rate is inf. Give a number that is above 0"),
        ("gamma = nan", "gamma is nan. Give a number"),
        ("margin = -0.1", "margin is -0.1"),
        ("sets = 3", "is no TOML"),
    ],
)
def test_wrong_values_are_refused_in_one_sentence(tmp_path, text, complaint):
    with pytest.raises(UsageError) as caught:
        read_recipe(write(tmp_path, text))
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("sets", "complaint"),
    [
        ("", "names no set"),
        ('loudness = "x.npz"', "'loudness' is no factor"),
        ("melody = 3", r"Give a table \[sets\]"),
        ('melody = "x.npz"\n[splits]\nrhythm = "y.json"', "a split for rhythm but no set"),
    ],
)
def test_tables_that_say_nothing_sensible_are_refused(tmp_path, sets, complaint):
    with pytest.raises(UsageError, match=complaint):
        read_recipe(write(tmp_path, sets=sets))


def test_a_recipe_that_is_not_there_or_no_toml_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_recipe(tmp_path / "none.toml")
    (tmp_path / "odd.toml").write_text("= = =")
    with pytest.raises(UsageError, match="is no TOML"):
        read_recipe(tmp_path / "odd.toml")


def test_a_written_recipe_is_read_as_the_same(tmp_path):
    recipe = replace(parse_recipe({"mode": "reference", "sets": SETS}, tmp_path), rate=3e-4, device="cuda")
    (tmp_path / "copy.toml").write_text(recipe.to_toml())
    assert read_recipe(tmp_path / "copy.toml") == recipe
    ours = HeadRecipe({"melody": tmp_path / "melody.npz"}, {"melody": tmp_path / "split.json"}, rate=1e-5, seed=3)
    (tmp_path / "ours.toml").write_text(ours.to_toml())
    assert read_recipe(tmp_path / "ours.toml") == ours


def test_no_source_is_on_both_sides_in_whatever_factor(tmp_path):
    found = examples(tmp_path, made_set("melody", songs=13), made_set("rhythm", songs=13), validation=0.25)
    sources = {
        side: {
            source
            for each in found.values()
            for folder in getattr(each, side)
            for source in each.triplets.sources(folder)
        }
        for side in ("train", "validation")
    }
    assert not sources["train"] & sources["validation"]
    assert len(sources["train"]) + len(sources["validation"]) == 13
    assert all(each.validation for each in found.values())


def test_a_clip_that_two_folders_have_keeps_them_on_one_side(tmp_path):
    made = made_set(folders=20)
    notes = (ClipNotes(),) * len(made.clips)
    folders = [*made.folders]
    folders[5] = replace(folders[5], negatives=folders[3].negatives)
    for seed in range(8):
        found = examples(tmp_path, replace(made, notes=notes, folders=tuple(folders)), validation=0.3, seed=seed)
        names = found["melody"].names()
        assert ("triplets_3" in names["train"]) == ("triplets_5" in names["train"])


def test_sets_that_hang_together_are_split_by_dropping_or_by_folder_only(tmp_path):
    made = made_set(folders=30, songs=30)
    notes = [ClipNotes((f"song {i // 5}",)) for i in range(len(made.clips))]
    for i, folder in enumerate(made.folders):  # each negative is of the next song, as in MERIT
        notes[folder.negatives[0]] = ClipNotes((f"song {(i + 1) % 30}",))
    made = replace(made, notes=tuple(notes))
    with pytest.raises(UsageError, match="hang together"):
        examples(tmp_path, made)
    dropped = examples(tmp_path, made, split="drop", validation=0.1)["melody"]
    assert 2 <= len(dropped.train) + len(dropped.validation) < 30
    sides = [{s for f in side for s in made.sources(f)} for side in (dropped.train, dropped.validation)]
    assert not sides[0] & sides[1]
    by_folder = examples(tmp_path, made, split="folder", validation=0.1)["melody"]
    assert (len(by_folder.train), len(by_folder.validation)) == (27, 3)


def test_a_file_says_which_folders_are_on_which_side(tmp_path):
    made = made_set(folders=20)
    write_set(tmp_path / "melody.npz", made)
    names = [folder.name for folder in made.folders]
    split = tmp_path / "split.json"
    recipe = HeadRecipe({"melody": tmp_path / "melody.npz"}, {"melody": split})
    split.write_text(json.dumps({"train": names[:10], "validation": names[10:13], "test": names[13:]}))
    assert load_examples(recipe)["melody"].names() == {"train": names[:10], "validation": names[10:13]}
    split.write_text(json.dumps({"train": names[:15], "test": names[15:]}))
    found = load_examples(recipe)["melody"].names()
    assert sorted(found["train"] + found["validation"]) == sorted(names[:15]), "folders for testing are never seen"
    assert found["validation"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"train": ["triplets_1"], "test": ["triplets_1"]}', "triplets_1 on both sides"),
        ('{"train": ["a"], "test": ["b"]}', "0 for training"),
        ('{"train": ["triplets_1"], "test": []}', "1 folders to train with"),
        ("[]", "is no split"),
        ("{", "is no split"),
        (None, "cannot be read"),
    ],
)
def test_splits_that_do_not_fit_are_refused(tmp_path, content, complaint):
    write_set(tmp_path / "melody.npz", made_set(folders=4))
    if content is not None:
        (tmp_path / "split.json").write_text(content)
    with pytest.raises(UsageError, match=complaint):
        load_examples(HeadRecipe({"melody": tmp_path / "melody.npz"}, {"melody": tmp_path / "split.json"}))


def test_a_set_without_folders_is_refused(tmp_path):
    with pytest.raises(UsageError, match="has 0 folders"):
        examples(tmp_path, replace(made_set(), folders=()))


def test_a_set_for_another_factor_is_refused(tmp_path):
    write_set(tmp_path / "melody.npz", made_set("rhythm"))
    with pytest.raises(UsageError, match="holds triplets for rhythm, not for melody"):
        load_examples(HeadRecipe({"melody": tmp_path / "melody.npz"}))


def test_two_folders_of_one_name_are_refused(tmp_path):
    made = made_set(folders=3)
    twice = replace(made.folders[1], name="triplets_0")
    with pytest.raises(UsageError, match="2 folders called triplets_0"):
        examples(tmp_path, replace(made, folders=(made.folders[0], twice)))


def test_sets_of_different_encoders_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"melody.npz' was embedded by toy@1, .*rhythm.npz' by toy@2"):
        examples(tmp_path, made_set("melody"), replace(made_set("rhythm"), encoder="toy@2"))


def test_sets_of_different_lengths_are_refused(tmp_path):
    with pytest.raises(ShapeError, match=r"of length 32, .* of 40"):
        examples(tmp_path, made_set("melody"), made_set("rhythm", dim=40))


def test_embeddings_that_are_not_finite_are_refused_by_their_clip(tmp_path):
    made = made_set()
    made.embeddings[7, 3] = np.nan
    with pytest.raises(ShapeError, match=f"first that of '{made.clips[7]}'"):
        examples(tmp_path, made)


def test_folders_in_which_nothing_is_heard_are_left_out_but_not_by_the_reference(tmp_path):
    made = made_set(folders=12)
    made.embeddings[made.folders[4].positives[1]] = 0
    found = examples(tmp_path, made)["melody"]
    assert found.silent == 1
    assert "triplets_4" not in {folder.name for folder in (*found.train, *found.validation)}
    recipe = parse_recipe({"mode": "reference", "sets": SETS}, tmp_path)
    assert load_examples(recipe)["melody"].silent == 0


def test_a_triplet_pickle_of_merit_is_a_set_too(tmp_path):
    made = made_set(folders=12)
    write_triplet_pickle(tmp_path / "melody.pkl", made)
    recipe = HeadRecipe({"melody": tmp_path / "melody.pkl"}, split="folder")
    found = load_examples(recipe)["melody"]
    assert len(found.train) + len(found.validation) == 12
    assert np.array_equal(found.triplets.embeddings, made.embeddings)
