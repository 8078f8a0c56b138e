from __future__ import annotations

import numpy as np
import pytest

from conftest import random_vectors
from soundalike.errors import ShapeError, UnknownNameError, UsageError
from soundalike.facets import PRESETS, Facet, FacetVectors, Weights, load_preset, sections, unit


@pytest.mark.parametrize(
    ("short", "full"),
    [("melody", "mix.melody"), ("drums", "drums.overall"), ("Drums.Rhythm", "drums.rhythm"), (" mix ", "mix.overall")],
)
def test_short_names_mean_full_facets(short, full):
    assert Facet(short) == full


@pytest.mark.parametrize("name", ["mix.melody", "drums.overall", "vocals.timbre", "mix.overall"])
def test_short_form_reads_back_as_the_same_facet(name):
    assert Facet(Facet(name).short) == name


def test_unknown_facet_names_the_closest_one():
    with pytest.raises(UnknownNameError, match=r"'melodie' is not a facet.*'melody'"):
        Facet("melodie")


def test_weights_may_be_negative_and_are_read_by_any_name():
    weights = Weights.parse(["melody=1", "timbre=-0.5", "groove"])
    assert dict(weights) == {"mix.melody": 1.0, "mix.timbre": -0.5, "mix.groove": 1.0}
    assert weights["timbre"] == -0.5


def test_without_settings_the_weights_are_the_preset_everything():
    assert dict(Weights.parse([])) == dict(load_preset("everything"))


def test_a_setting_changes_a_preset():
    assert Weights.parse(["timbre=0"], preset="everything").keys() == {"mix.melody", "mix.rhythm", "mix.harmony"}


@pytest.mark.parametrize("setting", ["melody=loud", "melody=nan", "melody=inf", "melody=0", "=1"])
def test_a_bad_weight_is_refused_with_what_was_received(setting):
    with pytest.raises(UsageError):
        Weights.parse([setting])


def test_a_facet_under_two_names_is_refused():
    with pytest.raises(UsageError, match="two weights"):
        Weights({"melody": 1, "mix.melody": 2})


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_loads(name):
    assert len(load_preset(name)) >= 1


def test_unknown_preset_lists_the_known_ones():
    with pytest.raises(UnknownNameError, match="groove"):
        load_preset("grove")


def test_vectors_must_have_one_row_per_excerpt():
    with pytest.raises(ShapeError):
        FacetVectors(np.zeros(2), np.ones(2), {Facet("melody"): np.zeros((3, 4), np.float32)})


def test_rows_without_direction_stay_zero():
    rows = unit(np.array([[3.0, 4.0], [0.0, 0.0], [np.nan, 1.0]]))
    assert np.allclose(rows[0], [0.6, 0.8])
    assert not rows[1].any()


def test_sections_are_at_most_two_minutes():
    excerpts = random_vectors(np.random.default_rng(0), 30)
    coarse = sections(excerpts)
    assert list(coarse.start) == [0, 120, 240]
    assert list(coarse.end) == [120, 240, 300]
    mean = unit(excerpts.vectors[Facet("melody")][:12].mean(axis=0, keepdims=True))
    assert np.allclose(coarse.vectors[Facet("melody")][0], mean[0], atol=1e-6)


def test_absent_excerpts_do_not_enter_a_section():
    excerpts = random_vectors(np.random.default_rng(1), 3)
    melody = excerpts.vectors[Facet("melody")]
    melody[1:] = 0
    assert np.allclose(sections(excerpts).vectors[Facet("melody")][0], melody[0], atol=1e-6)


def test_a_track_without_excerpts_has_no_sections():
    assert len(sections(random_vectors(np.random.default_rng(0), 0))) == 0
