"""The command ``research triplets build``."""

from __future__ import annotations

import json

import pytest

from multitracks import ToyGenerator, moisesdb
from soundalike.cli import main
from soundalike.research import generation

COMMAND = ["research", "triplets", "build"]


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return moisesdb(tmp_path_factory.mktemp("multitracks"))


def run(songs, out, *options):
    return main([*COMMAND, str(songs), "--out", str(out), "--seconds", "1", *options])


def test_timbre_needs_no_generator_and_ends_with_a_sentence(songs, tmp_path, capsys):
    assert run(songs, tmp_path / "out", "--factor", "timbre", "--positives", "3") == 0
    out = capsys.readouterr().out
    assert "8 folders of timbre are in" in out
    assert "Of 16 parts, 8 were refused: activity 8." in out
    assert run(songs, tmp_path / "out", "--factor", "timbre", "--positives", "3") == 0
    assert "(8 of them were there)" in capsys.readouterr().out


def test_without_a_generator_one_sentence_says_what_can_be_done(songs, tmp_path, capsys):
    assert run(songs, tmp_path / "out", "--factor", "melody") == 2
    assert "research triplets render" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_generator_is_named_and_given_its_checkpoint(songs, tmp_path, monkeypatch):
    given = {}

    def load(name, **how):
        given.update(how, name=name)
        return ToyGenerator()

    monkeypatch.setattr(generation, "load_generator", load)
    options = ("--factor", "rhythm", "--generator", "jasco", "--checkpoint", str(tmp_path), "--count", "1")
    assert run(songs, tmp_path / "out", *options) == 0
    assert given == {"name": "jasco", "checkpoint": str(tmp_path), "device": None}
    assert json.loads((tmp_path / "out" / "construction.json").read_text())["generator"] == "toy-1"


def test_what_failed_gives_exit_code_3(tmp_path, capsys):
    songs = moisesdb(tmp_path / "songs")
    (songs / "two" / "bass" / "b1.wav").write_bytes(b"")
    assert run(songs, tmp_path / "out", "--factor", "timbre", "--positives", "2") == 3
    assert "1 failed, such as two/b1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options",
    [
        ("--factor", "timbre", "--generator", "jasco"),
        ("--factor", "timbre", "--device", "cpu"),
        ("--factor", "harmony", "--style", "reference"),
        ("--factor", "timbre", "--layout", "slakh"),
        ("--factor", "timbre", "--layout", "mixes"),
        ("--factor", "rhythm", "--generator", "nobody"),
    ],
)
def test_what_does_not_go_together_is_refused(songs, tmp_path, options):
    assert run(songs, tmp_path / "out", *options) == 2
