from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from songs import bass, drums, write_samples, write_song
from soundalike import Library
from soundalike.cli import main


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of samples, and a song with its stems; nobody changes either."""
    folder = tmp_path_factory.mktemp("place")
    with Library(folder / "library") as library:
        library.add([write_samples(folder / "files")])
    write_song(folder / "music", drums=drums(20.0, seed=5), bass=bass(20.0))
    return folder


@pytest.fixture
def ask(place, capsys):
    def run(*options: str) -> tuple[int, str, str]:
        song, library = str(place / "music" / "Song.wav"), str(place / "library")
        capsys.readouterr()
        code = main(["search", song, "--library", library, "--separator", "files", *options])
        return code, *capsys.readouterr()

    return run


def test_hits_are_told_with_what_they_need_to_fit(ask):
    code, out, err = ask("--stem", "drums")
    assert code == 0
    assert "Like the drums of Song" in err
    assert "drum loop dull" in out
    assert "bass loop" not in out
    assert "To fit:" in out
    assert "The two halves of the passage agree on 100 %" in err


def test_the_document_says_what_was_asked_and_what_fits(ask):
    code, out, _ = ask("--stem", "bass", "--json", "-w", "bass.timbre=1")
    document = json.loads(out)
    assert code == 0
    assert document["weights"] == {"mix.timbre": 1.0}
    asked = document["query"]
    assert (asked["stem"], asked["one_shots"], asked["silent"], asked["steadiness"]) == ("bass", False, [], 1.0)
    for hit in document["hits"]:
        assert hit["family"] == "bass"
        assert set(hit["fit"]) == {"stretch", "pulse", "transposition", "cost"}
        assert sum(facet["contribution"] for facet in hit["facets"].values()) == pytest.approx(hit["score"], abs=1e-6)


def test_one_shots_are_found_by_strokes(ask):
    code, out, _ = ask("--stem", "drums", "--one-shots", "--json")
    document = json.loads(out)
    assert code == 0
    assert [Path(hit["path"]).stem for hit in document["hits"]] == ["kick one shot"]
    assert document["query"]["steadiness"] is None
    start, end = document["hits"][0]["passages"][0]["query"]
    assert 0 <= start < end <= 20


def test_a_stem_that_the_song_does_not_have_asks_nothing_and_says_so(ask):
    code, out, err = ask("--stem", "vocals")
    assert (code, out) == (0, "")
    assert "Vocals cannot be heard there in 'Song.wav', so nothing was asked." in err


def test_a_library_without_that_family_says_so(ask, place):
    code, out, err = ask("--stem", "drums", "--where", "path=nowhere")
    assert (code, out) == (0, "")
    assert "no loops of that family" in err
    assert "--any-family" in err


@pytest.mark.parametrize("option", ["--one-shots", "--any-family"])
def test_options_of_stems_need_a_stem(ask, option):
    code, _, err = ask(option)
    assert code == 2
    assert "was given without a stem" in err


def test_a_separator_needs_a_stem(ask):
    code, _, err = ask()
    assert code == 2
    assert "--separator was given without a stem. Name one, such as --stem drums --separator" in err


def test_a_stem_is_not_taken_out_of_words(ask):
    code, _, err = ask("--stem", "drums", "--text", "warm")
    assert code == 2
    assert "taken out of a song, not of words" in err


def test_an_unknown_separator_is_told_with_those_there_are(place, capsys):
    song, library = str(place / "music" / "Song.wav"), str(place / "library")
    assert main(["search", song, "--library", library, "--stem", "drums", "--separator", "demux"]) == 2
    assert "demucs" in capsys.readouterr().err


def test_a_library_that_knows_no_families_is_told_how_it_learns_them(place, tmp_path, capsys):
    library = str(tmp_path / "library")
    with Library(library) as opened:  # as one that an earlier version made
        opened.add([place / "files" / "bass loop.wav"])
        (track,) = opened.tracks()
        opened.store.amend(replace(track, family=""))
    song = str(place / "music" / "Song.wav")
    assert main(["search", song, "--library", library, "--stem", "drums", "--separator", "files"]) == 0
    assert "add --again FOLDER" in capsys.readouterr().err
