from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.errors import StoreCorruptError, UnknownNameError, UsageError
from soundalike.facets import Facet, Space
from soundalike.recipe import Recipe, Recipes

SPACE = Space("none/toy-1/identity-1", (Facet("overall"),), 8)


@given(
    st.builds(
        Recipe,
        separator=st.sampled_from(["none", "demucs"]),
        encoder=st.sampled_from(["mert-95m", "clap"]),
        facets=st.lists(st.sampled_from(["melody", "drums", "bass.timbre"]), unique=True).map(tuple),
        most_excerpts=st.integers(0, 9),
        stems=st.text(max_size=5),
        encoder_checkpoint=st.text(max_size=5),
        layers=st.sampled_from(["", "3-6"]),
    )
)
def test_a_recipe_comes_back_from_its_document(recipe):
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_the_document_holds_only_what_differs_from_the_default():
    assert Recipe().to_json() == {}
    assert Recipe(encoder="clap").to_json() == {"encoder": "clap"}


def test_a_document_of_a_newer_version_is_refused_by_its_key():
    with pytest.raises(UsageError, match="'mood'"):
        Recipe.from_json({"mood": "calm"})


def test_a_recipe_refuses_what_makes_no_sense():
    with pytest.raises(UnknownNameError, match="melodie"):
        Recipe(facets=("melodie",))
    with pytest.raises(UsageError, match="-1"):
        Recipe(most_excerpts=-1)
    with pytest.raises(UsageError, match="CPU"):
        Recipe(device="cuda")


@pytest.mark.parametrize(
    ("recipe", "text", "role"),
    [
        (Recipe(encoder="clap"), "PATH", "encoder"),
        (Recipe(separator="demucs"), "PATH", "separator"),
        (Recipe(encoder="clap", separator="demucs"), "separator=PATH", "separator"),
        (Recipe(encoder="clap", separator="demucs"), "clap=PATH", "encoder"),
        (Recipe(encoder="merit", heads="merit"), "heads=PATH", "heads"),
    ],
)
def test_a_checkpoint_goes_to_the_part_that_is_meant(recipe, text, role, tmp_path):
    given = recipe.with_checkpoints([text.replace("PATH", str(tmp_path))])
    assert getattr(given, f"{role}_checkpoint") == str(tmp_path)


@pytest.mark.parametrize(
    ("recipe", "text"),
    [
        (Recipe(), "PATH"),
        (Recipe(encoder="clap", separator="demucs"), "PATH"),
        (Recipe(encoder="clap"), "mert-95m=PATH"),
        (Recipe(encoder="merit", heads="merit"), "merit=PATH"),
    ],
)
def test_a_checkpoint_that_could_be_of_no_part_or_of_several_is_refused(recipe, text, tmp_path):
    with pytest.raises(UsageError, match="could be the checkpoint of"):
        recipe.with_checkpoints([text.replace("PATH", str(tmp_path))])


def test_a_checkpoint_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match="nowhere"):
        Recipe(encoder="clap").with_checkpoints([str(tmp_path / "nowhere")])


def test_a_library_remembers_what_made_its_spaces(tmp_path):
    recipes = Recipes(tmp_path)
    assert recipes.current() is None
    assert recipes.space_of(Recipe()) is None
    assert recipes.record(Recipe(encoder="toy"), SPACE, {"toy": "CC0-1.0"})
    other = Space("none/other-1/identity-1", SPACE.facets, 9)
    recipes.record(Recipe(encoder="other"), other, {})
    assert recipes.current() == Recipe(encoder="other")
    assert recipes.space_of(Recipe(encoder="toy")) == SPACE
    assert recipes.find("toy") == Recipe(encoder="toy")
    assert not recipes.record(Recipe(encoder="toy"), SPACE, {"toy": "CC0-1.0"})
    assert Recipes(tmp_path).current() == Recipe(encoder="toy")


def test_part_of_a_name_must_mean_one_space(tmp_path):
    recipes = Recipes(tmp_path)
    for name in ("none/toy-1/a", "none/toy-2/a"):
        recipes.record(Recipe(encoder=name), Space(name, SPACE.facets, 8), {})
    for text in ("toy", "clap"):
        with pytest.raises(UsageError, match=r"toy-1/a, none/toy-2/a"):
            recipes.find(text)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"spaces": {}, "current": "x"}', '{"spaces": 3, "current": 1}'])
def test_a_damaged_file_of_recipes_is_told_with_the_remedy(tmp_path, content):
    (tmp_path / "recipes.json").write_text(content)
    with pytest.raises(StoreCorruptError, match="Delete it"):
        Recipes(tmp_path).current()


def test_what_a_newer_version_makes_of_a_recipe_takes_the_older_one_s_place(tmp_path):
    recipes = Recipes(tmp_path)
    recipes.record(Recipe(), SPACE, {})
    newer = Space("none/toy-2/identity-1", SPACE.facets, 8)
    recipes.record(Recipe(), newer, {})
    assert recipes.space_of(Recipe()) == newer
    with pytest.raises(UsageError, match="0 spaces"):
        recipes.find("toy-1")
