from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from songs import bass, drums, write, write_samples, write_song
from soundalike import Library, Weights
from soundalike.errors import UsageError
from soundalike.explanation import hit_sentence
from soundalike.recipe import Recipe
from soundalike.separators import load_separator
from soundalike.stem_query import families, halves


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of samples; nobody changes it."""
    folder = tmp_path_factory.mktemp("samples")
    with Library(folder / "library") as library:
        library.add([write_samples(folder / "files")])
    return folder / "library"


@pytest.fixture
def library(samples):
    with Library(samples, create=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute in which the drums play from the beginning to 20 s only."""
    beats = drums(30.0, seed=5)
    beats[20 * 22050 :] = 0.0
    return write_song(tmp_path_factory.mktemp("song"), drums=beats, bass=bass(30.0))


def names(hits) -> list[str]:
    return [Path(hit.track.path).stem for hit in hits]


def test_a_stem_finds_the_samples_that_sound_like_it(library, song):
    drummed = library.search(library.stem_query(song, "drums", separator="files"), Weights({"timbre": 1}))
    assert names(drummed) == ["drum loop dull", "drum loop bright"]
    low = library.search(library.stem_query(song, "bass", separator="files"), Weights({"timbre": 1}))
    assert names(low)[0] == "bass loop"


def test_only_the_stems_own_family_answers_unless_all_may(library, song):
    gated = library.search(library.stem_query(song, "drums", separator="files"))
    assert {hit.track.family for hit in gated} == {"drums"}
    open_to_all = library.search(library.stem_query(song, "drums", separator="files", any_family=True))
    assert {hit.track.family for hit in open_to_all} > {"drums"}


def test_a_silent_stem_asks_nothing(library, song):
    query = library.stem_query(song, "drums", separator="files", start=20.0, end=30.0)
    assert len(query.excerpts) == 0
    assert query.stem.silent == ((20.0, 30.0),)
    assert library.search(query) == []


def test_excerpts_in_which_the_stem_is_silent_do_not_ask(library, song):
    query = library.stem_query(song, "drums", separator="files")
    assert query.excerpts.end.max() <= 20.0
    assert query.stem.silent == ((20.0, 30.0),)
    sounding = library.stem_query(song, "drums", separator="files", end=20.0)
    assert [(hit.track.id, hit.score) for hit in library.search(query)] == [
        (hit.track.id, hit.score) for hit in library.search(sounding)
    ]


def test_a_stem_of_the_whole_song_is_asked_as_the_sample_would_sound_alone(library, song):
    alone = library.query(song.with_name("Song - bass.wav"))
    asked = library.stem_query(song, "bass", separator="files")
    for facet, rows in asked.excerpts.vectors.items():
        np.testing.assert_allclose(rows, alone.excerpts.vectors[facet], atol=1e-5)


def test_contributions_sum_to_the_score_and_stretch_only_moves_the_rank(library, song):
    for hit in library.search(library.stem_query(song, "drums", separator="files")):
        assert sum(score.contribution for score in hit.comparison.facets.values()) == pytest.approx(hit.score, abs=1e-6)
        assert hit.rank == pytest.approx(hit.score - hit.fit.cost)


def test_of_equal_loops_the_one_whose_tempo_fits_comes_first(tmp_path, song):
    with Library(tmp_path / "library") as library:
        same = drums(8.0, seed=1)
        write(tmp_path / "files" / "a drum loop 150bpm.wav", same)
        write(tmp_path / "files" / "b drum loop 120bpm.wav", same + np.float32(1e-5))
        library.add([tmp_path / "files"])
        # Both sound the same; their names say in what tempo they are.
        query = library.stem_query(song, "drums", separator="files")
        assert query.track.tempo == pytest.approx(120, rel=0.02)
        hits = library.search(query, Weights({"timbre": 1}))
        assert names(hits)[0].startswith("b")
        raw = library.search(query, Weights({"timbre": 1}), raw=True)
        assert [hit.fit.cost for hit in raw] == [0.0, 0.0]


def test_one_shots_answer_strokes_and_loops_answer_excerpts(library, song):
    loops = library.search(library.stem_query(song, "drums", separator="files"))
    assert "kick one shot" not in names(loops)
    strokes = library.stem_query(song, "drums", separator="files", strokes=True)
    assert 1 <= len(strokes.excerpts) <= 12
    assert (strokes.excerpts.end - strokes.excerpts.start).max() <= 1.0
    assert names(library.search(strokes)) == ["kick one shot"]


def test_weights_of_the_stem_and_of_the_mix_mean_the_same(library, song):
    query = library.stem_query(song, "drums", separator="files")
    long, short = (library.search(query, Weights({name: 1})) for name in ("drums.groove", "groove"))
    assert [(hit.track.id, hit.score) for hit in long] == [(hit.track.id, hit.score) for hit in short]
    with pytest.raises(UsageError, match=r"'bass.groove' has a weight, but what is asked with is drums"):
        library.search(query, Weights({"bass.groove": 1}))


def test_what_a_separator_does_not_give_is_told_with_who_does(library, song):
    with pytest.raises(UsageError, match=r"gives drums, bass and other, but no vocals.*demucs gives vocals"):
        library.stem_query(song, "vocals")
    with pytest.raises(UsageError, match=r"'banjo' is not a stem of a song.*drums, bass"):
        library.stem_query(song, "banjo")
    with pytest.raises(UsageError, match="'mix' is not a stem of a song"):
        library.stem_query(song, "mix")


def test_a_library_of_single_stems_is_not_one_of_samples(tmp_path, song):
    with (
        Library(tmp_path, recipe=Recipe(separator="files", facets=("drums.timbre",))) as library,
        pytest.raises(UsageError, match="hears single stems only"),
    ):
        library.stem_query(song, "drums")


def test_other_stands_for_everything_that_the_separator_leaves_in_it():
    assert families("other", load_separator("embedded")) == ("vocals", "guitar", "piano", "other")
    assert families("drums", load_separator("embedded")) == ("drums",)
    assert families("other", load_separator("files")) == ("other",)


def test_halves_are_the_first_and_the_second_part_of_the_excerpts(library, song):
    query = library.stem_query(song, "bass", separator="files")
    first, second = halves(query)
    assert first.excerpts.start.tolist() == [0.0, 10.0]
    assert second.excerpts.start.tolist() == [20.0]
    assert halves(first)[0].excerpts.start.tolist() == [0.0]
    assert halves(second) is None


def test_a_stem_shorter_than_a_bar_and_without_a_beat_is_asked_with_all_the_same(library, tmp_path):
    short = write_song(tmp_path, "short", drums=drums(1.0, seed=5), bass=0.2 * bass(1.0))
    hits = library.search(library.stem_query(short, "drums", separator="files"), Weights({"timbre": 1}))
    assert names(hits)
    assert all(hit.fit.stretch is None for hit in hits) or all(hit.fit.stretch > 0 for hit in hits)


def test_a_stretch_that_costs_is_told_with_its_price(library, song):
    query = library.stem_query(song, "drums", separator="files")
    quick = replace(query, track=replace(query.track, tempo=150.0))
    told = [(hit.fit.cost, hit_sentence(hit)) for hit in library.search(quick)]
    assert any(cost > 0 for cost, _ in told)
    for cost, text in told:
        assert (f"for which it ranks {cost:.2f} lower." in text) == (cost > 0.005)
