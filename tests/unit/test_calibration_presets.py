"""Presets of one's own beside a library."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from conftest import write_tune
from soundalike.calibration.fitting import calibrate
from soundalike.calibration.model import Model
from soundalike.calibration.presets import FILE, preset_in, preset_weights, read_presets, save_preset
from soundalike.cli import main
from soundalike.errors import StoreCorruptError, StoreVersionError, UnknownNameError, UsageError
from soundalike.facets import PRESETS, Facet, Space, Weights, load_preset
from synthetic_listeners import FACETS, judged


@pytest.fixture(scope="module")
def calibration():
    X, votes = judged(0, np.array([2.0, 1.0, 0.5, -0.5]))
    found = calibrate(
        votes, X, FACETS, before=load_preset("everything"), model=Model("logistic", alpha=1.0), resamples=50
    )
    return replace(found, space="a space", provenance={"source": "an evening with friends"})


def test_a_preset_keeps_what_it_rests_on(tmp_path, calibration):
    save_preset(tmp_path, "friends", calibration)
    save_preset(tmp_path, "others", replace(calibration, seed=7))
    assert read_presets(tmp_path) == {"friends": calibration, "others": replace(calibration, seed=7)}
    assert dict(preset_weights("friends", tmp_path)) == dict(calibration.weights)


def test_a_preset_of_the_same_name_is_replaced(tmp_path, calibration):
    save_preset(tmp_path, "friends", calibration)
    save_preset(tmp_path, "friends", replace(calibration, seed=7))
    assert [preset.seed for preset in read_presets(tmp_path).values()] == [7]


@pytest.mark.parametrize("name", PRESETS)
def test_the_presets_of_the_program_are_always_there_and_cannot_be_replaced(name, tmp_path, calibration):
    assert dict(preset_weights(name, tmp_path / "no library")) == dict(load_preset(name))
    with pytest.raises(UsageError, match="preset of the program"):
        save_preset(tmp_path, name, calibration)


@pytest.mark.parametrize("name", ["", "a b", "../up", "-x", "a=1"])
def test_a_name_that_could_not_be_typed_is_refused(name, tmp_path, calibration):
    with pytest.raises(UsageError, match="not a name"):
        save_preset(tmp_path, name, calibration)


def test_weights_for_raw_cosines_are_no_preset(tmp_path, calibration):
    with pytest.raises(UsageError, match="raw cosines"):
        save_preset(tmp_path, "mine", replace(calibration, raw=True))


def test_an_unknown_preset_is_refused_with_the_names_there_are(tmp_path, calibration):
    save_preset(tmp_path, "friends", calibration)
    with pytest.raises(UnknownNameError, match=r"'fiends' is not a preset.*friends"):
        preset_weights("fiends", tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", '{"a": {"format": 1}}', '{"a": 1}', '{"a": {"format": "x"}}'])
def test_a_damaged_file_is_refused_and_left_alone(tmp_path, calibration, content):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(StoreCorruptError, match="cannot be read"):
        save_preset(tmp_path, "friends", calibration)
    assert (tmp_path / FILE).read_text() == content


def test_a_file_of_a_newer_version_is_refused(tmp_path):
    (tmp_path / FILE).write_text('{"a": {"format": 99}}')
    with pytest.raises(StoreVersionError):
        read_presets(tmp_path)


def test_a_search_takes_a_preset_of_the_library_and_its_contributions_add_up(tmp_path, calibration, capsys):
    for seed in range(3):
        write_tune(tmp_path / "music" / f"{seed}.wav", seed)
    at = ["--library", str(tmp_path / "library")]
    assert main(["add", str(tmp_path / "music"), "--jobs", "1", *at]) == 0
    save_preset(tmp_path / "library", "friends", calibration)
    capsys.readouterr()
    assert main(["search", "1", "--preset", "friends", "-w", "harmony=0.25", "--json", *at]) == 0
    found = json.loads(capsys.readouterr().out)
    expected = {**calibration.weights, Facet("harmony"): 0.25}
    assert found["weights"] == expected
    assert len(found["hits"]) == 2
    for hit in found["hits"]:
        total = sum(facet["contribution"] for facet in hit["facets"].values())
        assert total == pytest.approx(hit["score"], abs=1e-6)
    assert main(["compare", "1", "2", "--preset", "friends", *at]) == 0
    assert main(["compare", "1", "2", "--preset", "fiends", *at]) == 2
    assert "Known presets: everything, groove, tune, sound, harmony, friends." in capsys.readouterr().err


def space(*facets, name="a space"):
    return Space(name, tuple(map(Facet, facets)), 8)


def test_a_preset_of_the_same_space_is_taken_without_a_word(tmp_path, calibration):
    save_preset(tmp_path, "friends", calibration)
    assert preset_in("friends", tmp_path, space(*FACETS)) == (calibration.weights, "")
    assert preset_in("groove", tmp_path, space("groove", "melody", name="another"))[1] == ""


def test_facets_that_the_library_lacks_are_left_out_and_told_in_one_sentence(tmp_path, calibration):
    save_preset(tmp_path, "friends", calibration)
    weights, told = preset_in("friends", tmp_path, space("melody", "timbre", "drums"))
    assert dict(weights) == {facet: calibration.weights[facet] for facet in (FACETS[0], FACETS[2])}
    assert told == (
        "Preset 'friends' also weighs rhythm, harmony, not to be had in this library: only melody, timbre count."
    )


def test_a_preset_of_another_space_is_told_of(tmp_path, calibration):
    save_preset(tmp_path, "friends", calibration)
    weights, told = preset_in("friends", tmp_path, space(*FACETS, name="new ears"))
    assert weights == calibration.weights
    assert told.startswith("Preset 'friends' was calibrated in the space 'a space', and this one is 'new ears': ")
    assert told.count(". ") == 0


def test_a_preset_none_of_whose_facets_are_here_is_refused(tmp_path, calibration):
    save_preset(tmp_path, "friends", calibration)
    with pytest.raises(
        UsageError, match=r"weighs melody, rhythm, timbre, harmony, and this library has none.*has drums:"
    ):
        preset_in("friends", tmp_path, space("drums"))


def test_a_search_with_a_preset_of_other_facets_says_so_on_stderr(tmp_path, calibration, capsys):
    for seed in range(3):
        write_tune(tmp_path / "music" / f"{seed}.wav", seed)
    at = ["--library", str(tmp_path / "library")]
    assert main(["add", str(tmp_path / "music"), "--facets", "melody,timbre", "--jobs", "1", *at]) == 0
    save_preset(tmp_path / "library", "friends", calibration)
    capsys.readouterr()
    assert main(["search", "1", "--preset", "friends", "--json", *at]) == 0
    said = capsys.readouterr()
    assert set(json.loads(said.out)["weights"]) == {"mix.melody", "mix.timbre"}
    assert said.err == (
        "Preset 'friends' also weighs rhythm, harmony, not to be had in this library: only melody, timbre count.\n"
    )
    assert main(["compare", "1", "2", "--preset", "groove", *at]) == 2
    assert "Preset 'groove' weighs groove, and this library has none of these facets." in capsys.readouterr().err


def test_a_preset_starts_the_weights_and_a_setting_changes_them(tmp_path):
    from soundalike.cli.shared import read_weights

    assert read_weights((), None, str(tmp_path)) is None
    assert dict(read_weights(("melody=2",), None, str(tmp_path)) or {}) == {"mix.melody": 2.0}
    found = read_weights(("timbre=0", "drums"), "everything", str(tmp_path))
    assert found is not None
    assert dict(found) == dict(Weights({"melody": 1, "rhythm": 1, "harmony": 1, "drums": 1}))
