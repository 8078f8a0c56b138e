"""``judge`` and ``calibrate`` as they are typed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import click
import pytest
import soundfile
from click.testing import CliRunner

from soundalike.calibration.presets import read_presets
from soundalike.cli import main
from soundalike.cli.judge_command import calibrate, judge
from soundalike.cli.search_commands import search
from soundalike.errors import AudioDecodeError, NotFoundError, UnknownNameError, UsageError
from soundalike.judgment_files import read_judgments
from soundalike.library import Library
from soundalike.listening import players
from soundalike.listening.answers import FILE
from soundalike.listening.session import Session
from test_listening import fill, listen


@pytest.fixture(scope="module")
def heard(tunes, tmp_path_factory):
    """The folder of a library with six tunes that nobody has judged."""
    folder = tmp_path_factory.mktemp("judge") / "library"
    assert main(["add", str(tunes), "--library", str(folder), "--jobs", "1", "--json"]) == 0
    return folder


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """No test plays anything."""
    monkeypatch.setattr(players, "find_player", lambda: None)


@pytest.fixture
def folder(heard, tmp_path):
    return shutil.copytree(heard, tmp_path / "library")


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """The folder of a library of made-up tracks with 60 answers of a listener who goes by melody, then timbre."""
    folder = tmp_path_factory.mktemp("answered") / "library"
    with Library(folder) as library:
        fill(library, 10)
        listen(Session(library), 60, noise=0.5)
    return folder


def run(command: click.Command, folder: Path, *arguments: str, keys: str = ""):
    return CliRunner().invoke(
        command, [*arguments, "--library", str(folder)], input="".join(f"{key}\n" for key in keys),
        catch_exceptions=False,
    )  # fmt: skip


def test_answers_are_kept_and_the_next_run_goes_on(folder):
    first = run(judge, folder, "-n", "2", keys="ab")
    assert first.exit_code == 0
    assert first.stdout == "2 answers for 'overall' by me. 20 make a start; judge more any time.\n"
    second = run(judge, folder, "--json", "-n", "1", keys="t")
    assert json.loads(second.stdout) == {
        "listener": "me", "criterion": "overall", "answers": 3, "repeats": 0, "consistency": None,
        "path": str(folder / FILE),
    }  # fmt: skip
    assert [one.answer for one in read_judgments(folder / FILE)] == ["a", "b", "tie"]


def test_nothing_shows_what_is_heard_until_it_is_answered(folder):
    before = run(judge, folder, keys="q").output
    after = run(judge, folder, "-n", "1", keys="a").output
    shown = run(judge, folder, "--show", keys="q").output
    assert "tune" not in before
    assert re.search(r"X is 'tune \d.wav', A is 'tune \d.wav', B is 'tune \d.wav'", after)
    assert "X is 'tune" in shown


def test_without_a_player_the_files_to_open_are_named(folder, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "soundalike.cli.judge_command._key_for",
        lambda stage: (seen.extend(soundfile.info(file).duration for file in stage._files.values()), "quit")[1],
    )
    result = run(judge, folder)
    assert seen == pytest.approx([4.0, 4.0, 4.0], abs=0.1)
    assert "No player was found" in result.stderr


def test_a_player_plays_all_three_and_again_when_asked(folder, monkeypatch):
    played = []
    monkeypatch.setattr(players, "find_player", lambda: ("player",))
    monkeypatch.setattr(players, "play", lambda _, file: played.append(file.name) or True)
    run(judge, folder, keys="rq")
    assert played == ["X.wav", "A.wav", "B.wav"] * 2
    run(judge, folder, "--no-play", keys="q")
    assert len(played) == 6


def test_a_player_that_fails_is_asked_once(folder, monkeypatch):
    monkeypatch.setattr(players, "find_player", lambda: ("player",))
    monkeypatch.setattr(players, "play", lambda *_: False)
    result = run(judge, folder, keys="rq")
    assert result.stderr.count("player cannot play here") == 1
    assert result.stderr.count("X.wav") == 2


def test_undo_takes_the_last_answer_back(folder):
    run(judge, folder, "-n", "2", keys="ab")
    result = run(judge, folder, "-n", "2", keys="bubn")
    assert "Taken back" in result.stderr
    assert [one.answer for one in read_judgments(folder / FILE)] == ["a", "b", "b", "na"]
    assert "no answer to take back" in run(judge, folder, "--listener", "anna", keys="uq").stderr


def test_what_is_not_a_key_is_asked_again_and_a_skip_is_no_answer(folder):
    result = run(judge, folder, "-n", "1", keys="xsa")
    assert "'x' is none of these" in result.stderr
    assert len(read_judgments(folder / FILE)) == 1


def test_the_end_of_the_keys_ends_the_test_and_keeps_the_answers(folder):
    result = run(judge, folder, keys="aa")
    assert result.exit_code == 0
    assert result.stdout.startswith("2 answers")


def test_repeats_tell_how_consistent_answers_are(folder):
    assert "; 2 of 2 repeats got the same answer." in run(judge, folder, "-n", "16", keys="t" * 16).stdout


def test_a_question_whose_files_are_gone_is_left_out_and_music_that_is_gone_is_an_error(folder, answered, monkeypatch):
    cut, failed = players.cut, []

    def fail_once(excerpt, out):
        if not failed:
            failed.append(excerpt)
            raise AudioDecodeError("'gone.wav' cannot be opened.", "Check its name.")
        cut(excerpt, out)

    monkeypatch.setattr(players, "cut", fail_once)
    result = run(judge, folder, "-n", "1", keys="a")
    assert "Left out: 'gone.wav' cannot be opened" in result.stderr
    assert len(read_judgments(folder / FILE)) == 1
    with pytest.raises(AudioDecodeError, match="cannot be opened"):
        run(judge, answered, "--listener", "anna", keys="a")


def test_what_is_exported_is_imported_once(folder, heard, tmp_path):
    run(judge, folder, "-n", "3", keys="abt")
    out = tmp_path / "out.csv"
    assert run(judge, folder, "--export", str(out)).stdout == f"Wrote 3 answers to {out}.\n"
    other = shutil.copytree(heard, tmp_path / "other")
    first = run(judge, other, "--import", str(out), "--listener", "anna")
    assert first.stdout == "3 answers taken over; 0 were here already.\n"
    again = run(judge, other, "--import", str(out), "--listener", "anna", "--json")
    assert json.loads(again.stdout) == {"imported": 0, "known": 3}
    assert [one.listener for one in read_judgments(other / FILE)] == ["anna"] * 3
    assert "4 answers for 'overall' by anna" in run(judge, other, "--listener", "anna", "-n", "1", keys="a").stdout
    with pytest.raises(UsageError, match="no answers beside this library"):
        run(judge, heard, "--export", str(out))


def test_a_preset_of_the_answers_is_searched_with_and_its_terms_add_up(answered):
    result = run(calibrate, answered, "--alpha", "1")
    assert result.exit_code == 0
    assert re.search(r"melody +\+[12]\.\d\d +\+\d\.\d\d to \+\d\.\d\d +\+1\.00", result.stdout)
    assert "Melody: " in result.stdout
    assert "preset 'mine'" in result.stderr
    document = json.loads(run(search, answered, "1", "--preset", "mine", "--json").stdout)
    kept = read_presets(answered)["mine"]
    assert document["weights"] == dict(kept.weights)
    assert kept.provenance == {"criterion": "overall", "listener": "all"}
    assert document["hits"]
    for hit in document["hits"]:
        parts = [facet["contribution"] for facet in hit["facets"].values()]
        assert sum(parts) == pytest.approx(hit["score"], abs=1e-6)


def test_a_calibration_is_one_json_document_that_claims_no_more_than_is_shown(answered):
    options = ("--alpha", "1", "--listener", "me", "--name", "like-melody", "--before", "tune")
    document = json.loads(run(calibrate, answered, *options, "--json").stdout)
    assert document["preset"] == "like-melody"
    assert document["weights"]["mix.melody"]["before"] == 4.0
    gain = document["gain"]
    assert gain["shown"] == (gain["low"] > 0 and gain["changed"] >= 6)
    assert ("No gain" in document["text"]) == (gain["low"] <= 0 <= gain["high"])
    assert document["to_halve"]["facet"] in document["weights"]
    assert any("one listener" in remark for remark in document["remarks"])


def test_only_the_named_facets_are_weighed(answered):
    document = json.loads(run(calibrate, answered, "--facets", "melody,timbre", "--alpha", "1", "--json").stdout)
    assert set(document["weights"]) == {"mix.melody", "mix.timbre"}
    with pytest.raises(UsageError, match=r"no facet 'drums\.overall'"):
        run(calibrate, answered, "--facets", "drums")


def test_what_cannot_be_calibrated_is_said_in_a_sentence(folder, answered):
    with pytest.raises(UsageError, match="no answers for 'overall' beside this library"):
        run(calibrate, folder)
    with pytest.raises(UsageError, match="There are answers for 'overall' by me"):
        run(calibrate, answered, "--criterion", "melody")
    with pytest.raises(UnknownNameError, match="'nothing' is not a preset"):
        run(calibrate, answered, "--before", "nothing")
    with pytest.raises(NotFoundError, match="There is no library"):
        run(calibrate, folder / "none")
